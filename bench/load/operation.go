package main

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// operation is what is done to every record, whether in unary calls or, under the method's plural, on streams.
type operation struct {
	method string
	// request is that of record i.
	request func(i int) []byte
	// check says what is wrong with the reply to record i.
	check func(i int, reply []byte) error
}

const service = "/encserver.v1.FrontendService/"

func operationOf(s settings, keys []string) (operation, error) {
	data := make([]byte, s.size)
	for i := range data {
		data[i] = byte(i * 7)
	}
	switch {
	case s.call == "store":
		return storing(s, data, keys), nil
	case s.call == "retrieve":
		return retrieving(s, data)
	case s.call == "echo" && s.streams == 0 && s.size >= 4:
		return echoing(s, data), nil
	}
	return operation{}, fmt.Errorf("no call %q with %d streams and %d bytes", s.call, s.streams, s.size)
}

func userOf(s settings, i int) string { return fmt.Sprintf("user-%07d@bench.test", i%s.users) }
func nameOf(s settings, i int) string { return fmt.Sprintf("%s-%d", s.names, i/s.users) }

func storing(s settings, data []byte, keys []string) operation {
	request := func(i int) []byte {
		message := text(text(nil, 1, userOf(s, i)), 2, nameOf(s, i))
		return protowire.AppendBytes(protowire.AppendTag(message, 3, protowire.BytesType), data)
	}
	check := func(i int, reply []byte) error {
		if keys[i] = string(field(reply, 1)); keys[i] == "" {
			return fmt.Errorf("record %d was stored without a key", i)
		}
		return nil
	}
	return operation{method: service + "StoreRecord", request: request, check: check}
}

func retrieving(s settings, data []byte) (operation, error) {
	stored, err := readKeys(s.keyFile)
	if err != nil || len(stored) == 0 {
		return operation{}, fmt.Errorf("no record keys in %q: %v", s.keyFile, err)
	}
	request := func(i int) []byte {
		i = (i * 7919) % len(stored) // not in the order they were stored
		return text(text(text(nil, 1, userOf(s, i)), 2, nameOf(s, i)), 3, stored[i])
	}
	check := func(i int, reply []byte) error {
		if string(field(reply, 1)) != string(data) {
			return fmt.Errorf("record %d came back different", i)
		}
		return nil
	}
	return operation{method: service + "RetrieveRecord", request: request, check: check}, nil
}

// echoing sends size bytes and asks for replySize bytes: a request begins with that number.
func echoing(s settings, data []byte) operation {
	size := s.replySize
	request := append([]byte{byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, data[4:]...)
	check := func(_ int, reply []byte) error {
		if len(reply) != size {
			return fmt.Errorf("the echo has %d bytes", len(reply))
		}
		return nil
	}
	return operation{method: "/bench.Echo/Echo", request: func(int) []byte { return request }, check: check}
}
