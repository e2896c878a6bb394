package hostile

import (
	"bytes"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
)

// journal is the log of everybody.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger(name string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: name, Output: j, Level: hclog.Info})
}

// reports waits until a line of the log says all of this.
func (c *town) reports(words ...string) {
	c.t.Helper()
	c.await(fmt.Sprintf("the log says %q", words), func() bool {
		for line := range strings.Lines(c.log.String()) {
			if containsAll(line, words) {
				return true
			}
		}
		return false
	})
}

func containsAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
