package cli

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"reflect"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
)

// mostValueBytes bounds a message or value in the log: part of it may come from a
// peer.
const mostValueBytes = 16 << 10

// events is a logger that writes every event on one line of its own, whatever its
// message and values hold: what is no text (IsText) is escaped, so that neither a block
// key nor the error of a peer can look like an event, or act on a terminal. Values
// are strings, numbers, booleans or lists of those, in JSON too: what has a text of
// its own, such as an attempt or a duration, is that text.
type events struct {
	hclog.Logger
	text bool // for people, not JSON
}

// Log implements hclog.Logger.
func (l events) Log(level hclog.Level, message string, pairs ...any) {
	if level >= l.GetLevel() {
		l.Logger.Log(level, Escaped(cut(message)), l.plain(pairs)...)
	}
}

func (l events) Trace(message string, pairs ...any) { l.Log(hclog.Trace, message, pairs...) }
func (l events) Debug(message string, pairs ...any) { l.Log(hclog.Debug, message, pairs...) }
func (l events) Info(message string, pairs ...any)  { l.Log(hclog.Info, message, pairs...) }
func (l events) Warn(message string, pairs ...any)  { l.Log(hclog.Warn, message, pairs...) }
func (l events) Error(message string, pairs ...any) { l.Log(hclog.Error, message, pairs...) }

// With implements hclog.Logger.
func (l events) With(pairs ...any) hclog.Logger {
	return events{l.Logger.With(l.plain(pairs)...), l.text}
}

// Named implements hclog.Logger.
func (l events) Named(name string) hclog.Logger { return events{l.Logger.Named(name), l.text} }

// ResetNamed implements hclog.Logger.
func (l events) ResetNamed(name string) hclog.Logger {
	return events{l.Logger.ResetNamed(name), l.text}
}

// StandardLogger implements hclog.Logger.
func (l events) StandardLogger(o *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(o), "", 0)
}

// StandardWriter implements hclog.Logger. Each Write is an event, of the level that
// is forced, or info.
func (l events) StandardWriter(o *hclog.StandardLoggerOptions) io.Writer {
	level := hclog.Info
	if o != nil && o.ForceLevel != hclog.NoLevel {
		level = o.ForceLevel
	}
	return eventWriter{log: l, level: level}
}

type eventWriter struct {
	log   events
	level hclog.Level
}

// Write implements io.Writer.
func (w eventWriter) Write(p []byte) (int, error) {
	w.log.Log(w.level, string(bytes.TrimRight(p, " \t\n")))
	return len(p), nil
}

// plain gives the values their form. Keys are our own; a last one without a value is
// taken for a value.
func (l events) plain(pairs []any) []any {
	list := make([]any, len(pairs))
	for i, value := range pairs {
		if list[i] = value; i%2 == 1 || i == len(pairs)-1 {
			list[i] = l.value(value)
		}
	}
	return list
}

func (l events) value(value any) any {
	switch v := value.(type) {
	case string:
		return l.string(v)
	case []string: // each is quoted
		return v
	case error:
		return l.string(v.Error())
	case fmt.Stringer:
		return l.string(v.String())
	case nil:
		return v
	case hclog.Format: // raft has it
		if len(v) > 0 {
			return l.string(fmt.Sprintf(fmt.Sprint(v[0]), v[1:]...))
		}
	}
	switch v := reflect.ValueOf(value); {
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.CanFloat(), v.Kind() == reflect.Bool:
		return value
	}
	return l.string(fmt.Sprint(value))
}

// string cuts what is too long, and quotes what is no text: hclog would write it on
// many lines, or let bytes through that are no UTF-8.
func (l events) string(s string) any {
	if s = cut(s); l.text && !IsText(s) {
		return hclog.Quote(s)
	}
	return s
}

// cut shortens what is too long.
func cut(s string) string {
	if len(s) <= mostValueBytes {
		return s
	}
	n := mostValueBytes
	for n > mostValueBytes-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
