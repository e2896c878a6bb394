package main

import (
	"bytes"
	"fmt"
	"strings"
)

const tableHead = `# Licences

Of all that is linked into the binaries of a release (Linux on amd64 and arm64). Generated
from what is linked; do not edit. To write it anew: ` + "`make licences`" + `, which refuses a text that
nobody has read and a licence that is not allowed. The texts themselves are in
` + "`THIRD_PARTY_LICENSES`" + `, in every package; versions, hashes and who uses whom in the bill of
materials beside it. [dependencies.md](../dependencies.md) says why each is here,
[security.md](../security.md#supply-chain) how all this is kept.

| module | version | licence | texts |
| --- | --- | --- | --- |
`

// table is docs/reference/licences.md.
func table(all []module) []byte {
	var b bytes.Buffer
	b.WriteString(tableHead)
	for _, m := range all {
		var names []string
		for _, t := range m.texts {
			names = append(names, t.name)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.title(), m.shownVersion(), m.licence, strings.Join(names, ", "))
	}
	return b.Bytes()
}

func (m module) title() string {
	if m.path == standard {
		return "Go: runtime and standard library"
	}
	return m.path
}

func (m module) shownVersion() string {
	switch {
	case m.path == standard:
		return "of the Go that builds it"
	case m.isReleased():
		return "this"
	}
	return m.version
}

const thirdPartyHead = `Licences of what is in the binary of Lockstep

Lockstep itself is under the Apache License 2.0: see LICENSE or copyright beside this
file. Its binary has code of others in it, which is theirs, unchanged, under the
licences below. The number behind a name is that of a text.

Source of everything: https://proxy.golang.org/NAME/@v/VERSION.zip, with "!" and the
small letter in place of each capital; of Go: https://go.dev/dl/. Where a licence
entitles you to source (MPL-2.0 does), it is that.

`

// thirdParty is THIRD_PARTY_LICENSES: who is under what, then each text once.
func thirdParty(all []module) []byte {
	var b, bodies bytes.Buffer
	b.WriteString(thirdPartyHead)
	numbers := map[string]int{}
	for _, m := range all {
		if m.isReleased() {
			continue
		}
		fmt.Fprintf(&b, "%s\n", strings.TrimSpace(m.title()+" "+m.version))
		for _, t := range m.texts {
			hash := t.hash()
			if numbers[hash] == 0 {
				numbers[hash] = len(numbers) + 1
				fmt.Fprintf(&bodies, "\n%s\n[%d]\n\n%s\n", strings.Repeat("=", 78), numbers[hash], bytes.TrimRight(t.content, "\r\n \t"))
			}
			fmt.Fprintf(&b, "    %s: %s [%d]\n", t.name, t.is, numbers[hash])
		}
	}
	b.Write(bodies.Bytes())
	return b.Bytes()
}
