package conf

import (
	"strconv"
	"strings"
)

// StatusSet is a set of HTTP status codes in a config: "2xx", "200-299", "502,503", or a bare
// integer. The zero StatusSet is empty. Has is safe for concurrent use and does not allocate.
type StatusSet struct{ bits [8]uint64 }

// Statuses returns the set that text describes; ok is false if it describes none.
func Statuses(text string) (s StatusSet, ok bool) { return s, s.UnmarshalText([]byte(text)) == nil }

// Has reports whether code is in the set.
func (s *StatusSet) Has(code int) bool {
	i := code - 100
	return i >= 0 && i < 500 && s.bits[i>>6]&(1<<(i&63)) != 0
}

// IsZero reports whether the set is empty.
func (s StatusSet) IsZero() bool { return s == StatusSet{} }

func (s *StatusSet) addRange(from, to int) {
	for i := from - 100; i <= to-100; i++ {
		s.bits[i>>6] |= 1 << (i & 63)
	}
}

// String returns the text that an operator would write: whole classes as "2xx", other runs as
// "200-204", in rising order.
func (s StatusSet) String() string {
	var parts []string
	for code := 100; code < 600; {
		end := code
		for end < 600 && s.Has(end) {
			end++
		}
		if end == code {
			code++
			continue
		}
		parts = appendRuns(parts, code, end-1)
		code = end
	}
	return strings.Join(parts, ",")
}

func appendRuns(parts []string, from, to int) []string {
	for from <= to {
		end := min(to, from/100*100+99)
		switch {
		case from%100 == 0 && end-from == 99:
			parts = append(parts, strconv.Itoa(from/100)+"xx")
		case from == end:
			parts = append(parts, strconv.Itoa(from))
		default:
			parts = append(parts, strconv.Itoa(from)+"-"+strconv.Itoa(end))
		}
		from = end + 1
	}
	return parts
}

// MarshalText writes the value as an operator would.
func (s StatusSet) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// TakesInteger implements [IntegerValue].
func (StatusSet) TakesInteger() {}

// Wants implements [Value].
func (StatusSet) Wants() (noun, hint string) {
	return "a set of statuses", `write codes, ranges or classes from 100 to 599, such as "2xx", "200-204" or "502,503"`
}

// UnmarshalText reads codes, ranges and classes with commas between them.
func (s *StatusSet) UnmarshalText(b []byte) error {
	var set StatusSet
	for part := range strings.SplitSeq(string(b), ",") {
		from, to := parseStatuses(strings.TrimSpace(part))
		if from == 0 {
			return bad(s, b)
		}
		set.addRange(from, to)
	}
	*s = set
	return nil
}

// parseStatuses reads one code, range or class; from is 0 if it is none.
func parseStatuses(s string) (from, to int) {
	if len(s) == 3 && s[0] >= '1' && s[0] <= '5' && s[1:] == "xx" {
		from = int(s[0]-'0') * 100
		return from, from + 99
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	from, to = parseStatus(first), parseStatus(last)
	if from == 0 || to < from {
		return 0, 0
	}
	return from, to
}

// parseStatus returns 0 for a text that is no status code of three digits.
func parseStatus(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) != 3 || n < 100 || n > 599 {
		return 0
	}
	return int(n)
}
