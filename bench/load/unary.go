package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
)

// runUnary sends every record in a call of its own.
func runUnary(s settings, conns []*grpc.ClientConn, op operation, m *meter) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range s.inFlight {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := int(next.Add(1)) - 1; i < s.calls; i = int(next.Add(1)) - 1 {
				if err := call(conns[i%len(conns)], op, i, m); err != nil {
					m.fail(1, err)
				}
			}
		}()
	}
	workers.Wait()
}

func call(conn *grpc.ClientConn, op operation, i int, m *meter) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request := op.request(i)
	began := time.Now()
	in, out := frame(request), frame{}
	if err := conn.Invoke(ctx, op.method, &in, &out); err != nil {
		return err
	}
	m.answered(i, began, request, out)
	return op.check(i, out)
}
