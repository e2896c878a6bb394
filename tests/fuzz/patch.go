package fuzz

// Patch overwrites parts of b as script says, for targets whose input is a file that
// is mostly sound: three bytes give a place, as a part of 65,536 of b, and how many
// bytes of the script go there, at most eight; then those follow.
func Patch(b, script []byte) {
	for len(script) > 3 && len(b) > 0 {
		place := (int(script[0])<<8 | int(script[1])) * len(b) >> 16
		n := min(int(script[2])%8+1, len(script)-3)
		copy(b[place:], script[3:3+n])
		script = script[3+n:]
	}
}
