package protocol

// resolve reads what an operator asks for:
//
//	resync|retry|withdraw w1 key [height=1] [1/1.1] [by=x] [dry-run] [: comment]
func (s *scriptCoordinator) resolve(l line) Event {
	actions := map[string]ResolveAction{"resync": ResolveResync, "retry": ResolveRetry, "withdraw": ResolveWithdraw}
	ev := Resolve{
		Waiter: l.waiter, Key: l.words[0], Height: Height(l.int("height", 0)), Action: actions[l.verb],
		By: l.string("by", "ann"), Comment: l.reason, DryRun: l.has("dry-run"),
	}
	if len(l.attempts) > 0 {
		ev.Attempt = l.attempt()
	}
	return ev
}
