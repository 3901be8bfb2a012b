package peers

import (
	"context"
	"io"
	"net"
	"os"
	"regexp"
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
			io.Copy(down, up)
		}()
	}
}

func relayOptions(t *testing.T) Options {
	t.Helper()
	t.Setenv("PEERS_TEST_RELAY", "1")
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Weir: program, WeirName: "relay", Only: []string{}, Connections: 4, Rounds: 2, Round: 60 * time.Millisecond, Warmup: 20 * time.Millisecond}
}

func TestAComparisonMeasuresEachProxyInEachScenario(t *testing.T) {
	o := relayOptions(t)
	o.Scenarios = []string{"large", "bare"}
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
	_, err := Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "relay ended at once: no such luck") {
		t.Errorf("got %v, want that relay ended at once, and its words", err)
	}
}

func TestAnAbsentWeirIsAnError(t *testing.T) {
	if _, err := Run(t.Context(), Options{Weir: "/nowhere/weir"}); err == nil || !strings.Contains(err.Error(), "/nowhere/weir") {
		t.Errorf("got %v, want the path", err)
	}
}

func TestACancelledComparisonEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := relayOptions(t)
	o.Progress = writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})
	if _, err := Run(ctx, o); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
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
	c, err := start(t.Context(), p, ports{Most: 100, Port: port, Origin: l.Addr().(*net.TCPAddr).Port, Dir: dir}, -1)
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
	if _, err := client.Write(s.request()); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	block := make([]byte, 4096)
	n, err := conn.Read(block)
	if err != nil {
		t.Fatal(err)
	}
	return string(block[:n])
}
