// Package diagnose is what a daemon tells of itself to an operator for whom
// something puzzles: recent log lines, settings, profiles, facts about its machine.
//
//	Service  answers DebugService, to those whom its Access admits
//	Part     one thing that can be had, with a bound on its size and its time
//	Ring     the last lines of the log, in memory
//
// What is told has no secrets: of the environment only the variables of a short
// list, of the settings none that is called one, of the state nothing at all.
package diagnose
