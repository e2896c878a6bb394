// Package recovery looks into the data directories of stopped shards and
// coordinators, says what is in them and whether it is sound, and mends what
// can be mended without losing anything that was acknowledged.
//
//	Inspect   what a start would bring back; of a damaged directory, what can be read
//	Verify    every frame, every value, every digest, and that log, database and decisions agree
//	Compare   several directories side by side: do they tell one history, and if not, where do they part
//	Repair    what a start would mend by itself, planned first, with copies kept
//	Resolve   commits of attempts in doubt, on the word of the decision log and nothing less
//
// Inspect, Verify and Compare change nothing. Repair and Resolve first give a
// plan, which changes nothing either; to carry it out is a call of its own. What
// they do is noted in the audit log of the directory, before and after.
//
// # What counts as what
//
// A Finding is damage or divergence: something is there that no crash explains,
// or something is missing that was acknowledged. A Look without findings is
// sound. What a crash does explain, and a start puts right by itself, such as a
// torn record at the end of a log, is a note.
//
// An error means that it could not be looked at all: the directory is in use, is
// none, or cannot be read.
//
// # What cannot be seen in one directory
//
// An old copy of a whole data directory is a sound data directory, and so is one
// whose log lost its end at the edge of a record together with the mark that
// says so. Only somebody else can tell: Verify with the decisions, Compare, and
// the coordinator when the shard says hello.
package recovery
