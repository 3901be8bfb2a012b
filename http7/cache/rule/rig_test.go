package rule

import (
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// now is when the tests play: Sat, 21 Nov 2026 18:00:00 GMT.
const now = 1795284000 * int64(time.Second)

const second = int64(time.Second)

// fields makes a Header of lines "Name: value", separated by "|".
func fields(lines string) *http7.Header {
	var h http7.Header
	for line := range strings.SplitSeq(lines, "|") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		h.AddRaw([]byte(name), []byte(strings.TrimSpace(value)))
	}
	return &h
}

// show is the reverse of fields.
func show(h *http7.Header) string {
	var lines []string
	for name, value := range h.All() {
		lines = append(lines, string(name)+": "+string(value))
	}
	return strings.Join(lines, " | ")
}

// at is the time so many seconds from now as an HTTP-date.
func at(seconds int64) string { return string(AppendDate(nil, now/second+seconds)) }

// get is a GET that is answered with status and fields, at once and now.
func get(request string, status int, answer string) *Case {
	return &Case{
		Method: []byte("GET"), Request: fields(request), Status: status, Answer: fields(answer), Length: 10, Asked: now, Got: now,
	}
}

// stored judges an answer 200 to a plain GET and keeps it.
func stored(t testing.TB, answer string) (Head, Facts) {
	t.Helper()
	return storedAs(t, get("", 200, answer), &Config{})
}

func storedAs(t testing.TB, c *Case, cfg *Config) (Head, Facts) {
	t.Helper()
	v := Judge(c, cfg)
	if !v.Store {
		t.Fatalf("%s: not stored: %s", show(c.Answer), v.Why)
	}
	b, ok := AppendHead(nil, &v, c.Answer)
	if !ok || !whole(Head(b)) {
		t.Fatalf("%s: no head, or not a whole one", show(c.Answer))
	}
	var f Facts
	if !Head(b).Facts(&f) || f != v.Facts {
		t.Fatalf("%s: facts %+v came back as %+v", show(c.Answer), v.Facts, f)
	}
	return Head(b), f
}

func (d Decision) String() string {
	return [...]string{"validate", "use", "use-stale", "use-and-renew", "apart"}[d]
}

func (o Outcome) String() string {
	return [...]string{"whole", "unchanged", "partial", "unsatisfiable"}[o]
}

// idOf is the ID of the first of names.
func idOf(v Vary) http7.ID { return http7.ID(v[0]) }

// whole reports whether h is an answer's head and what it says of its lines is true.
func whole(h Head) bool {
	if h.Kind() != AnswerHead || len(h) < h.lines() {
		return false
	}
	at := h.lines()
	for e := h[factsSize:at]; len(e) > 0; e = e[http7.StoredLineSize:] {
		_, _, _, _, end, _ := http7.StoredLine(e)
		at += end
	}
	return at == len(h)
}
