package main

import (
	"debug/buildinfo"
	"fmt"
	"os"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// verify checks that the bill of materials in a file is that of a binary: its SHA-256,
// and every module that the binary names, with version and checksum, no more and no less.
func verify(sbom, binary string) error {
	f, err := os.Open(sbom)
	if err != nil {
		return err
	}
	defer f.Close()
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(f, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return fmt.Errorf("%s is no bill of materials: %w", sbom, err)
	}
	if bom.Metadata == nil || bom.Metadata.Component == nil || bom.Components == nil {
		return fmt.Errorf("%s does not say what it is of", sbom)
	}
	hash, err := fileHash(binary)
	if err != nil {
		return err
	}
	if has := firstHash(*bom.Metadata.Component); has != "SHA-256:"+hash {
		return fmt.Errorf("%s is of a binary with the hash %q, and %s has SHA-256:%s", sbom, has, binary, hash)
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	wanted, err := components(info)
	if err != nil {
		return err
	}
	if err := sameComponents(*bom.Components, wanted); err != nil {
		return fmt.Errorf("%s is not what is in %s: %w", sbom, binary, err)
	}
	return nil
}

// sameComponents compares lists by name, version, package URL and hash, in any order.
func sameComponents(has, wanted []cdx.Component) error {
	listed := map[string]bool{}
	for _, c := range has {
		if listed[identity(c)] {
			return fmt.Errorf("%s %s is listed twice", c.Name, c.Version)
		}
		listed[identity(c)] = true
	}
	for _, c := range wanted {
		if !listed[identity(c)] {
			return fmt.Errorf("%s %s is not listed as it is", c.Name, c.Version)
		}
		delete(listed, identity(c))
	}
	for id := range listed {
		return fmt.Errorf("%s is listed and not in the binary", id)
	}
	return nil
}

// identity is all of a component by which it is compared.
func identity(c cdx.Component) string {
	return c.Name + " " + c.Version + " " + c.PackageURL + " " + firstHash(c)
}

// firstHash is the first hash of a component; "" if it has none.
func firstHash(c cdx.Component) string {
	if c.Hashes == nil || len(*c.Hashes) == 0 {
		return ""
	}
	return string((*c.Hashes)[0].Algorithm) + ":" + (*c.Hashes)[0].Value
}
