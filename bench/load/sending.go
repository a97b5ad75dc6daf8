package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

func upload(s settings, conn *grpc.ClientConn) error {
	reply, err := send(conn, service+"UploadRecord", uploadMessages(s))
	if err != nil {
		return err
	}
	key := string(field(reply, 1))
	if key == "" {
		return fmt.Errorf("the record was stored without a key")
	}
	return writeKeys(s.keyFile, []string{key})
}

// uploadMessages brings no SHA-256: the download will show what was stored.
func uploadMessages(s settings) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		if !yield(bytesField(1, text(text(nil, 1, userOf(s, 0)), 2, s.names))) {
			return
		}
		c := newContents(s.size)
		for i := range s.blocks() {
			if !yield(bytesField(2, c.block(int64(i)))) {
				return
			}
		}
		size := protowire.AppendTag(nil, 1, protowire.VarintType)
		yield(bytesField(3, protowire.AppendVarint(size, uint64(s.mib)*mib)))
	}
}

func sink(s settings, conn *grpc.ClientConn) error {
	reply, err := send(conn, "/bench.Echo/Sink", func(yield func(frame) bool) {
		c := newContents(s.size)
		for i := range s.blocks() {
			if !yield(append(frame(nil), c.block(int64(i))...)) {
				return
			}
		}
	})
	if err == nil && (len(reply) != 8 || binary.BigEndian.Uint64(reply) != uint64(s.mib)*mib) {
		err = fmt.Errorf("not all arrived at the end of the echo")
	}
	return err
}

// send makes a call of many requests and returns its reply. Every message is a new one: gRPC keeps it until it is gone.
func send(conn *grpc.ClientConn, method string, messages iter.Seq[frame]) (frame, error) {
	ctx, cancel := untilDone()
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, method)
	if err != nil {
		return nil, err
	}
	for message := range messages {
		if err := stream.SendMsg(&message); err == io.EOF { // the reply says why
			break
		} else if err != nil {
			return nil, err
		}
	}
	_ = stream.CloseSend()
	var reply frame
	err = stream.RecvMsg(&reply)
	return reply, err
}
