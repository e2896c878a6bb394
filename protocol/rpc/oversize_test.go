package rpc

import (
	"testing"

	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// longKeys is a service whose keys may be so long.
type longKeys int

func (l longKeys) MostKeyBytes() int { return int(l) }

func TestRequestsToReadAreAsLongAsTheKeysMayBe(t *testing.T) {
	for _, test := range []struct {
		services []longKeys
		want     int
	}{
		{nil, 5 << 20},
		{[]longKeys{0}, 5 << 20}, // not known yet
		{[]longKeys{64}, 1<<20 + 4096*64},
		{[]longKeys{1 << 10, 8 << 10}, 33 << 20},
		{[]longKeys{32 << 10}, MaxMessageBytes},
	} {
		k := &keyBounds{}
		for _, s := range test.services {
			k.add(s)
		}
		for _, most := range []most{k.mostOf(&wirepb.GetRequest{}), k.mostOf(&wirepb.ShardServiceGetRequest{})} {
			if most.bytes != test.want || most.parts {
				t.Errorf("services with keys of %v: %+v, want %d bytes", test.services, most, test.want)
			}
		}
	}
}
