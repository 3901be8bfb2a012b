//go:build linux && soak

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/bench"
	"weir/internal/testkit"
)

// besieged has everything at its defaults, or in limits what an attack would take too long to reach.
const besieged = `
[listeners.web]
address = "{ip}:8080"
protocols = ["h1", "h2"]
{limits}
[listeners.secure]
address = "{ip}:8443"
protocols = ["h1", "h2", "h3"]
{limits}
tls = { certificates = [{ cert = "{dir}/cert.pem", key = "{dir}/key.pem" }] }
[[routes]]
upstream = "u"
[upstreams.u]
endpoints = "{origin}"
`

// attack is what somebody does to Weir.
type attack struct {
	name string
	// run attacks until ctx ends.
	run func(ctx context.Context, s *siege)
	// kinds are the counters one of which shows it, "a|b".
	kinds string
	// limits are lines of both listeners.
	limits string
}

// siege is an attack under way.
type siege struct {
	c      *child
	tls    *tls.Config
	blows  atomic.Int64 // what was sent, or the connections that were opened
	hellos [][][]byte   // prepared before the attack: see initials
}

// Connections are opened over so much time, and a slot whose connection has ended waits so long: 500 at once would
// be a measurement of the attacker.
const (
	crowdSize = 500
	crowdRamp = 5 * time.Second // the grace of a slow body: in waves, the attackers' own handshakes would hold up who measures
	crowdRest = 100 * time.Millisecond
)

// crowd is an attack by many slow connections: do keeps one until it is ended.
func crowd(do func(ctx context.Context, s *siege) error) func(context.Context, *siege) {
	return func(ctx context.Context, s *siege) {
		var all sync.WaitGroup
		for i := range crowdSize {
			all.Go(func() {
				pass(ctx, time.Duration(i)*crowdRamp/crowdSize)
				for ctx.Err() == nil {
					s.blows.Add(1)
					_ = do(ctx, s) // that it is ended is what Weir is for
					pass(ctx, crowdRest)
				}
			})
		}
		all.Wait()
	}
}

// salvo is an attack by so many blows a second on one connection, which open opens anew when a blow fails.
func salvo(rate int, open func(ctx context.Context, s *siege) (blow func() error, end func(), err error)) func(context.Context, *siege) {
	return func(ctx context.Context, s *siege) {
		const batch = 4 * time.Millisecond
		var blow func() error
		end := func() {}
		_ = repeat(ctx, batch, func() error {
			for range rate * int(batch) / int(time.Second) {
				if blow == nil {
					var err error
					if blow, end, err = open(ctx, s); err != nil {
						blow, end = nil, func() {}
						return nil
					}
				}
				s.blows.Add(1)
				if blow() != nil {
					end()
					blow, end = nil, func() {}
				}
			}
			return nil
		})
		end()
	}
}

func repeat(ctx context.Context, d time.Duration, do func() error) error {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := do(); err != nil {
				return err
			}
		}
	}
}

