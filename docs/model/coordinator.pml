/*
 * The coordinator: what Coordinator.Step does, event by event, with the effects
 * carried out in the same step. "Force, then tell" is one step: a crash or a
 * lost session right after it gives the runs in which nobody was told.
 */
hidden byte dropped, begun, moved, each, at, counted, parent;

/* C1: the log takes no append of an epoch below the highest claimed. */
#ifdef NO_C1_FENCE
#define FENCED(c) 0
#else
#define FENCED(c) (C[c].epoch < L.epoch)
#endif

/* C1: a coordinator with nothing to append confirms its epoch, and so learns that it is deposed. */
#ifdef NO_C1_CONFIRM
#define CAN_CONFIRM(c) 0
#else
#define CAN_CONFIRM(c) (C[c].up && (c) < newest)
#endif

/* C1: sessions end, nothing more is said. */
inline stepDown(c) {
  for (each : 0 .. SHARDS-1) {
#ifdef HALF_OPEN
    do :: len(INBOX(c,each)) > 0 -> INBOX(c,each)?turned :: else -> break od
#else
    endBoth(c, each)
#endif
  }
  C[c].up = 0; C[c].epoch = 0; C[c].decided = 0; C[c].proposed = 0; C[c].retry = 0; C[c].sessions = 0;
  for (at : 1 .. HEIGHTS) { C[c].block[at] = 0; C[c].live[at] = 0; C[c].votes[at] = 0; C[c].attempts[at] = 0 }
}

/* ---- attempts ---- */

#define IN_WINDOW(c,h) ((h) <= HEIGHTS && (h) <= C[c].decided+WINDOW)
#define UNPROPOSED(c) (IN_WINDOW(c,C[c].proposed+1) && C[c].block[C[c].proposed+1] != 0)

inline sendExecute(c, i, h) {
  if                                    /* C4: the attempt at the height below, live or decided */
  :: h > C[c].decided+1 -> parent = C[c].live[h-1]
  :: else -> parent = L.attempt[h-1]
  fi;
  sendToShard(c, i, MESSAGE(EXECUTE, C[c].epoch, h, C[c].live[h], parent, C[c].block[h]))
}

/* C3, C4: propose starts an attempt for every block in the window that has none,
 * while every shard has a session. It ends every step. */
inline propose(c) {
  if
  :: C[c].up && !C[c].retry && C[c].sessions == ALL ->
     if
     :: UNPROPOSED(c) && FENCED(c) -> stepDown(c)
     :: else ->
        for (begun : C[c].decided+1 .. HEIGHTS) {
          if
          :: IN_WINDOW(c,begun) && C[c].block[begun] != 0 && C[c].live[begun] == 0 -> begin(c, begun)
          :: else
          fi
        }
     fi
  :: else
  fi
}

inline begin(c, h) {
  if                                    /* the Proposed record is appended, not forced */
  :: h > C[c].proposed -> C[c].proposed = h; L.block[h] = C[c].block[h]; L.proposed = h
  :: else
  fi;
  assert(I7_ATTEMPTS_END(C[c].attempts[h]));
  C[c].attempts[h]++;
#ifdef NO_C3_ID
  C[c].live[h] = ATTEMPT(1, C[c].attempts[h]); /* the epoch is no part of it */
#else
  C[c].live[h] = ATTEMPT(C[c].epoch, C[c].attempts[h]);
#endif
  C[c].votes[h] = 0;
  for (each : 0 .. SHARDS-1) { sendExecute(c, each, h) }
}

/* C3: ends the live attempt at h and every one above it. */
inline abort(c, h) {
  if
  :: C[c].live[h] != 0 ->
     for (each : 0 .. SHARDS-1) { sendToShard(c, each, MESSAGE(ABORT, C[c].epoch, h, C[c].live[h], 0, 0)) }
  :: else
  fi;
#ifdef NO_C3_ABOVE
  C[c].live[h] = 0; C[c].votes[h] = 0
#else
  for (dropped : h .. HEIGHTS) { C[c].live[dropped] = 0; C[c].votes[dropped] = 0 }
#endif
}

/* ---- votes and decisions ---- */

#define COMPLETE(c,h) ((h) <= HEIGHTS && C[c].live[h] != 0 && C[c].votes[h] == ALL)
#define NEXT(c) (C[c].decided+1)

