package bench

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

func TestALagIsADistortionWhereItShowsInTheLatency(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		what string
		d    done
		want bool
	}{
		{"sent at once", done{lag: 100 * time.Microsecond, took: ms}, false},
		{"sent late", done{lag: 2 * ms, took: 3 * ms}, true},
		{"sent late, though the answer took long", done{lag: 2 * ms, took: 300 * ms}, true},
		{"sent late after a long wait for a connection", done{late: true, lag: 2 * ms, took: 300 * ms}, false},
		{"sent late after a short wait for a connection", done{late: true, lag: 2 * ms, took: 30 * ms}, true},
		{"lag unknown", done{late: true, lag: -1, took: ms}, false},
	} {
		l := newLedger([]string{"all"}, 1, ms)
		l.tallies[0].note(&c.d)
		l.turn(time.Second, 0)
		if got := l.finish(time.Second, 0).Distorted == 1; got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

func TestARateBeyondTheGeneratorsMeansIsInvalid(t *testing.T) {
	for _, c := range []struct {
		what                   string
		requests, unsent, late int64
		cpu                    time.Duration
		want                   bool
	}{
		// 4 timeouts in 10 s on 2 connections cost 5 ms, which were taken for the price of 4 requests: 65 cores.
		{"a target that answers nobody", 4, 249_996, 2, 5 * time.Millisecond, false},
		{"half a core of one", 500_000, 0, 400_000, 5 * time.Second, false},
		{"twelve cores of one", 500_000, 9_500_000, 499_000, 6 * time.Second, true},
		{"more than a core, but nothing queued", 500_000, 0, 100, 11 * time.Second, false},
	} {
		r := &Report{Requests: c.requests, Unsent: c.unsent, Late: c.late, CPU: c.cpu, Elapsed: 10 * time.Second}
		r.Settings = Settings{Loop: "open", Threads: 1, Duration: 10 * time.Second}
		r.judge(time.Millisecond)
		if r.Valid() == c.want {
			t.Errorf("%s: %v", c.what, r.Invalid)
		}
	}
}

func TestARunIsInvalidWhereTheGeneratorWasLate(t *testing.T) {
	second := func(busy float64, late int64) Second { return Second{Requests: 1000, Late: late, Busy: busy} }
	for _, c := range []struct {
		what   string
		late   int64 // of 1,000 by the generator's doing
		series []Second
		loop   string
		want   string // empty: valid
	}{
		{"on time", 0, []Second{second(0.5, 0)}, "open", ""},
		{"one in two hundred late", 5, []Second{second(0.5, 0)}, "open", ""},
		{"one in fifty late", 20, []Second{second(0.5, 0)}, "open", "sent 20 of 1000 requests more than 1ms after their time"},
		{"a single one of ten late", 1, []Second{{Requests: 10}}, "open", ""},
		{"the target holds slots up", 0, []Second{second(0.6, 900)}, "open", ""},
		{"no rest, but nothing was due", 0, []Second{second(1, 0)}, "open", ""},
		{"no rest and slots were due", 0, []Second{second(1, 300), second(0.2, 0)}, "open", "in 1 of 2 s"},
		{"a burst of catching up", 0, []Second{second(1, 15), second(0.2, 0)}, "open", ""},
		{"a closed loop has no schedule", 900, []Second{second(1, 1000)}, "closed", ""},
	} {
		r := &Report{Settings: Settings{Loop: c.loop}, Distorted: c.late, Series: c.series}
		for _, s := range c.series {
			r.Requests += s.Requests
		}
		r.judge(time.Millisecond)
		text := strings.Join(r.Invalid, "; ")
		if r.Valid() != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: got %q, want %q", c.what, text, c.want)
		}
	}
}
func TestATargetThatAnswersNobodyIsNoFaultOfTheGenerators(t *testing.T) {
	// The little that such a run costs was taken for the price of its few requests.
	at := listen(t, func(c *net.TCPConn) { waitClosed(c) })
	for _, scheme := range []string{"http", "tcp"} {
		best(t, func() string {
			r := mustRun(t, Config{
				Target: scheme + "://" + at, Connections: 4, Rate: 20_000, Duration: time.Second, Timeout: 400 * time.Millisecond, MaxLag: 100 * time.Millisecond,
			})
			if !r.Valid() || r.OK != 0 || r.Failures[Timeout] != r.Requests || r.Requests+r.Unsent != 20_000 {
				return fmt.Sprintf("%s: %v, %v, %d unsent, %v of the processor; want a valid run without an answer", scheme, r.Invalid, r.Failures, r.Unsent, r.CPU)
			}
			return ""
		})
	}
}
