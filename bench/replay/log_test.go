package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/obs"
	"weir/internal/testkit"
)

// read reads a log that must be good.
func read(t testing.TB, name, text string, o Options) *Log {
	t.Helper()
	l, err := Read(strings.NewReader(text), name, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// due returns when the requests are due, since the first one.
func due(t *testing.T, l *Log, speed float64) []time.Duration {
	t.Helper()
	a, err := l.Arrivals(speed)
	if err != nil {
		t.Fatal(err)
	}
	var list []time.Duration
	for _, at := range a.Times {
		list = append(list, at-a.Times[0])
	}
	return list
}

// paths returns the targets in the order in which they are sent.
func paths(t *testing.T, l *Log) string {
	t.Helper()
	s, err := l.Source(SourceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, r := s.Maker(bench.Parts, "t", 0), bench.Request{}
	var list []string
	for n := range l.Requests() {
		m.Fill(int64(n), &r)
		list = append(list, string(r.Path))
	}
	return strings.Join(list, " ")
}

const weirLog = `{"ts":1000030,"proto":"HTTP/1.1","method":"GET","host":"a","target":"/2","status":200,"dur_us":5}
{"ts":1000000,"proto":"HTTP/1.1","method":"GET","host":"b","target":"/1","status":200,"dur_us":90}
this is no line

{"ts":1000030,"proto":"HTTP/1.1","method":"POST","host":"a","target":"/3","status":201,"dur_us":1000}
{"ts":1000031,"proto":"tcp","dur_us":1000}
{"ts":1001000,"proto":"HTTP/1.1","method":"GET","host":"a","target":"/4","status":404,"dur_us":10}
`

func TestRequestsOfWeirsLogGoOutByTheirArrival(t *testing.T) {
	l := read(t, "access.log", weirLog, Options{})
	if got := paths(t, l); got != "/1 /2 /3 /4" {
		t.Errorf("the order is %s", got)
	}
	if got := fmt.Sprint(due(t, l, 1)); got != "[0s 30µs 30µs 1ms]" {
		t.Errorf("due at %s", got)
	}
	if got := fmt.Sprint(due(t, l, 2)); got != "[0s 15µs 15µs 500µs]" {
		t.Errorf("at twice the speed due at %s", got)
	}
	if got := fmt.Sprint(due(t, l, 0.5)); got != "[0s 60µs 60µs 2ms]" {
		t.Errorf("at half the speed due at %s", got)
	}
	if l.Span() != time.Millisecond || l.Requests() != 4 {
		t.Errorf("%d requests in %v", l.Requests(), l.Span())
	}
	if q := l.Latency(); q.Count() != 4 || q.Quantile(1) < 999*time.Microsecond || q.Quantile(1) > 1002*time.Microsecond {
		t.Errorf("%d latencies up to %v", q.Count(), q.Quantile(1))
	}
	// /3 lasts to 1030 µs, /1 to 90: three at 30 µs, two at 1000.
	if n := l.Concurrency(1); n != 3 {
		t.Errorf("%d requests at once", n)
	}
	if n := l.Concurrency(0.01); n != 2 {
		t.Errorf("%d requests at once, slowly", n)
	}
	testkit.Golden(t, "testdata/weir.notes", strings.Join(l.Notes(), "\n")+"\n")
}

func TestSpeedsThatAreNoneAreRefused(t *testing.T) {
	l := read(t, "access.log", weirLog, Options{})
	zero := 0.0
	for _, speed := range []float64{0, -1, 1 / zero, zero / zero, 1e-300} {
		if _, err := l.Arrivals(speed); !errors.Is(err, bench.ErrConfig) {
			t.Errorf("a speed of %v: %v", speed, err)
		}
	}
}

func TestRequestsOfOneSecondAreSpreadWithinIt(t *testing.T) {
	var b strings.Builder
	for i, second := range []int{1, 0, 1, 1, 1, 3} {
		fmt.Fprintf(&b, "10.0.0.1 - - [09/Mar/2026:10:00:0%d +0000] \"GET /%d HTTP/1.1\" 200 1\n", second, i)
	}
	l := read(t, "access.log", b.String(), Options{})
	if got := paths(t, l); got != "/1 /0 /2 /3 /4 /5" {
		t.Errorf("the order is %s", got)
	}
	if got := fmt.Sprint(due(t, l, 1)); got != "[0s 1s 1.25s 1.5s 1.75s 3s]" {
		t.Errorf("due at %s", got)
	}
	if l.Latency().Count() != 0 || l.Concurrency(1) != 0 {
		t.Error("the log has latencies")
	}
	testkit.Golden(t, "testdata/combined.notes", strings.Join(l.Notes(), "\n")+"\n")

	scattered := due(t, read(t, "x", b.String(), Options{Scatter: true, Seed: 7}), 1)
	again := due(t, read(t, "x", b.String(), Options{Scatter: true, Seed: 7}), 1)
	other := due(t, read(t, "x", b.String(), Options{Scatter: true, Seed: 8}), 1)
	if fmt.Sprint(scattered) != fmt.Sprint(again) || fmt.Sprint(scattered) == fmt.Sprint(other) {
		t.Errorf("scattered at %v, again %v, with another seed %v", scattered, again, other)
	}
	for i := 1; i < len(scattered); i++ {
		if scattered[i] < scattered[i-1] {
			t.Errorf("scattered out of order: %v", scattered)
		}
	}
}

func TestATimeThatARequestTookIsCountedBack(t *testing.T) {
	l := read(t, "access.log", `
10.0.0.1 - - [09/Mar/2026:10:00:05 +0000] "GET /quick HTTP/1.1" 200 1 "-" "x" 0.010
10.0.0.1 - - [09/Mar/2026:10:00:06 +0000] "DELETE /slow HTTP/1.1" 200 1 "-" "x" 3.000
10.0.0.1 - - [09/Mar/2026:10:00:06 +0000] "-" 408 0 "-" "-" 60.000
10.0.0.1 - - [09/Mar/2026:10:00:06 +0000] "GET /ws HTTP/1.1" 101 0 "-" "-" 60.000
`, Options{})
	if got := paths(t, l); got != "/slow /quick" {
		t.Errorf("the order is %s", got)
	}
	if got := fmt.Sprint(due(t, l, 1)); got != "[0s 1.99s]" {
		t.Errorf("due at %s", got)
	}
	if q := l.Latency().Quantiles(); q.Max < 2990*time.Millisecond || q.Max > 3010*time.Millisecond {
		t.Errorf("the longest took %v", q.Max)
	}
	testkit.Golden(t, "testdata/timed.notes", strings.Join(l.Notes(), "\n")+"\n")
}

func TestOnlySafeMethodsAreReplayedWhereThatIsAsked(t *testing.T) {
	l := read(t, "access.log", weirLog, Options{SafeOnly: true})
	if got := paths(t, l); got != "/1 /2 /4" {
		t.Errorf("replayed are %s", got)
	}
	if notes := strings.Join(l.Notes(), "\n"); !strings.Contains(notes, "1 request with another method than GET, HEAD and OPTIONS") {
		t.Errorf("notes: %s", notes)
	}
}

func TestACompressedLogIsReadByItsName(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, weirLog); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	packed := b.Bytes()
	if l, err := Read(bytes.NewReader(packed), "access.log.gz", Options{}); err != nil || l.Requests() != 4 {
		t.Errorf("%v, %v", l, err)
	}
	if _, err := Read(bytes.NewReader(packed[:len(packed)-20]), "access.log.gz", Options{}); err == nil {
		t.Error("a file that is cut short is read")
	}
	if _, err := Read(strings.NewReader(weirLog), "access.log.gz", Options{}); err == nil || !strings.Contains(err.Error(), "not a gzip file") {
		t.Errorf("error %v", err)
	}
}

func TestLogsThatAreNoneAreErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "x.log is empty"},
		{"prose", "hello\nworld\n", `x.log is not an access log of Weir, nginx or Apache: 2 of 2 lines can't be read; line 1: no [time] "request"; line 2: no [time] "request"`},
		{"mostly prose", weirLog + strings.Repeat("hello\n", 90), "91 of 96 lines can't be read"},
		{"another program's JSON", `{"time":"now","msg":"hello"}` + "\n", "1 of 1 lines can't be read; line 1: no ts or dur_us: not a line of Weir's access log"},
		{"no requests", `{"ts":1,"proto":"tcp","dur_us":1}` + "\n", "x.log holds no request that can be replayed: 1 TCP session"},
		{"blank", "\n\n", "x.log is empty"},
		{"one long line", strings.Repeat("x", maxLine+1), "the line is too long: more than 1048576 bytes"},
	} {
		_, err := Read(strings.NewReader(c.text), "x.log", Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %s", c.name, err, c.want)
		}
	}
}

