package wal_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/lockstep-exec/lockstep/wal"
)

func Example() {
	base, err := os.MkdirTemp("", "wal-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(base)
	l, err := wal.Open(filepath.Join(base, "log"), wal.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range l.Repairs() {
		log.Println("wal:", r)
	}

	const note = 1 // record types are the caller's
	first, err := l.Append(wal.Record{Type: note, Data: []byte("prepared")}, wal.Record{Type: note, Data: []byte("committed")})
	if err != nil {
		log.Fatal(err)
	}
	if err := l.Sync(); err != nil {
		log.Fatal(err) // poisoned: restart
	}
	fmt.Println("durable up to", l.Durable())

	err = l.Replay(first, func(seq uint64, rec wal.Record) error {
		fmt.Printf("%d: %s\n", seq, rec.Data)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := l.TrimFront(l.Last() + 1); err != nil {
		log.Fatal(err)
	}
	fmt.Println("next is", l.First())
	if err := l.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// durable up to 2
	// 1: prepared
	// 2: committed
	// next is 3
}
