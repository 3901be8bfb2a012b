package gateway

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/internal/config"
	"weir/internal/plan"
)

// met is what became of a request.
type met struct {
	Route, Upstream, Fault string
	Status, Attempts       int
	Location               string
}

// grounds is what the configs of one test have in common.
type grounds struct{ state, one, two string }

func (g *grounds) world(ways []*way) string {
	text := fmt.Sprintf("state_dir = %q\n[access_log]\npath = \"-\"\n[listeners.web]\naddress = \"127.0.0.1:0\"\n", g.state) +
		fmt.Sprintf("[policies.site.cors]\norigins = \"https://app.test\"\n[upstreams.one]\nendpoints = %q\n[upstreams.two]\nendpoints = %q\n", g.one, g.two)
	for _, w := range ways {
		text += w.toml()
	}
	return text
}

// meet sends the calls to the config that runs, one after the other, and returns what became of each and the log.
func (r *rig) meet(t *testing.T, calls []*call) (all []met, log string) {
	t.Helper()
	before := len(r.access.String())
	var conn net.Conn
	var in *bufio.Reader
	for _, c := range calls {
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", r.g.Addr("web").String()); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
			in = bufio.NewReader(conn)
		}
		if _, err := io.WriteString(conn, c.raw()); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(in, &http.Request{Method: c.method})
		if err != nil {
			t.Fatalf("%s: %v", c.raw(), err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		all = append(all, met{Location: res.Header.Get("Location")})
		if res.Close {
			_ = conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		_ = conn.Close()
	}
	until(t, "the log is whole", func() bool { return strings.Count(r.access.String()[before:], "\n") == len(calls) })
	log = inOrder(t, r.access.String()[before:])
	for i, line := range strings.Split(strings.TrimSuffix(log, "\n"), "\n") {
		var m met
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		m.Location = all[i].Location
		if m.Attempts == 0 {
			m.Upstream = "" // nobody was asked
		} else {
			m.Status = 0 // the endpoint's
		}
		all[i] = m
	}
	return all, log
}

// inOrder sorts lines by their time of arrival.
func inOrder(t *testing.T, log string) string {
	type line struct {
		TS   int64
		text string
	}
	var lines []line
	for text := range strings.Lines(log) {
		l := line{text: text}
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.TS - b.TS) })
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text)
	}
	return b.String()
}

// compileWorld compiles a text that must be good.
func compileWorld(t *testing.T, text string) *Compiled {
	t.Helper()
	cfg, report := config.Parse("weir.toml", []byte(text), config.Options{})
	if cfg == nil {
		t.Fatalf("%s\n%s", text, report)
	}
	c := Compile(cfg, report, nil)
	if c == nil {
		t.Fatalf("%s\n%s", text, report)
	}
	return c
}

// foresee returns what plan says of each record: whether it changes, or that nobody knows.
func foresee(t *testing.T, old, next *Compiled, log string) (changed, undecided []bool) {
	t.Helper()
	known := newKnowledge(old, next)
	before, after := newExaminer(old).judge(known), newExaminer(next).judge(known)
	whole, err := plan.Replay(strings.NewReader(log), before, after)
	if err != nil {
		t.Fatal(err)
	}
	var sum plan.Log
	for line := range strings.Lines(log) {
		one, err := plan.Replay(strings.NewReader(line), before, after)
		if err != nil {
			t.Fatal(err)
		}
		changed, undecided = append(changed, one.Changed == 1), append(undecided, one.Undecidable == 1)
		sum.Requests, sum.Same = sum.Requests+one.Requests, sum.Same+one.Same
		sum.Changed, sum.Undecidable = sum.Changed+one.Changed, sum.Undecidable+one.Undecidable
	}
	if whole.Requests != sum.Requests || whole.Same != sum.Same || whole.Changed != sum.Changed || whole.Undecidable != sum.Undecidable {
		t.Errorf("the whole log: %+v; its lines: %+v", whole, sum)
	}
	return changed, undecided
}

