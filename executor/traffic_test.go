package executor

import "testing"

func TestTrafficCountsPackedValues(t *testing.T) {
	var x Exchange
	values := appendValue(appendValue(nil, 1, 0, []byte("abc"), true), 2, 0, nil, false)
	x.traffic.sent.add(values)
	x.traffic.received.add(values)
	x.traffic.received.add(values[:len(values)-1]) // not whole
	x.traffic.breaks.Add(1)
	n := uint64(len(values))
	want := Traffic{Sent: Carried{Values: 2, Bytes: n}, Received: Carried{Values: 3, Bytes: 2*n - 1}, Breaks: 1}
	if got := x.Traffic(); got != want {
		t.Errorf("carried %+v, want %+v", got, want)
	}
}
