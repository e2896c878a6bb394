package main

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// allowed are the licences under which code may be linked. All let anybody distribute
// the binary with the texts; MPL-2.0 also asks to say where the source is, and binds
// only changes to its own files, of which there are none here.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// notice is what texts.txt has in place of a licence for a text that goes with one.
const notice = "notice"

// isText matches names of files that are licences or go with them, of third parties too.
// Sources and hidden files, which are settings of tools, are not.
var isText = regexp.MustCompile(`(?i)^[^.].*licen[cs]e|^(licen[cs]e|(copying|copyright|notice|patent)s?([-_.].*)?$)`)

// text is a licence, or a notice that goes with one.
type text struct {
	name    string // file below the folder of the module, with slashes
	content []byte
	is      string // SPDX expression, or notice; set by judge
}

func (t text) hash() string {
	sum := sha256.Sum256(t.content)
	return hex.EncodeToString(sum[:])
}

// The licence of Go itself: not every installation of Go has the files.
//
//go:embed golang
var golang embed.FS

//go:embed texts.txt
var texts string

// knownTexts reads texts.txt: what each text is, by its SHA-256.
func knownTexts() (map[string]string, error) {
	known := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(texts))
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		field := strings.SplitN(line, "  ", 3)
		if len(field) != 3 || len(field[0]) != 2*sha256.Size || known[field[0]] != "" {
			return nil, fmt.Errorf("texts.txt: the line %q is not a new SHA-256, what the text is, and where it is from", line)
		}
		known[field[0]] = field[1]
	}
	return known, lines.Err()
}

// find reads the texts of a module.
func (m module) find() ([]text, error) {
	if m.path == standard {
		below, err := fs.Sub(golang, "golang")
		if err != nil {
			return nil, err
		}
		return textsIn(below, ".", nil)
	}
	var found []text
	for _, folder := range m.searched() {
		name, err := filepath.Rel(m.dir, folder)
		if err != nil {
			return nil, err
		}
		if found, err = textsIn(os.DirFS(m.dir), filepath.ToSlash(name), found); err != nil {
			return nil, fmt.Errorf("read the licences of %s: %w", m.path, err)
		}
	}
	return found, nil
}

// textsIn appends the texts in one folder.
func textsIn(in fs.FS, folder string, found []text) ([]text, error) {
	entries, err := fs.ReadDir(in, folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.IsDir() || !isText.MatchString(entry.Name()) || strings.HasSuffix(entry.Name(), ".go") {
			continue
		}
		name := strings.TrimPrefix(folder+"/"+entry.Name(), "./")
		content, err := fs.ReadFile(in, name)
		if err != nil {
			return nil, err
		}
		found = append(found, text{name: name, content: content})
	}
	return found, nil
}

// judge gives modules their texts and licences. It refuses, naming all at once, a
// module without a licence, a text that is not known, a licence that is not allowed,
// and a known text that nothing has any more.
func judge(all []module, known map[string]string) ([]module, error) {
	var refused []error
	unused := maps.Clone(known)
	judged := slices.Clone(all)
	for i := range judged {
		m := &judged[i]
		found, err := m.find()
		if err != nil {
			return nil, err
		}
		m.texts = found
		refused = append(refused, m.judge(known)...)
		for _, t := range found {
			delete(unused, t.hash())
		}
	}
	for _, hash := range slices.Sorted(maps.Keys(unused)) {
		refused = append(refused, fmt.Errorf("nothing that is linked has the text %s: take its line out of tools/licences/texts.txt", hash))
	}
	return judged, errors.Join(refused...)
}

// judge says what the texts of a module are, and its licence.
func (m *module) judge(known map[string]string) (refused []error) {
	licences := map[string]bool{}
	for i := range m.texts {
		t := &m.texts[i]
		t.is = known[t.hash()]
		switch t.is {
		case "":
			refused = append(refused, fmt.Errorf("%s %s has a text that nobody has read: read %s, and say in tools/licences/texts.txt what %s is",
				m.path, m.version, filepath.Join(m.dir, t.name), t.hash()))
		case notice:
		default:
			for id := range strings.SplitSeq(t.is, " AND ") {
				licences[id] = true
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(licences)) {
		if !slices.Contains(allowed, id) {
			refused = append(refused, fmt.Errorf("%s %s is under %s: only %s may be linked", m.path, m.version, id, strings.Join(allowed, ", ")))
		}
	}
	if len(licences) == 0 && len(refused) == 0 {
		refused = append(refused, fmt.Errorf("%s %s has no licence: without one it may not be distributed", m.path, m.version))
	}
	m.licence = strings.Join(slices.Sorted(maps.Keys(licences)), " AND ")
	return refused
}
