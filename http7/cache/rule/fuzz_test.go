package rule

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// line makes a Header of one field, nil if the value can't stand in one.
func line(name, value string) *http7.Header {
	if !http7.IsFieldValue([]byte(value)) {
		return nil
	}
	h := &http7.Header{}
	h.AddRaw([]byte(name), []byte(value))
	return h
}

// Directives: what is read is in range, and reading two lines is reading one with a comma.
func FuzzDirectives(f *testing.F) {
	for _, s := range []string{
		"max-age=60, no-store", `no-cache="a, b", private=x`, `max-age="60", ext="a\"b"`, "max-age =60", `ext="never ends`,
		"s-maxage=99999999999999999999, stale-if-error=x", "must-understand, no-store, immutable", ",,,=", "max-age=1, max-age=2",
	} {
		f.Add(s, "public")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		h, joined := line("Cache-Control", a), line("Cache-Control", a+","+b)
		if h == nil || joined == nil || !http7.IsFieldValue([]byte(b)) {
			return
		}
		h.AddRaw([]byte("Cache-Control"), []byte(b))
		d := ReadDirectives(h, http7.Known(http7.CacheControl))
		for _, n := range []int64{d.MaxAge, d.SMaxAge, d.StaleWhileRevalidate, d.StaleIfError} {
			if n < Absent || n > maxDelta {
				t.Fatalf("%q, %q: %d seconds", a, b, n)
			}
		}
		for _, name := range append(d.NoCacheFields, d.PrivateFields...) {
			if !http7.IsToken(name) {
				t.Fatalf("%q, %q: a field %q", a, b, name)
			}
		}
		one := ReadDirectives(joined, http7.Known(http7.CacheControl))
		if !d.Malformed && one.text() != d.text() {
			t.Fatalf("%q, %q: %q on two lines, %q on one", a, b, d.text(), one.text())
		}
		ReadAsks(h)
		readTargeted(h, http7.Known(http7.CacheControl))
	})
}

// Dates: what net/http reads we read alike, where the grammar is the same.
func FuzzDates(f *testing.F) {
	for _, s := range []string{
		"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "0",
		"Thu, 18 Aug 2050 02:01:18 UTC", "Sat, 31 Dec 2016 23:59:60 GMT", "Thu, 29 Feb 2100 00:00:00 GMT",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := ParseDate([]byte(s), now)
		if !ok {
			return
		}
		text := AppendDate(nil, got)
		if again, ok := ParseDate(text, now); !ok || again != got {
			t.Fatalf("%q is %d, written %q, which is %d, %v", s, got, text, again, ok)
		}
		want, err := http.ParseTime(s)
		if err != nil || strings.Contains(s, "-") { // RFC 850: another century
			return
		}
		if want.Unix() != got {
			t.Fatalf("%q is %d, net/http says %d", s, got, want.Unix())
		}
	})
}

// Ranges: the parts lie inside and apart, and the layout is as long as it says.
func FuzzRanges(f *testing.F) {
	for _, s := range []string{"bytes=0-499", "bytes=-5", "bytes=5-", "bytes=0-0,-1,3-3", "bytes=0-,0-,0-", "bytes=9-1", "bytes=" + row(120, 3)} {
		f.Add(s, int64(1000))
	}
	f.Fuzz(func(t *testing.T, s string, length int64) {
		if length < 0 || length > 1<<20 {
			return
		}
		var r Ranges
		if r.Parse([]byte(s), length) != Partial {
			return
		}
		if len(r.Spans()) == 0 || len(r.Spans()) > MaxRanges {
			t.Fatalf("%q of %d: %d parts", s, length, len(r.Spans()))
		}
		var sum int64
		for i, p := range r.Spans() {
			if p.From < 0 || p.Len() <= 0 || p.To > length {
				t.Fatalf("%q of %d: %d-%d", s, length, p.From, p.To)
			}
			for _, q := range r.Spans()[:i] {
				if p.From < q.To && q.From < p.To {
					t.Fatalf("%q of %d: %s overlap", s, length, r.text())
				}
			}
			sum += p.Len()
		}
		if sum > length {
			t.Fatalf("%q of %d: %d bytes", s, length, sum)
		}
		segments, total := r.Multipart(nil, nil, []byte("b"), length)
		if got := int64(len(body(segments, make([]byte, length)))); got != total {
			t.Fatalf("%q of %d: %d bytes of multipart, said %d", s, length, got, total)
		}
	})
}

// Vary: names come back, and whatever a client sends selects the same variant every time and nobody else's.
func FuzzVary(f *testing.F) {
	for _, s := range []string{"Accept-Encoding, Foo", "*", "a,,b, a", "Accept, Accept-Language", "bad name"} {
		f.Add(s, "gzip;q=0.5, br", "br, gzip;q=0.5")
		f.Add(s, "en, de;q=0.3", "EN,de; q=0.3")
		f.Add(s, "a/b;c=d;q=1, */*;q=0", `a/b;c="d"`)
	}
	f.Fuzz(func(t *testing.T, vary, one, two string) {
		h := line("Vary", vary)
		if h == nil || !http7.IsFieldValue([]byte(one)) || !http7.IsFieldValue([]byte(two)) {
			return
		}
		v, why := ParseVary(nil, h)
		if why != "" {
			return
		}
		n := 0
		for name := range v.All() {
			if n++; !http7.IsToken(name) || !bytes.Equal(name, bytes.ToLower(name)) {
				t.Fatalf("%q: a name %q", vary, name)
			}
		}
		if n > MaxVaryNames {
			t.Fatalf("%q: %d names", vary, n)
		}
		var a, b http7.Header
		for name := range v.All() {
			a.AddRaw(name, []byte(one))
			b.AddRaw(name, []byte(two))
		}
		ka, ok := AppendVariant(nil, v, 1, &a)
		again, _ := AppendVariant(nil, v, 1, &a)
		kb, _ := AppendVariant(nil, v, 1, &b)
		if ok && !bytes.Equal(ka, again) {
			t.Fatalf("%q: %q selects two variants", vary, one)
		}
		if n > 0 && ok && bytes.Equal(ka, kb) && letters(one) != letters(two) {
			t.Fatalf("%q: %q and %q select the same", vary, one, two)
		}
	})
}

