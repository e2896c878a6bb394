/*
 * The invariants, by the numbers of the package protocol, looked at after every
 * step. 8, atomic reads, is not modelled.
 */
hidden byte ci, ch;
hidden byte idle;

#define DECIDED(hh) ((hh) <= L.decided)
#define HOLDS(i,hh,what) (S[i].phase[hh] == PREPARED && S[i].attempt[hh] == (what))

#define I1_AGREEMENT(i,hh) (S[i].committed < (hh) || (DECIDED(hh) && (S[i].attempt[hh] == L.attempt[hh] || NAMELESS(i,hh))))
#define I2_VALIDITY(i,hh)  (S[i].committed < (hh) || (hh) <= SURE)
#define I3_KEPT(i,hh)      (!DECIDED(hh) || S[i].committed >= (hh) || \
  (HOLDS(i,hh,L.attempt[hh]) && S[i].digest[hh] == L.digest[hh]))
#define I3_DURABLE(i,hh)   (!DECIDED(hh) || S[i].checkpointed >= (hh) || S[i].record[hh] == L.attempt[hh])
#define I4_VOTE_HELD(i,hh) (!((C[newest].votes[hh]>>i)&1) || \
  (HOLDS(i,hh,C[newest].live[hh]) && S[i].record[hh] == C[newest].live[hh]))
#define I6_SAME_STATE(i,hh) (S[i].committed < (hh) || S[i].digest[hh] == L.digest[hh])

#ifdef NO_S7_ATTEMPT
#define NAMELESS(i,hh) (S[i].checkpointed >= (hh) && S[i].attempt[hh] == 0)
#else
#define NAMELESS(i,hh) 0
#endif

#define I5_NEXT(hh) ((hh) == L.decided+1)
#define I3_NOT_TOLD(b) (told[b] == 0)
#define I2_PREPARED(i,hh,a) (S[i].record[hh] == (a))

/* What holds when h is decided: the one below is (1, 5), every shard has prepared
 * it durably (2), and its client was told nothing, neither that it is withdrawn (3)
 * nor that it is committed, at another height (C3). */
inline I_DECISION(c, h) {
  assert(I5_NEXT(h));
  OTHER(I3_NOT_TOLD(C[c].block[h]));
  for (ci : 0 .. SHARDS-1) {
    OTHER(I2_PREPARED(ci,h,C[c].live[h]))
  }
}

#define REPLAY_IN_ORDER(i,hh) (S[i].phase[hh] == 0 || (S[i].digest[hh]/8 == S[i].digest[(hh)-1] && \
  ((hh)-1 <= S[i].committed || S[i].phase[(hh)-1] != 0)))

/* ShardRecovery.Finish: what is in doubt builds on what is below it. */
inline I_REPLAY_ORDER(i) {
  for (ch : S[i].committed+1 .. HEIGHTS) {
    OTHER(REPLAY_IN_ORDER(i,ch))
  }
}

/* 7: where nothing can happen any more but faults and new blocks, everything is
 * decided, and every shard is at the coordinator's height with nothing in doubt. */
#define I7_ALL_DECIDED (C[newest].up && C[newest].decided == L.decided && L.proposed == L.decided && C[newest].block[L.decided+1] == 0)
#define I7_LEVEL(i) (S[i].committed == L.decided)
#define I7_NO_DOUBT(i,hh) (S[i].phase[hh] == 0)

inline quiet() {
  idle = 1;
  for (ci : 1 .. INCARNATIONS) {
    idle = idle && !(C[ci].up && (C[ci].retry || CAN_CONFIRM(ci)))
  }
  for (ci : 0 .. SHARDS-1) {
    idle = idle && S[ci].to != 0 && len(toShard[ci]) == 0 && !LEFT_AT_SHARD(ci);
    for (ch : 1 .. INCARNATIONS) { idle = idle && (!C[ch].up || (len(INBOX(ch,ci)) == 0 && !LEFT_AT_COORDINATOR(ch,ci))) }
    for (ch : 1 .. HEIGHTS) { idle = idle && !CAN_EXECUTE(ci,ch) }
  }
  if
  :: idle ->
     OTHER(I7_ALL_DECIDED);
     for (ci : 0 .. SHARDS-1) {
       OTHER(I7_LEVEL(ci));
       for (ch : 1 .. HEIGHTS) {
         OTHER(I7_NO_DOUBT(ci,ch))
       }
     }
  :: else
  fi
}

inline check() {
  for (ci : 0 .. SHARDS-1) {
    for (ch : 1 .. HEIGHTS) {
      assert(I1_AGREEMENT(ci,ch));
      assert(I6_SAME_STATE(ci,ch));
      OTHER(I2_VALIDITY(ci,ch));
      OTHER(I3_KEPT(ci,ch));
      OTHER(I3_DURABLE(ci,ch));
      OTHER(I4_VOTE_HELD(ci,ch))
    }
  }
#ifndef SAFETY_ONLY                     /* leaves 7 out, so that a mistake must break another */
  ; quiet()
#endif
}
