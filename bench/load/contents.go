package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// contents are those of a transfer: blocks that are known without being kept, each with its number in its first 8 bytes,
// so that a block that is lost, doubled or out of place is seen. bench/echo-streams.ts makes the same ones.
type contents struct {
	pattern []byte
}

func newContents(blockSize int) contents {
	pattern := make([]byte, blockSize)
	for i := range pattern {
		pattern[i] = byte(i*7 + (i>>8)*13)
	}
	return contents{pattern}
}

// block is valid until the next one is asked for.
func (c contents) block(number int64) []byte {
	binary.BigEndian.PutUint64(c.pattern, uint64(number))
	return c.pattern
}

// check compares a piece that begins at a position, wherever it was cut.
func (c contents) check(at int64, piece []byte) error {
	size := int64(len(c.pattern))
	for len(piece) > 0 {
		expected := c.block(at / size)[at%size:]
		length := min(len(expected), len(piece))
		if !bytes.Equal(expected[:length], piece[:length]) {
			return fmt.Errorf("other bytes came back in the %d after %d", length, at)
		}
		at, piece = at+int64(length), piece[length:]
	}
	return nil
}
