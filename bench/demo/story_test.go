package demo

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/term"
)

// storyAt returns a story of that length on a stage whose endpoints live.
func storyAt(t *testing.T, length time.Duration) *story {
	t.Helper()
	s, err := newStage(0, length)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return newStory(s, length)
}

// at moves the story's clock.
func (s *story) at(now time.Duration) { s.begun = time.Now().Add(-now) }

func texts(s *story) string {
	var all []string
	for _, e := range s.events {
		all = append(all, e.text)
	}
	return strings.Join(all, "\n")
}

func TestTheHeroDiesAndRevivesInDueTime(t *testing.T) {
	s := storyAt(t, 20*time.Second)
	steps := []struct {
		now    time.Duration
		dead   bool
		events int
	}{
		{0, false, 0},
		{5900 * time.Millisecond, false, 0},
		{6 * time.Second, true, 1},
		{8 * time.Second, true, 1},
		{11900 * time.Millisecond, true, 1},
		{12 * time.Second, false, 2},
		{19 * time.Second, false, 2},
	}
	for _, step := range steps {
		s.at(step.now)
		s.act()
		if s.hero.dead() != step.dead || len(s.events) != step.events {
			t.Errorf("at %v: dead %v, %d events; want %v, %d", step.now, s.hero.dead(), len(s.events), step.dead, step.events)
		}
	}
	for _, other := range []*endpoint{s.stage.apis[0], s.stage.apis[2], s.stage.echoes} {
		if other.dead() {
			t.Errorf("%s died too", other.name)
		}
	}
	if s.killed.Round(time.Second) != 6*time.Second || s.alive.Round(time.Second) != 12*time.Second {
		t.Errorf("killed at %v, alive at %v", s.killed, s.alive)
	}
}

func TestATakenPortDelaysTheRevival(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	s.at(3 * time.Second)
	s.act()
	squatter, err := net.Listen("tcp", s.hero.address)
	if err != nil {
		t.Fatal(err)
	}
	s.at(6 * time.Second)
	s.act()
	if !s.hero.dead() || s.alive != 0 || len(s.events) != 1 {
		t.Errorf("with its port taken: dead %v, alive at %v, events:\n%s", s.hero.dead(), s.alive, texts(s))
	}
	squatter.Close()
	s.at(6500 * time.Millisecond)
	s.act()
	if s.hero.dead() || s.alive == 0 {
		t.Error("not revived once the port is free")
	}
}

func TestWhatTheGatewaySaysIsToldOnce(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	hero := s.hero.address
	say := func(state string) { s.notice(map[string]string{hero: state}) }

	say("down") // before the kill: a gateway that is still probing for the first time
	if len(s.events) != 0 {
		t.Errorf("told before anything happened:\n%s", texts(s))
	}
	s.at(3 * time.Second)
	s.act()
	for _, state := range []string{"ready", "ready", "", "down", "down", "unknown"} {
		say(state)
	}
	s.notice(nil) // an admin API that does not answer takes nothing back
	if got := texts(s); strings.Count(got, "out of rotation") != 1 || len(s.events) != 2 {
		t.Errorf("told:\n%s", got)
	}
	s.at(6 * time.Second)
	s.act()
	say("ready")
	if s.back {
		t.Error("back without a request")
	}
	s.hero.count()
	say("ready")
	say("ready")
	if got := texts(s); strings.Count(got, "back in rotation") != 1 || !s.back || len(s.events) > maxEvents {
		t.Errorf("told:\n%s", got)
	}
}

func TestAGatewayThatNeverTakesTheHeroOutIsNotSaidToHaveDone(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	s.at(3 * time.Second)
	s.act()
	s.notice(map[string]string{s.hero.address: "ready"})
	s.at(6 * time.Second)
	s.act()
	s.notice(map[string]string{s.hero.address: "down"}) // too late: it lives again
	if got := texts(s); strings.Contains(got, "out of rotation") {
		t.Errorf("told:\n%s", got)
	}
}

