/*
 * Bounds, messages and the state of every node. Numbers start at 1; 0 is none.
 *
 * The words are those of the package protocol: epoch, attempt, parent, held,
 * seen, committed, checkpointed, window, withdraw, resync.
 */
#ifndef SHARDS
#define SHARDS 2
#endif
#ifndef HEIGHTS
#define HEIGHTS 2               /* at most 3 */
#endif
#ifndef WINDOW
#define WINDOW 2
#endif
/* How often each fault may happen in one run. */
#ifndef F_COORDINATOR
#define F_COORDINATOR 0         /* a new incarnation; at most 2 */
#endif
#ifndef F_CRASH
#define F_CRASH 0               /* a shard crashes and replays its log */
#endif
#ifndef F_SESSION
#define F_SESSION 0             /* a session is lost, with what was on its way */
#endif
#ifndef F_REFUSE
#define F_REFUSE 0              /* an execution fails; a retry can help */
#endif
#ifndef F_EXPIRE
#define F_EXPIRE 0              /* the deadline of a block passes */
#endif
#define INCARNATIONS (F_COORDINATOR+1)
#define BLOCKS (HEIGHTS+F_EXPIRE) /* at most 5 */
#define ALL ((1<<SHARDS)-1)

/* An AttemptID without its height: epoch, then number, so that a later one is greater. */
#define ATTEMPT(epoch,n) ((epoch)*4+(n))
#define EPOCH_OF(a) ((a)/4)

/* A state digest is the sequence of blocks it was built from (invariant 6). */
#define AFTER(digest,block) ((digest)*8+(block))
#if HEIGHTS > 2
#define DIGEST short
#else
#define DIGEST byte
#endif

/* From the coordinator: kind, epoch of the sender, height, attempt, parent, block. */
#define WELCOME 0
#define EXECUTE 1
#define COMMIT  2
#define ABORT   3
#define MESSAGE(kind,e,h,a,p,b) ((kind)|((e)<<2)|((h)<<4)|((a)<<6)|((p)<<10)|((b)<<14))
#define KIND(m)   ((m)&3)
#define SENDER(m) (((m)>>2)&3)
#define HEIGHT(m) (((m)>>4)&3)
#define TRY(m)    (((m)>>6)&15)
#define PARENT(m) (((m)>>10)&15)
#define BLOCK(m)  (((m)>>14)&7)

/* From a shard: kind, height, attempt. What a Hello tells stands in the shard. */
#define HELLO 1
#define YES   2
#define NO    3
#define VOTE(kind,h,a) ((kind)|((h)<<2)|((a)<<4))
#define VOTED(v)       ((v)&3)
#define VOTE_HEIGHT(v) (((v)>>2)&3)
#define VOTE_TRY(v)    ((v)>>4)

/* The phase of a height on a shard; EXECUTING is also "executed, parent not prepared". */
#define EXECUTING 1
#define PREPARED  2
/* What a shard remembers of the highest attempt seen at a height. */
#define ABORTED 1
#define REFUSED 2
/* What the client of a block was told. */
#define COMMITTED 1
#define WITHDRAWN 2

typedef Coordinator {           /* one incarnation */
  bit  up;
  byte epoch;
  byte decided;                 /* decided height, as far as it knows */
  byte proposed;                /* the blocks up to this height have a Proposed record */
  byte block[HEIGHTS+2];        /* pending block by height; the last entry stays 0 */
  byte live[HEIGHTS+2];         /* its live attempt */
  byte votes[HEIGHTS+2];        /* bit i: shard i voted yes on it */
  byte attempts[HEIGHTS+2];     /* highest attempt number used in this epoch */
  bit  retry;                   /* waits for a Tick after a no */
  byte sessions;                /* bit i: shard i has a session */
};

typedef Shard {
  byte to;                      /* the incarnation its session leads to */
  bit  dialled;                 /* its Hello is on the way */
  byte epoch;                   /* highest epoch seen; durable */
  byte committed;
  byte checkpointed;
  byte phase[HEIGHTS+1];
  byte attempt[HEIGHTS+1];      /* held, or committed */
  DIGEST digest[HEIGHTS+1];     /* EXECUTING: the block; else the state digest */
  byte seen[HEIGHTS+1];         /* highest attempt met */
  byte mark[HEIGHTS+1];         /* ABORTED or REFUSED, of the attempt seen */
  /* the log, as a replay finds it */
  byte forced;                  /* the Committed records up to this height are forced */
  byte record[HEIGHTS+1];       /* attempt of the Prepared record */
  DIGEST recordDigest[HEIGHTS+1];
  /* the Hello on its way */
  byte helloEpoch;
  byte helloCommitted;
  byte helloPrepared[HEIGHTS+1];
#ifdef NO_S7_FORCE
  byte ahead;                   /* records that a replay takes for checkpointed ones */
#endif
};

/* The coordinator's log: one, fenced by epoch, read back by a new incarnation. */
typedef Log {
  byte epoch;                   /* highest claimed */
  byte decided;
  byte attempt[HEIGHTS+2];      /* decided attempt */
  byte block[HEIGHTS+2];        /* decided block; above decided: proposed block */
  DIGEST digest[HEIGHTS+2];     /* state digest of a sequential run */
  byte proposed;                /* Proposed records are appended up to this height */
  byte forced;                  /* and forced up to this one */
#ifdef NO_C2_FORCE
  byte sure;                    /* decisions are forced up to this height */
#endif
};

Coordinator C[INCARNATIONS+1];
Shard S[SHARDS];
Log L;
byte newest;                    /* the newest incarnation */
byte told[6];                   /* what the client of each block was told */
byte crashes = F_CRASH, losses = F_SESSION, refusals = F_REFUSE, expiries = F_EXPIRE;
#ifdef NO_C7
byte forgotten;                 /* decisions up to this height are gone */
#endif

#define ROOM 14                 /* asserted never to fill */
chan toShard[SHARDS] = [ROOM] of { int };
chan toCoordinator[SHARDS*INCARNATIONS] = [ROOM] of { byte };
#define INBOX(c,i) toCoordinator[(i)*INCARNATIONS+(c)-1]
#ifdef NO_S5_SESSION
chan late[SHARDS] = [ROOM] of { int }; /* messages of sessions that have ended */
#endif

#ifdef NO_C2_FORCE
#define SURE L.sure
#else
#define SURE L.decided
#endif

#define NO_DIVERGENCE(e) (e)
#define NO_LOST_DATA(e) (e)
/* No block needs more attempts in one epoch than the faults explain. */
#define I7_ATTEMPTS_END(n) ((n) < 3)
#define I3_NOT_COMMITTED(b) (told[b] != COMMITTED)

/* Proof of divergence: while the other rules are kept there is none. With
 * ONLY_AGREEMENT the world ends there, and 1, 5 and 6 alone are watched: so one
 * sees that S3 keeps them when another rule is broken. */
#ifdef ONLY_AGREEMENT
bit quarantined;
inline QUARANTINE() {
  quarantined = 1
}
#define OTHER(e) skip
#define RUNS !quarantined
#else
inline QUARANTINE() {
  assert(NO_DIVERGENCE(false))
}
#define OTHER(e) assert(e)
#define RUNS true
#endif
