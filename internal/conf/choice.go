package conf

import (
	"strconv"
	"strings"
	"unicode"
)

// OneOf notes a problem unless value is one of the choices. noun is what the value should be,
// with its article: "a balancer".
func (p *Problems) OneOf(key, value, noun string, choices ...string) {
	for _, c := range choices {
		if c == value {
			return
		}
	}
	hint := "it is one of " + Quoted(choices, "or")
	if near := Nearest(value, choices); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "? " + hint
	}
	p.Add(key, strconv.Quote(value)+" is not "+noun, hint)
}

// Positive notes a problem unless d is off or longer than zero.
func (p *Problems) Positive(key string, d Duration) {
	if !d.IsOff() && d.Value() <= 0 {
		p.Add(key, strconv.Quote(d.String())+" is no time at all", `write a longer time, or "off"`)
	}
}

// Between notes a problem unless lo <= n <= hi.
func (p *Problems) Between(key string, n, lo, hi int) {
	if n < lo || n > hi {
		p.Add(key, strconv.Itoa(n)+" is out of range",
			"write a whole number from "+strconv.Itoa(lo)+" to "+strconv.Itoa(hi))
	}
}

// Quoted lists words for a person: `"a", "b" or "c"`.
func Quoted(words []string, last string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	return List(quoted, last)
}

// List lists words as a sentence does: "a, b and c" with last "and".
func List(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// Nearest returns the candidate that word was probably meant to be, or "". Of two equally near
// ones it takes the first. Numbers are near to nothing.
func Nearest(word string, candidates []string) string {
	if !strings.ContainsFunc(word, unicode.IsLetter) {
		return ""
	}
	best, bestCost := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if cost := editCost(strings.ToLower(word), strings.ToLower(c)); cost < bestCost {
			best, bestCost = c, cost
		}
	}
	return best
}

// editCost counts the letters to insert, drop, change or swap with their neighbour to turn a
// into b (optimal string alignment).
func editCost(a, b string) int {
	if abs(len(a)-len(b)) > 8 || len(a) > 64 {
		return 64
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older := before
		before, row = row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := before[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, before[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