func TestRatesAreMeasuredOverWholeSeconds(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	e := s.stage.apis[0]
	s.sample()
	for range 50 {
		e.count()
	}
	s.sample() // too soon
	if s.counts[0].perSecond != 0 {
		t.Errorf("%v/s after no time", s.counts[0].perSecond)
	}
	s.counts[0].at = time.Now().Add(-2 * time.Second)
	s.sample()
	if got := s.counts[0].perSecond; got < 24 || got > 25.1 {
		t.Errorf("%v/s for 50 in two seconds", got)
	}
	s.counts[0].at = time.Now().Add(-time.Second)
	s.sample()
	if got := s.counts[0].perSecond; got != 0 {
		t.Errorf("%v/s in a second without a request", got)
	}
}

func TestTheViewSharesOutTheAPIAlone(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	for i, rate := range []float64{300, 0, 100, 77} {
		s.counts[i].perSecond = rate
	}
	v := s.view()
	for i, want := range []float64{0.75, 0, 0.25, 1} {
		if got := v.endpoints[i].share; got != want {
			t.Errorf("%s: a share of %v, want %v", v.endpoints[i].name, got, want)
		}
	}
	s.counts = make([]tally, len(s.counts))
	if v := s.view(); v.endpoints[0].share != 0 {
		t.Errorf("a share of %v of nothing", v.endpoints[0].share)
	}
	s.at(time.Hour)
	if v := s.view(); v.now != v.length {
		t.Errorf("the clock runs on to %v of %v", v.now, v.length)
	}
}

func TestTheStateOfAnEndpointInAWord(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	e := s.stage.apis[0]
	if got := s.state(e); got != waiting {
		t.Errorf("without a request: %q", got)
	}
	e.count()
	for said, want := range map[string]string{"": inRotation, "ready": inRotation, "down": "down", "unknown": "unknown", "draining": "draining"} {
		s.states[e.address] = said
		if got := s.state(e); got != want {
			t.Errorf("the gateway says %q: %q, want %q", said, got, want)
		}
	}
	e.kill()
	s.states[e.address] = "ready" // the gateway has not noticed
	if got := s.state(e); got != killed {
		t.Errorf("dead: %q, want %q", got, killed)
	}
}

func TestTheAdminAPIIsReadOrDoneWithout(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	if got := s.ask(t.Context()); got != nil {
		t.Errorf("nobody listens: %v", got)
	}
	var answer atomic.Pointer[string]
	l, err := net.Listen("tcp", s.stage.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/status" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		text := *answer.Load()
		if text == "500" {
			w.WriteHeader(500)
			text = "{}"
		}
		io.WriteString(w, text)
	}))
	for text, want := range map[string]int{
		`{"upstreams":[{"endpoints":[{"address":"a:1","state":"ready"},{"address":"b:1","state":"down"}]},{"endpoints":[{"address":"c:1","state":"ready"}]}]}`: 3,
		`{"upstreams":[]}`:           0,
		`{}`:                         0,
		`no JSON`:                    -1,
		`{"upstreams":"none"}`:       -1,
		`500`:                        -1,
		`{"upstreams":[{"endpoints"`: -1,
	} {
		answer.Store(&text)
		got := s.ask(t.Context())
		if (got == nil) != (want < 0) || len(got) != max(want, 0) {
			t.Errorf("%s: got %v, want %d states", text, got, want)
		}
	}
}

