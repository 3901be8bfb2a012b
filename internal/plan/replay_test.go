package plan

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"weir/internal/term"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// logged writes a line of a log; set are keys and values of JSON in pairs.
func logged(set ...any) string {
	m := map[string]any{"ts": 1700000000000000, "client": "192.0.2.1", "listener": "web", "proto": "HTTP/1.1", "method": "GET", "host": "h", "target": "/a",
		"route": "a", "upstream": "u", "status": 200, "attempts": 1, "dur_us": 1000}
	for i := 0; i < len(set); i += 2 {
		m[set[i].(string)] = set[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // a test that sets what is no JSON
	}
	return string(b) + "\n"
}

// always is a judge of one mind.
func always(o Outcome) Judge { return func(*Record) Outcome { return o } }

func replayed(t *testing.T, log string, old, new Judge) *Log {
	t.Helper()
	l, err := Replay(strings.NewReader(log), old, new)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// counts are what must hold of every log: each request is counted once.
func counts(l *Log) [4]int64 { return [4]int64{l.Requests, l.Same, l.Changed, l.Undecidable} }

func TestARequestChangesIfItsRouteAnswerOrUpstreamDoes(t *testing.T) {
	old := Outcome{Route: "a", Upstreams: []string{"u"}}
	for _, c := range []struct {
		about   string
		new     Outcome
		changed bool
	}{
		{"nothing", Outcome{Route: "a", Upstreams: []string{"u"}}, false},
		{"another time limit", Outcome{Route: "a", Upstreams: []string{"u"}, Timeout: time.Second}, false},
		{"a remark", Outcome{Route: "a", Upstreams: []string{"u"}, Verdicts: []string{"p.x:would refuse"}}, false},
		{"another route", Outcome{Route: "b", Upstreams: []string{"u"}}, true},
		{"no route", Outcome{Fault: "no_route", Status: 404}, true},
		{"another upstream", Outcome{Route: "a", Upstreams: []string{"v"}}, true},
		{"an upstream more", Outcome{Route: "a", Upstreams: []string{"u", "v"}}, true},
		{"a refusal", Outcome{Route: "a", Upstreams: []string{"u"}, Fault: "denied", Status: 403, By: "p.x"}, true},
		{"an answer from here", Outcome{Route: "a", Status: 200}, true},
		{"a redirect", Outcome{Route: "a", Status: 308, Location: "/b"}, true},
	} {
		l := replayed(t, logged(), always(old), always(c.new))
		if (l.Changed == 1) != c.changed || l.Requests != 1 || l.Same+l.Changed != 1 {
			t.Errorf("%s: %v", c.about, counts(l))
		}
	}
	if l := replayed(t, logged(), always(Outcome{Status: 308, Location: "/b"}), always(Outcome{Status: 308, Location: "/c"})); l.Changed != 1 || l.Groups[0].Examples[0].Location != "/c" {
		t.Errorf("another place to redirect to: %+v", l)
	}
}

func TestWhatANewConfigReadsAndTheLogLacksIsUndecidable(t *testing.T) {
	known, asks := always(Outcome{Route: "a"}), always(Outcome{Route: "b", Missed: []string{"header:x", "cookie:c", "header:x"}})
	l := replayed(t, logged()+logged(), known, asks)
	if counts(l) != [4]int64{2, 0, 0, 2} || !reflect.DeepEqual(l.Missing, []Missing{{"cookie:c", 2}, {"header:x", 2}}) || l.Hits != nil {
		t.Errorf("got %+v", l)
	}
}

func TestWhereOnlyTheOldConfigCannotBeAskedTheLogSpeaks(t *testing.T) {
	old := always(Outcome{Missed: []string{"body"}})
	for _, c := range []struct {
		about string
		line  string
		new   Outcome
		same  bool
	}{
		{"the route of the log", logged(), Outcome{Route: "a", Upstreams: []string{"u"}}, true},
		{"one of its sides", logged(), Outcome{Route: "a", Upstreams: []string{"v", "u"}}, true},
		{"another route", logged(), Outcome{Route: "b", Upstreams: []string{"u"}}, false},
		{"another upstream", logged(), Outcome{Route: "a", Upstreams: []string{"v"}}, false},
		{"a stored answer of the upstream", logged("attempts", 0, "cache", "hit"), Outcome{Route: "a", Upstreams: []string{"u"}}, true},
		{"one of another upstream", logged("attempts", 0, "cache", "collapsed"), Outcome{Route: "a", Upstreams: []string{"v"}}, false},
		{"a stored answer, and one from here", logged("attempts", 0, "cache", "stale"), Outcome{Route: "a", Status: 200}, false},
		{"what the cache refused", logged("attempts", 0, "cache", "miss", "status", 504), Outcome{Route: "a", Status: 504}, true},
		{"the refusal of the log", logged("fault", "denied", "attempts", 0), Outcome{Route: "a", Fault: "denied", Status: 403}, true},
		{"another refusal", logged("fault", "denied", "attempts", 0), Outcome{Route: "a", Fault: "other", Status: 403}, false},
		{"the answer of the log", logged("status", 204, "upstream", "", "attempts", 0), Outcome{Route: "a", Status: 204}, true},
		{"another answer", logged("status", 204, "upstream", "", "attempts", 0), Outcome{Route: "a", Status: 200}, false},
		{"an endpoint's answer that Weir would give itself", logged(), Outcome{Route: "a", Status: 200}, false},
		{"an answer of Weir's that an endpoint would give", logged("upstream", "", "attempts", 0), Outcome{Route: "a", Upstreams: []string{"u"}}, false},
		{"a policy's answer on a route with an upstream", logged("status", 204, "attempts", 0), Outcome{Route: "a", Upstreams: []string{"u"}}, false},
		{"the policy's answer again", logged("status", 204, "attempts", 0), Outcome{Route: "a", Status: 204, By: "p.cors"}, true},
		{"a refusal that is none any more", logged("fault", TooLarge, "status", 413, "attempts", 0), Outcome{Route: "a", Upstreams: []string{"u"}}, false},
		{"a refusal on the way, that is none any more", logged("fault", TooLarge, "status", 413), Outcome{Route: "a", Upstreams: []string{"u"}}, false},
		{"a refusal that is an answer now", logged("fault", "denied", "status", 403, "attempts", 0), Outcome{Route: "a", Status: 403}, false},
		{"an upstream without endpoints", logged("fault", "no_endpoint", "status", 503, "attempts", 0), Outcome{Route: "a", Upstreams: []string{"u"}}, true},
		{"a client that left the queue", logged("fault", "client_left", "status", 499, "attempts", 0), Outcome{Route: "a", Upstreams: []string{"u"}}, true},
		{"an endpoint that failed", logged("fault", "upstream_cut", "status", 502), Outcome{Route: "a", Upstreams: []string{"u"}}, true},
		{"an endpoint that failed and would not be asked", logged("fault", "upstream_cut", "status", 502), Outcome{Route: "a", Status: 502}, false},
		{"a redirect by another template", logged("status", 308, "upstream", "", "attempts", 0), Outcome{Route: "a", Status: 308, Location: "/x"}, false},
		{"a redirect by the same template", logged("status", 308, "upstream", "", "attempts", 0), Outcome{Route: "a", Status: 308, Location: "/x", Alike: true}, true},
		{"a handler's answer", logged("upstream", "", "attempts", 0), Outcome{Route: "a"}, true},
		{"an endpoint's answer that a handler would give", logged(), Outcome{Route: "a"}, false},
	} {
		if l := replayed(t, c.line, old, always(c.new)); (l.Same == 1) != c.same || l.Undecidable != 0 {
			t.Errorf("%s: %v", c.about, counts(l))
		}
	}
}

// bounded judges by the limit of a body, as the hall does.
func bounded(limit int64) Judge {
	return func(r *Record) Outcome {
		if limit > 0 && r.Body > limit {
			return Outcome{Route: "a", Fault: TooLarge, Status: 413, BodyLimit: limit}
		}
		return Outcome{Route: "a", Upstreams: []string{"u"}, BodyLimit: limit}
	}
}

func TestABodyThatWasTooLargeIsLongerThanItsLimitAndNobodyKnowsHowMuch(t *testing.T) {
	tooLarge := logged("fault", TooLarge, "status", 413, "bytes_in", 10, "attempts", 0)
	for _, c := range []struct {
		about    string
		line     string
		old, new int64
		want     [4]int64
	}{
		{"the same limit", tooLarge, 100, 100, [4]int64{1, 1, 0, 0}},
		{"a lower one", tooLarge, 100, 50, [4]int64{1, 1, 0, 0}},
		{"a higher one", tooLarge, 100, 200, [4]int64{1, 0, 0, 1}},
		{"none", tooLarge, 100, 0, [4]int64{1, 0, 1, 0}},
		{"a body that passed, and would not", logged("bytes_in", 60), 100, 50, [4]int64{1, 0, 1, 0}},
		{"a body that passed", logged("bytes_in", 60), 100, 200, [4]int64{1, 1, 0, 0}},
	} {
		l := replayed(t, c.line, bounded(c.old), bounded(c.new))
		if counts(l) != c.want {
			t.Errorf("%s: got %v, want %v", c.about, counts(l), c.want)
		}
		if c.want[3] == 1 && l.Missing[0] != (Missing{"body length", 1}) {
			t.Errorf("%s: missing %v", c.about, l.Missing)
		}
	}
}

// Of a request that was refused before its body was read, plan took the body for empty: it missed that a new limit meets it.
func TestABodyThatNobodyReadIsOfUnknownLength(t *testing.T) {
	refused := logged("fault", "ambiguous_path", "status", 400, "attempts", 0, "method", "PUT")
	on := func(route, fault string, limit int64) Outcome {
		return Outcome{Route: route, Fault: fault, BodyLimit: limit}
	}
	path := "ambiguous_path"
	for _, c := range []struct {
		about    string
		line     string
		old, new Outcome
		want     [4]int64
	}{
		{"a new limit", refused, on("a", path, 0), on("a", path, 100), [4]int64{1, 0, 0, 1}},
		{"a lower one", refused, on("a", path, 200), on("a", path, 100), [4]int64{1, 0, 0, 1}},
		{"a higher one", refused, on("a", path, 100), on("a", path, 200), [4]int64{1, 1, 0, 0}},
		{"none", refused, on("a", path, 100), on("a", path, 0), [4]int64{1, 1, 0, 0}},
		{"a limit of a route that it did not come to", refused, on("", path, 100), on("a", "", 100), [4]int64{1, 0, 0, 1}},
		{"a refusal before any route", refused, on("", path, 0), on("", path, 100), [4]int64{1, 1, 0, 0}},
		{"an old config that can't be judged", refused, Outcome{Missed: []string{"x"}}, on("a", path, 100), [4]int64{1, 0, 0, 1}},
		{"a body that was read", strings.Replace(refused, "{", `{"bytes_in":50,`, 1), on("a", path, 0), on("a", path, 100), [4]int64{1, 1, 0, 0}},
		{"a method without a body", strings.Replace(refused, "PUT", "GET", 1), on("a", path, 0), on("a", path, 100), [4]int64{1, 1, 0, 0}},
		{"a refusal behind which a body is read", strings.Replace(refused, path, "no_route", 1), on("", "no_route", 0), on("a", "", 100), [4]int64{1, 0, 1, 0}},
		{"an answer", logged("method", "PUT"), on("a", "", 0), on("a", "", 100), [4]int64{1, 1, 0, 0}},
	} {
		l := replayed(t, c.line, always(c.old), always(c.new))
		if counts(l) != c.want || c.want[3] == 1 && l.Missing[0] != (Missing{"body length", 1}) {
			t.Errorf("%s: got %v, want %v", c.about, counts(l), c.want)
		}
	}
}

func TestHitsAreThoseWhomAPolicyOrALimitLetPassBefore(t *testing.T) {
	pass := Outcome{Route: "a", Upstreams: []string{"u"}}
	refuse := Outcome{Route: "a", Fault: "denied", Status: 403, By: "edge.ip_filter"}
	for _, c := range []struct {
		about    string
		line     string
		old, new Outcome
		want     string // policy or limit, what it says, and of which route
	}{
		{"a policy that refuses", logged(), pass, refuse, "edge.ip_filter denied 403"},
		{"one that refused before", logged(), refuse, refuse, ""},
		{"one that refused before under another name", logged(), Outcome{Fault: "denied", Status: 403, By: "old.ip_filter"}, refuse, ""},
		{"one that refuses no more", logged(), refuse, pass, ""},
		{"no route is no policy", logged(), pass, Outcome{Fault: "no_route", Status: 404}, ""},
		{"a body limit", logged(), pass, Outcome{Route: "a", Fault: TooLarge, Status: 413}, "body_bytes body_too_large 413 a"},
		{"a time limit", logged("dur_us", 3_000_000), pass, Outcome{Route: "a", Upstreams: []string{"u"}, Timeout: 2 * time.Second}, "timeout route_timeout 504 a"},
		{"a time limit that was kept", logged("dur_us", 1_000_000), pass, Outcome{Route: "a", Timeout: 2 * time.Second}, ""},
		{"a time limit that is longer now", logged("dur_us", 3_000_000), Outcome{Route: "a", Timeout: time.Second}, Outcome{Route: "a", Timeout: 2 * time.Second}, ""},
		{"an upgrade is bounded to its head", logged("dur_us", 3_000_000, "first_byte_us", 1000, "status", 101), pass, Outcome{Route: "a", Timeout: 2 * time.Second}, ""},
		{"a policy that only observes", logged(), pass, Outcome{Route: "a", Upstreams: []string{"u"}, Verdicts: []string{"edge.waf:would refuse 403"}}, "(edge.waf) would refuse 403 0"},
		{"one that observed before", logged(), Outcome{Verdicts: []string{"edge.waf:would refuse 403"}}, Outcome{Verdicts: []string{"edge.waf:would refuse 403"}}, ""},
		{"a remark that is none of a refusal", logged(), pass, Outcome{Route: "a", Upstreams: []string{"u"}, Verdicts: []string{"edge.request_id:made one"}}, ""},
	} {
		l, got := replayed(t, c.line, always(c.old), always(c.new)), ""
		for _, h := range l.Hits {
			name := h.Policy + h.Limit
			if h.Observed {
				name = "(" + name + ")"
			}
			got += strings.TrimSpace(fmt.Sprintf("%s %s %d %s", name, h.Said, h.Status, h.Route))
			if h.Requests != 1 || h.Clients.Count != 1 || len(h.Examples) != 1 {
				t.Errorf("%s: %+v", c.about, h)
			}
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.about, got, c.want)
		}
	}
}

func TestWhatCannotBeJudgedIsCounted(t *testing.T) {
	log := logged("proto", "tcp") + logged("method", "") + logged("fault", "bad_field") + logged("fault", "head_too_large") + logged("fault", "no_endpoint") + logged("route", "other") + "hello\n"
	l := replayed(t, log, always(Outcome{Route: "a"}), always(Outcome{Route: "a"}))
	if l.Lines != 7 || l.Sessions != 1 || l.Unread != 3 || l.Foreign != 1 || l.Requests != 2 || l.Elsewhere != 1 {
		t.Errorf("got %+v", l)
	}
	if l.First != "2023-11-14T22:13:20Z" || l.Last != l.First {
		t.Errorf("from %s to %s", l.First, l.Last)
	}
}

func TestALogOfAnotherProgramIsAnErrorAndAnEmptyOneIsNot(t *testing.T) {
	judge := always(Outcome{})
	if _, err := Replay(strings.NewReader("1.2.3.4 - -\n5.6.7.8 - -\n"), judge, judge); err == nil || !strings.Contains(err.Error(), "none of 2 lines") {
		t.Errorf("error %v", err)
	}
	if _, err := Replay(failure{}, judge, judge); err == nil {
		t.Error("a log that can't be read is none")
	}
	if l, err := Replay(strings.NewReader(""), judge, judge); err != nil || l.Requests != 0 || l.First != "" {
		t.Errorf("got %+v, %v", l, err)
	}
}

// many writes lines of a log without end in mind: each with a client, a target and a route of its own.
type many struct {
	n, most int
	rest    []byte
}

func (m *many) Read(b []byte) (int, error) {
	if len(m.rest) == 0 {
		if m.n == m.most {
			return 0, io.EOF
		}
		m.n++
		m.rest = []byte(logged("client", fmt.Sprintf("10.%d.%d.%d", m.n>>16&255, m.n>>8&255, m.n&255), "target", fmt.Sprintf("/%d", m.n)))
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func TestMemoryDoesNotGrowWithTheLog(t *testing.T) {
	judge := func(r *Record) Outcome { return Outcome{Route: r.Target} } // as many groups as requests
	const lines = 30_000
	r := &replay{old: always(Outcome{}), new: judge, missing: map[string]int64{}, groups: map[string]*tally{}, hits: map[hitKey]*tally{}, room: 500}
	in, err := NewReader(&many{most: lines})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	for i := range lines {
		if i == lines/10 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
		rec, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		r.add(rec)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("grown by %d bytes", grown)
	}
	l := r.finish()
	if l.Changed != lines || len(l.Groups) != shownGroups || l.MoreGroups != mostGroups-shownGroups || l.MoreChanged != lines-shownGroups {
		t.Errorf("%d changed, %d groups, %d more with %d", l.Changed, len(l.Groups), l.MoreGroups, l.MoreChanged)
	}
	if !r.groups[firstKey(r)].unnamed && len(r.groups) <= 500 {
		t.Error("clients beyond the bound were told apart")
	}
}

func firstKey(r *replay) string {
	for k, t := range r.groups {
		if t.order == mostGroups-1 {
			return k
		}
	}
	return ""
}

func TestTheClientsWithTheMostRequestsAreNamed(t *testing.T) {
	log := ""
	for i := range 20 {
		for range i + 1 {
			log += logged("client", fmt.Sprintf("10.0.0.%d", i))
		}
	}
	log += logged("client", "")
	l := replayed(t, log, always(Outcome{}), always(Outcome{Route: "a"}))
	c := l.Groups[0].Clients
	want := []Client{{"10.0.0.19", 20}, {"10.0.0.18", 19}, {"10.0.0.17", 18}, {"10.0.0.16", 17}, {"10.0.0.15", 16}}
	if c.Count != 21 || c.AtLeast || !reflect.DeepEqual(c.Top, want) {
		t.Errorf("got %+v", c)
	}
}

// The text and the JSON of a replay with everything in it are files.
func TestALogReadsAsTheGoldenFilesSay(t *testing.T) {
	old := func(r *Record) Outcome { return Outcome{Route: "a", Upstreams: []string{"u"}} }
	new := func(r *Record) Outcome {
		switch r.Target {
		case "/denied":
			return Outcome{Route: "a", Fault: "ip_denied", Status: 403, By: "edge.ip_filter", Verdicts: []string{"edge.waf:would refuse 403"}}
		case "/moved":
			return Outcome{Route: "moved", Status: 308, Location: "https://www.example.com/new"}
		case "/split":
			return Outcome{Route: "a", Upstreams: []string{"u", "v"}}
		case "/asks":
			return Outcome{Missed: []string{"header:x-tenant"}}
		case "/gone":
			return Outcome{Fault: "no_route", Status: 404}
		}
		return Outcome{Route: "a", Upstreams: []string{"u"}, Timeout: time.Second}
	}
	log := ""
	for i, target := range []string{"/denied", "/denied", "/denied", "/denied", "/moved", "/split", "/asks", "/asks", "/gone", "/", "/", "/\x1b[31m"} {
		log += logged("target", target, "client", fmt.Sprintf("192.0.2.%d", i%3), "ts", 1700000000000000+int64(i)*1e9, "dur_us", 900_000+10_000*i)
	}
	log += logged("target", "/slow", "dur_us", 2_000_000) + logged("proto", "tcp") + logged("method", "") + logged("route", "x") + "garbage\n" + logged()[:50]
	r := &Report{Old: "weir.toml", New: "new.toml", Log: replayed(t, log, old, new)}
	b, err := json.MarshalIndent(r.Log, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text := r.Text(term.Paint{})
	if strings.Contains(text, "\x1b") {
		t.Errorf("an escape sequence of the log reaches the terminal: %q", text)
	}
	golden(t, "log.txt", text)
	golden(t, "log.json", string(b)+"\n")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s: %v; got\n%s\nwant\n%s", name, err, got, want)
	}
}

func BenchmarkReplay(b *testing.B) {
	line := []byte(wholeLine + "\n")
	b.SetBytes(int64(len(line)))
	log := &repeat{line: line, n: b.N}
	b.ReportAllocs()
	if _, err := Replay(log, always(Outcome{Route: "orders"}), always(Outcome{Route: "b"})); err != nil {
		b.Fatal(err)
	}
}

// repeat is a log of n equal lines.
type repeat struct {
	line []byte
	at   int
	n    int
}

func (r *repeat) Read(b []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.line[r.at:])
	if r.at += n; r.at == len(r.line) {
		r.at = 0
		r.n--
	}
	return n, nil
}
