package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/bench"
)

func TestAGatewayThatDoesNotStopIsNamed(t *testing.T) {
	var out, complaints told
	s := stand{tries: 3}
	start := func(ctx context.Context, path string, text []byte) (func(context.Context) error, error) {
		stop, err := s.start(ctx, path, text)
		return func(ctx context.Context) error {
			if _, bounded := ctx.Deadline(); !bounded || ctx.Err() != nil {
				t.Errorf("the drain is not bounded, or has no time: %v", ctx.Err())
			}
			return errors.Join(stop(ctx), errors.New("two sessions are left"))
		}, err
	}
	code := Run(t.Context(), Options{Start: start, Out: &out, Err: &complaints, Duration: 200 * time.Millisecond})
	if want := "the gateway does not stop: two sessions are left"; code != NotBegun || !strings.Contains(complaints.String(), want) {
		t.Errorf("exit code %d, %q; want %d and %q", code, complaints.String(), NotBegun, want)
	}
}

func TestAGatewayThatNeverAnswersIsGivenUp(t *testing.T) {
	var out, complaints told
	ctx, cancel := context.WithCancel(t.Context())
	stopped := false
	deaf := func(context.Context, string, []byte) (func(context.Context) error, error) {
		cancel() // the user does not wait for it
		return func(context.Context) error { stopped = true; return nil }, nil
	}
	code := Run(ctx, Options{Start: deaf, Out: &out, Err: &complaints, Duration: time.Second})
	if code != NotBegun || !strings.Contains(complaints.String(), "no answer at http://127.0.0.1:") || !stopped || out.String() != "" {
		t.Errorf("exit code %d, %q, stopped %v, printed %q", code, complaints.String(), stopped, out.String())
	}
}

func TestAStageThatCannotBeSetLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
	base, err := block(0)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := newStage(base, time.Second); s != nil || !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%v, %v", s, err)
	}
	if err := free(base); err != nil {
		t.Errorf("a port is still taken: %v", err)
	}
}

func TestAStageIsClearedOnceAndForAll(t *testing.T) {
	s, err := newStage(0, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"demo.pem", "demo.key", "weir.toml"} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("%s: %v, %v; want a file for its owner alone", name, info, err)
		}
	}
	s.close()
	s.close()
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
	for _, e := range s.endpoints() {
		if !e.dead() {
			t.Errorf("%s lives", e.name)
		}
	}
}

func TestTheGeneratorAsksEachListener(t *testing.T) {
	s := &stage{web: "w:1", secure: "s:2", echo: "e:3"}
	total := 0.0
	for i, ask := range s.targets() {
		if want := []string{"http://w:1/", "https://s:2/", "tcp://e:3"}[i]; !strings.HasPrefix(ask.Target, want) || ask.Connections == 0 || ask.Rate == 0 {
			t.Errorf("%+v, want %s", ask, want)
		}
		total += ask.Rate
	}
	if total != 800 {
		t.Errorf("%v a second in all, want 800: the report's 16,000 of 20 s", total)
	}
}

