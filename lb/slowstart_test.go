package lb

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d) }

// shares returns the Share of each candidate in percent of its full one.
func shares(u *Upstream) string {
	var list []string
	for _, m := range u.View().Candidates() {
		list = append(list, fmt.Sprint(100*m.Share/(m.Weight*shareUnit)))
	}
	return strings.Join(list, " ")
}

func TestWhoJoinsEstablishedEndpointsStartsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u := stage(t, Config{SlowStart: conf.Dur(20 * time.Second)}, "r r x*4")
		pass(20 * time.Second)
		enter(r, endpoints(u)[2], 'r')
		for _, c := range []struct {
			after time.Duration
			want  string
		}{
			{0, "100 100 10"},
			{time.Second, "100 100 10"},
			{3 * time.Second, "100 100 15"},
			{10 * time.Second, "100 100 50"},
			{19 * time.Second, "100 100 95"},
			{20 * time.Second, "100 100 100"},
			{time.Hour, "100 100 100"},
		} {
			pass(c.after - time.Since(endpoints(u)[2].StateSince()))
			synctest.Wait()
			if got := shares(u); got != c.want {
				t.Errorf("%v after it became ready: shares %s, want %s", c.after, got, c.want)
			}
		}
	})
}

func TestTheTrafficOfASlowStartGrowsWithItsShare(t *testing.T) {
	for _, balance := range []string{RoundRobin, LeastRequests, EWMA, Random} {
		synctest.Test(t, func(t *testing.T) {
			r, u := stage(t, Config{Balance: balance, SlowStart: conf.Dur(20 * time.Second)}, "r r r x")
			pass(time.Minute)
			enter(r, endpoints(u)[3], 'r')
			for _, c := range []struct {
				after    time.Duration
				from, to int // of 3100 uses
			}{
				{0, 40, 170},                      // 1/31
				{10 * time.Second, 330, 560},      // 1/7
				{20 * time.Second, 3100 / 5, 930}, // 1/4
			} {
				pass(c.after - time.Since(endpoints(u)[3].StateSince()))
				synctest.Wait()
				if got := counts(u, 3100, took(time.Millisecond))[3]; got < c.from || got > c.to {
					t.Errorf("%s, after %v: %d of 3100 uses, want %d to %d", balance, c.after, got, c.from, c.to)
				}
			}
		})
	}
}

func TestWhoDoesNotStartSlowly(t *testing.T) {
	for _, c := range []struct {
		what    string
		balance string
		slow    time.Duration
		cast    string
		then    func(r *Registry, e []*Endpoint)
		want    string
	}{
		{"everybody when all are new", "", 10 * time.Second, "u u u", func(r *Registry, e []*Endpoint) {
			r.SetState(Ready, e[0])
			pass(time.Second)
			r.SetState(Ready, e[1])
			pass(8 * time.Second)
			r.SetState(Ready, e[2])
		}, "100 100 100"},
		{"who comes when all were down", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			pass(time.Minute)
			r.SetState(Down, e...)
			pass(time.Minute)
			r.SetState(Ready, e[0])
			pass(time.Second)
			r.SetState(Ready, e[1])
		}, "100 100"},
		{"who was draining", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			pass(time.Minute)
			r.Judge(ByOperator, Draining, "", e[0])
			pass(time.Second)
			r.Judge(ByOperator, Ready, "", e[0])
		}, "100 100"},
		{"anybody without slow_start", "", 0, "r x", func(r *Registry, e []*Endpoint) {
			pass(time.Minute)
			r.SetState(Ready, e[1])
		}, "100 100"},
		{"anybody where keys would move", Maglev, 10 * time.Second, "r x", func(r *Registry, e []*Endpoint) {
			pass(time.Minute)
			r.SetState(Ready, e[1])
		}, "100 100"},
		{"but who was ejected does", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			pass(time.Minute)
			r.Judge(ByTraffic, Ejected, "5 failures in a row", e[0])
			pass(time.Second)
			r.Judge(ByTraffic, Ready, "", e[0])
		}, "10 100"},
		{"and who was in maintenance", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			pass(time.Minute)
			r.Judge(ByOperator, Maintenance, "", e[0])
			pass(time.Second)
			r.Judge(ByOperator, Draining, "", e[0])
			r.Judge(ByOperator, Ready, "", e[0])
		}, "10 100"},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, u := stage(t, Config{Balance: c.balance, SlowStart: conf.Dur(c.slow)}, c.cast)
			c.then(r, endpoints(u))
			rebuild(u)
			if got := shares(u); got != c.want {
				t.Errorf("%s: shares %s, want %s", c.what, got, c.want)
			}
			r.Retire(u)
		})
	}
}

// A zone whose endpoints are cold must not get all of its traffic back at once.
func TestAZoneThatComesBackStartsSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u := stage(t, Config{Zone: "a", SlowStart: conf.Dur(20 * time.Second)}, "x@a r@b")
		pass(time.Minute)
		r.SetState(Ready, endpoints(u)[0])
		for _, c := range []struct {
			after    time.Duration
			from, to int // of 1000 uses, in the zone
		}{
			{0, 100, 180}, // 1.4 · 10 %
			{10 * time.Second, 650, 750},
			{15 * time.Second, 1000, 1000},
		} {
			pass(c.after - time.Since(endpoints(u)[0].StateSince()))
			synctest.Wait()
			if got := inZone(u, 1000); got < c.from || got > c.to {
				t.Errorf("%v after its only endpoint became ready the zone gets %d of 1000 uses, want %d to %d", c.after, got, c.from, c.to)
			}
		}
		r.Retire(u)
	})
}

// A reload neither ends a slow start nor begins one, and its own views go on with the steps.
func TestAReloadGoesOnWithASlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(RoundRobin, 1, 1, 1)
		cfg.Endpoints[2].Backup = true
		cfg.SlowStart = conf.Dur(20 * time.Second)
		r := NewRegistry(nil)
		u := adopt(t, r, cfg)
		r.SetState(Ready, endpoints(u)[0], endpoints(u)[2])
		pass(time.Minute)
		r.SetState(Ready, endpoints(u)[1])
		pass(5 * time.Second)
		next := adopt(t, r, cfg)
		r.Retire(u)
		for _, c := range []struct {
			after time.Duration
			want  string
		}{
			{0, "100 25"},
			{5 * time.Second, "100 50"},
			{10 * time.Second, "100 100"},
		} {
			pass(c.after)
			synctest.Wait()
			if got := shares(next); got != c.want {
				t.Errorf("%v later: shares %s, want %s", c.after, got, c.want)
			}
		}
		if candidates(next) != "0 1" || next.Name() != "orders" {
			t.Errorf("candidates of %s are %q, want all but the backup", next.Name(), candidates(next))
		}
		r.Retire(next)
	})
}