// letters are the letters and digits that a value has, but those that weights, old names and repeated commas account for.
func letters(s string) string {
	s = strings.NewReplacer("x-gzip", "gzip", "x-compress", "compress").Replace(strings.ToLower(s))
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		part, _, _ = strings.Cut(part, ";")
		if part = strings.Trim(part, " \t"); part != "" {
			out = append(out, part)
		}
	}
	count := map[rune]int{}
	for _, r := range strings.Join(out, "") {
		count[r]++
	}
	var b strings.Builder
	for r := rune(0); r < 256; r++ {
		b.WriteString(strings.Repeat(string(r), count[r]))
	}
	return b.String()
}

// Stored heads: an answer of any fields comes back as it was but for what is not stored, and bytes that are no head are
// refused or harmless.
func FuzzStoredHead(f *testing.F) {
	f.Add("X-A", "1", "Connection", "x-a", []byte{1, 1, 200})
	f.Add("ETag", `"a"`, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT", []byte{2})
	f.Add("Date", "x", "Date", "y", []byte(nil))
	f.Add("Age", "5", "Content-Type", "a/b", bytes.Repeat([]byte{1}, 60))
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string, junk []byte) {
		if whole(Head(junk)) {
			var into http7.Header
			Head(junk).Fill(&into)
			Head(junk).Fill304(&into)
		}
		Head(junk).Index()
		h := fields("Cache-Control: max-age=60")
		for _, p := range [][2]string{{name1, value1}, {name2, value2}} {
			if !http7.IsToken([]byte(p[0])) || !http7.IsFieldValue([]byte(p[1])) || len(p[0]) > 1000 {
				return
			}
			h.AddRaw([]byte(p[0]), []byte(p[1]))
		}
		k := get("", 200, "")
		k.Answer = h
		v := Judge(k, &Config{TTL: time.Minute})
		if !v.Store {
			return
		}
		b, ok := AppendHead(nil, &v, h)
		if !ok {
			return
		}
		head := Head(b)
		var facts Facts
		if !whole(head) || !head.Facts(&facts) || facts != v.Facts {
			t.Fatalf("%q: facts %+v are %+v", show(h), v.Facts, facts)
		}
		var into http7.Header
		head.Fill(&into)
		for i := range into.Len() {
			name, value := into.At(i)
			if j := h.Find(mustName(name), 0); j < 0 && into.IDAt(i) != http7.Date {
				t.Fatalf("%q: a field %q: %q came from nowhere", show(h), name, value)
			}
			if into.IDAt(i) != http7.LookupID(name) || neverStored.Has(into.IDAt(i)) {
				t.Fatalf("%q: a field %q: %q", show(h), name, value)
			}
		}
		if tag := head.ETag(); facts.Has(Tagged) != (tag != nil) || tag != nil && !isTag(tag) {
			t.Fatalf("%q: the tag is %q", show(h), tag)
		}
	})
}

func mustName(b []byte) http7.Name {
	n, _ := http7.NewName(string(b))
	return n
}

// Conditions: a client's fields never make anything but an answer of the four kinds, and lists of tags that are broken
// never match.
func FuzzConditions(f *testing.F) {
	for _, s := range []string{`"a"`, `W/"a", "b"`, "*", "a", `"a" x`, "Sun, 06 Nov 1994 08:49:37 GMT"} {
		f.Add(s, s, s, "bytes=0-5")
	}
	f.Fuzz(func(t *testing.T, none, since, ifRange, ranges string) {
		head, facts := stored(t, `Cache-Control: max-age=60 | ETag: "a" | Last-Modified: `+at(-60))
		h := &http7.Header{}
		for _, p := range [][2]string{{"If-None-Match", none}, {"If-Modified-Since", since}, {"If-Range", ifRange}, {"Range", ranges}} {
			if !http7.IsFieldValue([]byte(p[1])) {
				return
			}
			if p[1] != "" {
				h.AddRaw([]byte(p[0]), []byte(p[1]))
			}
		}
		var r Ranges
		got := Evaluate(&r, head, &facts, true, h, 100, now)
		if got == Unchanged && none != "" && none != "*" && !strings.Contains(none, `"a"`) {
			t.Fatalf("If-None-Match: %q matches", none)
		}
		if got == Partial && ifRange != "" && ifRange != `"a"` {
			if at, ok := ParseDate([]byte(ifRange), now); !ok || at != facts.LastModified {
				t.Fatalf("If-Range: %q matches", ifRange)
			}
		}
	})
}
