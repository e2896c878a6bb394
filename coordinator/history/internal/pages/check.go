package pages

import (
	"bytes"
	"fmt"
	"io"
)

// Check reads a bbolt file of the given size and calls report with what is
// wrong with its structure, page by page: damaged meta pages, pages out of
// bounds, of a wrong kind, in use twice, in use and free, neither of the two,
// and keys out of order. Nobody may write to the file meanwhile.
//
// walkable says that bbolt can follow the pages without running in circles;
// what else was reported may still make it panic or read out of bounds. The
// error is that of reading the file.
func Check(file io.ReaderAt, size, pageBytes int64, report func(what string)) (walkable bool, err error) {
	c := checker{file: file, pageBytes: pageBytes, report: report, walkable: true}
	m, ok, err := c.metas(size)
	if err != nil || !ok {
		return false, err
	}
	c.highWater = m.highWater
	c.seen = make([]bool, m.highWater)
	c.seen[0], c.seen[1] = true, true
	if err := c.tree(m.root, span{}); err != nil {
		return false, err
	}
	if err := c.freelist(m.freelist); err != nil {
		return false, err
	}
	c.leaks()
	return c.walkable, nil
}

type checker struct {
	file      io.ReaderAt
	pageBytes int64
	highWater uint64
	seen      []bool // by page id: in use, or free
	report    func(string)
	walkable  bool
	depth     int // of the page that is looked at, below the root
}

// depthMax bounds the levels of pages, and with them the stack: a sound file has
// fewer than ten.
const depthMax = 64

func (c *checker) fault(id uint64, format string, args ...any) {
	c.report(fmt.Sprintf("page %d: ", id) + fmt.Sprintf(format, args...))
}

// metas gives the newer of the sound meta pages. ok is false if there is none,
// or if it makes no sense.
func (c *checker) metas(size int64) (best meta, ok bool, err error) {
	for id := range uint64(2) {
		p := make(page, c.pageBytes)
		if _, err := c.file.ReadAt(p, int64(id)*c.pageBytes); err != nil && err != io.EOF {
			return meta{}, false, fmt.Errorf("read page %d: %w", id, err)
		}
		m, sound := readMeta(p)
		switch {
		case !sound:
			c.fault(id, "meta page is damaged; what the last write changed may be lost")
		case !ok || m.transaction > best.transaction:
			best, ok = m, true
		}
	}
	if !ok {
		return meta{}, false, nil
	}
	if best.pageBytes != c.pageBytes || best.highWater < 4 || best.highWater > uint64(size/c.pageBytes) {
		c.fault(best.transaction%2, "meta page speaks of %d pages of %d bytes, in a file of %d bytes", best.highWater, best.pageBytes, size)
		return meta{}, false, nil
	}
	return best, true, nil
}

// claim notes that n pages are used. It reports false for those that are not
// there, or are used already.
func (c *checker) claim(id, n uint64, by string) bool {
	if id < 2 || id >= c.highWater || n > c.highWater-id {
		c.fault(id, "%s is out of bounds", by)
		return false
	}
	for i := id; i < id+n; i++ {
		if c.seen[i] {
			c.fault(i, "is in use twice, the second time as %s", by)
			c.walkable = false
			return false
		}
		c.seen[i] = true
	}
	return true
}

// read claims a page with its overflow and reads it. It gives nil after a
// finding.
func (c *checker) read(id uint64, as string) (page, error) {
	if !c.claim(id, 1, as) {
		return nil, nil
	}
	offset := int64(id) * c.pageBytes //nolint:G115 // claim has found it below the end of the file
	head := make(page, headerBytes)
	if _, err := c.file.ReadAt(head, offset); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	if head.id() != id {
		c.fault(id, "calls itself page %d", head.id())
		return nil, nil
	}
	if n := uint64(head.overflow()); n > 0 && !c.claim(id+1, n, "overflow") {
		return nil, nil
	}
	p := make(page, (1+int64(head.overflow()))*c.pageBytes)
	if _, err := c.file.ReadAt(p, offset); err != nil {
		return nil, fmt.Errorf("read page %d: %w", id, err)
	}
	return p, nil
}

