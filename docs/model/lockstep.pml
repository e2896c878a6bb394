/*
 * Lockstep's protocol: a coordinator in several incarnations, shards, sessions,
 * crashes. A model of the package protocol; README.md says what is in it and how
 * to run it. Each rule stands in a comment beside the lines that keep it, and
 * -DNO_<rule> takes it away.
 *
 * Every step of a node is one transition, and the invariants are looked at after
 * each.
 */
#include "state.pml"
#include "sessions.pml"
#include "coordinator.pml"
#include "resync.pml"
#include "shard.pml"
#include "faults.pml"
#include "invariants.pml"

#define FROM_SHARD(i) \
  :: d_step { RUNS && C[c].up && len(INBOX(c,i)) > 0 -> INBOX(c,i)?ballot; \
       printf("coordinator %d takes %d (1 Hello, 2 yes, 3 no) of shard %d: height %d attempt %d\n", C[c].epoch, VOTED(ballot), i, VOTE_HEIGHT(ballot), VOTE_TRY(ballot)); \
       if \
       :: VOTED(ballot) == HELLO -> hello(c, i) \
       :: VOTED(ballot) != HELLO && ((C[c].sessions>>(i))&1) -> vote(c, i, ballot) \
       :: else /* S5: not welcomed, or has ended */ \
       fi; ballot = 0 }
#define EXPIRES(x) \
  :: d_step { RUNS && expiries > 0 && C[c].up && x > C[c].decided && C[c].block[x] != 0 -> expiries--; \
       printf("coordinator %d withdraws height %d block %d\n", C[c].epoch, x, C[c].block[x]); withdraw(c, x); skip }

hidden byte ballot, asked;

proctype coordinator(byte c) {
  do
  :: atomic { if
  FROM_SHARD(0) FROM_SHARD(1)
#if SHARDS > 2
  FROM_SHARD(2)
#endif
  :: d_step { RUNS && SPACE(c) && WAITING(c) -> asked = 1; do :: !ASKED(c,asked) -> asked++ :: else -> break od;
       printf("coordinator %d takes up block %d\n", C[c].epoch, asked); submit(c, asked); skip }
  :: d_step { RUNS && C[c].up && C[c].retry -> printf("coordinator %d tries again\n", C[c].epoch); C[c].retry = 0 }
  EXPIRES(1) EXPIRES(2)
#if HEIGHTS > 2
  EXPIRES(3)
#endif
  :: d_step { RUNS && CAN_CONFIRM(c) -> printf("coordinator %d learns that it is deposed\n", C[c].epoch); stepDown(c); skip }
  fi; d_step { propose(c); check(); skip } }
  od
}

#define EXECUTES(x) \
  :: d_step { RUNS && CAN_EXECUTE(i,x) -> printf("shard %d prepares height %d attempt %d\n", i, x, S[i].attempt[x]); prepareOne(i, x); skip } \
  :: d_step { RUNS && refusals > 0 && CAN_EXECUTE(i,x) -> refusals--; \
       printf("shard %d fails to execute height %d attempt %d\n", i, x, S[i].attempt[x]); failed(i, x); skip }
#define CRASHES(lost) \
  :: d_step { RUNS && CAN_CRASH(i,lost) -> printf("shard %d crashes, %d Committed records are lost\n", i, lost); crash(i, lost); skip }
#define DIALS(n) \
  :: d_step { RUNS && S[i].to == 0 && C[n].up -> printf("shard %d dials coordinator %d\n", i, C[n].epoch); opened(i, n); skip }

proctype shard(byte i) {
  do
  :: atomic { if
  :: d_step { RUNS && S[i].to != 0 && len(toShard[i]) > 0 -> toShard[i]?msg; received(i); skip }
  EXECUTES(1) EXECUTES(2)
#if HEIGHTS > 2
  EXECUTES(3)
#endif
  DIALS(1)
#if INCARNATIONS > 1
  DIALS(2)
#endif
#if INCARNATIONS > 2
  DIALS(3)
#endif
  CRASHES(0) CRASHES(1) CRASHES(2)
#ifdef CHECKPOINTS
  :: d_step { RUNS && CAN_CHECKPOINT(i) -> printf("shard %d checkpoints height %d\n", i, S[i].committed); checkpoint(i); skip }
#endif
#ifdef NO_S1
  :: d_step { S[i].phase[1] == PREPARED && S[i].record[1] != S[i].attempt[1] -> printf("shard %d forces height 1\n", i); forcePrepared(i, 1); skip }
#endif
#ifdef NO_S5_SESSION
  :: d_step { len(late[i]) > 0 -> late[i]?msg; printf("late: "); received(i); skip }
#endif
  fi; d_step { check(); skip } }
  od
}

#define LOST(c,i) \
  :: d_step { RUNS && losses > 0 && CONNECTED(c,i) -> losses--; printf("the session of shard %d and coordinator %d is lost\n", i, C[c].epoch); endBoth(c, i); skip }
#define LOST_HALF(c,i) \
  :: d_step { RUNS && losses > 0 && CONNECTED(c,i) -> losses--; printf("shard %d loses its session\n", i); endAtShard(i); skip } \
  :: d_step { RUNS && losses > 0 && CONNECTED(c,i) -> losses--; printf("coordinator %d loses the session of shard %d\n", C[c].epoch, i); endAtCoordinator(c, i); skip } \
  :: d_step { RUNS && C[c].up && LEFT_AT_COORDINATOR(c,i) -> printf("coordinator %d learns that the session of shard %d has ended\n", C[c].epoch, i); endAtCoordinator(c, i); skip }
#define LEFT(i) \
  :: d_step { RUNS && LEFT_AT_SHARD(i) -> printf("shard %d learns that its session has ended\n", i); endAtShard(i); skip }
#define STARTS(runsOn,lost) \
  :: d_step { RUNS && CAN_START(lost) -> printf("a new incarnation; the old one runs on: %d; Proposed records lost: %d\n", runsOn, lost); start(runsOn, lost); skip }

proctype world() {
  do
  :: atomic { if
#ifdef HALF_OPEN
  LEFT(0) LEFT(1)
#define LOSES LOST_HALF
#else
#define LOSES LOST
#endif
  LOSES(1,0) LOSES(1,1)
#if INCARNATIONS > 1
  LOSES(2,0) LOSES(2,1)
#endif
#if INCARNATIONS > 2
  LOSES(3,0) LOSES(3,1)
#endif
#if SHARDS > 2
  LOSES(1,2)
#ifdef HALF_OPEN
  LEFT(2)
#endif
#if INCARNATIONS > 1
  LOSES(2,2)
#endif
#endif
  STARTS(0,0) STARTS(0,1) STARTS(0,2) STARTS(1,0) STARTS(1,1) STARTS(1,2)
#ifdef NO_C2_FORCE
  :: d_step { L.sure < L.decided -> printf("the decisions are forced\n"); L.sure = L.decided; L.forced = L.proposed; skip }
#endif
#ifdef NO_C7                            /* decisions are forgotten on the committed height */
  :: d_step { forgotten < S[0].committed && forgotten < S[1].committed -> printf("a decision is forgotten\n"); forgotten++; skip }
#endif
  fi; d_step { check(); skip } }
  od
}

init {
  d_step { L.epoch = 1; newest = 1; C[1].up = 1; C[1].epoch = 1 };
  atomic {
    run shard(0); run shard(1);
#if SHARDS > 2
    run shard(2);
#endif
    run coordinator(1);
#if INCARNATIONS > 1
    run coordinator(2);
#endif
#if INCARNATIONS > 2
    run coordinator(3);
#endif
    run world()
  }
}