func TestOutcomesAddUpTheLanes(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	second := func(at, requests, failed int64, slowest time.Duration) bench.Second {
		sec := bench.Second{At: time.Duration(at) * time.Second, Requests: requests}
		sec.Failures[bench.Reset] = failed
		sec.Latency.Max = slowest
		return sec
	}
	var failures bench.Failures
	failures[bench.Reset] = 2
	for i, l := range s.lanes {
		l.report = &bench.Report{Requests: 100, OK: 98, Failures: failures, Unsent: int64(i), Series: []bench.Second{
			second(3, 10, 0, 1), second(4, 20, 1, 7), second(5, 30, 1, 9), second(9, 40, 0, 50),
		}}
	}
	s.killed, s.alive, s.back = 3500*time.Millisecond, 5*time.Second, true
	o := s.outcome(false)
	if o.requests != 300 || o.failed != 9 || o.failures[bench.Reset] != 6 || len(o.reports) != 3 || !o.back || o.err != nil {
		t.Errorf("got %+v", o)
	}
	// The echo has an upstream of its own, which nobody killed.
	if w := o.window; w.requests != 100 || w.failed != 4 || w.slowest != 9 || w.from != s.killed || w.to != s.alive {
		t.Errorf("the window is %+v; want seconds 4 and 5 of two lanes", w)
	}
	if o.code() != Failed {
		t.Errorf("exit code %d with failures", o.code())
	}
}

func TestAnOutcomeWithoutTrafficIsNoPass(t *testing.T) {
	s := storyAt(t, 10*time.Second)
	s.back = true
	o := s.outcome(false)
	if o.code() != NotBegun {
		t.Errorf("exit code %d without a request, want %d", o.code(), NotBegun)
	}
	s.lanes[1].err = errors.New("bad target")
	if o := s.outcome(false); o.code() != NotBegun || o.err == nil || !strings.Contains(verdict(&o, term.Paint{}), "bad target") {
		t.Errorf("exit code %d, %v", o.code(), o.err)
	}
}

func TestALaneShowsItsSecondsAndThenItsReport(t *testing.T) {
	l := lane{name: "web", kind: "http", address: "a:1"}
	if v := l.view(); v.ok != 0 || v.failed != 0 || v.perSecond != 0 {
		t.Errorf("before the first second: %+v", v)
	}
	for i := range 3 {
		s := bench.Second{Requests: int64(10 * (i + 1)), OK: int64(10*(i+1) - 1), Latency: bench.Quantiles{P50: time.Duration(i + 1)}}
		s.Failures[bench.Timeout] = 1
		l.second(s)
	}
	if v := l.view(); v.ok != 57 || v.failed != 3 || v.perSecond != 30 || v.latency.P50 != 3 {
		t.Errorf("after three: %+v", v)
	}
	l.report = &bench.Report{OK: 100, Unsent: 2, Latency: bench.Quantiles{P50: 9}}
	if v := l.view(); v.ok != 100 || v.failed != 2 || v.latency.P50 != 9 {
		t.Errorf("at the end: %+v", v)
	}
}

func TestALaneThatCannotRunKeepsItsError(t *testing.T) {
	l := lane{ask: bench.Config{Target: "ftp://nowhere"}}
	l.run(t.Context(), time.Second)
	r, err := l.result()
	if !errors.Is(err, bench.ErrConfig) || r == nil || r.Requests != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestTheWindowAtTheEdges(t *testing.T) {
	var l lane
	for n := range 4 {
		l.second(bench.Second{At: time.Duration(n+1) * time.Second, Requests: 1 << n})
	}
	s := time.Second
	for _, c := range []struct {
		from, to time.Duration
		want     int64
	}{
		{0, s, 1}, {0, 4 * s, 15}, {s, 2 * s, 2}, {s, 2*s + 1, 6}, {s - 1, 2 * s, 3}, {3500 * time.Millisecond, 9 * s, 8}, {4 * s, 9 * s, 0}, {9 * s, 10 * s, 0},
	} {
		if got, _, _ := l.between(c.from, c.to); got != c.want {
			t.Errorf("from %v to %v: %d, want %d", c.from, c.to, got, c.want)
		}
	}
}

func TestScreensThatOnlyGrowTellEachEventOnce(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out, &stage{})
	v := midway()
	none := v
	none.events = nil
	s.draw(&none, true)
	s.draw(&v, false)
	s.draw(&v, false)
	s.draw(&v, true)
	s.end(&v)
	text := out.String()
	if strings.Count(text, "api-2 killed") != 1 || strings.Count(text, "out of rotation") != 1 || strings.Count(text, "failed 2") != 2 {
		t.Errorf("got:\n%s", text)
	}
	if strings.Contains(text, "\x1b") {
		t.Error("escape codes on what is no terminal")
	}
}

