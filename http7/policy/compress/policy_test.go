package compress

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// compile is Compile of the defaults with edits.
func compile(t testing.TB, edit func(c *Config)) []http7.Step {
	t.Helper()
	c := Default()
	if edit != nil {
		edit(&c)
	}
	steps, err := Compile(&c, "edge")
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

const (
	asked = "GET / HTTP/1.1\nHost: h\nAccept-Encoding: gzip, deflate, br, zstd\n\n"
	page  = "HTTP/1.1 200 OK\nContent-Type: text/html; charset=utf-8\nContent-Length: 5000\n"
)

// verdict is what became of an answer: its coding, "-" for none, and "vary" if it varies.
func verdict(answer string) string {
	coding, vary := "-", ""
	for line := range strings.Lines(answer) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case strings.EqualFold(name, "Content-Encoding"):
			coding = value
		case strings.EqualFold(name, "Vary") && value == "Accept-Encoding":
			vary += " vary"
		}
	}
	return coding + vary
}

func TestTheClientsAcceptEncodingDecides(t *testing.T) {
	steps := compile(t, nil)
	for _, c := range []struct{ accept, want string }{
		{"", "- vary"}, // no field: as it is, though RFC 9110 would allow anything
		{"Accept-Encoding:", "- vary"},
		{"Accept-Encoding: gzip", "gzip vary"},
		{"Accept-Encoding: x-gzip", "gzip vary"},
		{"Accept-Encoding: GZIP", "gzip vary"},
		{"Accept-Encoding: br", "br vary"},
		{"Accept-Encoding: deflate", "- vary"},
		{"Accept-Encoding: gzip, deflate, br, zstd", "zstd vary"},
		{"Accept-Encoding: gzip, br", "br vary"},
		{"Accept-Encoding: gzip;q=1, br;q=0.9, zstd;q=0.9", "gzip vary"},
		{"Accept-Encoding: *", "zstd vary"},
		{"Accept-Encoding: zstd;q=0, *", "br vary"},
		{"Accept-Encoding: zstd;q=0.1, *;q=0.5", "br vary"},
		{"Accept-Encoding: *;q=0", "- vary"},
		{"Accept-Encoding: gzip;q=0", "- vary"},
		{"Accept-Encoding: gzip;q=0.0, br;q=0.000", "- vary"},
		{"Accept-Encoding: identity", "- vary"},
		{"Accept-Encoding: identity, gzip", "gzip vary"}, // a tie is the server's to decide
		{"Accept-Encoding: identity;q=1, gzip;q=0.5", "- vary"},
		{"Accept-Encoding: identity;q=0.5, gzip;q=0.6", "gzip vary"},
		{"Accept-Encoding: identity;q=0, gzip;q=0.1", "gzip vary"},
		{"Accept-Encoding: identity;q=0", "- vary"}, // nothing is left; the answer is better than none
		{"Accept-Encoding: gzip;q=2, br;q=x", "- vary"},
		{"Accept-Encoding: gzip;q=0, gzip", "- vary"},
		{"Accept-Encoding: deflate\nAccept-Encoding: gzip", "gzip vary"},
		{"Accept-Encoding: ,,;q=1, gzip ;q=1 ,", "gzip vary"},
	} {
		request := "GET / HTTP/1.1\nHost: h\n" + c.accept + "\n\n"
		request = strings.ReplaceAll(request, "\n\n\n", "\n\n")
		if r := testkit.Policy(t, steps, request, page+"\n"); verdict(r.Answer) != c.want {
			t.Errorf("%q: got %q, want %q", c.accept, verdict(r.Answer), c.want)
		}
	}
}

func TestTheServersOrderBreaksTiesAndLimitsTheOffer(t *testing.T) {
	for _, c := range []struct{ algorithms, want string }{
		{"zstd br gzip", "zstd vary"}, {"gzip br zstd", "gzip vary"}, {"br gzip", "br vary"}, {"gzip", "gzip vary"},
	} {
		steps := compile(t, func(cfg *Config) { cfg.Algorithms = strings.Fields(c.algorithms) })
		if r := testkit.Policy(t, steps, asked, page+"\n"); verdict(r.Answer) != c.want {
			t.Errorf("%s: got %q, want %q", c.algorithms, verdict(r.Answer), c.want)
		}
	}
}

