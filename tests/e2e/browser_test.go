package e2e

import (
	"context"
	"fmt"
	"iter"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/lockstep-exec/lockstep/tests/cluster"
)

// browsers are the names under which systems have one that chromedp can drive.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"}

// browser is a page in a browser without a screen.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // what the console shows: errors, and what the policy has blocked
}

// browse opens a page. Without a browser on this machine the test is left out.
func browse(t *testing.T, url string, width, height int64) *browser {
	t.Helper()
	path := ""
	for _, name := range browsers {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skipf("no browser on this machine: install one of %s", strings.Join(browsers, ", "))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true))
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(free)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	go b.hear(messages)
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
	return b
}

// hear notes what a developer would see in red, until the browser ends.
func (b *browser) hear(messages iter.Seq2[chromedp.ConsoleMessage, error]) {
	for m, err := range messages {
		if err != nil {
			return
		}
		if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleWarning || m.IsException() {
			b.mu.Lock()
			b.faults = append(b.faults, m.String()+" "+m.URL)
			b.mu.Unlock()
		}
	}
}

// wantNoFaults fails the test if the console has shown anything so far.
func (b *browser) wantNoFaults() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Errorf("the console shows: %s", fault)
	}
}

// browserPatience bounds everything that is asked of a browser.
const browserPatience = time.Minute

// do carries actions out, in order.
func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

// text evaluates an expression and gives it as text.
func (b *browser) text(expression string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		b.t.Fatalf("browser: %s: %v", expression, err)
	}
	return s
}

// await waits until the text of an expression holds a part, and gives how long that
// took.
func (b *browser) await(expression, part string, within time.Duration) time.Duration {
	b.t.Helper()
	began := time.Now()
	cluster.Await(b.t, fmt.Sprintf("%q in %s", part, expression), within, func() string {
		if now := b.text(expression); !strings.Contains(now, part) {
			return fmt.Sprintf("it is %q", now)
		}
		return ""
	})
	return time.Since(began)
}

// press presses keys, and gives what has the focus then.
func (b *browser) press(keys string) string {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
	return b.text(`(e => [e.tagName, e.id, e.className, e.textContent.slice(0, 40)].join(" "))(document.activeElement)`)
}

// prefers sets what the user prefers: "prefers-color-scheme" "dark", for example.
func (b *browser) prefers(feature, value string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, browserPatience)
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: feature, Value: value}}})
	if err != nil {
		b.t.Fatalf("browser: %v", err)
	}
}

const tab, enter, escape, left = kb.Tab, kb.Enter, kb.Escape, kb.ArrowLeft

// textOf is an expression for the text of an element.
func textOf(id string) string { return fmt.Sprintf("document.getElementById(%q).textContent", id) }
