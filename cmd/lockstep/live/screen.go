package live

import (
	"io"
	"strings"
)

// Control sequences that every terminal of the last decades knows.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J" // the other screen, no cursor, empty
	leaveScreen = "\x1b[H\x1b[J\x1b[?25h\x1b[?1049l"  // empty, since some terminals that were resized mix the two up
	topLeft     = "\x1b[H"
	eraseRight  = "\x1b[K"
	eraseBelow  = "\x1b[J"
)

// Screen is the other screen of a terminal, on which text is drawn in place, so
// that what was on the terminal before is there again in the end. It is not safe
// for concurrent use.
type Screen struct {
	w     io.Writer
	drawn string
}

// OpenScreen goes to the other screen. Close it, whatever happens.
func OpenScreen(w io.Writer) (*Screen, error) {
	_, err := io.WriteString(w, enterScreen)
	return &Screen{w: w}, err
}

// Draw shows lines in the place of what is there, in one write, and without
// erasing first, so that nothing flickers. The same lines again cost nothing.
func (s *Screen) Draw(lines []string) error {
	text := topLeft + strings.Join(lines, eraseRight+"\r\n") + eraseRight + eraseBelow
	if text == s.drawn {
		return nil
	}
	s.drawn = text
	_, err := io.WriteString(s.w, text)
	return err
}

// Close goes back to the screen that was there before.
func (s *Screen) Close() error {
	_, err := io.WriteString(s.w, leaveScreen)
	return err
}
