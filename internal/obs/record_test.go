package obs

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// line is a record as a reader of the log decodes it.
type line struct {
	TS        int64       `json:"ts"`
	Client    string      `json:"client"`
	Listener  string      `json:"listener"`
	Proto     string      `json:"proto"`
	Method    string      `json:"method"`
	Host      string      `json:"host"`
	Target    string      `json:"target"`
	Route     string      `json:"route"`
	Upstream  string      `json:"upstream"`
	Endpoint  string      `json:"endpoint"`
	Status    int         `json:"status"`
	Fault     string      `json:"fault"`
	BytesIn   int64       `json:"bytes_in"`
	BytesOut  int64       `json:"bytes_out"`
	DurUS     int64       `json:"dur_us"`
	FirstUS   int64       `json:"first_byte_us"`
	Attempts  int         `json:"attempts"`
	Consumer  string      `json:"consumer"`
	Verdicts  [][2]string `json:"verdicts"`
	Cache     string      `json:"cache"`
	RequestID string      `json:"request_id"`
	TraceID   string      `json:"trace_id"`
	Match     [][2]string `json:"match"`
}

// decode reads one line and refuses keys that the line type lacks.
func decode(t *testing.T, b []byte) line {
	t.Helper()
	if n := len(b); n == 0 || b[n-1] != '\n' || strings.Count(string(b), "\n") != 1 || !utf8.Valid(b) {
		t.Fatalf("not one line of UTF-8: %q", b)
	}
	var l line
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return l
}

func TestALineHasEveryKeyInOrder(t *testing.T) {
	r := sample()
	r.Consumer, r.Cache, r.Fault = "acme", "miss", "timeout"
	r.RequestID, r.TraceID = []byte("id-1"), []byte("4bf92f3577b34da6a3ce929d0e0e4736")
	r.BytesIn = 12
	r.Verdicts = append(r.Verdicts, Verdict{"p.rate_limit", "answer 429"})
	r.Match = []Matched{{"header:X-Tenant", []byte("a")}, {"cookie:c", []byte("b")}}
	const want = `{"ts":1700000000123456,"client":"192.0.2.7","listener":"web","proto":"HTTP/1.1","method":"GET",` +
		`"host":"api.example.com","target":"/v1/orders/17?page=2","route":"orders","upstream":"orders","endpoint":"10.0.0.1:8080",` +
		`"status":200,"fault":"timeout","bytes_in":12,"bytes_out":1024,"dur_us":1500,"first_byte_us":1400,"attempts":1,"consumer":"acme",` +
		`"verdicts":[["edge.headers","continue"],["p.rate_limit","answer 429"]],"cache":"miss","request_id":"id-1",` +
		`"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","match":[["header:X-Tenant","a"],["cookie:c","b"]]}` + "\n"
	if got := string(appendRecord(nil, r)); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestAnEmptyRecordStillHasEveryKey(t *testing.T) {
	b := appendRecord(nil, &Record{Arrival: time.UnixMicro(0)})
	decode(t, b)
	for i := range reflect.TypeFor[line]().NumField() {
		if key := `"` + reflect.TypeFor[line]().Field(i).Tag.Get("json") + `":`; !strings.Contains(string(b), key) {
			t.Errorf("%s is missing in %s", key, b)
		}
	}
}

func TestTextIsEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"plain":            `"plain"`,
		`a"b\c`:            `"a\"b\\c"`,
		"\x00\x1f\n\t\x7f": `"\u0000\u001f\u000a\u0009\u007f"`,
		"\x1b[31m":         `"\u001b[31m"`,
		"é€😀":              `"é€😀"`,
		"\u2028\u2029":     `"\u2028\u2029"`,
		"a\xffb":           `"a\ufffdb"`,
		"cut \xe2\x82":     `"cut \ufffd\ufffd"`,
		"\xed\xa0\x80":     `"\ufffd\ufffd\ufffd"`, // a surrogate
		"\uFFFD":           "\"\uFFFD\"",
		"":                 `""`,
	} {
		if got := string(appendText(nil, "", in)); got != want {
			t.Errorf("%q is written as %s, want %s", in, got, want)
		}
	}
}

func TestClientAddressesAreWrittenWithoutZone(t *testing.T) {
	for in, want := range map[string]string{"192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "fe80::1%eth\"0": "fe80::1", "::ffff:1.2.3.4": "::ffff:1.2.3.4"} {
		l := decode(t, appendRecord(nil, &Record{Client: netip.MustParseAddr(in)}))
		if l.Client != want {
			t.Errorf("%s is written as %s, want %s", in, l.Client, want)
		}
	}
}

// FuzzRecord writes records of arbitrary bytes and demands that encoding/json reads back the same
// texts, with U+FFFD for each byte that is not UTF-8.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("GET"), []byte("example.com"), []byte("/a?b=c"), "route", 200, int64(5))
	f.Add([]byte("\x00\""), []byte("\\\xff"), []byte("\xe2\x80\xa8"), "\x7f\u0080", -1, int64(-9))
	f.Add([]byte("\xf0\x9f\x98"), []byte("\xed\xa0\x80"), []byte(nil), "\uFFFD\r\n", 0, int64(1)<<62)
	f.Fuzz(func(t *testing.T, method, host, target []byte, text string, status int, n int64) {
		in := Record{
			Method: method, Host: host, Target: target, Route: text, Upstream: text, Endpoint: text, Listener: text, Proto: text,
			Status: status, Fault: text, BytesIn: n, BytesOut: -n, Duration: time.Duration(n), FirstByte: time.Duration(n), Consumer: text,
			Verdicts: []Verdict{{text, text}}, Cache: text, RequestID: target, TraceID: host, Match: []Matched{{text, method}},
		}
		valid := func(s string) string { return string([]rune(s)) }
		m, h, tg, tx := valid(string(method)), valid(string(host)), valid(string(target)), valid(text)
		want := line{
			TS: in.Arrival.UnixMicro(), Method: m, Host: h, Target: tg, Route: tx, Upstream: tx, Endpoint: tx, Listener: tx, Proto: tx,
			Status: status, Fault: tx, BytesIn: n, BytesOut: -n, DurUS: n / 1000, FirstUS: n / 1000, Consumer: tx,
			Verdicts: [][2]string{{tx, tx}}, Cache: tx, RequestID: tg, TraceID: h, Match: [][2]string{{tx, m}},
		}
		if got := decode(t, appendRecord(nil, &in)); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	})
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	r, b := sample(), make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(1000, func() { b = appendRecord(b[:0], r) }); n != 0 {
		t.Fatalf("appendRecord allocates %v times", n)
	}
}

func BenchmarkAppendRecord(b *testing.B) {
	r, buf := sample(), make([]byte, 0, 4096)
	for b.Loop() {
		buf = appendRecord(buf[:0], r)
	}
	b.SetBytes(int64(len(buf)))
}

func TestTheManualListsTheKeysInOrder(t *testing.T) {
	page, err := os.ReadFile("../../docs/access-log.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, m[1])
	}
	var written []string
	for _, m := range regexp.MustCompile(`[{,]"(\w+)":`).FindAllStringSubmatch(string(appendRecord(nil, &Record{})), -1) {
		written = append(written, m[1])
	}
	if !slices.Equal(listed, written) {
		t.Errorf("docs/access-log.md lists %q, a line has %q", listed, written)
	}
}
