package conf

import (
	"bytes"
	"encoding/pem"
	"fmt"
)

// WholePEM reports a block of text that is cut or damaged: parsers of PEM pass over one without a word, and
// what is left of a file is then taken for all of it. What is no PEM at all is whole.
func WholePEM(text []byte) error {
	for n := 1; ; n++ {
		b, rest := pem.Decode(text)
		if begun(text[:len(text)-len(rest)]) > 1 || b == nil && begun(rest) > 0 {
			return fmt.Errorf("block %d is cut or damaged", n)
		}
		if b == nil {
			return nil
		}
		text = rest
	}
}

// begun counts the lines that begin a block.
func begun(text []byte) int {
	begin := []byte("-----BEGIN ")
	n := bytes.Count(text, append([]byte("\n"), begin...))
	if bytes.HasPrefix(text, begin) {
		n++
	}
	return n
}