func TestAnswersThatMustNotChangeOrGainNothingAreLeftAlone(t *testing.T) {
	steps := compile(t, nil)
	for _, c := range []struct{ what, method, answer, want string }{
		{"a page", "GET", page, "zstd vary"},
		{"a POST's", "POST", page, "zstd vary"},
		{"HEAD has GET's fields", "HEAD", page, "zstd vary"},
		{"HEAD of a short one", "HEAD", "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 5\n", "-"},
		{"HEAD of unknown length", "HEAD", "HTTP/1.1 200 OK\nContent-Type: text/html\n", "zstd vary"},
		{"just long enough", "GET", "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 1024\n", "zstd vary"},
		{"too short", "GET", "HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 1023\n", "-"},
		{"an error's page", "GET", strings.Replace(page, "200", "500", 1), "zstd vary"},
		{"no content", "GET", "HTTP/1.1 204 No Content\nContent-Type: text/html\n", "-"},
		{"reset content", "GET", strings.Replace(page, "200", "205", 1), "-"},
		{"a part", "GET", strings.Replace(page, "200", "206", 1) + "Content-Range: bytes 0-4999/6000\n", "- vary"},
		{"a part of several", "GET", strings.Replace(page, "200", "206", 1), "- vary"},
		{"a range refused", "GET", strings.Replace(page, "200", "416", 1) + "Content-Range: bytes */6000\n", "-"},
		{"compressed already", "GET", page + "Content-Encoding: gzip\n", "gzip"},
		{"compressed twice already", "GET", page + "Content-Encoding: identity\nContent-Encoding: br\n", "br"},
		{"coded as nothing", "GET", page + "Content-Encoding: identity\n", "zstd vary"},
		{"no-transform", "GET", page + "Cache-Control: public, No-Transform\n", "-"},
		{"cached otherwise", "GET", page + "Cache-Control: no-cache, max-age=3\n", "zstd vary"},
		{"varies already", "GET", page + "Vary: Origin, accept-encoding\n", "zstd"},
		{"varies by all", "GET", page + "Vary: *\n", "zstd"},
		{"varies otherwise", "GET", page + "Vary: Origin\n", "zstd vary"},
		{"no type", "GET", "HTTP/1.1 200 OK\nContent-Length: 5000\n", "-"},
	} {
		request := c.method + " / HTTP/1.1\nHost: h\nAccept-Encoding: zstd\n\n"
		if r := testkit.Policy(t, steps, request, c.answer+"\n"); verdict(r.Answer) != c.want {
			t.Errorf("%s: got %q, want %q", c.what, verdict(r.Answer), c.want)
		}
	}
	request := strings.Replace(asked, "\n\n", "\nCache-Control: no-transform\n\n", 1)
	if r := testkit.Policy(t, steps, request, page+"\n"); verdict(r.Answer) != "- vary" {
		t.Errorf("a client that wants no transformation: got %q", verdict(r.Answer))
	}
	request = strings.Replace(asked, "HTTP/1.1", "HTTP/1.0", 1)
	x, a := answered(request, 5000)
	steps[0].Request.Request(x)
	steps[0].Response.Response(x)
	if len(a.Filters) != 0 || !a.Header.Has(http7.Vary) {
		t.Errorf("HTTP/1.0: %d filters", len(a.Filters))
	}
}

// answered is an exchange whose request, a head with "\n" for line ends, was answered with a page.
func answered(request string, length int64) (*http7.Exchange, *http7.Answer) {
	x := &http7.Exchange{Proto: http7.HTTP11}
	line, fields, _ := strings.Cut(request, "\n")
	method, _, _ := strings.Cut(line, " ")
	x.Method = []byte(method)
	if strings.HasSuffix(line, "1.0") {
		x.Proto = http7.HTTP10
	}
	for f := range strings.Lines(strings.TrimSpace(fields)) {
		name, value, _ := strings.Cut(strings.TrimSpace(f), ": ")
		x.Request.AddRaw([]byte(name), []byte(value))
	}
	a := &http7.Answer{Status: 200, Length: length}
	a.Header.AddRaw([]byte("Content-Type"), []byte("text/html"))
	x.Answer = a
	return x, a
}

