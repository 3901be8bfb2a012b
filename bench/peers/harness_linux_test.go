package peers

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/testkit"
)

// TestMain lets the test binary stand in for weir: `run -c FILE` relays bytes between the ports of the config.
func TestMain(m *testing.M) {
	if os.Getenv("PEERS_TEST_RELAY") != "" && len(os.Args) > 1 {
		switch os.Args[1] {
		case "version":
			os.Stdout.WriteString("relay 1\n")
			return
		case "check":
			if os.Getenv("PEERS_TEST_RELAY") == "old" {
				os.Stderr.WriteString("weir.toml:5:17: there is no key \"bulk\" in listeners.bench\n")
				os.Exit(1)
			}
			return
		case "run":
			if os.Getenv("PEERS_TEST_RELAY") == "broken" {
				os.Stderr.WriteString("no such luck\n")
				os.Exit(1)
			}
			relay(os.Args[3])
			return
		}
	}
	os.Exit(m.Run())
}

func relay(conf string) {
	text, err := os.ReadFile(conf)
	if err != nil {
		panic(err)
	}
	part := func(expr string) string { return regexp.MustCompile(expr).FindStringSubmatch(string(text))[1] }
	l, err := net.Listen("tcp", part(`listeners\.bench\]\naddress = "([^"]+)"`))
	if err != nil {
		panic(err)
	}
	for {
		down, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer down.Close()
			up, err := net.Dial("tcp", part(`endpoints = \["([^"]+)"\]`))
			if err != nil {
				return
			}
			defer up.Close()
			go io.Copy(up, down)
			back(down, up)
		}()
	}
}

// back relays what comes from the endpoint, or, as a worse proxy, the first 2,000 bytes of each connection, or
// nothing at all.
func back(down, up net.Conn) {
	switch os.Getenv("PEERS_TEST_RELAY") {
	case "cutting":
		io.CopyN(down, up, 2000)
	case "silent":
		io.Copy(io.Discard, up)
	default:
		io.Copy(down, up)
	}
}

func relayOptions(t *testing.T) Options {
	t.Helper()
	t.Setenv("PEERS_TEST_RELAY", "1")
	t.Setenv("GORACE", "atexit_sleep_ms=0") // under the race detector every program sleeps for a second at its end
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Weir: program, WeirName: "relay", Only: []string{}, Wrk: "off", Connections: 4, Rounds: 2, Round: 60 * time.Millisecond, Warmup: 20 * time.Millisecond}
}

// unhurried judges what a comparison finds. A machine that stands still for a round leaves it without its requests: where
// there is a complaint, longer rounds follow, the last ones of two seconds.
func unhurried(t *testing.T, o Options, judge func(Options) (complaint string)) {
	t.Helper()
	for _, round := range []time.Duration{o.Round, 200 * time.Millisecond, 600 * time.Millisecond, 2 * time.Second} {
		o.Round = round
		complaint := judge(o)
		if complaint == "" {
			return
		}
		if round == 2*time.Second {
			t.Error(complaint)
		} else {
			t.Log(complaint)
		}
	}
}

func TestAComparisonMeasuresEachProxyInEachScenario(t *testing.T) {
	o := relayOptions(t)
	o.Scenarios, o.Round = []string{"large", "headers"}, 200*time.Millisecond
	var progress strings.Builder
	o.Progress = &progress
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Subject != "relay" || len(r.Blocks) != 2 || r.Versions["relay"] != "relay 1" {
		t.Fatalf("got %+v", r)
	}
	for _, b := range r.Blocks {
		if b.Rows[0].Proxy != Direct || b.Rows[1].Proxy != "relay" || len(b.Rows[1].Samples) != 2 {
			t.Fatalf("%s: rows %+v; want direct and relay, two rounds each", b.Scenario, b.Rows)
		}
		s := b.Rows[1].Samples[0]
		if s.Requests == 0 || s.Failed != 0 || s.CPU <= 0 || s.RSS < 1<<20 || s.Upstream != 4 || s.P50 <= 0 || s.P99 < s.P50 {
			t.Errorf("%s: %+v", b.Scenario, s)
		}
	}
	if n := strings.Count(progress.String(), "\n"); n != 8 {
		t.Errorf("%d lines of progress, want 8:\n%s", n, progress.String())
	}
}

func TestIdleConnectionsAreWeighed(t *testing.T) {
	o := relayOptions(t)
	o.Scenarios = []string{"idle"}
	o.IdleConnections, o.IdleRequests, o.IdleWait = 200, 3, 10*time.Millisecond
	r, err := Run(t.Context(), o)
	if err != nil || len(r.Blocks) != 0 || len(r.Idle) != 1 || r.Invalid != nil {
		t.Fatalf("got %+v, %v", r, err)
	}
	row := r.Idle[0]
	if row.Note != "" || row.Lost != 0 || row.Connections != 200 || row.Each() < 1<<10 || row.Each() > 1<<20 {
		t.Errorf("%+v: %v bytes each; want between 1 KiB and 1 MiB, and none lost", row, row.Each())
	}
}

