package rule

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func (r *Ranges) text() string {
	var out []string
	for _, s := range r.Spans() {
		out = append(out, fmt.Sprintf("%d-%d", s.From, s.To-1))
	}
	return strings.Join(out, ",")
}

func TestRangesAreReadAsRFC9110Says(t *testing.T) {
	for _, c := range []struct {
		section, value string
		length         int64
		want           string // ranges, "whole" or "unsatisfiable"
	}{
		{"14.1.2: first and last", "bytes=0-499", 10000, "0-499"},
		{"14.1.2: in the middle", "bytes=500-999", 10000, "500-999"},
		{"14.1.2: the last", "bytes=-500", 10000, "9500-9999"},
		{"14.1.2: to the end", "bytes=9500-", 10000, "9500-9999"},
		{"14.1.2: one byte", "bytes=0-0", 10000, "0-0"},
		{"14.1.2: the last byte", "bytes=-1", 11, "10-10"},
		{"14.1.2: last behind the end", "bytes=9990-20000", 10000, "9990-9999"},
		{"14.1.2: a suffix longer than the body", "bytes=-20000", 10000, "0-9999"},
		{"14.1.2: the whole", "bytes=0-", 10000, "0-9999"},
		{"14.1: units have no case", "BYTES=0-0", 100, "0-0"},
		{"14.1.2: several", "bytes=0-0,500-600, -1", 10000, "0-0,500-600,9999-9999"},
		{"15.3.7.2: in the order asked", "bytes=9000-9099,0-99", 10000, "9000-9099,0-99"},
		{"5.6.1: empty members", "bytes=,0-0, ,", 100, "0-0"},
		{"14.1.2: leading zeros", "bytes=0005-0009", 100, "5-9"},
		{"14.1.2: great numbers", "bytes=0-99999999999999999999999999", 100, "0-99"},
		{"14.1.2: a great suffix", "bytes=-99999999999999999999999999", 100, "0-99"},

		{"14.1.2: behind the end", "bytes=100-", 100, "unsatisfiable"},
		{"14.1.2: behind the end", "bytes=100-200", 100, "unsatisfiable"},
		{"14.1.2: far behind the end", "bytes=99999999999999999999999999-", 100, "unsatisfiable"},
		{"14.1.2: far behind the end, both", "bytes=99999999999999999999999999-99999999999999999999999999", 100, "unsatisfiable"},
		{"14.1.2: a suffix of none", "bytes=-0", 100, "unsatisfiable"},
		{"14.1.2: several behind the end", "bytes=100-,200-300,-0", 100, "unsatisfiable"},
		{"14.1.2: one of several is there", "bytes=100-,5-6,-0", 100, "5-6"},
		{"14.1.2: nothing of nothing", "bytes=0-", 0, "whole"},
		{"14.1.2: the end of nothing", "bytes=-5", 0, "whole"},

		{"14.2: last before first", "bytes=5-4", 100, "whole"},
		{"14.2: one of them", "bytes=0-1,5-4", 100, "whole"},
		{"14.2: another unit", "lines=0-1", 100, "whole"},
		{"14.2: no unit", "0-1", 100, "whole"},
		{"14.2: no ranges", "bytes=", 100, "whole"},
		{"14.2: no ranges", "bytes=,", 100, "whole"},
		{"14.2: no numbers", "bytes=-", 100, "whole"},
		{"14.2: letters", "bytes=a-b", 100, "whole"},
		{"14.2: letters behind", "bytes=0-1b", 100, "whole"},
		{"14.2: one number", "bytes=5", 100, "whole"},
		{"14.2: negative numbers", "bytes=--5", 100, "whole"},
		{"14.2: a sign", "bytes=+1-5", 100, "whole"},
		{"14.2: three numbers", "bytes=1-2-3", 100, "whole"},
		{"14.2: space inside", "bytes=1 - 2", 100, "whole"},
		{"14.2: space at the sign", "bytes = 1-2", 100, "whole"},
		{"14.2: a fraction", "bytes=1.5-2", 100, "whole"},

		{"15.3.7.2: neighbours become one", "bytes=0-4,5-9", 1000, "0-9"},
		{"15.3.7.2: close ones become one", "bytes=0-4,85-89", 1000, "0-89"},
		{"15.3.7.2: those farther apart don't", "bytes=0-4,86-89", 1000, "0-4,86-89"},
		{"15.3.7.2: where the first of them stood", "bytes=500-509,0-9,510-519", 1000, "500-519,0-9"},
		{"15.3.7.2: one that joins two", "bytes=0-9,500-509,200-209,10-499", 1000, "0-509"},
		{"15.3.7.2: one that joins the later with the earlier", "bytes=800-809,0-9,200-209,10-199", 1000, "800-809,0-209"},
		{"14.2: two overlaps", "bytes=0-9,5-14,10-19", 1000, "0-19"},
		{"14.2: three overlaps", "bytes=0-9,5-14,10-19,15-24", 1000, "whole"},
		{"14.2: the same thrice and once more", "bytes=0-,0-,0-,0-", 1000, "whole"},
		{"14.2: parts that cost more than the whole", "bytes=0-0,200-200", 300, "0-0,200-200"},
		{"14.2: parts that cost more than the whole", "bytes=0-0,100-100,200-200,300-300", 301, "whole"},
		{"14.2: 100 ranges", "bytes=" + row(100, 1000), 100_000, "100 of them"},
		{"14.2: 101 ranges", "bytes=" + row(101, 1000), 200_000, "whole"},
		{"14.2: thousands", "bytes=" + row(3000, 2), 100_000, "whole"},
		{"14.2: 100 ranges behind the end", "bytes=" + strings.TrimSuffix(strings.Repeat("900-,", 100), ","), 100, "unsatisfiable"},
	} {
		var r Ranges
		got := "whole"
		switch r.Parse([]byte(c.value), c.length) {
		case Partial:
			if got = r.text(); len(r.Spans()) == 100 {
				got = "100 of them"
			}
		case Unsatisfiable:
			got = "unsatisfiable"
		}
		if got != c.want {
			t.Errorf("RFC 9110 %s: %.60q of %d: %s, want %s", c.section, c.value, c.length, got, c.want)
		}
	}
}