func TestALiveScreenDrawsOverItself(t *testing.T) {
	var out bytes.Buffer
	s := screen{out: &out, stage: &stage{}, live: true}
	v := midway()
	height := len(board(&v, term.Paint{}))
	s.begin()
	s.draw(&v, false)
	first := out.Len()
	s.draw(&v, false)
	s.end(&v)
	text := out.String()
	if !strings.HasPrefix(text, "\x1b[?25l") || !strings.HasSuffix(text, "\x1b[?25h") {
		t.Error("the cursor is not hidden and shown again")
	}
	up := "\x1b[" + strconv.Itoa(height) + "A\r"
	if strings.Contains(text[:first], up) || strings.Count(text, up) != 2 {
		t.Errorf("the cursor goes up %d times by %d lines, want 2: not before the first board", strings.Count(text, up), height)
	}
	if n := strings.Count(text, "\x1b[K\n"); n != 3*height {
		t.Errorf("%d lines cleared to their end, want %d", n, 3*height)
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if s := newScreen(file, &stage{}); s.live || s.paint.Colour {
		t.Errorf("live %v, coloured %v", s.live, s.paint.Colour)
	}
}

func TestStayingNamesWhatToTry(t *testing.T) {
	var out bytes.Buffer
	s := newScreen(&out, &stage{web: "w:1", secure: "s:2", admin: "a:3", path: "/tmp/x.toml"})
	s.staying()
	for _, want := range []string{"curl http://w:1/", "curl -k https://s:2/", "http://a:3/metrics", "/tmp/x.toml"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestEndpointsDieUnderLoadWithoutAHang(t *testing.T) {
	// Kill and revive while clients connect, ask and count: every connection is reset or served, none is left.
	e, first := living(t, serveAPI)
	first.Close()
	stop := make(chan struct{})
	var clients sync.WaitGroup
	var served atomic.Int64
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				conn, err := net.Dial("tcp", e.address)
				if err != nil {
					continue
				}
				conn.SetDeadline(time.Now().Add(5 * time.Second))
				io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if n, err := conn.Read(make([]byte, 512)); err == nil && n > 0 {
					served.Add(1)
				} else if errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error("a connection to a dead endpoint hangs")
				}
				conn.Close()
			}
		})
	}
	for range 20 {
		was := served.Load()
		for served.Load() < was+3 {
			runtime.Gosched()
		}
		e.kill()
		if err := e.revive(); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	clients.Wait()
	if e.kill(); !e.dead() {
		t.Error("it lives")
	}
}

func TestRevivingTheLivingDoesNothing(t *testing.T) {
	e, conn := living(t, serveAPI)
	get(t, conn, "/")
	first := e.first.Load()
	if err := e.revive(); err != nil || e.first.Load() != first {
		t.Errorf("%v, first request at %d, was %d", err, e.first.Load(), first)
	}
	get(t, conn, "/") // its connections live on
}

func TestABlockOfPortsIsCheckedWhole(t *testing.T) {
	base, err := block(0)
	if err != nil {
		t.Fatal(err)
	}
	for offset, name := range map[int]string{webPort: "the HTTP listener", echoPort: "the TCP listener", adminPort: "the admin API", firstEndpoint + 2: "an endpoint", firstEndpoint + apiCount: "an endpoint"} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(base+offset)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := block(base); err == nil || !strings.Contains(err.Error(), "port "+strconv.Itoa(base+offset)+", for "+name) {
			t.Errorf("%s is taken: %v", name, err)
		}
		l.Close()
	}
	if got, err := block(base); err != nil || got != base {
		t.Errorf("with all free: %d, %v; want %d", got, err, base)
	}
	for _, bad := range []int{-1, 65535, 65535 - blockSize + 1} {
		if _, err := block(bad); err == nil {
			t.Errorf("base %d is taken", bad)
		}
	}
}
