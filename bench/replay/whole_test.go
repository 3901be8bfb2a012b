package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/bench"
)

// logged is a request as the test thought of it: a log is written of it, and it must come out of the Source.
type logged struct {
	at             int64 // µs
	took           int64
	method, target string
	host, agent    string
	referer        string
	status         int
	left, bad      bool // not replayed; not readable
}

// journal writes logs at random, among whose requests are such as can't be replayed and lines that are none.
func journal(random *rand.Rand, weir bool) (text string, all []logged) {
	var b strings.Builder
	at := int64(1_700_000_000_000_000)
	for i := range 20 + random.IntN(200) {
		at += random.Int64N(3) * random.Int64N(2_000_000)
		g := logged{
			at: at - random.Int64N(1000), took: 1000 * random.Int64N(5000), method: []string{"GET", "GET", "POST", "DELETE", "HEAD", "PURGE"}[random.IntN(6)],
			target: fmt.Sprintf("/%d?q=%s", i, strings.Map(printable, anyBytes(random, 10))), host: fmt.Sprintf("h%d.example", random.IntN(3)),
			agent: []string{"", "curl/8", `say "hi" \o/`}[random.IntN(3)], referer: []string{"", "http://x/?a=\"b\""}[random.IntN(2)], status: 200 + random.IntN(300),
		}
		switch random.IntN(25) {
		case 0:
			g.method, g.target, g.left = "CONNECT", "a:443", true
		case 1:
			g.status, g.left = 101, true
		case 2:
			g.bad = true
		}
		if !weir { // the common logs have whole seconds and no hosts
			g.at, g.host, g.took = g.at/1e6*1e6, "", -1
		} else {
			g.agent, g.referer = "", ""
		}
		g.write(&b, weir)
		all = append(all, g)
	}
	return b.String(), all
}

func (g *logged) write(b *strings.Builder, weir bool) {
	switch {
	case g.bad:
		b.WriteString("{ what is this [ \"\n")
	case weir:
		fmt.Fprintf(b, `{"ts":%d,"proto":"HTTP/1.1","method":%q,"host":%q,"target":"%s","status":%d,"dur_us":%d,"unknown":[1,{"a":null}]}`+"\n",
			g.at, g.method, g.host, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(g.target), g.status, g.took)
	default:
		dash := func(s string) string {
			if s == "" {
				return "-"
			}
			return nginxEscape(s)
		}
		fmt.Fprintf(b, "10.0.0.1 - - [%s] \"%s\" %d 12 \"%s\" \"%s\"\n", time.UnixMicro(g.at).UTC().Format("02/Jan/2006:15:04:05 -0700"),
			nginxEscape(g.method+" "+g.target+" HTTP/1.1"), g.status, dash(g.referer), dash(g.agent))
	}
}

func TestALogGoesOutAsItWasWritten(t *testing.T) {
	for seed := range uint64(60) {
		for _, weir := range []bool{true, false} {
			text, all := journal(rand.New(rand.NewPCG(seed, 40)), weir)
			l := read(t, "x", text, Options{})
			var want []logged
			var bad int64
			for _, g := range all {
				if g.bad {
					bad++
				} else if !g.left {
					want = append(want, g)
				}
			}
			slices.SortStableFunc(want, func(a, b logged) int { return int(a.at - b.at) })
			if l.counts.bad != bad || l.Requests() != len(want) {
				t.Fatalf("seed %d, Weir's %v: %d bad, %d requests; want %d and %d", seed, weir, l.counts.bad, l.Requests(), bad, len(want))
			}
			s := source(t, l, SourceOptions{KeepHost: true})
			m, r := s.Maker(bench.Wire, "target:80", 0), bench.Request{}
			for n, g := range want {
				m.Fill(int64(n), &r)
				if problem := g.differs(r.Wire); problem != "" {
					t.Fatalf("seed %d, Weir's %v, request %d: %s\n%q", seed, weir, n, problem, r.Wire)
				}
				if class := s.Classes()[r.Class]; class != g.method && class != "other" {
					t.Fatalf("seed %d: %s is of class %s", seed, g.method, class)
				}
			}
			checkTimes(t, l, want, weir)
		}
	}
}

// differs reads a message as a server would and says in what it is not the request.
func (g *logged) differs(message []byte) string {
	line, rest, _ := bytes.Cut(message, []byte("\r\n"))
	if want := g.method + " " + g.target + " HTTP/1.1"; string(line) != want {
		return fmt.Sprintf("begins with %q, want %q", line, want)
	}
	// A target of a log need not be a URL: net/http is not asked about it.
	q, err := http.ReadRequest(bufio.NewReader(io.MultiReader(strings.NewReader(g.method+" / HTTP/1.1\r\n"), bytes.NewReader(rest))))
	if err != nil {
		return err.Error()
	}
	host := g.host
	if host == "" {
		host = "target:80"
	}
	if q.Host != host || q.UserAgent() != g.agent || q.Referer() != g.referer {
		return fmt.Sprintf("host %q, agent %q, referer %q", q.Host, q.UserAgent(), q.Referer())
	}
	return ""
}