func TestMediaTypesDecide(t *testing.T) {
	for _, c := range []struct{ types, yes, no string }{
		{strings.Join(Default().Types, " "),
			"text/html text/event-stream TEXT/CSS text/html;charset=x application/json application/problem+json image/svg+xml application/wasm application/javascript font/ttf",
			"image/png application/octet-stream application/zip font/woff2 video/mp4 application/grpc application/grpc+proto application/pdf texthtml text"},
		{"*", "text/html application/octet-stream x/y image/svg+xml", "image/png video/mp4 application/gzip application/grpc-web+json application/epub+zip"},
		{"*/*", "text/html", "audio/ogg"},
		{"image/*", "image/svg+xml image/bmp", "image/jpeg text/html"},
		{"application/json", "application/json Application/JSON", "application/json2 application/jso text/json"},
		{"*+xml", "image/svg+xml a/b+xml", "text/xml"},
		{"*/xml", "text/xml application/xml", "a/b+xml"},
	} {
		var m matcher
		for _, s := range strings.Fields(c.types) {
			if !m.add(s) {
				t.Errorf("%q is refused", s)
			}
		}
		for _, s := range strings.Fields(c.yes) {
			if !m.takes([]byte(s)) {
				t.Errorf("%s does not take %s", c.types, s)
			}
		}
		for _, s := range append(strings.Fields(c.no), "", strings.Repeat("a", 300)+"/b") {
			if m.takes([]byte(s)) {
				t.Errorf("%s takes %q", c.types, s)
			}
		}
	}
}

func TestWhatDependsOnTheBytesGoes(t *testing.T) {
	steps := compile(t, nil)
	r := testkit.Policy(t, steps, asked, page+"ETag: \"v1\"\nDigest: sha-256=x\nContent-MD5: y\nX-Kept: 1\n\n")
	want := "Content-Type: text/html; charset=utf-8\nContent-Length: 5000\nETag: \"v1\"\nX-Kept: 1\nContent-Encoding: zstd\nVary: Accept-Encoding\n"
	if r.Answer != want { // length, digests and the tag's strength are the hall's part, since the filter changes bytes
		t.Errorf("got %q, want %q", r.Answer, want)
	}
	x, a := answered(asked, 5000)
	steps[0].Request.Request(x)
	steps[0].Response.Response(x)
	if len(a.Filters) != 1 || !a.Filters[0].Changes() {
		t.Errorf("filters %v", a.Filters)
	}
	steps[0].End.End(x, 0)
}

func TestA304NamesTheTagThatTheClientKnows(t *testing.T) {
	steps := compile(t, nil)
	for _, c := range []struct{ have, tag, want string }{
		{`W/"v1"`, `"v1"`, "ETag: W/\"v1\"\nVary: Accept-Encoding\n"},
		{`W/"v0", W/"v1"`, `"v1"`, "ETag: W/\"v1\"\nVary: Accept-Encoding\n"},
		{`"v1"`, `"v1"`, "ETag: \"v1\"\n"},
		{`W/"v1"`, `W/"v1"`, "ETag: W/\"v1\"\n"},
		{`W/"xv1"`, `"v1"`, "ETag: \"v1\"\n"},
		{`*`, `"v1"`, "ETag: \"v1\"\n"},
	} {
		request := strings.Replace(asked, "\n\n", "\nIf-None-Match: "+c.have+"\n\n", 1)
		if r := testkit.Policy(t, steps, request, "HTTP/1.1 304 Not Modified\nETag: "+c.tag+"\n\n"); r.Answer != c.want {
			t.Errorf("%s against %s: got %q, want %q", c.have, c.tag, r.Answer, c.want)
		}
	}
}

func TestTheChoiceIsTheClientsEvenIfRewriteRemovesTheField(t *testing.T) {
	steps := compile(t, nil)
	x, a := answered(asked, 5000)
	steps[0].Request.Request(x)
	x.Request.DelID(http7.AcceptEncoding)
	steps[0].Response.Response(x)
	if got := string(a.Header.Get(http7.ContentEncoding)); got != "zstd" {
		t.Errorf("coded with %q", got)
	}
	steps[0].End.End(x, 0)
}

// parts is a Source of chunks; "|" is Parked.
type parts struct{ todo []string }

func (s *parts) Next() ([]byte, http7.State, *http7.Fault) {
	if len(s.todo) == 0 {
		return nil, http7.End, nil
	}
	next := s.todo[0]
	if next == "|" {
		return nil, http7.Parked, nil
	}
	s.todo = s.todo[1:]
	return []byte(next), http7.Chunk, nil
}

