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

// wantNoOverflow checks that nothing is wider than the screen.
func (b *browser) wantNoOverflow(when string) {
	b.t.Helper()
	if wide := b.text(`document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide != "0" {
		b.t.Errorf("%s: the page is %s pixels wider than the screen; the widest is %s", when, wide,
			b.text(`[...document.querySelectorAll("main *")].sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right)[0].outerHTML.slice(0, 200)`))
	}
}

// lowContrast lists visible texts that stand out too little from what is behind
// them, by the formula of WCAG 2.
const lowContrast = `(() => {
  const parse = (c) => { const p = c.match(/[\d.]+/g).map(Number); return { rgb: p.slice(0, 3), a: p.length > 3 ? p[3] : 1 }; };
  const light = (rgb) => { const [r, g, b] = rgb.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
  const bad = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || e.closest("svg title, .unseen, noscript, .skip") || !e.checkVisibility()) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(parse(e.closest("svg") ? style.fill : style.color).rgb), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.add(ratio.toFixed(2) + " " + e.className + " " + text.slice(0, 30));
  }
  return [...bad].join("; ");
})()`

// wantContrast checks that all text can be read.
func (b *browser) wantContrast(when string) {
	b.t.Helper()
	if bad := b.text(lowContrast); bad != "" {
		b.t.Errorf("%s: too little contrast (at least 4.5 is wanted): %s", when, bad)
	}
}
