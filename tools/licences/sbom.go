package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// printSBOM prints the bill of materials of a binary of a release. Modules, versions and
// hashes are those that the binary itself names; licences and edges are those of what
// go list says is linked, and the two must have the same modules. The same binary,
// version and SOURCE_DATE_EPOCH give the same bytes.
func printSBOM(root, binary, version string, out io.Writer) error {
	at, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return errors.New("SOURCE_DATE_EPOCH must be set to the date of the release, in seconds since 1970")
	}
	all, err := judgedModules(root)
	if err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	hash, err := fileHash(binary)
	if err != nil {
		return err
	}
	bom, err := newSBOM(all, info, version, hash, time.Unix(at, 0))
	if err != nil {
		return err
	}
	encoder := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON)
	encoder.SetPretty(true)
	return encoder.EncodeVersion(bom, cdx.SpecVersion1_6)
}

// newSBOM makes the bill of materials of a binary with a SHA-256 that was built from
// the modules all. It has no serial number: that would have to be random.
func newSBOM(all []module, info *debug.BuildInfo, version, hash string, at time.Time) (*cdx.BOM, error) {
	components, err := components(info)
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for i := range components {
		refs[components[i].Name] = components[i].BOMRef
	}
	main := cdx.Component{
		Type: cdx.ComponentTypeApplication, Name: info.Main.Path, Version: version,
		BOMRef: purl(info.Main.Path, version), PackageURL: purl(info.Main.Path, version),
		Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hash}}, Properties: buildSettings(info),
	}
	refs[main.Name] = main.BOMRef

	for _, c := range append([]*cdx.Component{&main}, pointers(components)...) {
		m, err := builtFrom(all, *c)
		if err != nil {
			return nil, err
		}
		c.Licenses = licences(m.licence)
	}
	edges := edges(all, refs)
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: at.UTC().Format(time.RFC3339), Component: &main}
	bom.Components, bom.Dependencies = &components, &edges
	return bom, nil
}

func pointers(components []cdx.Component) (list []*cdx.Component) {
	for i := range components {
		list = append(list, &components[i])
	}
	return list
}

// builtFrom finds the module that a component is.
func builtFrom(all []module, c cdx.Component) (module, error) {
	at := slices.IndexFunc(all, func(m module) bool {
		return m.path == c.Name && (m.version == c.Version || m.version == "")
	})
	if at < 0 {
		return module{}, fmt.Errorf("%s %s is in the binary and not among what is linked here: build the binary anew", c.Name, c.Version)
	}
	return all[at], nil
}

// edges says which module uses which others, of those in the binary: some may be linked
// for another architecture only.
func edges(all []module, refs map[string]string) (list []cdx.Dependency) {
	for _, m := range all {
		if refs[m.path] == "" {
			continue
		}
		to := []string{}
		for _, path := range slices.Sorted(maps.Keys(m.uses)) {
			if refs[path] != "" {
				to = append(to, refs[path])
			}
		}
		list = append(list, cdx.Dependency{Ref: refs[m.path], Dependencies: &to})
	}
	return list
}

// components lists what a binary says that it has in it, sorted by name, the standard
// library included.
func components(info *debug.BuildInfo) ([]cdx.Component, error) {
	release, isRelease := strings.CutPrefix(info.GoVersion, "go")
	if !isRelease || strings.ContainsAny(release, " ") {
		return nil, fmt.Errorf("the binary was built by %q: a release is built by a release of Go", info.GoVersion)
	}
	list := []cdx.Component{component(standard, release)}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			return nil, fmt.Errorf("the binary has %s in place of %s", dep.Replace.Path, dep.Path)
		}
		sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(dep.Sum, "h1:"))
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("the binary says of %s the checksum %q, which is none of go.sum", dep.Path, dep.Sum)
		}
		c := component(dep.Path, dep.Version)
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum)}}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b cdx.Component) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func component(path, version string) cdx.Component {
	return cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: path, Version: version, Scope: cdx.ScopeRequired,
		BOMRef: purl(path, version), PackageURL: purl(path, version),
	}
}

// purl names a module for those who look for its vulnerabilities.
func purl(path, version string) string {
	return "pkg:golang/" + path + "@" + strings.ReplaceAll(version, "+", "%2B")
}

// licences is one SPDX identifier, or an expression of several.
func licences(expression string) *cdx.Licenses {
	if strings.Contains(expression, " ") {
		return &cdx.Licenses{{Expression: expression}}
	}
	return &cdx.Licenses{{License: &cdx.License{ID: expression}}}
}

// buildSettings says what the binary is for, in the names of CycloneDX's taxonomy.
func buildSettings(info *debug.BuildInfo) *[]cdx.Property {
	var list []cdx.Property
	for _, s := range info.Settings {
		if slices.Contains([]string{"CGO_ENABLED", "GOARCH", "GOOS", "GOAMD64", "GOARM64"}, s.Key) {
			list = append(list, cdx.Property{Name: "cdx:gomod:build:env:" + s.Key, Value: s.Value})
		}
	}
	return &list
}

// fileHash is the SHA-256 of a file.
func fileHash(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