inline vote(c, i, v) {
  counted = VOTE_HEIGHT(v);
  if
  :: EPOCH_OF(VOTE_TRY(v)) > C[c].epoch -> stepDown(c)                    /* C8 */
  :: else ->
     if
#ifdef NO_C2_ATTEMPT                    /* a yes to any attempt of the height counts */
     :: counted > C[c].decided && C[c].live[counted] != 0 ->
#else
     :: counted > C[c].decided && C[c].live[counted] == VOTE_TRY(v) ->
#endif
        if
        :: VOTED(v) == YES -> C[c].votes[counted] = C[c].votes[counted] | (1<<i); decide(c)
        :: else -> abort(c, counted); C[c].retry = 1
        fi
     :: else -> answerLate(c, i, counted, v)
     fi
  fi
}

/* C8: nobody stays prepared for ever. */
inline answerLate(c, i, h, v) {
#ifndef NO_C8
  if
  :: VOTED(v) == NO -> skip
  :: else ->
     if
     :: h <= C[c].decided && L.attempt[h] == VOTE_TRY(v) -> sendCommit(c, i, h)
     :: else -> sendToShard(c, i, MESSAGE(ABORT, C[c].epoch, h, VOTE_TRY(v), 0, 0))
     fi
  fi
#else
  skip
#endif
}

/* C2: in order of height, the record first. */
inline decide(c) {
  do
  :: COMPLETE(c,NEXT(c)) && FENCED(c) -> stepDown(c); break               /* C1 */
  :: COMPLETE(c,NEXT(c)) && !FENCED(c) -> decideOne(c, NEXT(c))
  :: else -> break
  od
}

inline decideOne(c, h) {
  at = h;
  printf("coordinator %d decides height %d, attempt %d, block %d\n", C[c].epoch, at, C[c].live[at], C[c].block[at]);
  I_DECISION(c, at);
  L.decided = at; L.attempt[at] = C[c].live[at]; L.block[at] = C[c].block[at];
  L.digest[at] = AFTER(L.digest[at-1], L.block[at]);
  told[L.block[at]] = COMMITTED;
#ifndef NO_C2_FORCE
  L.forced = L.proposed;
#endif
  C[c].decided = at; C[c].block[at] = 0; C[c].live[at] = 0; C[c].votes[at] = 0; C[c].attempts[at] = 0;
  for (each : 0 .. SHARDS-1) { sendCommit(c, each, at) }
}

/* C3, C5: takes the block at h back; those above it move down by one. */
inline withdraw(c, h) {
  if
  :: FENCED(c) -> stepDown(c)                                             /* C1 */
  :: else ->
     assert(I3_NOT_COMMITTED(C[c].block[h]));
     told[C[c].block[h]] = WITHDRAWN;   /* after the forced record */
#ifndef NO_C5_WITHDRAWN
     if
     :: h <= L.proposed ->              /* what a replay makes of the record */
#ifdef NO_C3_MOVE
        L.block[h] = 0;
#else
        for (moved : h .. HEIGHTS) { L.block[moved] = L.block[moved+1] }
        L.proposed--
#endif
     :: else
     fi;
     L.forced = L.proposed;
#endif
     abort(c, h);
     for (moved : h .. HEIGHTS) { C[c].block[moved] = C[c].block[moved+1] }
     if :: h <= C[c].proposed -> C[c].proposed-- :: else fi
  fi
}

/* ---- clients ---- */

/* C3: a key is pending at one height only. A client asks again until it is told. */
#define PENDING(c,b) (C[c].block[1] == b || C[c].block[2] == b || C[c].block[HEIGHTS] == b)
#define ASKED(c,b) ((b) <= BLOCKS && told[b] == 0 && !PENDING(c,b))
#define WAITING(c) (ASKED(c,1) || ASKED(c,2) || ASKED(c,3) || ASKED(c,4) || ASKED(c,5))
#define SPACE(c) (C[c].up && C[c].decided < HEIGHTS && C[c].block[HEIGHTS] == 0)

inline submit(c, b) {
  at = C[c].decided+1;
  do :: C[c].block[at] != 0 -> at++ :: else -> break od;
  C[c].block[at] = b
}
