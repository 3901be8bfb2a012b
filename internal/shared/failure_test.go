package shared

import (
	"syscall"
	"testing"
	"time"

	"weir/internal/conf"
)

// slack is what a wait may be longer than the timeout, besides what a busy machine adds. Whoever waited for the server
// itself, or for a connection to it, would wait for a second.
const slack = connectTime / 4

// failing is a config by which nodes do that without their server, and wait for 40 ms.
func failing(how string) func(*Config) {
	return func(c *Config) { c.OnFailure, c.Timeout = how, Default().Timeout }
}

// longest takes tokens of key for a span and returns the longest wait but for what the machine adds, and how many there
// were of each outcome.
func longest(l *Limit, key string, span time.Duration) (wait time.Duration, outcomes [4]int) {
	stop := pulse()
	defer func() { wait -= 2 * stop() }()
	for begin := time.Now(); time.Since(begin) < span; {
		before := time.Now()
		outcomes[take(l, key, 1).Outcome]++
		wait = max(wait, time.Since(before))
		<-time.After(time.Millisecond)
	}
	return wait, outcomes
}

func TestWithoutItsServerANodeDoesWhatItIsTold(t *testing.T) {
	for _, c := range []struct {
		how                      string
		taken, refused, rejected bool
	}{
		{"local", true, true, false},
		{"open", true, false, false},
		{"closed", false, false, true},
	} {
		t.Run(c.how, func(t *testing.T) {
			t.Parallel()
			r := newRedis(t)
			s, _ := r.node(func(config *Config) { config.OnFailure = c.how }) // a slow machine's answers come within a second
			l := s.Rate("api", 50, 10)
			eventually(t, "the node is connected", func() bool { return take(l, "first", 1).Outcome == Taken && !s.down.Load() })
			takes(l, "key", 100)
			r.kill()
			killed := time.Now()
			wait, got := longest(l, "key", time.Second)
			took := time.Since(killed)
			if wait > Default().Timeout.Value()+slack {
				t.Errorf("killed: a request waited for %v", wait)
			}
			if !s.Stats().Down || got[Unknown] > 0 || (got[Taken] > 0) != c.taken || (got[Unavailable] > 0) != c.rejected {
				t.Errorf("killed: %d unknown, %d taken, %d refused, %d unavailable; %+v", got[Unknown], got[Taken], got[Refused], got[Unavailable], s.Stats())
			}
			if most := 25 + int(50*took.Seconds()); c.refused && got[Taken] > most { // what is left of the burst, and what came
				t.Errorf("killed: %d of 50/s were taken in %v, want at most %d", got[Taken], took, most)
			}
			r.start()
			// Where a machine stands still for longer than the timeout, the server counts as gone once more.
			eventually(t, "the node is back", func() bool {
				if s.Stats().Down {
					return false
				}
				wait, got := longest(l, "key", time.Second/2)
				t.Logf("back: %d taken, %d refused, %d unavailable, %v", got[Taken], got[Refused], got[Unavailable], wait)
				return wait <= l.Timeout()+slack && got[Taken] > 0 && got[Refused] > 0 && got[Unavailable] == 0
			})
		})
	}
}

// A key that the server had said to be empty was refused while the server was away, for as long as it would have been:
// for a minute at a rate of 1/m, whatever the config said. With "closed" a node went on with the tokens that it held.
func TestWhatTheServerSaidLastDecidesNothingWhileItIsAway(t *testing.T) {
	for _, c := range []struct {
		how             string
		empty, has, new Outcome
	}{
		{"local", Refused, Taken, Taken},
		{"open", Taken, Taken, Taken},
		{"closed", Unavailable, Unavailable, Unavailable},
	} {
		for _, kind := range []string{"rate", "quota"} {
			s, clock := idle(t, failing(c.how))
			l := s.Rate("api", 1.0/60, 3)
			if kind == "quota" {
				l = s.Quota("api", 3, func(time.Time) (start, end time.Time) { return *clock, clock.Add(time.Hour) })
			}
			asked := func(key string, g grant) Outcome {
				w, a := l.Await([]byte(key), 1, *clock, &sleeper{})
				if w == nil {
					return a.Outcome
				}
				e := l.keys.find([]byte(key))
				wish, _ := e.wish(s.since(*clock))
				e.settle(wish, g, *clock)
				return w.Leave(*clock).Outcome
			}
			if a := asked("empty", grant{retry: time.Minute}); a != Refused {
				t.Fatalf("%s: %v while the server answers, want refused", kind, a)
			}
			asked("has", grant{got: 1, rest: 2})
			l.keys.find([]byte("has")).left.Store(1)
			s.down.Store(true)
			for key, want := range map[string]Outcome{"empty": c.empty, "has": c.has, "new": c.new} {
				peeked, a := l.Peek([]byte(key), 1, *clock), l.Take([]byte(key), 1, *clock)
				if peeked.Outcome != a.Outcome {
					t.Errorf("%s, %s, %s: peeked %v, took %v", c.how, kind, key, peeked.Outcome, a.Outcome)
				}
				if a.Outcome == Unknown {
					_, a = l.Await([]byte(key), 1, *clock, &sleeper{})
				}
				if a.Outcome != want {
					t.Errorf("%s, %s, %s: %v, want %v", c.how, kind, key, a.Outcome, want)
				}
			}
		}
	}
}

func TestAServerThatHangsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	s, _ := r.node(failing("local"))
	l := s.Rate("api", 1000, 100)
	eventually(t, "the node is connected", func() bool { return take(l, "first", 1).Outcome == Taken && !s.down.Load() })
	r.signal(syscall.SIGSTOP)
	wait, got := longest(l, "key", time.Second)
	stats := s.Stats()
	r.signal(syscall.SIGCONT)
	if wait > l.Timeout()+slack || got[Taken] == 0 || !stats.Down {
		t.Errorf("hanging: %d taken, the longest wait %v, %+v", got[Taken], wait, stats)
	}
	eventually(t, "the node is back", func() bool { return !s.Stats().Down })
}

// A failover leaves a node with a server that has become a replica.
func TestAServerThatTakesNoWritesDoesNotAnswer(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	s, _ := r.node(failing("local"))
	l := s.Rate("api", 1000, 100)
	eventually(t, "the node is connected", func() bool { a := take(l, "first", 1); return a.Outcome == Taken && !a.Alone })
	other := r.store(nil)
	if err := other.server.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer other.server.close()
	if err := other.do("REPLICAOF", "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node is alone", func() bool { a := take(l, "key", 1); return a.Alone && s.Stats().Down })
	if err := other.do("REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the node is back", func() bool { a := take(l, "new", 1); return a.Outcome == Taken && !a.Alone })
}

func TestAServerMayComeLater(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	r.kill()
	s, _ := r.node(failing("local"))
	l := s.Rate("api", 1000, 100)
	if a := take(l, "key", 1); a.Outcome != Taken || !a.Alone {
		t.Errorf("without a server: %+v", a)
	}
	r.start()
	eventually(t, "the node is connected", func() bool { a := take(l, "other", 1); return a.Outcome == Taken && !a.Alone })
}

func TestAQuotaOutlivesItsServersMemory(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	begins := time.Now().Truncate(time.Second)
	period := func(time.Time) (time.Time, time.Time) { return begins, begins.Add(time.Hour) }
	s, _ := r.node(func(c *Config) { c.Grant = conf.Percent(0) })
	l := s.Quota("calls", 100, period)
	if n := takes(l, "key", 60); n != 60 {
		t.Fatalf("%d of 100 taken, want 60", n)
	}
	r.kill()
	eventually(t, "the node is alone", func() bool { return take(l, "other", 1).Alone })
	if n := takes(l, "key", 10); n != 10 {
		t.Fatalf("%d taken alone, want 10", n)
	}
	r.start()
	eventually(t, "the node is back", func() bool { return !s.Stats().Down })
	if n := takes(l, "key", 100); n != 30 {
		t.Errorf("%d taken when the server had forgotten all, want the 30 that are left", n)
	}
}

// After a stop a waiter must not be left without an answer.
func TestAStoppedNodeDecidesAlone(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	s, end := r.node(nil)
	l := s.Rate("api", 10, 5)
	eventually(t, "the node is connected", func() bool { a := take(l, "first", 1); return a.Outcome == Taken && !a.Alone })
	end()
	if a := take(l, "key", 1); a.Outcome != Taken || !a.Alone {
		t.Errorf("stopped: %+v", a)
	}
	s.Close()
}
