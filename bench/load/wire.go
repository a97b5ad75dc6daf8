package main

import "google.golang.org/protobuf/encoding/protowire"

type frame []byte

// frames is a codec whose messages are their bytes.
type frames struct{}

func (frames) Marshal(v any) ([]byte, error) { return *v.(*frame), nil }
func (frames) Unmarshal(data []byte, v any) error {
	message := v.(*frame)
	*message = append((*message)[:0], data...)
	return nil
}
func (frames) Name() string { return "proto" }

func text(message []byte, number protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(message, number, protowire.BytesType), value)
}

// field finds the bytes of a field; nil when it is not there.
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
