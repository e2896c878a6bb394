/*
 * Sessions: first in, first out both ways, dialled by the shard. Each end learns
 * by itself that a session is over; with HALF_OPEN in steps of their own, so that
 * a coordinator may still read votes of a shard that has crashed, and a shard
 * messages of a coordinator that has. Otherwise both learn it in one step.
 */

/* c's session with shard i is the one the shard has, too. */
#define CONNECTED(c,i) (((C[c].sessions>>(i))&1) && S[i].to == (c) && !S[i].dialled)

hidden int  packed, turned;
hidden byte turn, behind;

inline sendToShard(c, i, message) {
  if
  :: CONNECTED(c,i) -> packed = message; assert(nfull(toShard[i])); toShard[i]!packed
  :: else
  fi
}

/* A Commit may overtake Executes: with OVERTAKE it passes all of those it can. */
inline sendCommit(c, i, h) {
  sendToShard(c, i, MESSAGE(COMMIT, C[c].epoch, h, L.attempt[h], 0, L.block[h]));
#ifdef OVERTAKE
  if
  :: CONNECTED(c,i) ->
     behind = 0;                        /* what stands in front of the Executes at the end */
     for (turn : 1 .. len(toShard[i])-1) {
       toShard[i]?turned; toShard[i]!turned;
       if :: KIND(turned) != EXECUTE -> behind = turn :: else fi
     }
     toShard[i]?packed;                 /* the Commit; the others are in order again */
     for (turn : 1 .. len(toShard[i])) {
       if :: turn == behind+1 -> toShard[i]!packed :: else fi;
       toShard[i]?turned; toShard[i]!turned
     }
     if :: behind == len(toShard[i]) -> toShard[i]!packed :: else fi
  :: else
  fi
#endif
}

inline sendToCoordinator(i, vote) {
  if
  :: S[i].to != 0 && C[S[i].to].up && (S[i].dialled || CONNECTED(S[i].to,i)) ->
     assert(nfull(INBOX(S[i].to,i))); INBOX(S[i].to,i)!vote
  :: else
  fi
}

/* The shard learns it. S2, S8: nothing that is held changes. */
inline endAtShard(i) {
  if
  :: S[i].dialled ->                    /* a session that was never welcomed leaves nothing */
     do :: len(INBOX(S[i].to,i)) > 0 -> INBOX(S[i].to,i)?turned :: else -> break od
  :: else
  fi;
  do
  :: len(toShard[i]) > 0 ->
     toShard[i]?packed
#ifdef NO_S5_SESSION
     ; if :: nfull(late[i]) -> late[i]!packed :: else fi
#endif
  :: else -> break
  od;
#ifdef NO_S2_SESSION
  drop(i, S[i].committed+1); for (turn : S[i].committed+1 .. HEIGHTS) { S[i].record[turn] = 0 }
#endif
  S[i].to = 0; S[i].dialled = 0
}

/* The coordinator learns it. C5: no attempt ends by it. */
inline endAtCoordinator(c, i) {
  if
  :: !(S[i].to == c && S[i].dialled) -> do :: len(INBOX(c,i)) > 0 -> INBOX(c,i)?turned :: else -> break od
  :: else -> do :: INBOX(c,i)?[HELLO] -> break :: else -> INBOX(c,i)?turned od
  fi;
  C[c].sessions = C[c].sessions & (ALL - (1<<i))
}

inline endBoth(c, i) {
  endAtCoordinator(c, i);
  if :: S[i].to == c -> endAtShard(i) :: else fi
}

/* The shard ends its session itself. */
inline endByShard(i) {
#ifndef HALF_OPEN
  if :: S[i].to != 0 -> endAtCoordinator(S[i].to, i) :: else fi;
#endif
  endAtShard(i)
}

/* An end that is left without the other learns it sooner or later. */
#define LEFT_AT_SHARD(i) (S[i].to != 0 && (!C[S[i].to].up || (!S[i].dialled && !((C[S[i].to].sessions>>(i))&1))))
#define LEFT_AT_COORDINATOR(c,i) (((C[c].sessions>>(i))&1) && S[i].to != (c))