// checkTimes compares when requests are due: to the microsecond, or to the second.
func checkTimes(t *testing.T, l *Log, want []logged, weir bool) {
	t.Helper()
	for i, d := range due(t, l, 1) {
		gap := time.Duration(want[i].at-want[0].at) * time.Microsecond
		if off := d - gap; weir && off != 0 || off < 0 || off >= time.Second {
			t.Fatalf("request %d is due at %v, the log says %v", i, d, gap)
		}
	}
}

// counted is a server that notes which targets it was asked for.
type counted struct {
	mu    sync.Mutex
	asked map[string]int
	hosts map[string]int
}

func (c *counted) ServeHTTP(_ http.ResponseWriter, q *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[q.RequestURI]++
	c.hosts[q.Host]++
}

func TestOddLogsAreSentWhole(t *testing.T) {
	line := func(at int64, i int) string {
		return fmt.Sprintf(`{"ts":%d,"method":"GET","host":"h%d","target":"/%d","status":200,"dur_us":10}`+"\n", at, i%2, i)
	}
	many := func(n int, at func(i int) int64) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(at(i), i))
		}
		return b.String()
	}
	for _, c := range []struct {
		what  string
		text  string
		n     int
		speed float64
	}{
		{"one line", line(1e6, 0), 1, 1},
		{"equal times", many(500, func(int) int64 { return 1e6 }), 500, 1},
		{"backwards", many(300, func(i int) int64 { return int64(1e6 - i*100) }), 300, 1},
		{"a year between two", line(1e6, 0) + line(31_536_000_000_000, 1), 2, 1e9},
		{"slower than it came", many(20, func(i int) int64 { return int64(1e6 + i*1000) }), 20, 0.1},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			asked := &counted{asked: map[string]int{}, hosts: map[string]int{}}
			server := httptest.NewServer(asked)
			defer server.Close()
			l := read(t, "x", c.text, Options{})
			s := source(t, l, SourceOptions{KeepHost: true})
			arrivals, err := l.Arrivals(c.speed)
			if err != nil {
				t.Fatal(err)
			}
			r, err := bench.Run(context.Background(), bench.Config{Target: server.URL, Source: s, Arrivals: arrivals, Connections: 4})
			if err != nil || r.OK != int64(c.n) || r.Unsent != 0 {
				t.Fatalf("%v, ok %d, %v, %d unsent; want %d", err, r.OK, r.FirstFailures, r.Unsent, c.n)
			}
			asked.mu.Lock()
			defer asked.mu.Unlock()
			if len(asked.asked) != c.n || asked.hosts["h0"] != (c.n+1)/2 {
				t.Errorf("%d targets, hosts %v; want each of %d once", len(asked.asked), asked.hosts, c.n)
			}
			if compared := s.Compare(r); compared.Requests != int64(c.n) || compared.Same != int64(c.n) || compared.Latency.Count != int64(c.n) {
				t.Errorf("compared: %+v", compared)
			}
		})
	}
}

func TestADamagedArchiveIsAnError(t *testing.T) {
	var whole bytes.Buffer
	z := gzip.NewWriter(&whole)
	io.WriteString(z, strings.Repeat(weirLog, 2000))
	z.Close()
	for what, text := range map[string]string{
		"no archive": weirLog,
		"empty":      "",
		"cut":        whole.String()[:whole.Len()/2],
		"its sum":    whole.String()[:whole.Len()-8] + "12345678",
	} {
		if l, err := Read(strings.NewReader(text), "log.gz", Options{}); err == nil || !strings.HasPrefix(err.Error(), "log.gz: ") {
			t.Errorf("%s: %v, %v; want an error that names the file", what, l, err)
		}
	}
	if l, err := Read(&whole, "log.gz", Options{}); err != nil || l.Requests() != 8000 {
		t.Errorf("whole: %v", err)
	}
}

func TestTheFormatIsThatOfTheFirstGoodLine(t *testing.T) {
	const common = `h - - [09/Mar/2026:10:00:01 +0000] "GET /c HTTP/1.1" 200 1` + "\n"
	const weir = `{"ts":1000000,"method":"GET","host":"b","target":"/w","status":200,"dur_us":90}` + "\n"
	for _, c := range []struct{ what, text, want string }{
		{"Weir's", weir + common + weir, "/w /w"},
		{"combined", common + weir + common, "/c /c"},
		{"Weir's behind what looks like the other", "GET / and so on\n" + weir + common, "/w"},
		{"combined behind what looks like Weir's", "{\n{}\n{\"ts\":1}\n" + common + weir, "/c"},
		{"with Windows' line ends", strings.ReplaceAll(common+common, "\n", "\r\n"), "/c /c"},
		{"without an end", strings.TrimSpace(common), "/c"},
	} {
		if got := paths(t, read(t, "x", c.text, Options{})); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}
