package history

import (
	"io"

	"go.etcd.io/bbolt"
)

// copying reads a copy of a history. Close lets go of it, whether it was read to
// the end or not.
type copying struct {
	*io.PipeReader
	over chan struct{} // closed when the transaction has ended
}

// newCopying takes the transaction over.
func newCopying(tx *bbolt.Tx) *copying {
	r, w := io.Pipe()
	c := &copying{PipeReader: r, over: make(chan struct{})}
	go func() {
		defer close(c.over)
		err := guard("copy", func() error {
			_, err := tx.WriteTo(w)
			return err
		})
		w.CloseWithError(err)
		_ = tx.Rollback() // a read transaction: it changed nothing
	}()
	return c
}

// Close implements io.Closer. It waits until the history is let go of.
func (c *copying) Close() error {
	err := c.PipeReader.Close()
	<-c.over
	return err
}
