// Package perf measures whether an installation is fast enough to be used: its
// disk, its network, its clock. It judges what it measured by limits, each of which
// has a reason, and says PASS or FAIL.
//
//	Disk     forces and sequential writes of a log of its own, in a directory of its own
//	Network  what asking a daemon for its health takes
//	Clock    whether time goes on evenly, and how late this machine wakes a process up
//	Limits   what is good enough; Judge compares
//
// Nothing here changes anything that was there before.
package perf
