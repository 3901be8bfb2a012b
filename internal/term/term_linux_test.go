package term

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo terminal of a size and returns the side that programs write to.
func terminal(t *testing.T, rows, columns uint16) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return slave
}

func TestATerminalTellsItsSizeAndItsUserChoosesColour(t *testing.T) {
	out := terminal(t, 24, 80)
	for _, c := range []struct {
		term, noColor string
		want          Screen
	}{
		{"xterm", "", Screen{Terminal: true, Rows: 24, Columns: 80, Colour: true}},
		{"xterm", "1", Screen{Terminal: true, Rows: 24, Columns: 80}},
		{"dumb", "", Screen{}},
	} {
		t.Setenv("TERM", c.term)
		t.Setenv("NO_COLOR", c.noColor)
		if got := Look(out); got != c.want {
			t.Errorf("TERM=%s NO_COLOR=%q: %+v, want %+v", c.term, c.noColor, got, c.want)
		}
	}
}
