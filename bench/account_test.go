package bench

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// moody answers each request in a way of its own choice. What it did is counted by the fate that the generator should
// see; unread requests have none.
type moody struct {
	mu     sync.Mutex
	random *rand.Rand
	did    map[string]int64
}

func (m *moody) choose() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	fates := []string{"fine", "fine", "fine", "fine", "fine and close", "late", "404", "cut", "garbage", "silent close", "interim"}
	fate := fates[m.random.IntN(len(fates))]
	m.did[fate]++
	return fate
}

func (m *moody) serve(c net.Conn) {
	in := bufio.NewReader(c)
	for {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		text, ends := fine, false
		switch m.choose() {
		case "fine and close":
			text, ends = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", true
		case "late":
			<-time.After(20 * time.Millisecond)
		case "404":
			text = "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"
		case "cut":
			text, ends = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", true
		case "garbage":
			text, ends = "what?\r\n\r\n", true
		case "silent close":
			text, ends = "", true
		case "interim":
			text = "HTTP/1.1 103 Early Hints\r\n\r\n" + fine
		}
		if _, err := io.WriteString(c, text); err != nil || ends {
			return
		}
	}
}

// checkSums checks what must hold of every report: each figure is told in several ways, which must agree.
func checkSums(t *testing.T, r *Report) {
	t.Helper()
	if r.Requests != r.OK+r.Failures.Total() {
		t.Errorf("%d requests, %d ok, %v", r.Requests, r.OK, r.Failures)
	}
	if n := r.Histogram.Count(); n != r.OK {
		t.Errorf("%d latencies of %d", n, r.OK)
	}
	if n := r.LagHistogram.Count(); n > r.Requests || r.Distorted > n || r.Settings.Loop == "closed" && n != 0 {
		t.Errorf("%d lags, %d distorted, of %d requests", n, r.Distorted, r.Requests)
	}
	if r.Late > r.Requests || r.Opened > r.Requests || r.Redials > r.Opened || r.Settings.Loop == "closed" && r.Late != 0 {
		t.Errorf("%d late, %d opened, %d redials of %d requests", r.Late, r.Opened, r.Redials, r.Requests)
	}
	var complete int64
	for _, n := range r.Statuses {
		complete += n
	}
	if want := r.OK + r.Failures[Status] + r.Failures[Body]; complete != want {
		t.Errorf("%d statuses, want those of %d complete answers", complete, want)
	}
	for k, n := range r.Failures {
		if text := r.FirstFailures[Kind(k).key()]; (n > 0) != (text != "") {
			t.Errorf("%d %v, the first is %q", n, Kind(k), text)
		}
	}
	checkSeries(t, r)
	checkClasses(t, r)
}

func checkSeries(t *testing.T, r *Report) {
	t.Helper()
	var sum Second
	latencies := NewHistogram()
	for i, s := range r.Series {
		sum.Requests += s.Requests
		sum.OK += s.OK
		sum.Late += s.Late
		sum.BytesIn += s.BytesIn
		addFailures(&sum.Failures, &s.Failures)
		latencies.Add(s.Histogram)
		if s.At < sum.At || i < len(r.Series)-1 && s.At != time.Duration(i+1)*time.Second {
			t.Errorf("second %d ends at %v, behind %v", i, s.At, sum.At)
		}
		if s.Latency != s.Histogram.Quantiles() || s.Busy < 0 || s.Busy > 1 || s.OK != s.Histogram.Count() {
			t.Errorf("second %d: %d ok, %d latencies, busy %v", i, s.OK, s.Histogram.Count(), s.Busy)
		}
		sum.At = s.At
	}
	if sum.Requests != r.Requests || sum.OK != r.OK || sum.Late != r.Late || sum.BytesIn != r.BytesIn || sum.Failures != r.Failures {
		t.Errorf("the seconds add up to %+v", sum)
	}
	if latencies.Quantiles() != r.Latency || sum.At < r.Elapsed {
		t.Errorf("the seconds' latencies are %+v, the report's %+v; they end at %v of %v", latencies.Quantiles(), r.Latency, sum.At, r.Elapsed)
	}
}

