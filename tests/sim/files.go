package sim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockstep-exec/lockstep/wal"
)

// segmentBytes makes the segments of real logs small, so that they change.
const segmentBytes = 2 << 10

// files is a real log in a folder, beneath a disk. After a crash the folder is
// what a loss of power leaves: the end of the last segment that was not forced
// is cut anywhere, or holds rubbish. Opening must mend it.
type files struct {
	disk   *disk
	folder string
	log    *wal.Log
	// forced is the last segment, and its length, at the last sync.
	forced struct {
		name   string
		length int64
	}
	mark []byte // the register MARK when the log was opened
}

func (f *files) fatal(doing string, err error) {
	if err != nil {
		f.disk.shard.world.fail("files", "the real log of shard %d: %s: %v", f.disk.shard.id, doing, err)
	}
}

// open opens the log, and tells the disk what survived.
func (f *files) open() {
	log, err := wal.Open(f.folder, wal.Options{SegmentBytes: segmentBytes})
	f.fatal("open", err)
	f.log = log
	d := f.disk
	if d.last() == 0 {
		d.id = log.ID()
	}
	switch last := log.Last(); {
	case last < d.durable:
		f.fatal("open", fmt.Errorf("record %d was durable, the log ends at %d", d.durable, last))
	case last > d.last():
		f.fatal("open", fmt.Errorf("record %d was the last, the log ends at %d", d.last(), last))
	default:
		d.cut(int(last - d.durable))
	}
	if log.First() != d.first {
		f.fatal("open", fmt.Errorf("the first record should be %d, is %d", d.first, log.First()))
	}
	d.shard.world.counts["log mends"] += len(log.Repairs())
	f.mark, err = os.ReadFile(filepath.Join(f.folder, "MARK"))
	f.fatal("read its mark", err)
	f.noteForced()
}

func (f *files) noteForced() {
	name, length, err := lastSegment(f.folder)
	f.fatal("look at the segments", err)
	f.forced.name, f.forced.length = name, length
}

func (f *files) append(records []wal.Record) {
	if len(records) == 0 {
		return
	}
	first, err := f.log.Append(records...)
	f.fatal("append", err)
	if first != f.disk.last()+1 {
		f.fatal("append", fmt.Errorf("got sequence %d, want %d", first, f.disk.last()+1))
	}
}

func (f *files) sync() {
	f.fatal("sync", f.log.Sync())
	f.noteForced()
}

func (f *files) trim(keep uint64) {
	f.fatal("trim", f.log.TrimFront(keep))
	f.noteForced()
}

// replay reads the files, and compares with what was written.
func (f *files) replay(from uint64, fn func(seq uint64, r wal.Record) error) error {
	return f.log.Replay(from, func(seq uint64, r wal.Record) error {
		if was := f.disk.records[seq-1]; was.Type != r.Type || !bytes.Equal(was.Data, r.Data) {
			f.fatal("replay", fmt.Errorf("record %d is not what was written", seq))
		}
		return fn(seq, r)
	})
}

// crash abandons the log: what it leaves behind is a copy of the folder as it
// is now, in which what was not forced has come to harm.
func (f *files) crash(c chooser) {
	copied := f.folder + ".crashed"
	f.fatal("copy", os.CopyFS(copied, os.DirFS(f.folder)))
	f.harm(copied, c)
	_ = f.log.Close() // writes to the folder that is removed now
	f.fatal("remove", os.RemoveAll(f.folder))
	f.fatal("rename", os.Rename(copied, f.folder))
	f.log = nil
}

func (f *files) harm(folder string, c chooser) {
	name, length, err := lastSegment(folder)
	f.fatal("look at the segments", err)
	safe := int64(0) // a segment is begun when the one before it is forced
	if name == f.forced.name {
		safe = f.forced.length
	}
	if c.percent(30) {
		f.fatal("put an old mark back", os.WriteFile(filepath.Join(folder, "MARK"), f.mark, 0o600))
	}
	if safe >= length || c.percent(20) {
		return
	}
	path := filepath.Join(folder, name)
	if c.percent(60) {
		f.fatal("cut the end", os.Truncate(path, safe+c.Int64N(length-safe)))
		return
	}
	data, err := os.ReadFile(path)
	f.fatal("read the end", err)
	for at := safe + c.Int64N(length-safe); at < length; at += 1 + c.Int64N(64) {
		data[at] ^= byte(1 + c.IntN(255))
	}
	f.fatal("scribble over the end", os.WriteFile(path, data, 0o600))
}

func lastSegment(folder string) (name string, length int64, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", 0, err
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") == "" && e.Name() > name {
			name = e.Name()
		}
	}
	if name == "" {
		return "", 0, errors.New("there is none")
	}
	info, err := os.Stat(filepath.Join(folder, name))
	if err != nil {
		return "", 0, err
	}
	return name, info.Size(), nil
}
