package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
)

// runStreams deals the records out to the streams; each keeps its part of those in flight unanswered.
func runStreams(s settings, conns []*grpc.ClientConn, op operation, m *meter) {
	var workers sync.WaitGroup
	for at := range s.streams {
		var items []int
		for i := at; i < s.calls; i += s.streams {
			items = append(items, i)
		}
		workers.Add(1)
		go func() {
			defer workers.Done()
			one := itemStream{op: op, m: m, items: items, sentAt: make([]atomic.Int64, s.calls)}
			if err := one.run(conns[at%len(conns)], s.inFlight/s.streams); err != nil {
				m.fail(len(items)-one.outcomes, err)
			}
		}()
	}
	workers.Wait()
}

type itemStream struct {
	op       operation
	m        *meter
	items    []int
	outcomes int
	// sentAt is in nanoseconds of the clock of the system, by the number of the record.
	sentAt []atomic.Int64
}

func (t *itemStream) run(conn *grpc.ClientConn, window int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, t.op.method+"s")
	if err != nil {
		return err
	}
	unanswered := make(chan struct{}, window)
	go t.send(stream, unanswered)
	for ; t.outcomes < len(t.items); t.outcomes++ {
		var reply frame
		if err := stream.RecvMsg(&reply); err != nil {
			return err
		}
		<-unanswered
		t.take(reply)
	}
	if err := stream.RecvMsg(&frame{}); err != io.EOF {
		return fmt.Errorf("the stream did not end with its last outcome: %v", err)
	}
	return nil
}

// send leaves it to the receiver to say why a stream broke.
func (t *itemStream) send(stream grpc.ClientStream, unanswered chan struct{}) {
	for _, i := range t.items {
		select {
		case unanswered <- struct{}{}:
		case <-stream.Context().Done():
			return
		}
		item := frame(text(nil, 1, strconv.Itoa(i)))
		item = protowire.AppendBytes(protowire.AppendTag(item, 2, protowire.BytesType), t.op.request(i))
		t.sentAt[i].Store(time.Now().UnixNano())
		if err := stream.SendMsg(&item); err != nil {
			return
		}
	}
	_ = stream.CloseSend()
}

func (t *itemStream) take(reply frame) {
	i, err := strconv.Atoi(string(field(reply, 1)))
	if err != nil || i < 0 || i >= len(t.sentAt) || t.sentAt[i].Load() == 0 {
		t.m.fail(1, fmt.Errorf("an outcome of an item that was not sent"))
		return
	}
	outcome := field(reply, 2)
	t.m.answered(i, time.Unix(0, t.sentAt[i].Swap(0)), nil, outcome)
	if outcome == nil {
		t.m.fail(1, fmt.Errorf("an item failed: %s", field(field(reply, 3), 2)))
	} else if err := t.op.check(i, outcome); err != nil {
		t.m.fail(1, err)
	}
}
