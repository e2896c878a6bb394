package guard

import (
	"cmp"
	"math"
	"time"
)

// Limits bounds what the peers of one port can take. A field that is zero takes its
// default.
type Limits struct {
	// Connections is the most at one time; default 4096, or half of the files that the
	// process may open. When there are so many, whoever has most gives one up.
	Connections int
	// PeerConnections is the most of one peer; default 1024.
	PeerConnections int
	// Opening is the most connections of one address that have not shown yet that they
	// speak the protocol; default 128. The oldest of them makes room.
	Opening int
	// Introduction is how long a connection may take to show who it is, or that it speaks
	// the protocol, before it gives way to anybody where there is no room; default 1 s.
	Introduction time.Duration
	// NewPerSecond is how many connections of one address are accepted each second, in
	// the long run; default 100. NewAtOnce may come at once; default 256. One that was
	// ended for a flood, or for what it held, counts as a hundred.
	NewPerSecond, NewAtOnce int

	// PagesPerSecond is how many pages of HTTP one address may see each second, in the
	// long run, beside probes; default 200. PagesAtOnce may be at once; default 400.
	PagesPerSecond, PagesAtOnce int

	// Calls bounds the calls under way, and on a port of HTTP the pages, by class.
	Calls map[Class]CallLimits

	// Slots is how many calls of one peer are received at one time, and how many that only
	// read are carried out; default 16, and four times as many for the reads of shards.
	// Others wait, without anything of them being read.
	Slots int
	// ReadKeys is how many keys, or as much work, the calls of one peer that only read may
	// be about that are carried out at one time; default 8192, and four times as many for
	// the reads of shards, which coordinators make for all their clients. Others wait.
	ReadKeys int
	// ReadKeysPerSecond is how many of them there may be each second, in the long run;
	// default 32,768, and four times as many for the reads of shards. As many may come at
	// once. Others wait.
	ReadKeysPerSecond int

	// ResetsPerSecond is how many calls of one connection may be taken back each second,
	// or begun beyond those that there may be at once, in the long run; default 100.
	// ResetsAtOnce may be at once; default 500.
	ResetsPerSecond, ResetsAtOnce int
	// FramesPerSecond is how many frames of one connection may bring next to nothing,
	// in the long run, beyond those that go with calls and answers; default 200.
	// FramesAtOnce may come at once; default 2000.
	FramesPerSecond, FramesAtOnce int

	// Memory is the most bytes that gRPC holds of all messages on their way, in both
	// directions; default 384 MiB. When there are more, the connection that holds much
	// for long is ended.
	Memory int64
	// Waste is how many bytes a peer may send of which nothing comes, as of messages that
	// stay incomplete or calls that are refused, beside WastePerSecond in the long run;
	// default 96 MiB and 32 MiB. Beyond it, its connections are read more slowly.
	Waste, WastePerSecond int64
	// Patience is how long a message may take to come in whole, or an answer to be
	// taken, beside the time for its length; default 30 s.
	Patience time.Duration
	// LeastRate is the rate, in bytes per second, that gives the time for its length;
	// default 64 KiB.
	LeastRate int
	// WritePatience is how long a peer may take nothing at all of what is written to it;
	// default 10 s.
	WritePatience time.Duration
}

// CallLimits bounds calls or pages under way of one class.
type CallLimits struct{ All, Peer int }

// most of them that a port of gRPC has.
const mostConnections = 4096

// ForHTTP are the limits of a port that people and monitoring look at.
func ForHTTP() Limits {
	return Limits{
		Connections: fitting(256), PeerConnections: 128, Opening: 64, NewPerSecond: 50, NewAtOnce: 200,
		Calls: map[Class]CallLimits{Scrape: {All: 128, Peer: 4}, Feed: {All: 64, Peer: 16}, Page: {All: 512, Peer: 64}},
	}
}

func (l Limits) withDefaults() Limits {
	l.Connections = cmp.Or(l.Connections, fitting(mostConnections))
	l.PeerConnections = cmp.Or(l.PeerConnections, 1024)
	l.Opening = cmp.Or(l.Opening, 128)
	l.Introduction = cmp.Or(l.Introduction, time.Second)
	l.NewPerSecond = cmp.Or(l.NewPerSecond, 100)
	l.NewAtOnce = cmp.Or(l.NewAtOnce, 256)
	l.PagesPerSecond = cmp.Or(l.PagesPerSecond, 200)
	l.PagesAtOnce = cmp.Or(l.PagesAtOnce, 400)
	if l.Calls == nil {
		l.Calls = defaultCalls
	}
	l.Slots = cmp.Or(l.Slots, 16)
	l.ReadKeys = cmp.Or(l.ReadKeys, 8192)
	l.ReadKeysPerSecond = cmp.Or(l.ReadKeysPerSecond, 32<<10)
	l.ResetsPerSecond = cmp.Or(l.ResetsPerSecond, 100)
	l.ResetsAtOnce = cmp.Or(l.ResetsAtOnce, 500)
	l.FramesPerSecond = cmp.Or(l.FramesPerSecond, 200)
	l.FramesAtOnce = cmp.Or(l.FramesAtOnce, 2000)
	l.Memory = cmp.Or(l.Memory, 384<<20)
	l.Waste = cmp.Or(l.Waste, 96<<20)
	l.WastePerSecond = cmp.Or(l.WastePerSecond, 32<<20)
	l.Patience = cmp.Or(l.Patience, 30*time.Second)
	l.LeastRate = cmp.Or(l.LeastRate, 64<<10)
	l.WritePatience = cmp.Or(l.WritePatience, 10*time.Second)
	return l
}

// allowed is how long a message of so many bytes may take.
func (l Limits) allowed(bytes int) time.Duration {
	return l.Patience + time.Duration(float64(bytes)/float64(l.LeastRate)*float64(time.Second))
}

// fitting bounds a number of connections by the files that the process may open, most of
// which it needs for other things.
func fitting(most int) int {
	files := openFiles()
	if files > math.MaxInt32 {
		return most
	}
	return max(16, min(most, int(files)*most/(2*mostConnections)))
}
