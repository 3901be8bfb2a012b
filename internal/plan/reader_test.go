package plan

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// wholeLine is a line as internal/obs writes it.
const wholeLine = `{"ts":1700000000123456,"client":"192.0.2.7","listener":"web","proto":"HTTP/1.1","method":"GET",` +
	`"host":"api.example.com","target":"/v1/orders/17?page=2","route":"orders","upstream":"orders","endpoint":"10.0.0.1:8080",` +
	`"status":200,"fault":"timeout","bytes_in":12,"bytes_out":1024,"dur_us":1500,"first_byte_us":1400,"attempts":1,"consumer":"acme",` +
	`"verdicts":[["edge.headers","continue"]],"cache":"miss","request_id":"id-1","trace_id":"4bf9",` +
	`"match":[["header:x-tenant","a"],["cookie:c","b"],["sni","api.example.com"]]}`

// small is a line with what no reader can do without.
const small = `{"ts":1,"client":"","listener":"web","proto":"HTTP/1.1","method":"GET","host":"a","target":"/"}`

// read reads a whole log.
func read(t *testing.T, log io.Reader) (*Reader, []Record, error) {
	t.Helper()
	r, err := NewReader(log)
	if err != nil {
		return r, nil, err
	}
	var all []Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r, all, nil
		}
		if err != nil {
			return r, all, err
		}
		all = append(all, *rec)
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestALineIsReadWhole(t *testing.T) {
	want := Record{
		Line: 1, Arrival: time.UnixMicro(1700000000123456).UTC(), Client: netip.MustParseAddr("192.0.2.7"), Listener: "web", Proto: "HTTP/1.1",
		Method: "GET", Host: "api.example.com", Target: "/v1/orders/17?page=2", Route: "orders", Upstream: "orders", Endpoint: "10.0.0.1:8080",
		Status: 200, Fault: "timeout", BytesIn: 12, BytesOut: 1024, Duration: 1500 * time.Microsecond, FirstByte: 1400 * time.Microsecond,
		Attempts: 1, Consumer: "acme", Cache: "miss", Verdicts: [][2]string{{"edge.headers", "continue"}},
		Match: [][2]string{{"header:x-tenant", "a"}, {"cookie:c", "b"}, {"sni", "api.example.com"}}, Body: 12,
	}
	for about, log := range map[string][]byte{"plain": []byte(wholeLine + "\n"), "gz": zipped(t, wholeLine+"\n"), "crlf": []byte(wholeLine + "\r\n"), "no end": []byte(wholeLine)} {
		r, got, err := read(t, bytes.NewReader(log))
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) || r.Lines != 1 || r.Foreign != 0 || r.Cut {
			t.Errorf("%s: got %+v, %v; %d lines, %d foreign, cut %v", about, got, err, r.Lines, r.Foreign, r.Cut)
		}
	}
}

func TestALogIsReadWhateverStandsInIt(t *testing.T) {
	long := `{"ts":1,"x":"` + strings.Repeat("y", maxLine) + `"}`
	for _, c := range []struct {
		about, log     string
		records, lines int
		foreign        int
		cut            bool
		problem        string
	}{
		{"nothing", "", 0, 0, 0, false, ""},
		{"blank lines", "\n\n" + small + "\n\n", 1, 4, 0, false, ""},
		{"a line of nginx", small + "\n" + `1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 2326` + "\n" + small + "\n", 2, 3, 1, false, "line 2: not a line of Weir's JSON"},
		{"another program's JSON", `{"msg":"hello"}` + "\n" + small + "\n", 1, 2, 1, false, "line 1: JSON, but not of Weir's access log"},
		{"a client that is none", strings.Replace(small, `"client":""`, `"client":"me"`, 1) + "\n", 0, 1, 1, false, `client "me" is no address`},
		{"a time that is none", strings.Replace(small, `"ts":1`, `"ts":-1`, 1) + "\n", 0, 1, 1, false, "-1 is no time"},
		{"bytes that are none", strings.Replace(small, `"ts":1`, `"ts":1,"bytes_in":-1`, 1) + "\n", 0, 1, 1, false, "-1 is no number of bytes"},
		{"a number that is too large", strings.Replace(small, `"ts":1`, `"ts":1e300`, 1) + "\n", 0, 1, 1, false, "line 1"},
		{"a line that is too long", small + "\n" + long + "\n" + small + "\n", 2, 3, 1, false, "line 2: longer than 1048576 bytes"},
		{"a line that is still written", small + "\n" + small[:40], 1, 1, 0, true, ""},
		{"a long one that is still written", small + "\n" + long, 1, 1, 0, true, ""},
		{"keys that are not known", strings.Replace(small, `"ts":1`, `"ts":1,"new":{"a":[1]}`, 1) + "\n", 1, 1, 0, false, ""},
	} {
		r, got, err := read(t, strings.NewReader(c.log))
		if err != nil || len(got) != c.records || int(r.Lines) != c.lines || int(r.Foreign) != c.foreign || r.Cut != c.cut ||
			!strings.Contains(strings.Join(r.Problems, "; "), c.problem) {
			t.Errorf("%s: %d records of %d lines, %d foreign, cut %v, %q, %v; want %+v", c.about, len(got), r.Lines, r.Foreign, r.Cut, r.Problems, err, c)
		}
	}
}

