package protocol

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// line is one event of a script. The words may stand in any order:
//
//	s3               session 3; the current one if left out
//	e2               epoch of the sender; the last one given if left out
//	5/2.1, none      attempt: height, epoch, number; the second is the parent
//	=1f              a digest, in hexadecimal
//	+1f, -1f         what the writes of an attempt add to the digest
//	[applied,-]      outcomes; "-" is a transaction that is not executed here
//	w7               client 7
//	name=value       anything else
//	word: the rest   a reason
type line struct {
	text, verb string
	session    Session
	epoch      *Epoch
	attempts   []AttemptID
	digest     Digest
	delta      Sum
	outcomes   *Outcomes
	waiter     Waiter
	options    map[string]string
	words      []string
	reason     string
}

var (
	numberedWord = regexp.MustCompile(`^([sew])(\d+)$`)
	attemptWord  = regexp.MustCompile(`^(\d+)/(\d+)\.(\d+)$`)
	optionWord   = regexp.MustCompile(`^([a-z-]+)=(.*)$`)
	sumWord      = regexp.MustCompile(`^([=+-])([0-9a-f]+)$`)
)

func parseLine(text string) line {
	l := line{text: text, options: map[string]string{}}
	head, reason, _ := strings.Cut(text, ": ")
	l.reason = reason
	fields := strings.Fields(head)
	l.verb = fields[0]
	for _, f := range fields[1:] {
		l.word(f)
	}
	return l
}

func (l *line) word(f string) {
	switch {
	case f == "none":
		l.attempts = append(l.attempts, AttemptID{})
	case attemptWord.MatchString(f):
		l.attempts = append(l.attempts, parseAttempt(f))
	case numberedWord.MatchString(f):
		l.number(f[0], parseNumber(f[1:]))
	case sumWord.MatchString(f):
		l.sum(f[0], parseDigest(f[1:]))
	case strings.HasPrefix(f, "["):
		o := parseOutcomes(f)
		l.outcomes = &o
	case optionWord.MatchString(f):
		m := optionWord.FindStringSubmatch(f)
		l.options[m[1]] = m[2]
	default:
		l.words = append(l.words, f)
	}
}

func (l *line) number(kind byte, n uint64) {
	switch kind {
	case 's':
		l.session = Session(n)
	case 'e':
		e := Epoch(n)
		l.epoch = &e
	case 'w':
		l.waiter = Waiter(n)
	}
}

func (l *line) sum(sign byte, d Digest) {
	switch sign {
	case '=':
		l.digest = d
	case '+':
		l.delta = SumOf(d)
	case '-':
		l.delta = Sum{}.Sub(SumOf(d))
	}
}

func (l *line) attempt() AttemptID { return l.attempts[0] }

func (l *line) parent() AttemptID {
	if len(l.attempts) > 1 {
		return l.attempts[1]
	}
	return AttemptID{}
}

func (l *line) has(word string) bool {
	for _, w := range l.words {
		if w == word {
			return true
		}
	}
	return false
}

// int gives an option as a number, or the default.
func (l *line) int(name string, otherwise int) int {
	if v, ok := l.options[name]; ok {
		return int(parseNumber(v))
	}
	return otherwise
}

func (l *line) string(name, otherwise string) string {
	if v, ok := l.options[name]; ok {
		return v
	}
	return otherwise
}

func (l *line) duration(name string) time.Duration {
	v, ok := l.options[name]
	if !ok {
		return 0
	}
	return parseDuration(v)
}

func parseDuration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

func parseNumber(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func parseAttempt(s string) AttemptID {
	m := attemptWord.FindStringSubmatch(s)
	if m == nil {
		panic("not an attempt: " + s)
	}
	return AttemptID{Height: Height(parseNumber(m[1])), Epoch: Epoch(parseNumber(m[2])), Attempt: uint32(parseNumber(m[3]))}
}

func parseDigest(s string) (d Digest) {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic("not a digest: " + s)
	}
	n.FillBytes(d[:])
	return d
}

func parseOutcomes(s string) Outcomes {
	s = strings.Trim(s, "[]")
	if s == "" {
		return Outcomes{}
	}
	names := strings.Split(s, ",")
	o := NewOutcomes(len(names))
	for i, name := range names {
		if name == "-" {
			continue
		}
		if err := o.Set(i, name); err != nil {
			panic(err)
		}
	}
	return o
}

// parseVotes reads prepared attempts as a Hello lists them:
// 1/1.1=5[applied];2/1.1=6.
func parseVotes(s string) (votes []Vote) {
	for _, item := range strings.Split(s, ";") {
		item, outcomes, some := strings.Cut(item, "[")
		if !some {
			outcomes = "applied"
		}
		a, d, _ := strings.Cut(item, "=")
		votes = append(votes, Vote{Attempt: parseAttempt(a), Yes: true, Digest: parseDigest(d), Outcomes: parseOutcomes(outcomes)})
	}
	return votes
}

// named makes an id that reads as its name.
func named(name string) (i id) {
	copy(i[:], name)
	return i
}

func testConfig(cluster string, shards int) Config {
	return Config{Cluster: ClusterID(named(cluster)), Slots: EvenSlots(shards), Limits: DefaultLimits()}
}

// smallDigest is the digest of the integer n.
func smallDigest(n uint64) (d Digest) {
	binary.BigEndian.PutUint64(d[24:], n)
	return d
}

func testIdentity(shard int) Identity {
	return Identity{
		Shard: ShardID(shard), Directory: DirectoryID(named(fmt.Sprintf("dir%d", shard))),
		Instance: InstanceID(named("inst")), Address: fmt.Sprintf("shard%d:1", shard),
	}
}