func checkClasses(t *testing.T, r *Report) {
	t.Helper()
	if r.Classes == nil {
		return
	}
	var ok int64
	var failures Failures
	for _, c := range r.Classes {
		ok += c.OK
		addFailures(&failures, &c.Failures)
		if c.Histogram.Count() != c.OK {
			t.Errorf("class %s: %d latencies of %d", c.Name, c.Histogram.Count(), c.OK)
		}
	}
	if ok != r.OK || failures != r.Failures {
		t.Errorf("the classes add up to %d ok and %v of %d and %v", ok, failures, r.OK, r.Failures)
	}
}

// twoClasses is a source of two kinds that take turns.
type twoClasses struct{ Source }

func (s twoClasses) Classes() []string { return []string{"even", "odd"} }
func (s twoClasses) Maker(form Form, authority string, seed uint64) Maker {
	return classMaker{s.Source.Maker(form, authority, seed)}
}

type classMaker struct{ Maker }

func (m classMaker) Fill(n int64, r *Request) {
	m.Maker.Fill(n, r)
	r.Class = int(n % 2)
}

func TestEverySlotOfAnyRunIsAccountedFor(t *testing.T) {
	source, err := Fixed("GET", "/", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(12) {
		for _, scheme := range []string{"http", "https"} {
			t.Run(fmt.Sprintf("%s %d", scheme, seed), func(t *testing.T) {
				t.Parallel()
				random := rand.New(rand.NewPCG(seed, 8))
				m := &moody{random: rand.New(rand.NewPCG(seed, 9)), did: map[string]int64{}}
				cfg := Config{
					Connections: 1 + random.IntN(20), Threads: 1 + random.IntN(2), Fresh: random.IntN(4) == 0, Timeout: 20 * time.Second,
					Source: twoClasses{source}, TLS: trusting, Seed: seed, MaxLag: time.Hour,
				}
				if scheme == "http" {
					cfg.Target = "http://" + listen(t, func(c *net.TCPConn) { m.serve(c) })
				} else {
					cfg.Target = "https://" + secure(t, func(c *tls.Conn) { m.serve(c) })
				}
				slots := int64(-1) // not known
				switch seed % 4 {
				case 0: // closed, by number
					cfg.Requests = 1 + random.Int64N(300)
					slots = cfg.Requests
				case 1: // closed, by time
					cfg.Duration, cfg.Warmup = 300*time.Millisecond, 50*time.Millisecond
				case 2: // open, by time
					cfg.Rate, cfg.Duration, cfg.Warmup = float64(100+random.IntN(2000)), 250*time.Millisecond, 40*time.Millisecond
					slots = int64(math.Ceil(cfg.Rate*0.29-1e-6)) - int64(math.Ceil(cfg.Rate*0.04-1e-6))
				case 3: // open, by number, above what there is time for
					cfg.Rate, cfg.Duration, cfg.Requests = 5000, 200*time.Millisecond, 900
					slots = 900
				}
				r := mustRun(t, cfg)
				checkSums(t, r)
				if slots >= 0 && r.Requests+r.Unsent != slots {
					t.Errorf("%d requests and %d unsent of %d slots", r.Requests, r.Unsent, slots)
				}
				checkFates(t, r, m, cfg.Warmup)
			})
		}
	}
}

// checkFates compares a report with what the endpoint did; with a warm-up it did more.
func checkFates(t *testing.T, r *Report, m *moody, warmup time.Duration) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	ok := m.did["fine"] + m.did["fine and close"] + m.did["late"] + m.did["interim"]
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"ok", r.OK, ok}, {"404", r.Failures[Status], m.did["404"]}, {"cut", r.Failures[ShortBody], m.did["cut"]},
		{"garbage", r.Failures[Malformed], m.did["garbage"]}, {"closed", r.Failures[Reset], m.did["silent close"]},
	} {
		// A connection that the endpoint closes as the next request leaves is a reset that it does not know of.
		if c.what == "closed" && c.got >= c.want || c.got == c.want || warmup > 0 && c.got <= c.want {
			continue
		}
		t.Errorf("%s: %d, the endpoint did %d", c.what, c.got, c.want)
	}
	if n := r.Failures[Connect] + r.Failures[TLS] + r.Failures[Timeout] + r.Failures[Body]; n > 0 {
		t.Errorf("failures that did not happen: %v", r.Failures)
	}
}
