//go:build unix

package demo

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// terminalSize returns the rows and columns of out if it is a terminal.
func terminalSize(out io.Writer) (rows, columns int, ok bool) {
	file, ok := out.(*os.File)
	if !ok {
		return 0, 0, false
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Row), int(size.Col), true
}
