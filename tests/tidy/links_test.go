package tidy

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fences    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	spans     = regexp.MustCompile("`[^`\n]*`")
	links     = regexp.MustCompile(`(?:\]\(|\b(?:src|srcset|href)=")([^)"\s]+)`)
	headings  = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
	linkTexts = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	unspoken  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	mentions  = regexp.MustCompile(`\bdocs/[a-z/-]+\.md(?:#[\p{L}\p{N}_-]+)?`)
)

// anchorsOf gives what leads to the headings of a document, as forges make it.
func anchorsOf(document string) map[string]bool {
	found, seen := map[string]bool{}, map[string]int{}
	for _, heading := range headings.FindAllStringSubmatch(fences.ReplaceAllString(document, ""), -1) {
		text := linkTexts.ReplaceAllString(strings.TrimSpace(heading[1]), "$1")
		anchor := strings.ReplaceAll(unspoken.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
		seen[anchor]++
		if n := seen[anchor]; n > 1 {
			anchor = fmt.Sprintf("%s-%d", anchor, n-1)
		}
		found[anchor] = true
	}
	return found
}

// linksOf gives where the links and pictures of a document lead, in this repository.
func linksOf(document string) (list []string) {
	document = spans.ReplaceAllString(fences.ReplaceAllString(document, ""), "")
	for _, link := range links.FindAllStringSubmatch(document, -1) {
		if !strings.Contains(link[1], ":") {
			list = append(list, link[1])
		}
	}
	return list
}

// wrongLink says what is wrong with a link in a file, or "". A link that begins with a
// slash is from the root on.
func wrongLink(where fs.FS, from, link string) string {
	name, anchor, section := strings.Cut(link, "#")
	switch {
	case name == "":
		name = from
	case name[0] == '/':
		name = name[1:]
	default:
		name = path.Join(path.Dir(from), name)
	}
	if _, err := fs.Stat(where, name); err != nil {
		return fmt.Sprintf("%s leads to %s, which is not there", from, link)
	}
	if !section || !strings.HasSuffix(name, ".md") {
		return ""
	}
	document, err := fs.ReadFile(where, name)
	if err != nil {
		return err.Error()
	}
	if !anchorsOf(string(document))[anchor] {
		return fmt.Sprintf("%s leads to %s, and %s has no such heading", from, link, name)
	}
	return ""
}

// TestLinksLeadSomewhere: every link in a document, and every mention of a document in
// another file, leads to a file, and to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	where, followed := os.DirFS(root), 0
	follow := func(from, link string) {
		followed++
		if wrong := wrongLink(where, from, link); wrong != "" {
			t.Error(wrong)
		}
	}
	for _, name := range texts(t) {
		raw, err := fs.ReadFile(where, name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".md") {
			for _, link := range linksOf(string(raw)) {
				follow(name, link)
			}
			continue
		}
		for _, mention := range mentions.FindAllString(string(raw), -1) {
			follow(name, "/"+mention)
		}
	}
	if followed < 100 {
		t.Errorf("found only %d links", followed)
	}
}

// texts lists the files of the repository that may have links, below the root.
func texts(t *testing.T) (list []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		switch {
		case entry.IsDir() && (base == "testdata" || base == "bin" || base == "dist" || name != root && strings.HasPrefix(base, ".")):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		}
		switch filepath.Ext(base) {
		case ".md", ".go", ".js", ".html", ".json", ".yml", ".yaml", ".service", "":
			below, err := filepath.Rel(root, name)
			list = append(list, filepath.ToSlash(below))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestWrongLinksAreFound(t *testing.T) {
	document := "# One `two`, [three](x.md)\n\n```\n# Four\n[no](no.md)\n```\n\n## Same\n\n## Same\n\n" +
		"[a](b.md#c) `[no](no.md)` ![p](p.svg) [split\nit](#same-1) [out](https://example.org) <img src=\"q.png\" alt=\"\">\n"
	dir := t.TempDir()
	for name, content := range map[string]string{"a.md": document, "b.md": "# Other\n", "x.md": "", "q.png": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(linksOf(document)); got != "[x.md b.md#c p.svg #same-1 q.png]" {
		t.Errorf("links %s", got)
	}
	for link, wrong := range map[string]bool{
		"#one-two-three": false, "#four": true, "#same": false, "#same-1": false, "#same-2": true,
		"b.md": false, "b.md#other": false, "b.md#c": true, "/b.md#other": false, "/c/b.md": true, "p.svg": true, "q.png": false,
	} {
		if got := wrongLink(os.DirFS(dir), "a.md", link); (got != "") != wrong {
			t.Errorf("%s: %q", link, got)
		}
	}
}
