// A load generator for the bench: it keeps so many calls in flight and prints one line of JSON. It is written in Go so
// that it costs a fraction of what it measures, and it prints its own CPU time so that one can see that.
//
// Messages are encoded by hand (protowire): no generated code, and no time spent on what is not looked at.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
)

type frame []byte

// frames is a codec whose messages are their bytes.
type frames struct{}

func (frames) Marshal(v any) ([]byte, error)      { return *v.(*frame), nil }
func (frames) Unmarshal(data []byte, v any) error { *v.(*frame) = append(frame(nil), data...); return nil }
func (frames) Name() string                       { return "proto" }

type settings struct {
	target, call, keyFile                                string
	calls, inFlight, connections, users, size, replySize int
}

type result struct {
	Call       string  `json:"call"`
	Calls      int     `json:"calls"`
	Failed     int64   `json:"failed"`
	PerSecond  float64 `json:"perSecond"`
	P50Ms      float64 `json:"p50Ms"`
	P99Ms      float64 `json:"p99Ms"`
	WallMs     float64 `json:"wallMs"`
	OwnCpuMs   float64 `json:"ownCpuMs"`
	FirstError string  `json:"firstError,omitempty"`
}

func main() {
	var s settings
	flag.StringVar(&s.target, "target", "127.0.0.1:7777", "where the server listens")
	flag.StringVar(&s.call, "call", "store", "store, retrieve or echo")
	flag.StringVar(&s.keyFile, "keys", "", "file of record keys: written by store, read by retrieve")
	flag.IntVar(&s.calls, "calls", 10000, "how many calls")
	flag.IntVar(&s.inFlight, "in-flight", 64, "calls at once")
	flag.IntVar(&s.connections, "connections", 4, "connections they share")
	flag.IntVar(&s.users, "users", 10000, "different users")
	flag.IntVar(&s.size, "size", 1024, "bytes of a request's data")
	flag.IntVar(&s.replySize, "reply-size", 128, "bytes an echo answers")
	flag.Parse()
	out, err := run(s)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
	if out.Failed > 0 {
		os.Exit(1)
	}
}

// caller makes one call of number i.
type caller func(ctx context.Context, conn *grpc.ClientConn, i int) error

func run(s settings) (result, error) {
	conns, err := dial(s)
	if err != nil {
		return result{}, err
	}
	keys := make([]string, s.calls)
	call, err := callerOf(s, keys)
	if err != nil {
		return result{}, err
	}
	out := load(s, conns, call)
	if s.call == "store" && s.keyFile != "" {
		err = writeKeys(s.keyFile, keys)
	}
	return out, err
}

func dial(s settings) ([]*grpc.ClientConn, error) {
	conns := make([]*grpc.ClientConn, s.connections)
	for i := range conns {
		conn, err := grpc.NewClient(s.target, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodec(frames{})))
		if err != nil {
			return nil, err
		}
		conns[i] = conn
	}
	return conns, nil
}

func load(s settings, conns []*grpc.ClientConn, call caller) result {
	latencies := make([]time.Duration, s.calls)
	var next, failed atomic.Int64
	var firstError atomic.Value
	var workers sync.WaitGroup
	cpuBefore, startedAt := ownCpu(), time.Now()
	for w := 0; w < s.inFlight; w++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for i := int(next.Add(1)) - 1; i < s.calls; i = int(next.Add(1)) - 1 {
				ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
				began := time.Now()
				if err := call(ctx, conns[i%len(conns)], i); err != nil {
					failed.Add(1)
					firstError.CompareAndSwap(nil, err.Error())
				}
				latencies[i] = time.Since(began)
				cancel()
			}
		}()
	}
	workers.Wait()
	wall := time.Since(startedAt)
	sort.Slice(latencies, func(a, b int) bool { return latencies[a] < latencies[b] })
	text, _ := firstError.Load().(string)
	return result{
		Call: s.call, Calls: s.calls, Failed: failed.Load(), FirstError: text,
		PerSecond: float64(s.calls) / wall.Seconds(), WallMs: ms(wall), OwnCpuMs: ms(ownCpu() - cpuBefore),
		P50Ms: ms(latencies[s.calls/2]), P99Ms: ms(latencies[s.calls*99/100]),
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func ownCpu() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func callerOf(s settings, keys []string) (caller, error) {
	data := make([]byte, s.size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	switch s.call {
	case "store":
		return storing(s, data, keys), nil
	case "retrieve":
		return retrieving(s, data, keys)
	case "echo":
		return echoing(s, data), nil
	}
	return nil, fmt.Errorf("unknown call %q", s.call)
}

func userOf(s settings, i int) string { return fmt.Sprintf("user-%07d@bench.test", i%s.users) }
func nameOf(s settings, i int) string { return fmt.Sprintf("record-%d", i/s.users) }

func storing(s settings, data []byte, keys []string) caller {
	return func(ctx context.Context, conn *grpc.ClientConn, i int) error {
		request := text(text(nil, 1, userOf(s, i)), 2, nameOf(s, i))
		request = protowire.AppendBytes(protowire.AppendTag(request, 3, protowire.BytesType), data)
		reply, err := invoke(ctx, conn, "/encserver.v1.FrontendService/StoreRecord", request)
		if err == nil {
			keys[i] = string(field(reply, 1))
		}
		return err
	}
}

func retrieving(s settings, data []byte, keys []string) (caller, error) {
	stored, err := readKeys(s.keyFile)
	if err != nil || len(stored) == 0 {
		return nil, fmt.Errorf("no record keys in %q: %v", s.keyFile, err)
	}
	return func(ctx context.Context, conn *grpc.ClientConn, i int) error {
		i = (i * 7919) % len(stored) // not in the order they were stored
		request := text(text(text(nil, 1, userOf(s, i)), 2, nameOf(s, i)), 3, stored[i])
		reply, err := invoke(ctx, conn, "/encserver.v1.FrontendService/RetrieveRecord", request)
		if err == nil && string(field(reply, 1)) != string(data) {
			return fmt.Errorf("record %d came back different", i)
		}
		return err
	}, nil
}

// echoing sends size bytes and asks for replySize bytes: a request begins with that number.
func echoing(s settings, data []byte) caller {
	request := append([]byte{byte(s.replySize >> 24), byte(s.replySize >> 16), byte(s.replySize >> 8), byte(s.replySize)}, data...)
	return func(ctx context.Context, conn *grpc.ClientConn, _ int) error {
		reply, err := invoke(ctx, conn, "/bench.Echo/Echo", request)
		if err == nil && len(reply) != s.replySize {
			return fmt.Errorf("the echo has %d bytes", len(reply))
		}
		return err
	}
}

func invoke(ctx context.Context, conn *grpc.ClientConn, method string, request []byte) ([]byte, error) {
	in, out := frame(request), frame{}
	err := conn.Invoke(ctx, method, &in, &out)
	return out, err
}

func text(message []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, number, protowire.BytesType), value)
}

// field finds the bytes of a field.
func field(message []byte, wanted protowire.Number) []byte {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return nil
		}
		message = message[n:]
		if number == wanted && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			return value
		}
		n = protowire.ConsumeFieldValue(number, kind, message)
		if n < 0 {
			return nil
		}
		message = message[n:]
	}
	return nil
}

func writeKeys(path string, keys []string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	for _, key := range keys {
		fmt.Fprintln(out, key)
	}
	return out.Flush()
}

func readKeys(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var keys []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		keys = append(keys, lines.Text())
	}
	return keys, nil
}
