package client

import (
	"slices"
	"testing"
)

func TestParseAddresses(t *testing.T) {
	for _, test := range []struct {
		list string
		want []string // nil if it is refused
	}{
		{"127.0.0.1:7400", []string{"127.0.0.1:7400"}},
		{"a:1, b:2,,a:1", []string{"a:1", "b:2"}},
		{"[::1]:7400", []string{"[::1]:7400"}},
		{"", nil},
		{" , ", nil},
		{"localhost", nil},
		{"localhost:", nil},
		{"a:1,b", nil},
		{"::1", nil},
	} {
		got, err := ParseAddresses(test.list)
		if (err != nil) != (test.want == nil) || (err == nil && !slices.Equal(got, test.want)) {
			t.Errorf("%q gives %q, %v", test.list, got, err)
		}
	}
}