// whatIf is two configs and what requests met under each of them.
type whatIf struct {
	before, after []*way
	old, next     string
	calls         []*call
	was, will     []met
	log           string
}

// tally is what a run of pairs came to.
type tally struct{ all, different, open int }

// planPairs compares what plan says of n random pairs of configs with what they do.
func planPairs(t *testing.T, n int, seed uint64) {
	g := &grounds{t.TempDir(), endpoint(t, "one"), endpoint(t, "two")}
	var r *rig
	var sum tally
	for i := range n {
		m := &maker{Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
		p := &whatIf{before: m.ways(3 + m.IntN(20))}
		p.after = m.change(p.before)
		p.old, p.next = g.world(p.before), g.world(p.after)
		for range 200 {
			p.calls = append(p.calls, m.call())
		}
		if r == nil {
			r = start(t, p.old)
		} else {
			r.reload(p.old)
		}
		p.was, p.log = r.meet(t, p.calls)
		r.reload(p.next)
		p.will, _ = r.meet(t, p.calls)
		if !p.judge(t, &sum) {
			t.Fatalf("pair %d of seed %d", i, seed)
		}
	}
	t.Logf("%d requests in %d pairs: %d changed, %d undecidable", sum.all, n, sum.different, sum.open)
	if 10*sum.open > sum.all {
		t.Errorf("%d of %d are undecidable", sum.open, sum.all)
	}
	if sum.different == 0 || sum.open == 0 {
		t.Error("nothing was tried")
	}
}

// judge compares what plan says of every request with what became of it.
func (p *whatIf) judge(t *testing.T, sum *tally) bool {
	t.Helper()
	changed, undecided := foresee(t, compileWorld(t, p.old), compileWorld(t, p.next), p.log)
	for i, c := range p.calls {
		sum.all++
		open := p.unknown(i)
		if undecided[i] != open {
			t.Errorf("plan says undecidable %v of\n%s\nwhich met %+v and then %+v\n%s", undecided[i], c.line(), p.was[i], p.will[i], p.around(c))
			return false
		}
		if open {
			sum.open++
			continue
		}
		if p.was[i] != p.will[i] {
			sum.different++
		}
		if changed[i] != (p.was[i] != p.will[i]) {
			t.Errorf("plan says changed %v of\n%s\nwhich met %+v and then %+v\n%s", changed[i], c.line(), p.was[i], p.will[i], p.around(c))
			return false
		}
	}
	return true
}

// around are the routes of both configs that come into question for c, the most specific first.
func (p *whatIf) around(c *call) string {
	var b strings.Builder
	for title, ways := range map[string][]*way{"old": p.before, "new": p.after} {
		fmt.Fprintf(&b, "%s:\n", title)
		for _, s := range spots(ways) {
			if s.holds(c, c.method) || s.holds(c, c.asked()) {
				fmt.Fprintf(&b, "at %s%s\n%s", s.host, s.path, s.way.toml())
			}
		}
	}
	return b.String()
}

// unknown reports whether the new config reads something of the call i that is not in the log of the old one: a field
// that the old one does not read; a hidden value by a regular expression; the length of a body that was refused or never read.
func (p *whatIf) unknown(i int) bool {
	c := p.calls[i]
	w, decided := decide(p.after, c, legible(p.before, p.after, c))
	if !decided {
		return true
	}
	if w == nil || w.limit() == 0 {
		return false
	}
	old, decided := decide(p.before, c, legible(p.before, p.before, c))
	switch p.was[i].Fault {
	case plan.TooLarge: // the log tells that the body was over the limit of old
		return !decided || w.limit() > old.limit()
	case "ambiguous_path": // the log tells that it was not
		bodiless := slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, c.method)
		return !bodiless && (!decided || old.limit() == 0 || w.limit() < old.limit())
	}
	return false
}

// What plan says of recorded requests is what happens to them.
func TestPlanForeseesWhatHappens(t *testing.T) { planPairs(t, 6, 1) }
