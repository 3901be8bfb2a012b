package bench

import (
	"fmt"

	"weir/http7"
)

// malformedAnswer is an ErrMalformed that says what is wrong and shows what came.
type malformedAnswer struct {
	what string
	came []byte
}

func (e *malformedAnswer) Error() string {
	return fmt.Sprintf("%v: %s: %q", ErrMalformed, e.what, e.came)
}

// Is makes errors.Is find ErrMalformed.
func (e *malformedAnswer) Is(target error) bool { return target == ErrMalformed }

// quoted is how many bytes of a bad answer an error shows: it goes into a report.
const quoted = 100

// malformed is a fault of the codec in words, with the start of what it was found in.
func malformed(f *http7.Fault, in []byte) error {
	what := f.Name
	switch f {
	case http7.BadStatusLine:
		what = "no status line of HTTP/1.0 or 1.1"
	case http7.BadAnswerField:
		what = "a header field that is not valid"
	case http7.BadAnswerFrame:
		what = "an ambiguous length (Content-Length, Transfer-Encoding)"
	case http7.BadAnswerChunk:
		what = "a chunk that is not valid"
	case http7.AnswerTooLarge:
		what = fmt.Sprintf("a head of more than %d bytes or %d fields", maxHead, headLimits.Fields)
	case http7.UnaskedUpgrade:
		what = "a 101 that nobody asked for"
	}
	return &malformedAnswer{what: what, came: append([]byte(nil), in[:min(len(in), quoted)]...)}
}