// row is a list of n ranges of one byte, step apart.
func row(n, step int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d-%d,", i*step, i*step)
	}
	return b.String()
}

// Whatever is asked, the parts lie in the body, apart from each other, and hold every byte that was asked for.
func TestJoinedRangesHoldWhatWasAsked(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		length := 1 + random.Int64N(3000)
		var value strings.Builder
		value.WriteString("bytes=")
		asked := make([]bool, length)
		for range 1 + random.IntN(6) {
			from := random.Int64N(length)
			to := from + random.Int64N(40)
			fmt.Fprintf(&value, "%d-%d,", from, to)
			for i := from; i <= min(to, length-1); i++ {
				asked[i] = true
			}
		}
		var r Ranges
		if r.Parse([]byte(value.String()), length) != Partial {
			continue
		}
		for i, s := range r.Spans() {
			if s.From < 0 || s.Len() <= 0 || s.To > length {
				t.Fatalf("%s of %d: %s lies outside", value.String(), length, r.text())
			}
			for _, other := range r.Spans()[:i] {
				if s.From < other.To+partOverhead && other.From < s.To+partOverhead {
					t.Fatalf("%s of %d: %s are too close", value.String(), length, r.text())
				}
			}
			for j := s.From; j < s.To; j++ {
				asked[j] = false
			}
		}
		for i, missing := range asked {
			if missing {
				t.Fatalf("%s of %d: %s lacks byte %d", value.String(), length, r.text(), i)
			}
		}
	}
}

func TestContentRange(t *testing.T) {
	if got := string(AppendContentRange(nil, Span{21010, 47022}, 47022)); got != "bytes 21010-47021/47022" {
		t.Errorf("RFC 9110 14.4: %q", got)
	}
	if got := string(AppendUnsatisfied(nil, 47022)); got != "bytes */47022" {
		t.Errorf("RFC 9110 15.5.17: %q", got)
	}
}
