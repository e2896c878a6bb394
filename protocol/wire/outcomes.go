package wire

import (
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/lockstep-exec/lockstep/protocol"
	"github.com/lockstep-exec/lockstep/protocol/wirepb"
)

// outcomesOut writes runs of codes where they are shorter than the codes.
func outcomesOut(o protocol.Outcomes) *wirepb.VoteOutcomes {
	out := &wirepb.VoteOutcomes{}
	for _, name := range o.Names {
		out.Names = append(out.Names, []byte(name))
	}
	var runs []uint32
	var codes []byte
	size := 0
	for i := 0; i < len(o.Codes); {
		end := i + 1
		for end < len(o.Codes) && o.Codes[end] == o.Codes[i] {
			end++
		}
		codes, runs = append(codes, o.Codes[i]), append(runs, uint32(end-i))
		if size += 1 + protowire.SizeVarint(uint64(end-i)); size >= len(o.Codes) {
			out.Codes = o.Codes
			return out
		}
		i = end
	}
	out.Codes, out.Runs = codes, runs
	return out
}

func outcomesIn(in *wirepb.VoteOutcomes, most int) (o protocol.Outcomes, err error) {
	if o.Names, err = namesIn(in.GetNames()); err != nil {
		return protocol.Outcomes{}, err
	}
	if len(in.GetRuns()) == 0 {
		o.Codes = in.GetCodes()
	} else if o.Codes, err = unroll(in.Codes, in.Runs, most); err != nil {
		return protocol.Outcomes{}, err
	}
	if len(o.Codes) > most {
		return protocol.Outcomes{}, tooLarge("%d outcomes, at most %d allowed", len(o.Codes), most)
	}
	for _, c := range o.Codes {
		if int(c) > len(o.Names) {
			return protocol.Outcomes{}, malformed("outcome code %d with %d names", c, len(o.Names))
		}
	}
	return o, nil
}

func namesIn(in [][]byte) (names []string, err error) {
	if len(in) > maxOutcomeNames {
		return nil, malformed("%d outcome names, at most %d allowed", len(in), maxOutcomeNames)
	}
	for _, b := range in {
		name := string(b)
		if len(b) == 0 || len(b) > maxOutcomeNameBytes || slices.Contains(names, name) {
			return nil, malformed("outcome name %.80q is empty, too long, or there twice", b)
		}
		names = append(names, name)
	}
	return names, nil
}

// unroll sums the runs before it makes room for them.
func unroll(codes []byte, runs []uint32, most int) ([]byte, error) {
	if len(codes) != len(runs) {
		return nil, malformed("%d outcome codes with %d runs", len(codes), len(runs))
	}
	total := uint64(0)
	for _, n := range runs {
		if n == 0 {
			return nil, malformed("an empty run of outcomes")
		}
		total += uint64(n)
	}
	if total > uint64(most) {
		return nil, tooLarge("%d outcomes, at most %d allowed", total, most)
	}
	all := make([]byte, 0, total)
	for i, n := range runs {
		for range n {
			all = append(all, codes[i])
		}
	}
	return all, nil
}
