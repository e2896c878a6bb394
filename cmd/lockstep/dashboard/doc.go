// Package dashboard is the page that a coordinator shows to people: the cluster at
// a glance, what it did over the last hours, its newest blocks, and in one sentence
// whom it waits for and what to do.
//
//	d := dashboard.New(source, version, logger)
//	go d.Run(ctx)                          // looks once a second
//	mux.Handle("/", d)                     // page and data
//
// # The parts
//
//	Dashboard  looks at its Source once a second, and serves what it saw
//	Source     where it looks: this coordinator if it leads, else the one that does
//	sentence   what the cluster does now, and why (Explain)
//	history    two rings of samples: every second of 15 minutes, every 10 s of 6 hours
//	hub        those who watch, each with a short queue; whoever reads too slowly
//	           is dropped, and comes back by itself
//	static     the page: HTML, style and modules, without a build step
//
// # What it serves
//
//	/                      the page
//	/static/…              its parts
//	/api/state             what it saw last
//	/api/events            the same, every second, as server-sent events
//	/api/history?every=1   samples; every is 1 or 10, in seconds
//	/api/blocks?before=H   committed blocks below a height, the newest first
//	/api/block?key=K       one block: its timeline, if it is remembered, and what was
//	                       decided; height=H in place of the key for a committed one
//
// What /api/ gives is for the page of the same release, and may change with it;
// programs ask /status, /metrics or the gRPC API.
//
// Nothing here changes anything, nothing is asked of other hosts, and the page may
// run no script but its own (Content-Security-Policy).
package dashboard
