package submit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/lockstep-exec/lockstep/coordinator/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is a Submitter that notes what it gets. It answers when as many blocks
// are under way as may be, or no more come.
type cluster struct {
	answer func(client.Submission) (client.Answer, error)

	order   []string // block keys as they came
	highest int      // most under way
}

func (c *cluster) SubmitInOrder(ctx context.Context, feed <-chan client.Submission, most int, landed func(client.Landed) error) error {
	var flying []client.Submission
	for {
		for len(flying) < most && feed != nil {
			select {
			case s, ok := <-feed:
				if !ok {
					feed = nil
					continue
				}
				c.order, flying = append(c.order, s.Key), append(flying, s)
				c.highest = max(c.highest, len(flying))
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if len(flying) == 0 {
			return nil
		}
		l := c.land(flying[0])
		flying = flying[1:]
		if err := landed(l); err != nil || l.Answer.Decision != client.Committed {
			return err
		}
	}
}

func (c *cluster) land(s client.Submission) client.Landed {
	l := client.Landed{Submission: s, Answer: client.Answer{Decision: client.Committed}}
	if c.answer != nil {
		l.Answer, l.Err = c.answer(s)
	}
	return l
}

// lines makes a file of named blocks, one transaction each.
func lines(blocks ...string) string {
	var text strings.Builder
	for _, b := range blocks {
		fmt.Fprintf(&text, `{"block":%q,"ops":[{"op":"credit","account":"a","amount":"1"}]}`+"\n", b)
	}
	return text.String()
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "transfers.jsonl")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	return names
}

// run submits and gives the keys of the results.
func run(t *testing.T, c *cluster, o Options) (keys []string, err error) {
	t.Helper()
	err = Run(t.Context(), c, o, func(r Result) error {
		keys = append(keys, r.Block.Key)
		return nil
	})
	return keys, err
}

func wantKeys(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestBlocksGoOneAfterTheOther(t *testing.T) {
	c := &cluster{}
	first, second := numbered(20), []string{"x", "y"}
	got, err := run(t, c, Options{Files: []string{file(t, lines(first...)), "-"}, Input: strings.NewReader(lines(second...))})
	if err != nil {
		t.Fatal(err)
	}
	want := append(first, second...)
	wantKeys(t, "sent", c.order, want)
	wantKeys(t, "results", got, want)
	if c.highest != 1 {
		t.Errorf("%d blocks under way at once", c.highest)
	}
}

// With a pipeline blocks are under way together, and every result is that of its
// block.
func TestPipeline(t *testing.T) {
	const width = 4
	c := &cluster{answer: func(s client.Submission) (client.Answer, error) {
		return client.Answer{Decision: client.Committed, Reason: s.Key}, nil
	}}
	var got []string
	err := Run(t.Context(), c, Options{Files: []string{file(t, lines(numbered(9)...))}, Pipeline: width}, func(r Result) error {
		if r.Answer.Reason != r.Block.Key {
			t.Errorf("block %q has the answer of block %q", r.Block.Key, r.Answer.Reason)
		}
		got = append(got, r.Block.Key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantKeys(t, "sent", c.order, numbered(9))
	wantKeys(t, "results", got, numbered(9))
	if c.highest != width {
		t.Errorf("%d blocks under way at once, want %d", c.highest, width)
	}
}

func TestFirstBlockNotCommittedIsTheLast(t *testing.T) {
	for _, decision := range []client.Decision{client.Aborted, client.Unknown} {
		c := &cluster{}
		c.answer = func(s client.Submission) (client.Answer, error) {
			if s.Key == "2" {
				return client.Answer{Decision: decision, Reason: "because"}, nil
			}
			return client.Answer{Decision: client.Committed}, nil
		}
		got, err := run(t, c, Options{Files: []string{file(t, lines(numbered(9)...))}})
		var open *NotCommitted
		if !errors.As(err, &open) || open.Key != "2" || open.Answer.Decision != decision || !strings.Contains(err.Error(), "because") {
			t.Errorf("%s: error %v", decision, err)
		}
		wantKeys(t, "sent", c.order, numbered(3))
		wantKeys(t, "results", got, numbered(3))
	}
}

func TestRefusedBlockEndsTheRun(t *testing.T) {
	c := &cluster{}
	c.answer = func(s client.Submission) (client.Answer, error) {
		if s.Key == "1" {
			return client.Answer{}, errors.New("other content")
		}
		return client.Answer{Decision: client.Committed}, nil
	}
	got, err := run(t, c, Options{Files: []string{file(t, lines(numbered(9)...))}})
	var refused *Refused
	if !errors.As(err, &refused) || err.Error() != `block "1" (from line 2): other content` {
		t.Errorf("error %v", err)
	}
	wantKeys(t, "sent", c.order, numbered(2))
	wantKeys(t, "results", got, numbered(1))
}

// Of the block with the fault nothing is sent, nor of anything after it.
func TestFaultInAFile(t *testing.T) {
	path := file(t, lines("a", "b", "b")+"{\"block\":\"b\",\"ops\":[{\"op\":\"steal\"}]}\n"+lines("b", "c"))
	c := &cluster{}
	_, err := run(t, c, Options{Files: []string{path}})
	if err == nil || !strings.HasPrefix(err.Error(), path+":4: ") {
		t.Errorf("error %v, want one at line 4", err)
	}
	wantKeys(t, "sent", c.order, []string{"a"})
}

func TestErrorOfThePrinterEndsTheRun(t *testing.T) {
	c, full := &cluster{}, errors.New("no space left")
	err := Run(t.Context(), c, Options{Files: []string{file(t, lines(numbered(9)...))}}, func(Result) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
	wantKeys(t, "sent", c.order, numbered(1))
}

// An interrupt ends the run though the input never does.
func TestInterruptedWhileWaitingForInput(t *testing.T) {
	input, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(t.Context())
	c := &cluster{}
	go io.WriteString(writer, lines("a", "b")) // b may be incomplete: its block is held back
	err := Run(ctx, c, Options{Files: []string{"-"}, Input: input}, func(Result) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	wantKeys(t, "sent", c.order, []string{"a"})
}

// A block that an interrupt leaves without an answer is what the run reports,
// whichever of the two is noticed first.
func TestInterruptedWithABlockUnderWay(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		c := &cluster{answer: func(s client.Submission) (client.Answer, error) {
			if s.Key == "1" {
				cancel()
				return client.Answer{Decision: client.Unknown, Reason: "interrupted"}, nil
			}
			return client.Answer{Decision: client.Committed}, nil
		}}
		err := Run(ctx, c, Options{Files: []string{file(t, lines(numbered(9)...))}}, func(Result) error { return nil })
		cancel()
		var open *NotCommitted
		if !errors.As(err, &open) || open.Key != "1" {
			t.Fatalf("error %v", err)
		}
	}
}

func TestCheck(t *testing.T) {
	there := file(t, "")
	for _, test := range []struct {
		files []string
		want  string
	}{
		{[]string{there, "-"}, ""},
		{[]string{there, there + ".gone"}, "no such file"},
		{[]string{filepath.Dir(there)}, "is a directory"},
		{[]string{"-", "-"}, "only once"},
	} {
		err := Check(test.files)
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q: %v", test.files, err)
		}
	}
}
