package replay

import (
	"bytes"
	"strings"
	"testing"

	"weir/bench"
)

// checkRecord: what a parser lets through can be sent as one request.
func checkRecord(t *testing.T, line string, r *record) {
	t.Helper()
	if r.left != replayed {
		return
	}
	if r.took < 0 || r.at.Unix() < -86400 || r.at.UnixMicro() > maxMicros {
		t.Fatalf("%q: times %v %v", line, r.at, r.took)
	}
	l := read(t, "x", line, Options{})
	s := source(t, l, SourceOptions{KeepHost: true})
	var w, p bench.Request
	s.Maker(bench.Wire, "t", 0).Fill(0, &w)
	s.Maker(bench.Parts, "t", 0).Fill(0, &p)
	if want := bench.AppendRequest(nil, &p, "t"); !bytes.Equal(w.Wire, want) {
		t.Fatalf("%q: %q and %q", line, w.Wire, want)
	}
	head, rest, ok := bytes.Cut(w.Wire, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	if !ok || len(rest) > 0 || strings.Count(lines[0], " ") != 2 || strings.ContainsAny(strings.Join(lines, ""), "\r\n") || len(lines) > len(p.Header)+3 {
		t.Fatalf("%q makes %q", line, w.Wire)
	}
}

func FuzzCombined(f *testing.F) {
	for _, s := range strings.Split(headLog, "\n") {
		f.Add(s)
	}
	const head = `h - - [09/Mar/2026:10:00:01 +0000] `
	for _, s := range []string{`"-" 408 0`, `"\x16" 400 1`, `"GET /\"\\ HTTP/1.1" 200 1 "\x0d\x0a" "\q" rt=0.001`, `"OPTIONS * HTTP/1.1" 200 -`, `"GET http:// HTTP/1.1" 200 1`, `"`, `"\`} {
		f.Add(head + s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") || strings.HasSuffix(line, "\r") || strings.HasPrefix(line, "{") {
			return
		}
		var p parsers
		var r record
		if p.parse(combined, line, &r) == nil {
			checkRecord(t, line, &r)
		}
	})
}

func FuzzWeir(f *testing.F) {
	for _, s := range strings.Split(weirLog, "\n") {
		f.Add(s)
	}
	f.Add(`{"ts":1,"dur_us":1,"method":"GET","host":"a","target":"/","match":[["header:X","a\u0000"],["header:Y","b"],["header:Y","b: \u00ff"]]}`)
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "\n") || strings.HasSuffix(line, "\r") || !strings.HasPrefix(line, "{") {
			return
		}
		var p parsers
		var r record
		if p.parse(weirJSON, line, &r) == nil {
			checkRecord(t, line, &r)
		}
	})
}

// FuzzRead: whatever the file, its lines are all accounted for and its requests are in order.
func FuzzRead(f *testing.F) {
	f.Add([]byte(weirLog))
	f.Add([]byte(headLog))
	f.Add([]byte("\n\n\r\nx"))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Read(bytes.NewReader(text), "x", Options{})
		if err != nil {
			return
		}
		a, err := l.Arrivals(1)
		if err != nil || len(a.Times) != l.Requests() {
			t.Fatalf("%d times for %d requests: %v", len(a.Times), l.Requests(), err)
		}
		for i := 1; i < len(a.Times); i++ {
			if a.Times[i] < a.Times[i-1] {
				t.Fatalf("request %d is due at %v, the one before at %v", i, a.Times[i], a.Times[i-1])
			}
		}
		left := int64(0)
		for _, n := range l.counts.left {
			left += n
		}
		if lines := int64(bytes.Count(text, []byte("\n")) + 1); int64(l.Requests())+left+l.counts.bad > lines {
			t.Fatalf("%d requests, %d left out and %d bad of %d lines", l.Requests(), left, l.counts.bad, lines)
		}
		if len(l.Notes()) == 0 {
			t.Fatal("no notes")
		}
	})
}