func pass(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// plain opens a connection without TLS, which ends with ctx.
func (s *siege) plain(ctx context.Context) (net.Conn, error) { return s.reach(ctx, 8080) }

// raw opens a connection to the port of TLS.
func (s *siege) raw(ctx context.Context) (net.Conn, error) { return s.reach(ctx, 8443) }

func (s *siege) reach(ctx context.Context, port int) (net.Conn, error) {
	nc, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", s.c.at(port))
	if err == nil {
		context.AfterFunc(ctx, func() { _ = nc.Close() })
	}
	return nc, err
}

// secure opens one of HTTP/2 over TLS.
func (s *siege) secure(ctx context.Context) (net.Conn, error) {
	nc, err := s.raw(ctx)
	if err != nil {
		return nil, err
	}
	cfg := s.tls.Clone()
	cfg.NextProtos = []string{"h2"}
	secure := tls.Client(nc, cfg)
	shake, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := secure.HandshakeContext(shake); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return secure, nil
}

// mostSieged is what 500 connections, with four answers each that nobody takes, may cost: some 115 KiB an answer over
// HTTP/3, the most of all. What bounds it beyond is max_connections.
const mostSieged = 256 * mib

// peaceTime is how long good requests are alone before the attack, and again behind it.
const peaceTime = 4 * time.Second

// steady is how late the generator may be for the latencies to say something about Weir.
const steady = time.Millisecond

// Beside an attack at full rate, good requests go on: their p99 at most triples, Weir spends at most 0.3 of a core on the
// attack, its memory stays bounded, and a counter tells. Weir has one core; the load, the attack and the endpoint share
// the other. What is compared are the medians of the quantiles of each second, where the machine has nothing else to do.
// WEIR_SOAK_ATTACK sets the length of each, default 30s.
func TestSoakAttacksCostLittle(t *testing.T) {
	long := 30 * time.Second
	if s := os.Getenv("WEIR_SOAK_ATTACK"); s != "" {
		var err error
		if long, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	pinned(t)
	var table strings.Builder
	fmt.Fprintf(&table, "\n%-42s %8s %9s %9s %6s %6s %6s %6s  %s\n", "attack", "blows", "peace p99", "p99", "ratio", "of p90", "core", "MiB", "counted")
	for _, a := range slices.Concat(floods, slowAttacks, quicAttacks) {
		t.Run(strings.ReplaceAll(a.name, " ", "-"), func(t *testing.T) { a.lay(t, long, &table) })
	}
	t.Log(table.String())
}

// pinned moves this process to the second core until the test ends.
func pinned(t *testing.T) {
	t.Helper()
	taskset := testkit.Require(t, "taskset")
	move := func(cores string) {
		if out, err := exec.Command(taskset, "-a", "-c", "-p", cores, strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	move("1")
	t.Cleanup(func() { move("0,1") })
}

// lay lays siege to a Weir of its own and judges how it bears that.
func (a *attack) lay(t *testing.T, long time.Duration, table *strings.Builder) {
	o, dir := newOrigin(t, "o"), t.TempDir()
	s := &siege{tls: certificate(t, dir, "weir.test")}
	s.c = prepare(t, strings.ReplaceAll(besieged, "{dir}", dir), "origin", o.addr, "limits", a.limits)
	s.c.launch("taskset", "-c", "0", binary, "run", "-c", s.c.file)
	s.c.awaitReady()
	if strings.Contains(a.name, "Initials") {
		s.hellos = initials(t, s)
	}
	good := rush{path: "/", rate: 500, warmup: time.Second, run: peaceTime}
	begin, spent := time.Now(), s.c.cpu()
	peace := []*bench.Report{good.on(s.c)}
	idle := s.c.spentSince(begin, spent)
	g := watchGrowth(t, s.c)

	ctx, cancel := context.WithTimeout(t.Context(), long+good.warmup)
	defer cancel()
	begin, spent = time.Now(), s.c.cpu()
	under := good
	under.run = long
	report := under.beside(s.c)
	a.run(ctx, s)
	r := report()
	core := s.c.spentSince(begin, spent) - idle
	g.stop()
	<-g.done
	peace = append(peace, good.on(s.c))
	unfailing(t, "in peace", peace[0])
	unfailing(t, "under attack", r)
	unfailing(t, "after it", peace[1])
	calm, worse := median(0.99, peace...), median(0.99, r)
	ratio, ratio90 := float64(worse)/float64(calm), float64(median(0.9, r))/float64(median(0.9, peace...))
	counted := a.counted(t, s.c)
	fmt.Fprintf(table, "%-42s %8d %9v %9v %6.2f %6.2f %6.3f %6.1f  %s\n", a.name, s.blows.Load(), calm.Round(time.Microsecond), worse.Round(time.Microsecond), ratio, ratio90, core, mibs(g.peak-g.before), counted)
	t.Logf("%d blows: p99 %v in peace, %v under attack (all of it %v, lag %v and %v): %.2f ×, p90 %.2f ×; %.3f of a core; %+.1f MiB; %s",
		s.blows.Load(), calm, worse, p99(r), peace[0].Lag.P99, r.Lag.P99, ratio, ratio90, core, mibs(g.peak-g.before), counted)
	if ratio > 3 && !burdened(peace[0], steady) && !burdened(peace[1], steady) {
		t.Errorf("p99 is %.1f × that in peace", ratio)
	}
	if core > 0.3 {
		t.Errorf("the attack costs %.2f of a core", core)
	}
	if g.peak-g.before > mostSieged {
		t.Errorf("memory grew by %.0f MiB", mibs(g.peak-g.before))
	}
}

// counted returns the counters that show the attack, and fails the test if there is none.
func (a *attack) counted(t *testing.T, c *child) string {
	t.Helper()
	var shown []string
	m := c.metrics()
	for _, kind := range strings.Split(a.kinds, "|") {
		if n := m.sum("weir_defences_total", fmt.Sprintf("kind=%q", kind)); n > 0 {
			shown = append(shown, fmt.Sprintf("%s %.0f", kind, n))
		}
	}
	if shown == nil {
		t.Errorf("no counter shows it; there are %v", m.series("weir_defences_total"))
	}
	return strings.Join(shown, ", ")
}

// spentSince returns the share of a core that the child has used since begin, when it had used before.
func (c *child) spentSince(begin time.Time, before time.Duration) float64 {
	return float64(c.cpu()-before) / float64(time.Since(begin))
}

// median returns the median of a quantile of the seconds of the reports.
func median(quantile float64, reports ...*bench.Report) time.Duration {
	var all []time.Duration
	for _, r := range reports {
		for _, second := range r.Series[:max(len(r.Series)-1, 1)] {
			all = append(all, second.Histogram.Quantile(quantile))
		}
	}
	slices.Sort(all)
	return all[len(all)/2]
}
