package mirror

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// route is a path into JSON: names of members and positions of elements; "*" is any.
type route []string

// steps reads a path such as "items.*.id".
func steps(path string) route { return strings.Split(path, ".") }

// below returns what is left of paths behind one step, and whether one of them ends there: then that value and all
// below it is left out.
func below(paths []route, step string) (rest []route, out bool) {
	for _, p := range paths {
		if p[0] != step && p[0] != "*" {
			continue
		}
		if len(p) == 1 {
			return nil, true
		}
		rest = append(rest, p[1:])
	}
	return rest, false
}

// parseBoth parses two bodies. It is not ok if either is not JSON: then their bytes count.
func parseBoth(a, b []byte) (one, other any, ok bool) {
	one, err := parse(a)
	if err != nil {
		return nil, nil, false
	}
	other, err = parse(b)
	return one, other, err == nil
}

// parse reads one JSON text with its numbers as they are spelt.
func parse(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errMore
	}
	return v, nil
}

var errMore = errors.New("there is something behind the value")

// comparison is one of two JSON texts under way. The order of members, the spelling of numbers and the escapes of
// strings are the same to it.
type comparison struct {
	f    *findings
	path []string
}

// maxFound bounds how many differences are counted.
const maxFound = 1000

func compareJSON(live, mirror any, ignore []route, f *findings) {
	c := comparison{f: f}
	c.values(live, mirror, ignore)
}

func (c *comparison) values(live, mirror any, ignore []route) {
	switch a := live.(type) {
	case map[string]any:
		if b, ok := mirror.(map[string]any); ok {
			c.objects(a, b, ignore)
			return
		}
	case []any:
		if b, ok := mirror.([]any); ok {
			c.arrays(a, b, ignore)
			return
		}
	case json.Number:
		if b, ok := mirror.(json.Number); ok && sameNumber(a.String(), b.String()) {
			return
		}
	default:
		if live == mirror { // text, true, false and null
			return
		}
	}
	c.found(spell(live), spell(mirror))
}

func (c *comparison) objects(a, b map[string]any, ignore []route) {
	for _, name := range slices.Sorted(maps.Keys(a)) {
		other, there := b[name]
		c.pair(name, a[name], true, other, there, ignore)
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, there := a[name]; !there {
			c.pair(name, nil, false, b[name], true, ignore)
		}
	}
}

func (c *comparison) arrays(a, b []any, ignore []route) {
	for i := range max(len(a), len(b)) {
		var one, other any
		if i < len(a) {
			one = a[i]
		}
		if i < len(b) {
			other = b[i]
		}
		c.pair(strconv.Itoa(i), one, i < len(a), other, i < len(b), ignore)
	}
}

// pair compares what stands at one step below; either may be absent.
func (c *comparison) pair(step string, a any, hasA bool, b any, hasB bool, ignore []route) {
	rest, out := below(ignore, step)
	if out || c.f.count >= maxFound {
		return
	}
	c.path = append(c.path, step)
	switch {
	case hasA && hasB:
		c.values(a, b, rest)
	case hasA:
		c.found(spell(a), "")
	default:
		c.found("", spell(b))
	}
	c.path = c.path[:len(c.path)-1]
}

func (c *comparison) found(live, mirror string) {
	where := "body"
	if c.f.count == 0 && len(c.path) > 0 {
		where += " " + strings.Join(c.path, ".")
	}
	c.f.found(where, live, mirror)
}

// spell writes a value as JSON.
func spell(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "(unspeakable)"
	}
	return string(b)
}

// sameNumber reports whether two JSON numbers are the same, however spelt: 1, 1.0, 10e-1. They are compared exactly,
// digit by digit, and an exponent costs nothing, however large.
func sameNumber(a, b string) bool {
	if a == b {
		return true
	}
	return decimalOf(a) == decimalOf(b)
}

// decimal is a number as 0.digits × 10^exponent, with no zero at either end of the digits.
type decimal struct {
	negative bool
	digits   string
	exponent int64
	odd      string // the exponent where it is too large to reckon with
}

func decimalOf(s string) (d decimal) {
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], strings.TrimPrefix(s[i+1:], "+")
	}
	whole, part, _ := strings.Cut(mantissa, ".")
	all := whole + part
	d.digits = strings.TrimLeft(all, "0")
	d.exponent = int64(len(whole) - (len(all) - len(d.digits)))
	d.digits = strings.TrimRight(d.digits, "0")
	if d.digits == "" {
		return decimal{} // zero has no sign and no exponent
	}
	if exponent == "" {
		return d
	}
	n, err := strconv.ParseInt(exponent, 10, 32)
	if err != nil {
		d.odd = exponent
	}
	d.exponent += n
	return d
}
