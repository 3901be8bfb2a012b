//go:build !unix

package demo

import "io"

// terminalHeight is not known here: output only grows.
func terminalHeight(io.Writer) (rows int, ok bool) { return 0, false }
