package plain

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Why a text is not JSON as it is wanted here. They are compared by ==.
var (
	// ErrNotJSON says that the text is not one JSON value (RFC 8259), or not UTF-8, or that an escape in it is half a
	// character: some leave that out, so that a name becomes another.
	ErrNotJSON = errors.New("it is not one JSON value in UTF-8")
	// ErrDeep says that values are nested deeper than the bound.
	ErrDeep = errors.New("its values are nested too deep")
	// ErrMany says that there are more than a hundred thousand values, or fewer of those that are deeper than ten: what is found wrong with each of them takes more
	// memory than a text should make anybody spend.
	ErrMany = errors.New("it has too many values")
	// ErrNumber says that a number is further from 1 than anybody's floating point: to compare it exactly takes its
	// exponent in digits.
	ErrNumber = errors.New("a number is out of range")
	// ErrTwice says that an object has a name twice: readers differ in which of the two they take (RFC 8259 §4).
	ErrTwice = errors.New("an object has the same name twice")
)

// JSON reads text strictly: one value in UTF-8, no name twice in an object, nested at most depth deep. Objects are
// map[string]any, arrays []any, numbers json.Number. at is where in the value the trouble is, as a JSON pointer
// (RFC 6901); "" is the whole.
func JSON(text []byte, depth int) (value any, at string, err error) {
	if !utf8.Valid(text) || !json.Valid(text) || Halved(text) {
		return nil, "", ErrNotJSON
	}
	r := reader{tokens: json.NewDecoder(bytes.NewReader(text)), most: depth}
	r.tokens.UseNumber()
	value, err = r.value()
	if err != nil {
		return nil, string(r.at), err
	}
	return value, "", nil
}

// Halved reports whether an escape in text, which is JSON, is one half of a surrogate pair without the other (RFC 8259 §8.2):
// some readers leave it out and some put U+FFFD in its place, so that two texts become one.
func Halved(text []byte) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 {
			return false
		}
		first, ok := surrogate(text[at:])
		if !ok {
			text = text[at+2:] // an escape has two bytes at least
			continue
		}
		second, ok := surrogate(text[at+escaped:])
		if !ok || utf16.DecodeRune(first, second) == utf8.RuneError {
			return true
		}
		text = text[at+2*escaped:]
	}
}

// escaped is how long \u and four digits are.
const escaped = 6

// surrogate returns the half of a character that text begins with as an escape.
func surrogate(text []byte) (r rune, ok bool) {
	if len(text) < escaped || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:escaped]), 16, 16)
	return rune(n), err == nil && utf16.IsSurrogate(rune(n))
}

// reader reads one value. at is where it is.
type reader struct {
	tokens *json.Decoder
	at     []byte
	deep   int
	most   int
	values int
	steps  int // of the pointers to all values
}

const (
	mostValues = 100_000
	// mostSteps allows that many values ten deep: who tells what is wrong with each of them writes their pointers.
	mostSteps = 10 * mostValues
)

func (r *reader) value() (any, error) {
	token, err := r.tokens.Token()
	if err != nil {
		return nil, ErrNotJSON // not reached: the text is valid
	}
	r.values++
	r.steps += r.deep
	if r.values > mostValues || r.steps > mostSteps {
		return nil, ErrMany
	}
	open, ok := token.(json.Delim)
	if !ok {
		if n, isNumber := token.(json.Number); isNumber && !inRange(n) {
			return nil, ErrNumber
		}
		return token, nil
	}
	if r.deep++; r.deep > r.most {
		return nil, ErrDeep
	}
	var v any
	if open == '{' {
		v, err = r.object()
	} else {
		v, err = r.array()
	}
	if err != nil {
		return nil, err
	}
	r.deep--
	_, err = r.tokens.Token() // the closing one
	return v, err
}

func (r *reader) object() (any, error) {
	members := map[string]any{}
	for r.tokens.More() {
		token, err := r.tokens.Token()
		if err != nil {
			return nil, ErrNotJSON
		}
		name := token.(string)
		before := len(r.at)
		r.at = AppendPointer(r.at, name)
		if _, twice := members[name]; twice {
			return nil, ErrTwice
		}
		if members[name], err = r.value(); err != nil {
			return nil, err
		}
		r.at = r.at[:before]
	}
	return members, nil
}

func (r *reader) array() (any, error) {
	items := []any{}
	for r.tokens.More() {
		before := len(r.at)
		r.at = strconv.AppendInt(append(r.at, '/'), int64(len(items)), 10)
		item, err := r.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		r.at = r.at[:before]
	}
	return items, nil
}

// inRange reports whether n has an exponent that exact arithmetic may take, and as many digits.
func inRange(n json.Number) bool {
	const most = 400 // more than the 308 of a float64
	digits, exponent := string(n), ""
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		digits, exponent = digits[:i], digits[i+1:]
	}
	if len(digits) > most {
		return false
	}
	if exponent == "" {
		return true
	}
	e, err := strconv.Atoi(exponent)
	return err == nil && -most <= e && e <= most
}

// AppendPointer appends one more step to a JSON pointer (RFC 6901 §3).
func AppendPointer(pointer []byte, name string) []byte {
	pointer = append(pointer, '/')
	for i := range len(name) {
		switch c := name[i]; c {
		case '~':
			pointer = append(pointer, "~0"...)
		case '/':
			pointer = append(pointer, "~1"...)
		default:
			pointer = append(pointer, c)
		}
	}
	return pointer
}