func TestAGzipFileThatIsStillWrittenIsReadAsFarAsItGoes(t *testing.T) {
	whole := zipped(t, strings.Repeat(wholeLine+"\n", 5000))
	r, got, err := read(t, bytes.NewReader(whole[:len(whole)-9]))
	if err != nil || !r.Cut || len(got) < 4000 {
		t.Errorf("%d records, cut %v, %v", len(got), r.Cut, err)
	}
	for name, damaged := range map[string][]byte{"behind its head": append(bytes.Clone(whole[:200]), bytes.Repeat([]byte{0xff}, 400)...), "in its head": whole[:5]} {
		if _, _, err := read(t, bytes.NewReader(damaged)); err == nil {
			t.Errorf("a file that is damaged %s is read", name)
		}
	}
}

func TestAReaderThatFailsIsAnError(t *testing.T) {
	failing := io.MultiReader(strings.NewReader(small+"\n"), failure{})
	if _, got, err := read(t, failing); err == nil || !strings.Contains(err.Error(), "behind line 1") || len(got) != 1 {
		t.Errorf("%d records, %v", len(got), err)
	}
	if _, _, err := read(t, failure{}); err == nil {
		t.Error("no error")
	}
}

type failure struct{}

func (failure) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

func TestARecordIsWrittenAsAHead(t *testing.T) {
	for _, c := range []struct {
		about string
		r     Record
		want  string // "" : none
	}{
		{"a request line", Record{Method: "GET", Target: "/a?b", Host: "h"}, "GET /a?b HTTP/1.1\nHost: h\n\n"},
		{"fields, cookies and a length", Record{Method: "POST", Target: "/", Host: "h", Body: 7, Match: [][2]string{
			{"cookie:a", "1"}, {"header:x-a", "v"}, {"sni", "h"}, {"cookie:b", "2"}, {"header:x-a", "w"}, {"claim:plan", "gold"}}},
			"POST / HTTP/1.1\nHost: h\nx-a: v\nx-a: w\nCookie: a=1; b=2\nContent-Length: 7\n\n"},
		{"what is written anyhow", Record{Method: "GET", Target: "/", Host: "h", Match: [][2]string{{"header:host", "x"}, {"header:Content-Length", "9"}, {"header:transfer-encoding", "chunked"}}},
			"GET / HTTP/1.1\nHost: h\n\n"},
		{"a field that would not stay on its line", Record{Method: "GET", Target: "/", Host: "h", Match: [][2]string{{"header:x", "a\r\ny: b"}, {"cookie:x\n", "a"}}}, "GET / HTTP/1.1\nHost: h\n\n"},
		{"a target that would not", Record{Method: "GET", Target: "/\r\n", Host: "h"}, ""},
		{"a host that would not", Record{Method: "GET", Target: "/", Host: "h\nx: y"}, ""},
	} {
		head, ok := c.r.AppendHead(nil)
		if want := strings.ReplaceAll(c.want, "\n", "\r\n"); ok != (c.want != "") || ok && string(head) != want {
			t.Errorf("%s: got %q, %v; want %q", c.about, head, ok, want)
		}
	}
}

// FuzzReader holds that no log makes the reader fail, loop or keep more than a line, and that every line is counted.
func FuzzReader(f *testing.F) {
	f.Add([]byte(wholeLine + "\n" + small))
	f.Add([]byte("\n\n{}\n" + small[:30]))
	f.Add([]byte("\x1f\x8b"))
	f.Add([]byte(`{"ts":1,"listener":"","proto":"","match":[["header:x"]],"verdicts":[[1]]}` + "\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		r, err := NewReader(bytes.NewReader(log))
		if err != nil {
			return
		}
		records := int64(0)
		for {
			rec, err := r.Next()
			if err != nil {
				break
			}
			records++
			if head, ok := rec.AppendHead(nil); ok && bytes.Count(head, []byte("\n")) > 4+len(rec.Match) {
				t.Errorf("%+v is written as %q", rec, head)
			}
			if records > int64(len(log)) {
				t.Fatal("more records than bytes")
			}
		}
		if records+r.Foreign > r.Lines || !bytes.HasPrefix(log, []byte{0x1f, 0x8b}) && r.Lines > int64(bytes.Count(log, []byte("\n"))+1) {
			t.Errorf("%d records and %d foreign lines of %d", records, r.Foreign, r.Lines)
		}
	})
}
