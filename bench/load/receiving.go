package main

import (
	"encoding/binary"
	"fmt"
	"io"

	"google.golang.org/grpc"
)

func download(s settings, conn *grpc.ClientConn) error {
	keys, err := readKeys(s.keyFile)
	if err != nil || len(keys) != 1 {
		return fmt.Errorf("no key of one record in %q: %v", s.keyFile, err)
	}
	record := text(text(text(nil, 1, userOf(s, 0)), 2, s.names), 3, keys[0])
	chunk := func(reply frame) []byte { return field(reply, 2) } // none in the header
	return receive(s, conn, receiving{service + "DownloadRecord", bytesField(1, record), chunk})
}

// source asks for a number of messages of a size.
func source(s settings, conn *grpc.ClientConn) error {
	wanted := binary.BigEndian.AppendUint32(nil, uint32(s.blocks()))
	wanted = binary.BigEndian.AppendUint32(wanted, uint32(s.size))
	whole := func(reply frame) []byte { return reply }
	return receive(s, conn, receiving{"/bench.Echo/Source", wanted, whole})
}

type receiving struct {
	method  string
	request frame
	// piece is what of the contents is in a reply.
	piece func(reply frame) []byte
}

// receive makes a call of many replies, and checks every byte of them.
func receive(s settings, conn *grpc.ClientConn, r receiving) error {
	ctx, cancel := untilDone()
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, r.method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&r.request); err != nil && err != io.EOF {
		return err
	}
	_ = stream.CloseSend()
	received, err := receiveAll(stream, newContents(s.size), r.piece)
	if err == nil && received != int64(s.mib)*mib {
		err = fmt.Errorf("%d bytes came of %d MiB", received, s.mib)
	}
	return err
}

func receiveAll(stream grpc.ClientStream, c contents, piece func(frame) []byte) (int64, error) {
	var received int64
	var reply frame // its memory serves for all of them
	for {
		if err := stream.RecvMsg(&reply); err == io.EOF {
			return received, nil
		} else if err != nil {
			return received, err
		}
		bytes := piece(reply)
		if err := c.check(received, bytes); err != nil {
			return received, err
		}
		received += int64(len(bytes))
	}
}
