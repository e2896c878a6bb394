package tidy

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	quotedText = regexp.MustCompile("`([^`]+)`")
	// open is what a message is given, in a format or in an example of it.
	open  = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]|…|"[^"]*"|\[[^\]]*\]|\b(?:c[0-9]+|[0-9][0-9.]*(?:s|ms|h)?|shards?|coordinators?|[a-z]+\.(?:db|json))\b|"`)
	joint = regexp.MustCompile(`[:,;()]`)
)

// composed are messages that stand nowhere in one piece: that of the system, and those
// in which the program puts a word for one or for many.
var composed = []string{"no space left on device", "cannot reach the", "has not been told", "Waits for the vote of"}

// leastWords is how many words of a message in a row must be found as they are.
const leastWords = 3

// parts cuts a message where it is given something, or put together of several.
func parts(message string) (list []string) {
	message = joint.ReplaceAllString(strings.Join(strings.Fields(message), " "), "…")
	for _, part := range open.Split(message, -1) {
		part = strings.Trim(part, " .")
		if len(strings.Fields(part)) >= leastWords && !strings.HasPrefix(part, "lockstep ") && !strings.Contains(part, "--") && !slices.Contains(composed, part) {
			list = append(list, part)
		}
	}
	return list
}

// messages joins all texts in the program.
func messages(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, f := range files(t) {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				all.WriteString(open.ReplaceAllString(strings.Join(strings.Fields(text), " "), "…") + "\n")
			}
			return true
		})
	}
	return all.String()
}

// TestFailuresQuoteTheProgram: what docs/failures.md says that one sees is what the
// program says.
func TestFailuresQuoteTheProgram(t *testing.T) {
	document, err := os.ReadFile(filepath.Join(root, "docs", "failures.md"))
	if err != nil {
		t.Fatal(err)
	}
	said, looked := messages(t), 0
	for _, quoted := range quotedText.FindAllStringSubmatch(string(document), -1) {
		for _, part := range parts(quoted[1]) {
			if looked++; !strings.Contains(said, part) {
				t.Errorf("no message has %q, of `%s`", part, quoted[1])
			}
		}
	}
	if looked < 50 {
		t.Errorf("found only %d messages", looked)
	}
}

func TestPartsOfMessages(t *testing.T) {
	for message, want := range map[string]string{
		"shard 2 has not been connected for 14s":         "has not been connected for",
		"the block waits: for what is there, or not":     "the block waits|for what is there",
		"no coordinator leads for now":                   "leads for now",
		"the disk of c1 has … MiB free, below the … MiB": "the disk of",
		"lockstep indoubt list --older-than 10s":         "",
	} {
		if got := strings.Join(parts(message), "|"); got != want {
			t.Errorf("%q: %q", message, got)
		}
	}
}
