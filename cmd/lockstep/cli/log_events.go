package cli

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// mostValueBytes bounds a value in the log: part of it may come from a peer.
const mostValueBytes = 16 << 10

// events is a logger that writes every event on one line of its own, whatever its
// message and values hold: control characters are escaped, so that neither a block
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
		l.Logger.Log(level, Escaped(message), l.plain(pairs)...)
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

// plain gives the values their form. Keys are our own.
func (l events) plain(pairs []any) []any {
	list := make([]any, len(pairs))
	for i, value := range pairs {
		if list[i] = value; i%2 == 1 {
			list[i] = l.value(value)
		}
	}
	return list
}

func (l events) value(value any) any {
	switch v := value.(type) {
	case string:
		return l.string(v)
	case []string:
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

// string cuts what is too long, and quotes what hclog would write on many lines.
func (l events) string(s string) any {
	if len(s) > mostValueBytes {
		s = strings.ToValidUTF8(s[:mostValueBytes], "") + "…"
	}
	if l.text && strings.Contains(s, "\n") {
		return hclog.Quote(s)
	}
	return s
}
