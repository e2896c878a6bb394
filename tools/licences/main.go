// Command licences knows what is linked into the binary that is released, and under
// which licences. It refuses a module with a text that nobody has read, or with a
// licence that is not allowed here, and writes what goes with a release: the texts
// of all licences, and a bill of materials (CycloneDX).
//
// What a text is, a person has read and written down in texts.txt, by its SHA-256: no
// likeness decides, so a licence that gets another word is read again.
//
//	licences check                 docs/reference/licences.md is right, and all is allowed
//	licences table                 write docs/reference/licences.md
//	licences texts                 print the texts of all licences: THIRD_PARTY_LICENSES
//	licences sbom BINARY VERSION   print the bill of materials of a binary
//	licences verify SBOM BINARY    a bill of materials is that of a binary
//
// All but verify run the go command in the folder given with -root.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// page is the generated document, below the root.
const page = "docs/reference/licences.md"

func main() {
	root := flag.String("root", ".", "folder of the module that is released")
	flag.Parse()
	if err := run(*root, flag.Args(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// run carries out a command, and writes what it prints to out.
func run(root string, args []string, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "verify":
		return verify(args[1], args[2])
	case len(args) == 3 && args[0] == "sbom":
		return printSBOM(root, args[1], args[2], out)
	case len(args) != 1:
	case args[0] == "check":
		return check(root)
	case args[0] == "table":
		return writeTable(root)
	case args[0] == "texts":
		all, err := judgedModules(root)
		if err != nil {
			return err
		}
		_, err = out.Write(thirdParty(all))
		return err
	}
	return errors.New("say check, table, texts, sbom BINARY VERSION or verify SBOM BINARY")
}

// judgedModules gives all that is linked into any binary of a release, with licences,
// if all of it is allowed and every known text is in use.
func judgedModules(root string) ([]module, error) {
	all, err := linked(root)
	if err != nil {
		return nil, err
	}
	known, err := knownTexts()
	if err != nil {
		return nil, err
	}
	return judge(all, known)
}

func check(root string) error {
	all, err := judgedModules(root)
	if err != nil {
		return err
	}
	has, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		return err
	}
	if !bytes.Equal(has, table(all)) {
		return fmt.Errorf(`%s is not what is linked: run "make licences"`, page)
	}
	return nil
}

func writeTable(root string) error {
	all, err := judgedModules(root)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, page), table(all), 0o644)
}