// span bounds the keys below a page: from is the lowest, to is above the
// highest; nil is no bound.
type span struct{ from, to []byte }

// tree checks a page and all below it.
func (c *checker) tree(id uint64, keys span) error {
	if c.depth == depthMax {
		c.fault(id, "is more than %d levels deep", depthMax)
		c.walkable = false
		return nil
	}
	c.depth++
	defer func() { c.depth-- }()
	p, err := c.read(id, "page of a tree")
	if p == nil || err != nil {
		return err
	}
	return c.node(id, p, keys)
}

func (c *checker) node(id uint64, p page, keys span) error {
	switch {
	case p.flags() != branchFlag && p.flags() != leafFlag:
		c.fault(id, "is of kind %#x, not part of a tree", p.flags())
		return nil
	case !p.holds():
		c.fault(id, "has %d elements, more than fit in", p.count())
		c.walkable = c.walkable && p.flags() == leafFlag
		return nil
	case p.flags() == branchFlag:
		return c.branch(id, p, keys)
	}
	return c.leaf(id, p, keys, false)
}

func (c *checker) branch(id uint64, p page, keys span) error {
	if p.count() == 0 {
		c.fault(id, "is a branch page without children")
	}
	for i := range p.count() {
		key, child := p.child(i)
		below := span{from: key, to: keys.to}
		if i+1 < p.count() {
			below.to, _ = p.child(i + 1)
		}
		c.ordered(id, i, key, keys)
		keys.from = key
		if err := c.tree(child, below); err != nil {
			return err
		}
	}
	return nil
}

// leaf checks a leaf page. One that is inside of a page has no buckets; bbolt
// gives such a bucket a page of its own.
func (c *checker) leaf(id uint64, p page, keys span, inside bool) error {
	for i := range p.count() {
		key, value, bucket := p.pair(i)
		c.ordered(id, i, key, keys)
		keys.from = key
		if !bucket || key == nil {
			continue
		}
		if inside {
			c.fault(id, "has a bucket in a bucket that is inside of it")
			c.walkable = false
			continue
		}
		if err := c.bucket(id, value); err != nil {
			return err
		}
	}
	return nil
}

// ordered checks that a key lies in its span, and above the one before it.
func (c *checker) ordered(id uint64, i int, key []byte, keys span) {
	least := 0 // the first key of a page may be the bound itself
	if i > 0 {
		least = 1
	}
	switch {
	case key == nil:
		c.fault(id, "element %d lies outside of it", i)
	case keys.from != nil && bytes.Compare(key, keys.from) < least:
		c.fault(id, "key %d is out of order", i)
	case keys.to != nil && bytes.Compare(key, keys.to) >= 0:
		c.fault(id, "key %d belongs to a page further on", i)
	}
}

// bucket checks the tree of a bucket, or the page inside its value.
func (c *checker) bucket(id uint64, value []byte) error {
	if len(value) < bucketBytes {
		c.fault(id, "has a bucket of %d bytes", len(value))
		return nil
	}
	if root := order.Uint64(value); root != 0 {
		return c.tree(root, span{})
	}
	inline := page(value[bucketBytes:])
	if len(inline) < headerBytes || inline.flags() != leafFlag || !inline.holds() {
		c.fault(id, "has a bucket inside that is not a leaf page")
		c.walkable = false
		return nil
	}
	return c.leaf(id, inline, span{}, true)
}

// freelist checks that no page is free and in use.
func (c *checker) freelist(id uint64) error {
	p, err := c.read(id, "list of free pages")
	if p == nil || err != nil {
		return err
	}
	if p.flags() != freelistFlag {
		c.fault(id, "is of kind %#x, not a list of free pages", p.flags())
		return nil
	}
	ids, count := p[headerBytes:], uint64(p.count())
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		c.fault(id, "lists %d free pages, more than fit in", count)
		return nil
	}
	for i := range count {
		walkable := c.walkable
		c.claim(order.Uint64(ids[8*i:]), 1, "a free page")
		c.walkable = walkable // reading does not look at the list
	}
	return nil
}

// leaks reports pages that are neither in use nor free.
func (c *checker) leaks() {
	for id, seen := range c.seen {
		if !seen {
			c.fault(uint64(id), "is neither in use nor free")
		}
	}
}
