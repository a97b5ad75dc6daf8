// A load generator for the bench: it keeps so many records unanswered, in unary calls or on streams, or makes one transfer
// of many MiB, and prints one line of JSON. It is written in Go so that it costs a fraction of what it measures, and it
// prints its own CPU time so that one can see that.
//
// Messages are encoded by hand (protowire): no generated code, and no time spent on what is not looked at.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

type settings struct {
	target, call, keyFile, names                 string
	calls, inFlight, connections, streams, users int
	size, replySize, mib                         int
}

// At Go's own pace its collector runs twenty times a second, for a fifth of its CPU, on processors it shares with the servers.
// At this pace it does so four times, and the program takes 30 MiB instead of 20.
const gcPercent = 400

func main() {
	debug.SetGCPercent(gcPercent)
	var s settings
	flag.StringVar(&s.target, "target", "127.0.0.1:7777", "where the server listens")
	flag.StringVar(&s.call, "call", "store", "store, retrieve or echo; or of a transfer: upload, download, sink or source")
	flag.StringVar(&s.keyFile, "keys", "", "file of record keys: written by store and upload, read by retrieve and download")
	flag.StringVar(&s.names, "names", "record", "how the names of the records begin")
	flag.IntVar(&s.calls, "calls", 10000, "how many records")
	flag.IntVar(&s.inFlight, "in-flight", 64, "records unanswered at once")
	flag.IntVar(&s.connections, "connections", 4, "connections they share")
	flag.IntVar(&s.streams, "streams", 0, "streams they share; 0 for a unary call each")
	flag.IntVar(&s.users, "users", 10000, "different users")
	flag.IntVar(&s.size, "size", 1024, "bytes of a record, of the request of an echo, or of a message of a transfer")
	flag.IntVar(&s.replySize, "reply-size", 128, "bytes an echo answers")
	flag.IntVar(&s.mib, "mib", 1024, "MiB of a transfer")
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

func run(s settings) (result, error) {
	conns, err := dial(s)
	if err != nil {
		return result{}, err
	}
	if transfers[s.call] != nil {
		return runTransfer(s, conns)
	}
	keys := make([]string, s.calls)
	op, err := operationOf(s, keys)
	if err != nil {
		return result{}, err
	}
	m := newMeter(s.calls)
	if s.streams > 0 {
		runStreams(s, conns, op, m)
	} else {
		runUnary(s, conns, op, m)
	}
	out := m.result()
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