func TestAProxyThatCannotHoldTheIdleIsNoted(t *testing.T) {
	o := relayOptions(t)
	t.Setenv("PEERS_TEST_RELAY", "broken")
	o.Scenarios = []string{"idle"}
	r, err := Run(t.Context(), o)
	if err != nil || len(r.Idle) != 1 || !strings.Contains(r.Idle[0].Note, "ended at once") {
		t.Errorf("got %+v, %v; want a note", r, err)
	}
}

func TestAProxyThatDoesNotStartSaysWhy(t *testing.T) {
	o := relayOptions(t)
	t.Setenv("PEERS_TEST_RELAY", "broken")
	o.Scenarios = []string{"large"}
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	const want = "relay ended at once: no such luck"
	row := r.Blocks[0].find("relay")
	if row.Note != want || len(row.Samples) != 0 || !slices.Equal(r.Invalid, []string{"large, relay: " + want}) {
		t.Errorf("got %+v, %q; want a row without samples, %q, and a run that is not to be trusted", row, r.Invalid, want)
	}
	if direct := r.Blocks[0].find(Direct); len(direct.Samples) != 2 {
		t.Errorf("the others go on: %+v; want two rounds", direct)
	}
}

func TestAProxyThatBreaksInARoundLeavesTheOthersTheirRounds(t *testing.T) {
	// The stand-in relays bytes, and the endpoint waits for the end of a head that is none: no handshake ends.
	o := relayOptions(t)
	o.Scenarios = []string{"tls", "l4-small"}
	r, err := Run(t.Context(), o)
	if err != nil || len(r.Blocks) != 2 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if row := r.Blocks[0].find("relay"); len(row.Samples) != 0 || !strings.Contains(row.Note, "timeout") || len(r.Invalid) != 1 {
		t.Errorf("over TLS: %+v, %q; want a note and a reason", row, r.Invalid)
	}
	if row := r.Blocks[1].find("relay"); len(row.Samples) != 2 || row.Note != "" {
		t.Errorf("the next scenario: %+v; want two rounds", row)
	}
}

func TestWhatWeirDoesNotKnowYetIsLeftOut(t *testing.T) {
	o := relayOptions(t)
	t.Setenv("PEERS_TEST_RELAY", "old")
	o.Scenarios = []string{"large"}
	r, err := Run(t.Context(), o)
	if err != nil || r.Invalid != nil {
		t.Fatalf("got %+v, %v; what is missing is no doubt about the rest", r, err)
	}
	if row := r.Blocks[0].find("relay"); row.Note != "not landed yet (there is no key listeners.bench.bulk)" || len(row.Samples) != 0 {
		t.Errorf("got %+v", row)
	}
}

func TestRelaysAreMeasuredInMessagesAndMebibytes(t *testing.T) {
	o := relayOptions(t)
	o.Scenarios = []string{"l4-small", "l4-bulk"}
	unhurried(t, o, func(o Options) string {
		r, err := Run(t.Context(), o)
		if err != nil || r.Invalid != nil {
			return fmt.Sprintf("%+v, %v", r, err)
		}
		least := map[string]int64{"message": 10, "MiB": 1} // in a round that a busy machine makes short
		for i, unit := range []string{"message", "MiB"} {
			b := &r.Blocks[i]
			for _, name := range []string{Direct, "relay"} {
				if s := b.find(name).Samples[1]; b.Unit != unit || s.Requests < least[unit] || s.Failed != 0 || (name == "relay") != (s.CPU > 0) {
					return fmt.Sprintf("%s, %s: %s, %+v", b.Scenario, name, b.Unit, s)
				}
			}
		}
		if s := r.Blocks[1].find("relay").Samples[0]; s.P50 != 0 {
			t.Errorf("a stream has a latency: %v", s.P50)
		}
		return ""
	})
}

func TestACurveStartsTheProxiesAnewAtEachPoint(t *testing.T) {
	o := relayOptions(t)
	o.Scenarios = []string{"scale-routes"}
	o.Rounds, o.Round = 1, 200*time.Millisecond
	r, err := Run(t.Context(), o)
	if err != nil || r.Invalid != nil || len(r.Blocks) != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	for i, point := range []int{1, 100, 10_000} {
		b := &r.Blocks[i]
		if b.Point != point || b.Axis != Routes || len(b.Rows) != 1 || len(b.Rows[0].Samples) != 1 {
			t.Errorf("point %d: %+v", point, b)
		}
	}
	if !strings.Contains(r.Configs["relay"], `path = "/r00000/*"`) || strings.Contains(r.Configs["relay"], "/r00001/*") {
		t.Errorf("the config shown is not the first point's:\n%s", r.Configs["relay"])
	}
}

func TestAnAbsentWeirIsAnError(t *testing.T) {
	if _, err := Run(t.Context(), Options{Weir: "/nowhere/weir"}); err == nil || !strings.Contains(err.Error(), "/nowhere/weir") {
		t.Errorf("got %v, want the path", err)
	}
}

