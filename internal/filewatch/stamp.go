package filewatch

import "fmt"

// Stamp returns a text that another state of the file at path does not have: for keys of what is kept over reloads, so
// that a reload reads at once what has changed.
func Stamp(path string) string {
	s := stampOf(path)
	return fmt.Sprintf("%d.%d.%d", s.size, s.time, s.inode)
}
