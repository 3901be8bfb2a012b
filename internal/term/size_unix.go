//go:build unix

package term

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// size returns the rows and columns of out if it is a terminal.
func size(out io.Writer) (rows, columns int, ok bool) {
	file, ok := out.(*os.File)
	if !ok {
		return 0, 0, false
	}
	window, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(window.Row), int(window.Col), true
}
