package main

import (
	"bufio"
	"fmt"
	"os"
)

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
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		keys = append(keys, lines.Text())
	}
	return keys, lines.Err()
}
