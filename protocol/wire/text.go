package wire

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// cut is what stands at the end of a reason that was shortened.
const cut = " …"

// reasonOut makes any text fit to be sent as a reason: valid UTF-8 of at most
// MaxReasonBytes.
func reasonOut(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= MaxReasonBytes {
		return s
	}
	end := MaxReasonBytes - len(cut)
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + cut
}

func reasonIn(s string) (string, error) {
	if len(s) > MaxReasonBytes {
		return "", tooLarge("reason of %d bytes, at most %d allowed", len(s), MaxReasonBytes)
	}
	return s, nil
}

// addressIn accepts what can be shown and dialled; whether somebody listens
// there is found out by dialling.
func addressIn(s string) (string, error) {
	if len(s) > MaxAddressBytes {
		return "", tooLarge("address of %d bytes, at most %d allowed", len(s), MaxAddressBytes)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }) {
		return "", malformed("address %q", s)
	}
	return s, nil
}

func peersOut(peers []protocol.Peer) []*wirepb.Peer {
	out := make([]*wirepb.Peer, len(peers))
	for i, p := range peers {
		out[i] = &wirepb.Peer{Shard: uint32(p.Shard), Address: p.Address}
	}
	return out
}

// peersIn refuses shards that a cluster of that many shards does not have.
func peersIn(in []*wirepb.Peer, shards int) ([]protocol.Peer, error) {
	if len(in) > shards {
		return nil, malformed("%d peers in a cluster of at most %d shards", len(in), shards)
	}
	var peers []protocol.Peer
	for _, p := range in {
		if p.GetShard() >= uint32(shards) {
			return nil, malformed("a peer with number %d in a cluster of at most %d shards", p.GetShard(), shards)
		}
		address, err := addressIn(p.GetAddress())
		if err != nil {
			return nil, err
		}
		peers = append(peers, protocol.Peer{Shard: protocol.ShardID(p.GetShard()), Address: address})
	}
	return peers, nil
}