func TestACancelledComparisonReportsWhatItHas(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := relayOptions(t)
	o.Scenarios = []string{"large", "headers", "idle"}
	o.Progress = writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})
	r, err := Run(ctx, o)
	if err != nil || !r.CutShort || len(r.Blocks) != 1 || len(r.Blocks[0].find(Direct).Samples) != 1 || len(r.Idle) != 0 || r.Invalid != nil {
		t.Errorf("got %+v, %v; want one round of the first proxy, cut short", r, err)
	}
	// ctx has ended by now.
	if r, err := Run(ctx, o); err != nil || !r.CutShort || len(r.Blocks) != 0 {
		t.Errorf("cancelled before it began: %+v, %v", r, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestInstalledPeersDoEqualWork runs each real peer for a moment and looks at what the endpoint is sent.
func TestInstalledPeersDoEqualWork(t *testing.T) {
	for _, p := range rivals() {
		t.Run(p.name, func(t *testing.T) {
			path, ok := lookup(p.program)
			if !ok {
				path = testkit.Require(t, p.program)
			}
			p.program = path
			head := seenThrough(t, p)
			for _, want := range []string{"GET /v1/orders/1234?expand=items HTTP/1.1\r\n", "host: api.example.com\r\n",
				"x-forwarded-for: 127.0.0.1\r\n", "x-forwarded-proto: http\r\n", "x-forwarded-host: api.example.com\r\n"} {
				if !strings.Contains(strings.ToLower(head), strings.ToLower(want)) {
					t.Errorf("no %q in:\n%s", want, head)
				}
			}
			if strings.Contains(strings.ToLower(head), "connection: close") {
				t.Errorf("the upstream connection is not kept:\n%s", head)
			}
		})
	}
}

// shortly are the scenarios whose configs differ, with few points.
func shortly() (all []Scenario) {
	for _, s := range Scenarios() {
		switch s.Name {
		case "headers", "large", "scale-conns":
			continue // small's config
		case "scale-routes":
			s.Points = []int{50}
		case "scale-endpoints":
			s.Points = []int{20}
		}
		all = append(all, s)
	}
	return all
}

// TestInstalledPeersDoEveryScenario runs each real peer through all kinds of work, for a moment each.
func TestInstalledPeersDoEveryScenario(t *testing.T) {
	for _, p := range rivals() {
		t.Run(p.name, func(t *testing.T) {
			if _, ok := lookup(p.program); !ok {
				testkit.Require(t, p.program)
			}
			var h *harness
			// A machine that stands still for a round leaves it without its requests: then longer ones follow.
			for _, round := range []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second} {
				h = openHarness(t, Options{Connections: 4, Rounds: 1, Round: round, Warmup: 20 * time.Millisecond,
					IdleConnections: 100, IdleRequests: 2, IdleWait: time.Millisecond}, p)
				if err := h.run(t.Context(), shortly()); err != nil {
					t.Fatal(err)
				}
				if h.result.Invalid == nil {
					break
				}
				t.Logf("rounds of %v: %q", round, h.result.Invalid)
			}
			if h.result.Invalid != nil {
				t.Fatalf("%q", h.result.Invalid)
			}
			for i := range h.result.Blocks {
				b := &h.result.Blocks[i]
				row, lack := b.find(p.name), p.lacks[b.Scenario]
				if row.Note != lack || (lack == "") != (len(row.Samples) == 1) {
					t.Errorf("%s: %+v; want one round, or the note %q", b.Scenario, row, lack)
				}
				// Every endpoint had its turn.
				if b.Axis == Endpoints && row.Samples[0].Upstream < b.Point {
					t.Errorf("%d connections to the %d endpoints carried answers", row.Samples[0].Upstream, b.Point)
				}
			}
			if row := h.result.Idle[0]; row.Note != "" || row.Lost != 0 {
				t.Errorf("idle: %+v", row)
			}
		})
	}
}

// openHarness is a harness for one peer that is installed here.
func openHarness(t *testing.T, o Options, p peer) *harness {
	t.Helper()
	o.fill()
	p.program, _ = lookup(p.program)
	h, err := open(o, []peer{p}, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	h.result.ProxyCore, h.result.LoadCore = -1, -1
	return h
}

// seenThrough sends one bare request through p and returns the head that reaches the endpoint.
func seenThrough(t *testing.T, p peer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c, err := start(t.Context(), p, setup{Most: 1000, Keep: 256, Port: port, Origins: []int{l.Addr().(*net.TCPAddr).Port}, Dir: dir}, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	client, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s := Scenarios()[0]
	if _, err := client.Write(s.request("")); err != nil {
		t.Fatal(err)
	}
	l.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	block := make([]byte, 4096)
	n, err := conn.Read(block)
	if err != nil {
		t.Fatal(err)
	}
	return string(block[:n])
}
