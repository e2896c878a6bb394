/*
 * Crashes, checkpoints and new incarnations.
 */
hidden byte replayed, reread;

/* A checkpoint writes the state of the committed height, and with it the attempt,
 * the highest epoch and the log position up to which the log is forced (S7). */
#define CAN_CHECKPOINT(i) (S[i].checkpointed < S[i].committed)
inline checkpoint(i) {
#ifndef NO_S7_FORCE
  FORCE(i);
#endif
  S[i].checkpointed = S[i].committed;
  for (replayed : 1 .. HEIGHTS) {       /* trim */
#ifdef NO_S7_TRIM
    S[i].record[replayed] = 0; S[i].recordDigest[replayed] = 0
#else
    if :: replayed <= S[i].checkpointed -> S[i].record[replayed] = 0; S[i].recordDigest[replayed] = 0 :: else fi
#endif
  }
}

/* The crash takes the last lost Committed records that are not forced. The shards
 * are alike, so that the first to crash is shard 0. */
#define CAN_CRASH(i,lost) (crashes > 0 && ((i) == 0 || crashes < F_CRASH) && S[i].committed >= (lost) && \
  S[i].committed-(lost) >= S[i].forced)
inline crash(i, lost) {
  crashes--;
  endByShard(i);
#ifdef NO_S5_SESSION
  do :: len(late[i]) > 0 -> late[i]?packed :: else -> break od;
#endif
  S[i].committed = S[i].committed - lost;
  if
  :: S[i].committed < S[i].checkpointed ->
#ifdef NO_S7_FORCE
     S[i].ahead = S[i].checkpointed - S[i].committed;
#endif
     S[i].committed = S[i].checkpointed
  :: else
  fi;
  S[i].forced = S[i].committed;
  for (replayed : 1 .. HEIGHTS) {       /* ShardRecovery: what is left is in doubt */
    S[i].mark[replayed] = 0;
    if
    :: replayed > S[i].committed ->
       S[i].attempt[replayed] = S[i].record[replayed]; S[i].digest[replayed] = S[i].recordDigest[replayed];
       S[i].seen[replayed] = S[i].record[replayed];
       S[i].phase[replayed] = (S[i].record[replayed] != 0 -> PREPARED : 0)
#ifdef NO_S7_ATTEMPT
    :: replayed <= S[i].checkpointed -> S[i].attempt[replayed] = 0
#endif
    :: else
    fi
  }
  I_REPLAY_ORDER(i);
#ifdef NO_S5_DURABLE
  S[i].epoch = 0
#endif
}

/* The old incarnation has crashed, or runs on and does not know that it is deposed.
 * The crash takes the last lost Proposed records that are not forced. */
#define CAN_START(lost) (newest < INCARNATIONS && L.proposed >= (lost) && L.proposed-(lost) >= L.forced)
inline start(runsOn, lost) {
  if :: !runsOn && C[newest].up -> stepDown(newest) :: else fi;
#ifdef NO_C2_FORCE
  for (reread : 1 .. HEIGHTS) { if :: reread > L.sure -> L.attempt[reread] = 0; L.digest[reread] = 0 :: else fi };
  L.decided = L.sure;
#endif
  for (reread : 1 .. HEIGHTS) { if :: reread > L.proposed-lost -> L.block[reread] = 0 :: else fi }
  L.proposed = L.proposed - lost; L.forced = L.proposed;
  newest++;
#ifndef NO_C1_EPOCH
  L.epoch++;                            /* C1: forced before the first message */
#endif
  C[newest].up = 1; C[newest].epoch = L.epoch; C[newest].decided = L.decided; C[newest].proposed = L.proposed;
#ifdef NO_C6
  C[newest].proposed = L.decided;       /* what the log proposes is left alone */
#else
  for (reread : L.decided+1 .. HEIGHTS) { C[newest].block[reread] = (reread <= L.proposed -> L.block[reread] : 0) }  /* C6 */
#endif
}
