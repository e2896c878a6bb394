/*
 * Resync: what the coordinator does with a Hello, in the order of the design.
 * The checks of configuration (cluster, shard count, data directory) are not
 * modelled. The others must never find anything while the rules are kept.
 */
hidden byte lacked, resent;

/* C7: decisions are kept until every shard has checkpointed past them. */
#ifdef NO_C7
#define KEPT(h) ((h) > forgotten)
#else
#define KEPT(h) 1
#endif

/* differs, lacks, misfits */
inline compare(c, i) {
  OTHER(NO_DIVERGENCE(S[i].helloCommitted <= C[c].decided));
  for (lacked : 1 .. HEIGHTS) {
    if
    :: lacked > S[i].helloCommitted && lacked <= C[c].decided ->
       OTHER(NO_LOST_DATA(KEPT(lacked) && S[i].helloPrepared[lacked] == L.attempt[lacked]))
    :: lacked > C[c].decided && ((C[c].votes[lacked]>>i)&1) ->
       OTHER(NO_LOST_DATA(S[i].helloPrepared[lacked] == C[c].live[lacked]))
    :: else
    fi
  }
}

inline hello(c, i) {
  S[i].dialled = 0;
#ifdef NO_RESYNC_STALE                  /* histories are compared before epochs */
  compare(c, i);
#endif
  if
  :: S[i].helloEpoch > C[c].epoch ->    /* C1: this coordinator is stale, and judges nothing */
     stepDown(c)
  :: else ->
     compare(c, i);
     C[c].sessions = C[c].sessions | (1<<i);                  /* accept */
     sendToShard(c, i, MESSAGE(WELCOME, C[c].epoch, 0, 0, 0, 0));
     resync(c, i)
  fi;
  S[i].helloEpoch = 0; S[i].helloCommitted = 0;
  for (resent : 1 .. HEIGHTS) { S[i].helloPrepared[resent] = 0 }
}

inline resync(c, i) {
#ifndef NO_RESYNC_COMMIT
  for (resent : 1 .. HEIGHTS) {
    if :: resent > S[i].helloCommitted && resent <= C[c].decided -> sendCommit(c, i, resent) :: else fi
  }
#endif
#ifndef NO_RESYNC_ABORT
  for (resent : 1 .. HEIGHTS) {
    if
    :: resent > C[c].decided && S[i].helloPrepared[resent] != 0 && S[i].helloPrepared[resent] != C[c].live[resent] ->
       sendToShard(c, i, MESSAGE(ABORT, C[c].epoch, resent, S[i].helloPrepared[resent], 0, 0))
    :: else
    fi
  }
#endif
#ifndef NO_RESYNC_EXECUTE
  for (resent : 1 .. HEIGHTS) {
    if
    :: C[c].live[resent] != 0 && S[i].helloPrepared[resent] != C[c].live[resent] -> sendExecute(c, i, resent)
    :: else
    fi
  }
#endif
#ifndef NO_RESYNC_HELD                  /* countHeld: a live attempt that is held counts as the vote */
  for (resent : 1 .. HEIGHTS) {
    if
    :: C[c].live[resent] != 0 && S[i].helloPrepared[resent] == C[c].live[resent] ->
       C[c].votes[resent] = C[c].votes[resent] | (1<<i)
    :: else
    fi
  }
  decide(c)
#endif
}
