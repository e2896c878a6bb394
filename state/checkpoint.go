package state

import (
	"encoding/binary"
	"fmt"

	"github.com/lockstep-exec/lockstep/protocol"
)

// LogPosition ties a checkpoint to the write-ahead log beside it.
type LogPosition struct {
	ID     [16]byte // which log
	Keep   uint64   // first sequence that a replay on top of the checkpoint still needs
	Forced uint64   // highest sequence that was forced when the checkpoint was written
}

// Checkpoint is what the database says about itself. It is written in the same
// transaction as the pairs that it describes (rule S7), so the two never
// disagree.
type Checkpoint struct {
	Shard     protocol.ShardID
	Directory protocol.DirectoryID
	Config    protocol.Config    // zero until the first Welcome, then fixed
	Epoch     protocol.Epoch     // highest sender epoch seen; never falls
	Committed protocol.Committed // height, attempt, state digest and chain root; the pairs are the state at this height
	Log       LogPosition
}

// Height is the checkpointed height.
func (c Checkpoint) Height() protocol.Height { return c.Committed.Height() }

// formatVersion is the version of everything in the database: buckets, stored
// pairs, meta record.
const formatVersion = 1

// checkpointFixed is the length of the meta record without its seal and
// without the configuration at its end.
const checkpointFixed = 2 + 4 + 16 + 8 + 20 + 32 + 32 + 16 + 8 + 8 + 4

// heightOffset is where the height stands in the record, for the hot path that
// needs nothing else.
const heightOffset = 2 + 4 + 16 + 8

// encode gives the meta record, without its seal. doc.go has the byte table.
func (c Checkpoint) encode() []byte {
	var config []byte
	if !c.Config.IsZero() {
		config = c.Config.Encode()
	}
	b := make([]byte, 0, checkpointFixed+len(config))
	b = binary.BigEndian.AppendUint16(b, formatVersion)
	b = binary.BigEndian.AppendUint32(b, uint32(c.Shard))
	b = append(b, c.Directory[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Epoch))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Committed.Attempt.Height))
	b = binary.BigEndian.AppendUint64(b, uint64(c.Committed.Attempt.Epoch))
	b = binary.BigEndian.AppendUint32(b, c.Committed.Attempt.Attempt)
	b = append(b, c.Committed.Digest[:]...)
	b = append(b, c.Committed.Root[:]...)
	b = append(b, c.Log.ID[:]...)
	b = binary.BigEndian.AppendUint64(b, c.Log.Keep)
	b = binary.BigEndian.AppendUint64(b, c.Log.Forced)
	b = binary.BigEndian.AppendUint32(b, uint32(len(config)))
	return append(b, config...)
}

// decodeCheckpoint reads what encode wrote. Errors are ErrFormat for another
// version, and a *DamageError for anything else.
func decodeCheckpoint(b []byte) (c Checkpoint, err error) {
	if err := checkVersion(b); err != nil {
		return Checkpoint{}, err
	}
	take := func(n int) []byte {
		field := b[:n]
		b = b[n:]
		return field
	}
	take(2)
	c.Shard = protocol.ShardID(binary.BigEndian.Uint32(take(4)))
	copy(c.Directory[:], take(16))
	c.Epoch = protocol.Epoch(binary.BigEndian.Uint64(take(8)))
	c.Committed.Attempt.Height = protocol.Height(binary.BigEndian.Uint64(take(8)))
	c.Committed.Attempt.Epoch = protocol.Epoch(binary.BigEndian.Uint64(take(8)))
	c.Committed.Attempt.Attempt = binary.BigEndian.Uint32(take(4))
	copy(c.Committed.Digest[:], take(32))
	copy(c.Committed.Root[:], take(32))
	copy(c.Log.ID[:], take(16))
	c.Log.Keep = binary.BigEndian.Uint64(take(8))
	c.Log.Forced = binary.BigEndian.Uint64(take(8))
	length := binary.BigEndian.Uint32(take(4))
	if uint64(length) != uint64(len(b)) {
		return Checkpoint{}, &DamageError{What: fmt.Sprintf("meta record: configuration of %d bytes, %d present", length, len(b))}
	}
	if length > 0 {
		if c.Config, err = protocol.DecodeConfig(b); err != nil {
			return Checkpoint{}, &DamageError{What: "meta record", Err: err}
		}
	}
	return c, nil
}

// checkVersion makes sure that b is a meta record of this version and long
// enough for its fixed fields.
func checkVersion(b []byte) error {
	if len(b) < 2 {
		return &DamageError{What: fmt.Sprintf("meta record of %d bytes", len(b))}
	}
	if v := binary.BigEndian.Uint16(b); v != formatVersion {
		return fmt.Errorf("version %d, this program reads %d: %w", v, formatVersion, ErrFormat)
	}
	if len(b) < checkpointFixed {
		return &DamageError{What: fmt.Sprintf("meta record of %d bytes, want at least %d", len(b), checkpointFixed)}
	}
	return nil
}

// decodeHeight gives the height of a meta record whose version was checked
// when the database was opened.
func decodeHeight(b []byte) (protocol.Height, error) {
	if err := checkVersion(b); err != nil {
		return 0, err
	}
	return protocol.Height(binary.BigEndian.Uint64(b[heightOffset:])), nil
}
