package main

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

const mib = 1 << 20

// transfers are calls that move s.mib in messages of s.size bytes: a record's, or as many without a vault.
var transfers = map[string]func(s settings, conn *grpc.ClientConn) error{
	"upload": upload, "sink": sink, "download": download, "source": source,
}

func runTransfer(s settings, conns []*grpc.ClientConn) (result, error) {
	if s.size < 8 || mib%s.size != 0 {
		return result{}, fmt.Errorf("a MiB is not a number of messages of %d bytes: give a power of 2", s.size)
	}
	m := newMeter(1)
	err := transfers[s.call](s, conns[0])
	m.answered(0, m.startedAt, nil, nil)
	return m.result(), err
}

func (s settings) blocks() int { return s.mib * (mib / s.size) }

func untilDone() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Hour)
}

func bytesField(number protowire.Number, value []byte) frame {
	message := make(frame, 0, len(value)+16)
	return protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), value)
}
