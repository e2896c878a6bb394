package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/xeipuuv/gojsonschema"
)

func TestSBOM(t *testing.T) {
	all, info := madeOf()
	bom, err := newSBOM(all, info, "v1.2.3", strings.Repeat("0", 64), time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		t.Fatal(err)
	}
	wantValid(t, out.Bytes())
	for _, want := range []string{
		`"timestamp":"1970-01-01T00:00:00Z"`,
		`"purl":"pkg:golang/example.org/program@v1.2.3"`,
		`"purl":"pkg:golang/stdlib@1.26.8"`,
		`"purl":"pkg:golang/example.org/b@v2.0.0%2Bincompatible"`,
		`"licenses":[{"expression":"Apache-2.0 AND MIT"}]`,
		`{"ref":"pkg:golang/example.org/a@v1.0.0","dependsOn":["pkg:golang/example.org/b@v2.0.0%2Bincompatible","pkg:golang/stdlib@1.26.8"]}`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in %s", want, out.String())
		}
	}
	for _, not := range []string{"serialNumber", "example.org/arm", "ldflags"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("%s is in %s", not, out.String())
		}
	}
}

// wantValid holds a bill of materials against the schema of CycloneDX, as its library
// brings it along.
func wantValid(t *testing.T, bom []byte) {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) gojsonschema.JSONLoader {
		return gojsonschema.NewReferenceLoader("file://" + filepath.Join(strings.TrimSpace(string(dir)), "schema", name))
	}
	schemas := gojsonschema.NewSchemaLoader()
	for name, file := range map[string]string{"spdx.schema.json": "spdx.schema.json", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		if err := schemas.AddSchema("http://cyclonedx.org/schema/"+name, part(file)); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := schemas.Compile(part("bom-1.6.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	result, err := schema.Validate(gojsonschema.NewBytesLoader(bom))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range result.Errors() {
		t.Error(wrong)
	}
}

func TestSBOMOfAnotherTree(t *testing.T) {
	all, info := madeOf()
	info.Deps[0].Version = "v1.0.1"
	_, err := newSBOM(all, info, "v1.2.3", "", time.Unix(0, 0))
	wantError(t, err, "example.org/a v1.0.1 is in the binary and not among what is linked here")

	all, info = madeOf()
	info.Deps[0].Replace = info.Deps[1]
	_, err = newSBOM(all, info, "v1.2.3", "", time.Unix(0, 0))
	wantError(t, err, "the binary has example.org/b in place of example.org/a")

	all, info = madeOf()
	info.Deps[0].Sum = ""
	_, err = newSBOM(all, info, "v1.2.3", "", time.Unix(0, 0))
	wantError(t, err, "which is none of go.sum")

	all, info = madeOf()
	info.GoVersion = "devel go1.27-abcdef"
	_, err = newSBOM(all, info, "v1.2.3", "", time.Unix(0, 0))
	wantError(t, err, "a release is built by a release of Go")
}

// TestVerify makes the bill of materials of the binary of this test, and then others that
// are not.
func TestVerify(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*cdx.BOM)
		want   string
	}{
		"as it is":       {func(*cdx.BOM) {}, ""},
		"another binary": {func(b *cdx.BOM) { (*b.Metadata.Component.Hashes)[0].Value = "00" }, `is of a binary with the hash "SHA-256:00"`},
		"one missing":    {func(b *cdx.BOM) { *b.Components = (*b.Components)[1:] }, "is not listed as it is"},
		"one more": {func(b *cdx.BOM) { *b.Components = append(*b.Components, component("example.org/a", "v1.0.0")) },
			"example.org/a v1.0.0 pkg:golang/example.org/a@v1.0.0  is listed and not in the binary"},
		"one twice":       {func(b *cdx.BOM) { *b.Components = append(*b.Components, (*b.Components)[0]) }, "is listed twice"},
		"another version": {func(b *cdx.BOM) { (*b.Components)[0].Version = "v0.0.1" }, "is not listed as it is"},
		"another sum":     {func(b *cdx.BOM) { (*(*b.Components)[0].Hashes)[0].Value = "00" }, "is not listed as it is"},
		"of nothing":      {func(b *cdx.BOM) { b.Metadata = nil }, "does not say what it is of"},
	} {
		t.Run(name, func(t *testing.T) {
			bom := sbomOf(t, binary)
			test.change(bom)
			file := filepath.Join(t.TempDir(), "bom.json")
			content, err := json.Marshal(bom)
			if err != nil {
				t.Fatal(err)
			}
			write(t, file, string(content))
			wantError(t, run("", []string{"verify", file, binary}, io.Discard), test.want)
		})
	}
}

func TestVerifyRubbish(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bom.json")
	write(t, file, "rubbish")
	wantError(t, verify(file, file), "is no bill of materials")
	wantError(t, run("", []string{"verify", file}, io.Discard), "say check, table")
}

// sbomOf makes the bill of materials of a binary as if all in it were under the MIT
// license.
func sbomOf(t *testing.T, binary string) *cdx.BOM {
	t.Helper()
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	all := []module{{path: info.Main.Path, licence: "MIT"}, {path: standard, licence: "MIT"}}
	for _, dep := range info.Deps {
		all = append(all, module{path: dep.Path, version: dep.Version, licence: "MIT"})
	}
	hash, err := fileHash(binary)
	if err != nil {
		t.Fatal(err)
	}
	bom, err := newSBOM(all, info, "v1.2.3", hash, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return bom
}