func TestALongLineDoesNotHideTheOthers(t *testing.T) {
	l := read(t, "x.log", `{"x":"`+strings.Repeat("y", 3*maxLine)+"\"}\n"+weirLog+strings.Repeat("z", 2*maxLine), Options{})
	if l.Requests() != 4 || l.counts.bad != 3 {
		t.Errorf("%d requests, %d bad lines", l.Requests(), l.counts.bad)
	}
}

func TestAFailingReaderIsAnErrorWithItsLine(t *testing.T) {
	broken := io.MultiReader(strings.NewReader(weirLog), failing{})
	if _, err := Read(broken, "x.log", Options{}); err == nil || err.Error() != "x.log: line 8: the disk is gone" {
		t.Errorf("error %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// written returns the lines that Weir writes for records.
func written(t *testing.T, records []obs.Record) string {
	t.Helper()
	var b strings.Builder
	cfg := obs.DefaultAccessLog()
	cfg.Path = "-"
	w, err := obs.NewAccessLog(cfg, obs.AccessLogNeeds{Stdout: &b, Catalogue: obs.NewCatalogue(obs.Build{}), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range records {
		w.Write(&records[i])
	}
	over, stop := context.WithCancel(context.Background())
	stop()
	w.Run(over)
	return b.String()
}

func TestWhatWeirWritesIsRead(t *testing.T) {
	start := utc(10, 0, 0)
	text := written(t, []obs.Record{
		{Arrival: start, Client: netip.MustParseAddr("10.0.0.1"), Proto: "HTTP/1.1", Method: []byte("GET"), Host: []byte("a.example"),
			Target: []byte("/q?\"\\<\u2028é"), Status: 200, Duration: 1234 * time.Microsecond, Match: []obs.Matched{{Selector: "header:X-Tenant", Value: []byte("acme")}}},
		{Arrival: start.Add(time.Microsecond), Proto: "tcp", Duration: time.Second},
		{Arrival: start.Add(2 * time.Microsecond), Proto: "HTTP/1.0", Method: []byte("DELETE"), Target: []byte("/\xff"), Status: 503, Fault: "no_endpoint"},
	})
	l := read(t, "access.log", text, Options{})
	if got := paths(t, l); got != "/q?\"\\<\u2028é /\ufffd" || l.counts.bad > 0 || l.counts.left[session] != 1 {
		t.Errorf("paths %q, counts %+v", got, l.counts)
	}
	if got := fmt.Sprint(due(t, l, 1)); got != "[0s 2µs]" {
		t.Errorf("due at %s", got)
	}
	if e := l.entries[0]; e.took != 1234 || e.status != 200 || l.texts.all[e.extra] != "X-Tenant: acme\r\n" {
		t.Errorf("%+v", e)
	}
}

func TestALogTakesAboutAHundredBytesForEachRequest(t *testing.T) {
	const requests = 60_000
	source, sink := io.Pipe()
	go func() { // writes the log; ends with it
		for i := range requests {
			fmt.Fprintf(sink, `{"ts":%d,"proto":"HTTP/1.1","method":"GET","host":"api.example.com","target":"/v1/orders/%08d","status":200,"dur_us":900}`+"\n", 1000000+i*100, i)
		}
		sink.Close()
	}()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	l, err := Read(source, "x", Options{})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	const path = len("/v1/orders/00000000")
	if each := (int64(after.HeapAlloc)-int64(before.HeapAlloc))/requests - int64(path); each > 100 {
		t.Errorf("%d bytes for each request besides its path", each)
	}
	runtime.KeepAlive(l)
}

func BenchmarkRead(b *testing.B) {
	for name, text := range map[string]string{
		"weir":     strings.Repeat(`{"ts":1000030,"client":"10.0.0.1","listener":"web","proto":"HTTP/1.1","method":"GET","host":"a","target":"/2","route":"site","upstream":"site","endpoint":"10.0.0.2:80","status":200,"fault":"","bytes_in":0,"bytes_out":1024,"dur_us":5,"first_byte_us":4,"attempts":1,"consumer":"","verdicts":[],"cache":"","request_id":"","trace_id":"","match":[]}`+"\n", 1000),
		"combined": strings.Repeat(`10.0.0.1 - - [09/Mar/2026:10:00:01 +0000] "GET /a HTTP/1.1" 200 12 "http://x/" "curl/8"`+"\n", 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Read(strings.NewReader(text), "x", Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
