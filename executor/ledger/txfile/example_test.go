package txfile_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/lockstep-exec/lockstep/executor/ledger/txfile"
)

func Example() {
	const file = `
{"block":"monday","id":"a","ops":[{"op":"credit","account":"alice","amount":"100"}]}
{"block":"monday","id":"b","ops":[{"op":"transfer","from":"alice","to":"bob","amount":"60"}]}
{"block":"tuesday","ops":[{"op":"transfr","from":"alice","to":"bob","amount":"1"}]}
`
	r, err := txfile.NewReader(strings.NewReader(file), "week.jsonl", txfile.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(b.Key, b.IDs)
	}
	// Output:
	// monday [a b]
	// week.jsonl:4: unknown op "transfr"; use transfer, debit, credit, put, delete or require
}
