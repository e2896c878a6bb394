/*
 * A shard: what Participant.Step does, event by event, with the effects carried
 * out in the same step.
 */
hidden byte height, id, gone, listed;
hidden int  msg;

/* S2: everything executing or prepared at h and above goes. Drops are not logged. */
inline drop(i, from) {
#ifdef NO_S2_ABOVE
  for (gone : from .. from) {
#else
  for (gone : from .. HEIGHTS) {
#endif
    if
    :: gone > S[i].committed && gone <= HEIGHTS -> S[i].phase[gone] = 0; S[i].attempt[gone] = 0; S[i].digest[gone] = 0
    :: else
    fi
  }
}

/* A force takes with it everything that was appended before. */
#define FORCE(i) S[i].forced = S[i].committed

inline opened(i, c) {
  S[i].to = c; S[i].dialled = 1;
  S[i].helloEpoch = S[i].epoch; S[i].helloCommitted = S[i].committed;
  for (listed : 1 .. HEIGHTS) {
    S[i].helloPrepared[listed] = ((listed > S[i].committed && S[i].phase[listed] == PREPARED) -> S[i].attempt[listed] : 0)
  }
  sendToCoordinator(i, VOTE(HELLO,0,0))
}

/* S5: a lower epoch is refused; a higher one is durable before the message has any effect. */
inline received(i) {
  printf("shard %d takes %d (0 Welcome, 1 Execute, 2 Commit, 3 Abort) of epoch %d: height %d attempt %d parent %d block %d\n",
    i, KIND(msg), SENDER(msg), HEIGHT(msg), TRY(msg), PARENT(msg), BLOCK(msg));
  height = HEIGHT(msg); id = TRY(msg);
  if
#ifdef NO_S5_SENDER                     /* the epoch inside the AttemptID is taken for the sender's */
  :: KIND(msg) != WELCOME && EPOCH_OF(id) < S[i].epoch -> skip
#endif
  :: SENDER(msg) < S[i].epoch -> skip
  :: else ->
     if :: SENDER(msg) > S[i].epoch -> S[i].epoch = SENDER(msg); FORCE(i) :: else fi;
     if
     :: KIND(msg) == WELCOME -> skip
     :: KIND(msg) == EXECUTE -> execute(i)
     :: KIND(msg) == COMMIT -> commit(i)
     :: KIND(msg) == ABORT -> abortHeld(i)
     fi
  fi;
  msg = 0; height = 0; id = 0
}

/* S4, S5: refuseLate, below the committed height, older than what was seen, or aborted. */
#ifdef NO_S5_OLDER
#define REFUSE_LATE(i) (height <= S[i].committed)
#else
#define REFUSE_LATE(i) (height <= S[i].committed || id < S[i].seen[height] || (id == S[i].seen[height] && S[i].mark[height] == ABORTED))
#endif
/* S6: the parent is held right below, or committed there. */
#define PARENT_HELD(i) (height == 1 || (S[i].attempt[height-1] == PARENT(msg) && (height-1 == S[i].committed || S[i].phase[height-1] != 0)))

inline execute(i) {
  if
  :: REFUSE_LATE(i) -> skip
  :: else ->
     if
#ifndef NO_S4_HELD
     :: S[i].attempt[height] == id ->                               /* S4: held already */
        if :: S[i].phase[height] == PREPARED -> sendToCoordinator(i, VOTE(YES,height,id)) :: else fi
     :: S[i].attempt[height] != id && S[i].seen[height] == id && S[i].mark[height] == REFUSED -> sendToCoordinator(i, VOTE(NO,height,id))
#endif
     :: else ->
        drop(i, height);                                           /* S2: a newer attempt */
        S[i].seen[height] = id; S[i].mark[height] = 0;
        if
        :: PARENT_HELD(i) -> S[i].phase[height] = EXECUTING; S[i].attempt[height] = id; S[i].digest[height] = BLOCK(msg)
        :: else -> S[i].mark[height] = REFUSED; sendToCoordinator(i, VOTE(NO,height,id))
        fi
     fi
  fi
}

/* S3, S4: commits what is prepared, in order; a repeat changes nothing. */
inline commit(i) {
  if
  :: height < S[i].committed -> skip
  :: height == S[i].committed -> OTHER(NO_DIVERGENCE(S[i].attempt[height] == id))
  :: height == S[i].committed+1 -> commitNext(i)
  :: height > S[i].committed+1 ->                                  /* S4: ends the session, resync repairs */
     endByShard(i)
  fi
}

inline commitNext(i) {
  if
#ifndef NO_S5_OLDER
  :: EPOCH_OF(S[i].seen[height]) == EPOCH_OF(id) && id < S[i].seen[height] -> skip             /* S5 */
#endif
  :: else ->
     if
     :: S[i].phase[height] != PREPARED || S[i].attempt[height] != id ->  /* S3 */
#ifdef NO_S3
        S[i].attempt[height] = id; commitIt(i)
#else
        QUARANTINE()
#endif
     :: else -> commitIt(i)
     fi
  fi
}

/* The Committed record is not forced. */
inline commitIt(i) {
  S[i].committed = height; S[i].phase[height] = 0; S[i].seen[height] = 0; S[i].mark[height] = 0
}

/* S2, S5: drops what is held as exactly this attempt, and remembers it. */
inline abortHeld(i) {
  if
  :: height > S[i].committed ->
     if :: S[i].attempt[height] == id -> drop(i, height) :: else fi;
     if
     :: id >= S[i].seen[height] -> S[i].seen[height] = id; S[i].mark[height] = ABORTED
     :: else
     fi
  :: else -> OTHER(NO_DIVERGENCE(height < S[i].committed || S[i].attempt[height] != id))
  fi
}

/* S6: voted on only after the parent is prepared. */
#ifdef NO_S6_ORDER
#define CAN_EXECUTE(i,x) (S[i].phase[x] == EXECUTING)
#else
#define CAN_EXECUTE(i,x) (S[i].phase[x] == EXECUTING && ((x)-1 <= S[i].committed || S[i].phase[(x)-1] == PREPARED))
#endif

/* S1: prepareOne forces the Prepared record, then votes. */
inline prepareOne(i, x) {
  S[i].digest[x] = AFTER(S[i].digest[x-1], S[i].digest[x]);
  S[i].phase[x] = PREPARED;
#ifndef NO_S1
  forcePrepared(i, x);
#endif
  sendToCoordinator(i, VOTE(YES,x,S[i].attempt[x]))
}

/* On replay the record erases older ones at its height and above (S2). */
inline forcePrepared(i, x) {
#ifdef NO_S7_FORCE
  if :: S[i].ahead > 0 -> S[i].ahead--; S[i].record[x] = 0 :: else -> S[i].record[x] = S[i].attempt[x] fi;
#else
  S[i].record[x] = S[i].attempt[x];
#endif
  S[i].recordDigest[x] = S[i].digest[x];
#ifndef NO_S2_REPLAY
  for (gone : x+1 .. HEIGHTS) { S[i].record[gone] = 0; S[i].recordDigest[gone] = 0 }
#endif
  FORCE(i)
}

inline failed(i, x) {
  S[i].seen[x] = S[i].attempt[x]; S[i].mark[x] = REFUSED;
  sendToCoordinator(i, VOTE(NO,x,S[i].attempt[x]));
  drop(i, x)
}
