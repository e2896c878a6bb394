package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode"
)

// hostile would clear the screen, write another line, or turn the line round.
const hostile = "a\x1b[2J\r\nb\u202ec\u009bd\x00\xffé\"\U000e0041"

func TestEscaped(t *testing.T) {
	if got, want := Escaped(hostile), `a\x1b[2J\r\nb\u202ec\u009bd\x00\xffé"\U000e0041`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, text := range []string{"", "two words", `é "quoted" C:\x`, "\uFFFD"} {
		if Escaped(text) != text || !IsText(text) {
			t.Errorf("%q is escaped: %q", text, Escaped(text))
		}
	}
}

func TestASentenceHasNothingThatATerminalActsOn(t *testing.T) {
	got := Sentence(errors.New(hostile))
	if !IsText(got) || !strings.HasPrefix(got, "a") || !strings.Contains(got, "; b") {
		t.Errorf("got %q", got)
	}
}

func TestJSONMayBeShown(t *testing.T) {
	var out bytes.Buffer
	value := map[string]string{hostile: hostile}
	if err := WriteJSON(&out, value); err != nil {
		t.Fatal(err)
	}
	line, ok := strings.CutSuffix(out.String(), "\n")
	if !ok || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %q", out.String())
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := strings.ToValidUTF8(hostile, "\uFFFD")
	if len(got) != 1 || got[want] != want {
		t.Errorf("got %q", got)
	}
}

func TestALogInJSONMayBeShown(t *testing.T) {
	var out bytes.Buffer
	log := eventsTo(&out, true)
	log.Info("it says "+hostile, "block", hostile)
	if line := strings.TrimSuffix(out.String(), "\n"); !IsText(line) || !json.Valid(out.Bytes()) {
		t.Errorf("got %q", out.String())
	}
}
