//go:build unix

package demo

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// terminalHeight returns the number of rows if out is a terminal.
func terminalHeight(out io.Writer) (rows int, ok bool) {
	file, ok := out.(*os.File)
	if !ok {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(size.Row), true
}
