package tidy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// snippet is a block of Go in a document, said to be from a file.
type snippet struct {
	from string // file below the root; "" if the document names none
	code string
}

var (
	fenced = regexp.MustCompile("(?s)(?:\n([^\n]*):\n\n)?```go\n(.*?)```")
	linked = regexp.MustCompile(`\]\(([^)#]+)\)`)
)

// snippets finds the blocks of Go in a document. In front of each stands a line with
// a link to the file that it is from, or, if more follow from that, none.
func snippets(document string) (list []snippet) {
	from := ""
	for _, found := range fenced.FindAllStringSubmatch(document, -1) {
		if link := linked.FindStringSubmatch(found[1]); link != nil {
			from = filepath.Join("docs", link[1])
		}
		list = append(list, snippet{from: from, code: found[2]})
	}
	return list
}

// missing gives the first part of a snippet that is not in a source, in its place; ""
// if all are. Lines of "…" stand for what is left out.
func (s snippet) missing(source string) string {
	for part := range strings.SplitSeq(s.code, "…\n") {
		_, after, ok := strings.Cut(source, part)
		if !ok {
			return part
		}
		source = after
	}
	return ""
}

// TestSnippetsAreCompiled: what docs/embedding.md shows stands, letter by letter, in the
// files that it names.
func TestSnippetsAreCompiled(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(root, "docs", "embedding.md"))
	if err != nil {
		t.Fatal(err)
	}
	list := snippets(string(document))
	if len(list) < 5 || strings.Count(string(document), "```go\n") != len(list) {
		t.Fatalf("found %d snippets", len(list))
	}
	for i, s := range list {
		source, err := os.ReadFile(filepath.Join(root, s.from))
		if err != nil || !strings.HasSuffix(s.from, ".go") {
			t.Errorf("snippet %d names no Go file: %q, %v", i+1, s.from, err)
			continue
		}
		if part := s.missing(string(source)); part != "" {
			t.Errorf("snippet %d is not in %s:\n%s", i+1, s.from, part)
		}
	}
}

func TestSnippetsAreFound(t *testing.T) {
	code := func(lines string) string { return "```go\n" + lines + "```\n" }
	list := snippets("Text.\n\nFrom [a](../x/a.go):\n\n" + code("one\n…\nthree\n") + "\nIn the same way:\n\n" + code("two\n"))
	if got := fmt.Sprint(list); got != "[{x/a.go one\n…\nthree\n} {x/a.go two\n}]" {
		t.Fatalf("got %s", got)
	}
	for source, want := range map[string]string{
		"one\ntwo\nthree\n": "", "one\ntwo\n": "three\n", "three\none\n": "three\n", "One\nthree\n": "one\n",
	} {
		if got := list[0].missing(source); got != want {
			t.Errorf("in %q %q is missing, want %q", source, got, want)
		}
	}
}