func TestALaneEndsWithItsContext(t *testing.T) {
	e, conn := living(t, serveAPI)
	conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	l := lane{ask: bench.Config{Target: "http://" + e.address + "/", Connections: 1}}
	var traffic sync.WaitGroup
	traffic.Go(func() { l.run(ctx, time.Hour) })
	for e.served.Load() == 0 {
		select { // the endpoint tells nobody of its first request
		case <-t.Context().Done():
			t.Fatal("no request came")
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	traffic.Wait()
	if r, err := l.result(); err != nil || !r.CutShort || r.OK == 0 || r.Failed() != 0 {
		t.Errorf("%v; cut short %v, %d OK, %d failed", err, r.CutShort, r.OK, r.Failed())
	}
}

func TestAStoryIsToldWhileItIsWatched(t *testing.T) {
	// The race detector looks on: the screen reads while the lanes, the endpoints and the story write.
	s := storyAt(t, 300*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { s.run(ctx) })
	for _, l := range s.lanes {
		all.Go(func() {
			for ctx.Err() == nil {
				l.second(bench.Second{Requests: 1, OK: 1})
				<-time.After(time.Millisecond)
			}
		})
	}
	for {
		s.hero.count()
		if v := s.view(); len(v.events) >= 3 {
			break
		}
		<-time.After(time.Millisecond)
	}
	cancel()
	all.Wait()
	for i, want := range []string{"killed", "revived", "back in rotation"} {
		if got := s.events[i].text; !strings.Contains(got, want) {
			t.Errorf("event %d: %q, want %q", i, got, want)
		}
	}
	if got := s.ask(ctx); got != nil {
		t.Errorf("asked for states after its end: %v", got)
	}
}

func TestAnAnswerIsJSONWhateverIsAskedFor(t *testing.T) {
	e, conn := living(t, serveAPI)
	for target, want := range map[string]string{
		"/": "/", "/v1/orders/7?x=y": "/v1/orders/7", "/a%22b": `/a"b`, "/a%5Cb": `/a\b`, "/%00%1b": "/\x00\x1b", "/caf%C3%A9": "/café", "/%3Cscript%3E": "/<script>", "/%ff": "/\ufffd",
	} {
		var answer struct {
			Path     string
			ServedBy string `json:"served_by"`
		}
		if text := get(t, conn, target); json.Unmarshal([]byte(text), &answer) != nil || answer.Path != want || answer.ServedBy != e.name {
			t.Errorf("%s: %q, want the path %q", target, text, want)
		}
	}
}

func TestAConnectionThatClosedIsNotResetAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mortal{Listener: l, open: make(map[*mortalConn]struct{}), over: make(chan struct{})}
	var ends []net.Conn
	for range 3 {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		end, err := m.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	if err := errors.Join(ends[0].Close(), ends[1].Close()); err != nil {
		t.Error(err)
	}
	if n := m.die(); n != 1 {
		t.Errorf("%d connections reset, want the one that was open", n)
	}
	if _, err := m.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a connection to the dead: %v", err)
	}
}

func TestALongMessageComesBackWhole(t *testing.T) {
	_, conn := living(t, serveEcho)
	message := strings.Repeat("0123456789abcdef", 8<<10)
	var back strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.CopyN(&back, conn, int64(len(message))) })
	if _, err := io.WriteString(conn, message); err != nil {
		t.Fatal(err)
	}
	reading.Wait()
	if back.String() != message {
		t.Errorf("%d bytes came back of %d, or others", back.Len(), len(message))
	}
}

func TestManyMayKillAndReviveAtOnce(t *testing.T) {
	e, conn := living(t, serveAPI)
	get(t, conn, "/")
	var all sync.WaitGroup
	killed := make(chan int, 8)
	for range cap(killed) {
		all.Go(func() { killed <- e.kill() })
	}
	all.Wait()
	close(killed)
	sum := 0
	for n := range killed {
		sum += n
	}
	if sum != 1 || !e.dead() {
		t.Errorf("%d connections were reset by all, want the one once", sum)
	}
	for range 8 {
		all.Go(func() {
			if err := e.revive(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if e.dead() {
		t.Error("it is dead")
	}
}

func TestTheWindowAgreesWithACountByHand(t *testing.T) {
	r := chance()
	for range 500 {
		var l lane
		at, from := time.Duration(0), time.Duration(r.Int64N(20))
		to := from + 1 + time.Duration(r.Int64N(20))
		var want, slow int64
		for range r.IntN(30) {
			began := at
			at += 1 + time.Duration(r.Int64N(3))
			s := bench.Second{At: at, Requests: r.Int64N(9), Latency: bench.Quantiles{Max: time.Duration(r.Int64N(99))}}
			l.second(s)
			for tick := began; tick < at; tick++ { // each moment of the second
				if tick >= from && tick < to {
					want += s.Requests
					slow = max(slow, int64(s.Latency.Max))
					break
				}
			}
		}
		if got, _, slowest := l.between(from, to); got != want || int64(slowest) != slow {
			t.Errorf("from %d to %d: %d requests, slowest %d; want %d, %d", from, to, got, slowest, want, slow)
		}
	}
}
