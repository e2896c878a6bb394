package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		known map[string]string
		want  string
	}{
		"known":               {files: map[string]string{"LICENSE": "do"}, known: knownAs("MIT", "do")},
		"both of two":         {files: map[string]string{"LICENSE": "do"}, known: knownAs("Apache-2.0 AND MIT", "do")},
		"with a notice":       {files: map[string]string{"LICENCE.md": "do", "NOTICE": "do"}, known: knownAs("ISC", "do")},
		"a word more":         {files: map[string]string{"LICENSE": "do not"}, known: knownAs("MIT", "do"), want: "example.org/fake v1.0.0 has a text that nobody has read: read "},
		"a text beside":       {files: map[string]string{"LICENSE": "do", "COPYING.LESSER": "but"}, known: knownAs("MIT", "do"), want: "/COPYING.LESSER, and say in tools/licences/texts.txt"},
		"of third parties":    {files: map[string]string{"LICENSE": "do", "THIRD_PARTY_LICENSES.txt": "but"}, known: knownAs("MIT", "do"), want: "/THIRD_PARTY_LICENSES.txt, and say"},
		"settings of a tool":  {files: map[string]string{"UNLICENSE": "do", ".licenserc.yaml": "but"}, known: knownAs("MIT", "do")},
		"not allowed":         {files: map[string]string{"COPYING": "share"}, known: knownAs("AGPL-3.0-only", "share"), want: "example.org/fake v1.0.0 is under AGPL-3.0-only: only Apache-2.0,"},
		"one not allowed":     {files: map[string]string{"LICENSE": "do"}, known: knownAs("GPL-2.0-only AND MIT", "do"), want: "is under GPL-2.0-only: only"},
		"a choice is read":    {files: map[string]string{"LICENSE": "do"}, known: knownAs("GPL-2.0-only OR MIT", "do"), want: "is under GPL-2.0-only OR MIT: only"},
		"no licence":          {files: map[string]string{"license.go": "do", "README.md": "MIT"}, want: "example.org/fake v1.0.0 has no licence"},
		"only a notice":       {files: map[string]string{"NOTICE": "thanks"}, known: knownAs(notice, "thanks"), want: "has no licence"},
		"a line of the past":  {files: map[string]string{"LICENSE": "do"}, known: knownAs("MIT", "do", "done"), want: "nothing that is linked has the text " + text{content: []byte("done")}.hash()},
		"a folder of no need": {files: map[string]string{"LICENSE": "do", "cmd/LICENSE": "not"}, known: knownAs("MIT", "do")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := judge([]module{moduleWith(t, "example.org/fake", test.files)}, test.known)
			wantError(t, err, test.want)
		})
	}
}

// TestTextsOfCopiedCode: licences of code that a module has copied stand beside it.
func TestTextsOfCopiedCode(t *testing.T) {
	m := moduleWith(t, "example.org/fake", map[string]string{"LICENSE": "do", "third/party/LICENSE": "do it", "third/party/deep/a.go": ""})
	m.folders = map[string]bool{filepath.Join(m.dir, "third/party/deep"): true}
	known := knownAs("MIT", "do")
	known[text{content: []byte("do it")}.hash()] = "BSD-3-Clause"
	judged, err := judge([]module{m}, known)
	if err != nil {
		t.Fatal(err)
	}
	if got := judged[0]; got.licence != "BSD-3-Clause AND MIT" || len(got.texts) != 2 || got.texts[1].name != "third/party/LICENSE" {
		t.Errorf("got %s of %v", got.licence, got.texts)
	}
}

func TestThirdParty(t *testing.T) {
	files := map[string]string{"LICENSE": "Do what you\nwant.\n"}
	own := moduleWith(t, "example.org/program", map[string]string{"LICENSE": "Ours.\n"})
	own.version = ""
	known := knownAs("MIT", "Do what you\nwant.\n", "Ours.\n")
	judged, err := judge([]module{moduleWith(t, "example.org/a", files), moduleWith(t, "example.org/b", files), own}, known)
	if err != nil {
		t.Fatal(err)
	}
	got := string(thirdParty(judged))
	for _, want := range []string{"example.org/a v1.0.0\n    LICENSE: MIT [1]\n", "example.org/b v1.0.0\n    LICENSE: MIT [1]\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Count(got, "[1]\n\nDo what you\nwant.\n") != 1 || strings.Contains(got, "Ours.") {
		t.Errorf("the text of others stands there once, and ours not:\n%s", got)
	}
}

// TestReplacedModulesAreRefused asks the go command, about a module made here.
func TestReplacedModulesAreRefused(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module example.org/program\n\ngo 1.26\n\nrequire example.org/fake v1.0.0\n\nreplace example.org/fake => ./fake\n")
	write(t, filepath.Join(root, "cmd/lockstep/main.go"), "package main\n\nimport _ \"example.org/fake\"\n\nfunc main() {}\n")
	write(t, filepath.Join(root, "fake/go.mod"), "module example.org/fake\n")
	write(t, filepath.Join(root, "fake/fake.go"), "package fake\n")
	_, err := linked(root)
	wantError(t, err, "example.org/fake is replaced by ./fake")
}

// TestLicenceOfGo compares the copies here with those of the Go that is installed.
func TestLicenceOfGo(t *testing.T) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"LICENSE", "PATENTS"} {
		has, err := golang.ReadFile("golang/" + name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), name))
		if os.IsNotExist(err) {
			t.Skip("this Go was installed without its licence")
		}
		if err != nil || string(has) != string(want) {
			t.Errorf("golang/%s is not that of the Go that is installed, %v", name, err)
		}
	}
}