func (s *parts) Await() { s.todo = s.todo[1:] }
func (s *parts) Close() {}

func TestABodyOfUnknownLengthIsDecidedByWhatIsAtHand(t *testing.T) {
	steps := compile(t, nil)
	kib := strings.Repeat("x", 1024)
	for _, c := range []struct {
		what  string
		parts []string
		want  string
	}{
		{"empty", nil, "-"},
		{"short and whole", []string{kib[:500], kib[:500]}, "-"},
		{"long enough", []string{kib}, "zstd vary"},
		{"long enough in two", []string{kib[:1000], kib[:24]}, "zstd vary"},
		{"nothing yet", []string{"|", "data: 1\n\n"}, "zstd vary"},
		{"an event, then a pause", []string{"data: 1\n\n", "|", "data: 2\n\n"}, "zstd vary"},
	} {
		x, a := answered(asked, -1)
		a.Source = &parts{c.parts}
		steps[0].Request.Request(x)
		steps[0].Response.Response(x)
		if got := verdict(string(a.Header.AppendLines(nil, 0))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		steps[0].End.End(x, 0)
		body := ""
		for {
			chunk, s, _ := a.Source.Next()
			body += string(chunk)
			if s == http7.End {
				break
			}
			if s == http7.Parked {
				a.Source.Await()
			}
		}
		if want := strings.ReplaceAll(strings.Join(c.parts, ""), "|", ""); body != want {
			t.Errorf("%s: the body is now %q", c.what, body)
		}
	}
}

func TestObserveSaysWhatItWouldDoAndChangesNothing(t *testing.T) {
	steps := compile(t, func(c *Config) { c.Mode = conf.Observe })
	if steps[0].Mode != http7.Observe {
		t.Error("the step does not say that it observes")
	}
	for _, c := range []struct {
		request, answer string
		want            []string
	}{
		{asked, page, []string{"edge.compress:would compress with zstd"}},
		{strings.Replace(asked, "zstd", "br;q=1", 1), page, []string{"edge.compress:would compress with br"}},
		{"GET / HTTP/1.1\nHost: h\n\n", page, nil},
		{asked, page + "Content-Encoding: gzip\n", nil},
		{asked, strings.Replace(page, "5000", "50", 1), nil},
		{strings.Replace(asked, "\n\n", "\nIf-None-Match: W/\"v\"\n\n", 1), "HTTP/1.1 304 Not Modified\nETag: \"v\"\n", nil},
	} {
		r := testkit.Policy(t, steps, c.request, c.answer+"\n")
		plain := testkit.Policy(t, nil, c.request, c.answer+"\n")
		if !slices.Equal(r.Remarks, c.want) || r.Answer != plain.Answer {
			t.Errorf("%q: remarks %q, want %q; answer %q", c.request, r.Remarks, c.want, r.Answer)
		}
	}
}

func TestWhatIsOverTheBoundLeavesAsItIsAndEncodersComeBack(t *testing.T) {
	steps := compile(t, func(c *Config) { c.Concurrent = conf.AtMost(2) })
	p := steps[0].Response.(*policy)
	begin := func() (*http7.Exchange, *http7.Answer) {
		x, a := answered(asked, -1)
		a.Source = &parts{[]string{"|"}}
		steps[0].Request.Request(x)
		steps[0].Response.Response(x)
		for _, f := range a.Filters {
			if _, taken, _, fault := f.Write(make([]byte, 0, 1000), []byte("data"), http7.More); taken != 4 || fault != nil {
				t.Errorf("took %d, fault %v", taken, fault)
			}
		}
		return x, a
	}
	one, _ := begin()
	two, last := begin()
	three, left := begin()
	if len(left.Filters) != 0 || !slices.Equal(three.Verdicts, []string{"edge.compress:left as it is, too many at once"}) || verdict(string(left.Header.AppendLines(nil, 0))) != "- vary" {
		t.Errorf("%d filters, remarks %q", len(left.Filters), three.Verdicts)
	}
	steps[0].End.End(one, 0) // cut
	if _, _, done, _ := last.Filters[0].Write(make([]byte, 0, 1000), nil, http7.Last); !done || p.live.Load() != 0 {
		t.Errorf("done %v, %d in use", done, p.live.Load())
	}
	steps[0].End.End(two, 0)
	steps[0].End.End(three, 0)
	if again, a := begin(); len(a.Filters) != 1 || p.live.Load() != 1 {
		t.Errorf("%d filters, %d in use", len(a.Filters), p.live.Load())
	} else {
		steps[0].End.End(again, 0)
	}
	if p.live.Load() != 0 {
		t.Errorf("%d in use at the end", p.live.Load())
	}
}

func TestADryRunTakesNothing(t *testing.T) {
	steps := compile(t, nil)
	x, _ := answered(asked, 5000)
	x.Dry = true
	if v := steps[0].Request.Request(x); v != http7.Continue || x.Kept(steps[0].Response) != nil {
		t.Errorf("%v, kept %v", v, x.Kept(steps[0].Response))
	}
}

// run passes a body through the policy as the hall does and returns what leaves, which is valid until
// the next call with the same room.
func run(steps []http7.Step, x *http7.Exchange, body, room []byte) (out int) {
	steps[0].Request.Request(x)
	steps[0].Response.Response(x)
	f := x.Answer.Filters[0]
	for at, done := 0, false; !done; {
		n, how := min(len(body)-at, 32<<10), http7.More
		if n == 0 {
			how = http7.Last
		}
		got, taken, d, _ := f.Write(room[:0], body[at:at+n], how)
		out += len(got)
		at, done = at+taken, d && how == http7.Last
	}
	steps[0].End.End(x, 0)
	return out
}

// again makes x a fresh exchange with the same request and a fresh answer.
func again(x *http7.Exchange, a *http7.Answer, accept []byte) {
	x.Release()
	x.Request.AddRaw([]byte("Accept-Encoding"), accept)
	a.Reset()
	a.Status, a.Length = 200, 1<<20
	a.Header.Add(contentType, htmlType)
	x.Answer = a
}

var (
	contentType = http7.Known(http7.ContentType)
	htmlType    = []byte("text/html")
)

func TestARequestWithoutAcceptEncodingAllocatesNothing(t *testing.T) {
	steps := compile(t, nil)
	x, a := answered("GET / HTTP/1.1\n", 5000)
	if n := testing.AllocsPerRun(1000, func() {
		x.Release()
		x.Answer = a
		steps[0].Request.Request(x)
		steps[0].Response.Response(x)
		steps[0].End.End(x, 0)
	}); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

func BenchmarkCompress(b *testing.B) {
	for l, level := range levelNames {
		for _, name := range codingNames {
			for _, size := range []int{2 << 10, 16 << 10, 256 << 10} {
				b.Run(fmt.Sprintf("%s/%s/%dKiB", name, level, size>>10), func(b *testing.B) {
					steps := compile(b, func(c *Config) { c.Level = levelNames[l] })
					body, room := records(size), make([]byte, 0, 32<<10)
					x, a := answered(asked, 0)
					accept, out := []byte(name), 0
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						again(x, a, accept)
						out = run(steps, x, body, room)
					}
					b.ReportMetric(float64(size)/float64(out), "ratio")
				})
			}
		}
	}
}

// records is the JSON of a list, as an API answers it.
func records(n int) []byte {
	words := strings.Fields("order customer price amount total shipping street city pending delivered invoice discount quantity product available category")
	r, b := rand.New(rand.NewPCG(7, 7)), &bytes.Buffer{}
	word := func() string { return words[r.IntN(len(words))] }
	for b.Len() < n {
		fmt.Fprintf(b, `{"id":%d,"name":"%s %s","price":%d.%02d,"tags":["%s","%s"],"created":"2026-%02d-%02dT%02d:%02d:00Z","hash":"%08x"},`,
			r.IntN(1e6), word(), word(), r.IntN(1000), r.IntN(100), word(), word(), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.Uint32())
	}
	return b.Bytes()[:n]
}

func BenchmarkNotAccepted(b *testing.B) {
	steps := compile(b, nil)
	x, a := answered("GET / HTTP/1.1\nAccept-Encoding: identity\n", 5000)
	b.ReportAllocs()
	for b.Loop() {
		x.Answer = a
		steps[0].Request.Request(x)
		steps[0].Response.Response(x)
		steps[0].End.End(x, 0)
	}
}
