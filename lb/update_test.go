package lb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// placesAt returns places at the addresses that ids stand for.
func placesAt(ids ...int) []Place {
	list := make([]Place, len(ids))
	for i, id := range ids {
		list[i] = Place{Address: address(id), Weight: 1}
	}
	return list
}

// departures are the addresses of the endpoints that have gone, in order.
type departures struct {
	mu   sync.Mutex
	list []string
}

func (d *departures) add(e *Endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, e.Address())
}

func (d *departures) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list)
}

// discovered returns an upstream whose members come from Update, and what has gone from it.
func discovered(t *testing.T, ids ...int) (*Registry, *Upstream, *departures) {
	t.Helper()
	gone := new(departures)
	r := NewRegistry(gone.add)
	u := adopt(t, r, Config{Balance: RoundRobin, Discovered: true})
	u.Update(placesAt(ids...))
	return r, u, gone
}

func TestWhatDiscoveryFindsIsTheMembership(t *testing.T) {
	r := NewRegistry(nil)
	u := adopt(t, r, Config{Balance: EWMA, Discovered: true})
	if l, reason := u.Pick(Key{}, Tried{}); l.Ok() || reason != NoEndpoint {
		t.Errorf("before discovery has found anything: %v, %v; want no_endpoint", l.Endpoint(), reason)
	}
	u.Update([]Place{
		{Address: address(0), Name: "orders.internal:80", Weight: 3, Zone: "a", Tier: 1},
		{Address: address(1), Weight: 0, Tier: -1},
		{Address: address(0), Weight: 9}, // twice: the first counts
	})
	var got []string
	for _, m := range u.View().Members() {
		got = append(got, fmt.Sprintf("%s %s %d %s %d", m.Endpoint.Address(), m.Endpoint.Name(), m.Weight, m.Zone, m.Tier))
	}
	want := []string{"10.0.0.1:80 orders.internal:80 3 a 1", "10.0.0.2:80 10.0.0.2:80 1  0"}
	if !slices.Equal(got, want) {
		t.Errorf("members %q, want %q", got, want)
	}
	if e := endpoints(u)[0]; e.Target() != address(0) || e.Upstream() != "orders" {
		t.Errorf("the first is %v of %s", e.Target(), e.Upstream())
	}
}

func TestToFindNobodyIsAFindingToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(nil)
		cfg := config(EWMA, 1)
		cfg.Discovered = true
		u := adopt(t, r, cfg)
		if n := len(endpoints(u)); n != 1 {
			t.Errorf("%d members before discovery has spoken, want the one that is listed", n)
		}
		u.Update(nil)
		if n := len(endpoints(u)); n != 0 || len(r.Endpoints()) != 0 {
			t.Errorf("%d members after discovery has found nobody, %d in the books; want none", n, len(r.Endpoints()))
		}
		r.Retire(u)
	})
}

func TestAnEndpointThatStaysKeepsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u, gone := discovered(t, 0, 1)
		e := endpoints(u)
		r.SetState(Ready, e...)
		r.Judge(ByTraffic, Ejected, "5 in a row", e[1])
		held := leaseOn(e[1])
		leaseOn(e[1]).Done(Outcome{Result: Timeout, FirstByte: 3 * time.Second, Route: 2})
		pool := e[1].Attach(SlotHTTP, new(int))
		time.Sleep(time.Second)

		u.Update(placesAt(2, 1))
		synctest.Wait()

		now := endpoints(u)
		if len(now) != 2 || now[1] != e[1] || now[0] == e[0] {
			t.Fatalf("members %v, want a new one and the one that stayed", now)
		}
		kept := now[1]
		if kept.State() != Ejected || kept.Why() != "5 in a row" || kept.InFlight() != 1 || kept.Tally(2).Failed != 1 || kept.Attachment(SlotHTTP) != pool {
			t.Errorf("the one that stayed is %v because of %q with %d in flight and %d failures", kept.State(), kept.Why(), kept.InFlight(), kept.Tally(2).Failed)
		}
		if now[0].State() != Unknown || !slices.Equal(gone.all(), []string{"10.0.0.1:80"}) {
			t.Errorf("the new one is %v, gone %v; want unknown, and the first", now[0].State(), gone.all())
		}
		held.Done(Outcome{})
		if kept.InFlight() != 0 {
			t.Errorf("%d in flight after the last use", kept.InFlight())
		}
	})
}

// An endpoint must not be told gone, and its pools closed, while the view that is out offers it.
func TestAnEndpointGoesWhenTheViewWithoutItIsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u, gone := discovered(t, 0, 1)
		for _, c := range []struct {
			what  string
			do    func()
			offer string // the hosts in the view
			gone  int
		}{
			{"too soon after the last view", func() { u.Update(placesAt(0)) }, "0 1", 0},
			{"twice", func() { u.Update(placesAt(2)) }, "0 1", 0},
			{"and back", func() { u.Update(placesAt(0, 3)) }, "0 1", 0},
			{"a tenth of a second later", func() { time.Sleep(rebuildEvery) }, "0 3", 2}, // 1, and 2 that nobody ever saw
			{"at once when there was none for long", func() { time.Sleep(time.Second); u.Update(placesAt(3)) }, "3", 3},
			{"everything", func() { time.Sleep(time.Second); u.Update(nil) }, "", 4},
			{"after the end", func() { r.Retire(u); u.Update(placesAt(5)) }, "", 4},
		} {
			c.do()
			synctest.Wait()
			var hosts []string
			for _, e := range endpoints(u) {
				hosts = append(hosts, fmt.Sprint(slices.IndexFunc(placesAt(0, 1, 2, 3, 4, 5), func(p Place) bool { return p.Address == e.Target() })))
			}
			if got := strings.Join(hosts, " "); got != c.offer || len(gone.all()) != c.gone {
				t.Errorf("%s: the view has %q, gone %v; want %q, and %d gone", c.what, got, gone.all(), c.offer, c.gone)
			}
		}
		if n := len(r.Endpoints()); n != 0 {
			t.Errorf("%d endpoints are left", n)
		}
	})
}

func TestRetiringGivesBackWhatAnUpdateLeftBehind(t *testing.T) {
	r, u, gone := discovered(t, 0, 1)
	u.Update(placesAt(1, 2)) // its view is still to come
	r.Retire(u)
	if len(gone.all()) != 3 || len(r.Endpoints()) != 0 {
		t.Errorf("gone %v, %d left; want all three gone", gone.all(), len(r.Endpoints()))
	}
}

// A reload must not make an upstream empty until its discovery speaks again.
func TestANewSnapshotBeginsWithWhatWasFound(t *testing.T) {
	listed := []EndpointConfig{{Address: address(7), Weight: 1}}
	for _, c := range []struct {
		what  string
		found []Place
		cfg   Config
		want  string
	}{
		{"discovered before and now", placesAt(0, 1), Config{Discovered: true}, "10.0.0.1:80 10.0.0.2:80"},
		{"with a list besides", placesAt(0, 1), Config{Discovered: true, Endpoints: listed}, "10.0.0.1:80 10.0.0.2:80"},
		{"nothing found yet", nil, Config{Discovered: true}, ""},
		{"nothing found yet, a list besides", nil, Config{Discovered: true, Endpoints: listed}, "10.0.0.8:80"},
		{"listed from now on", placesAt(0, 1), Config{Endpoints: listed}, "10.0.0.8:80"},
	} {
		r := NewRegistry(nil)
		old := adopt(t, r, Config{Balance: RoundRobin, Discovered: true})
		old.Update(c.found)
		c.cfg.Balance = EWMA
		unpublished := adopt(t, r, c.cfg)
		next := adopt(t, r, c.cfg) // what was found is passed on from one to the next
		r.Retire(unpublished)
		r.Retire(old)
		var got []string
		for _, e := range endpoints(next) {
			got = append(got, e.Address())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: the new snapshot begins with %v, want %q", c.what, got, c.want)
		}
	}
}

// Before a name is known, whoever dials looks it up.
func TestANameThatNothingIsKnownOfStandsForItself(t *testing.T) {
	cfg := Config{Balance: EWMA, Discovered: true, Endpoints: []EndpointConfig{at(t, "orders.internal:80")}}
	u := adopt(t, NewRegistry(nil), cfg)
	if e := endpoints(u); len(e) != 1 || e[0].Address() != "orders.internal:80" || e[0].Name() != "orders.internal:80" {
		t.Errorf("members %v, want the name itself", e)
	}
}

func TestAnEndpointIsFoundByItsAddress(t *testing.T) {
	_, u, _ := discovered(t, 0, 1, 2)
	for i, e := range endpoints(u) {
		if got := u.Find([]byte(e.Address())); got != e {
			t.Errorf("endpoint %d at %s: found %v", i, e.Address(), got)
		}
	}
	for _, a := range []string{"", "10.0.0.9:80", "10.0.0.1", "orders/10.0.0.1:80"} {
		if got := u.Find([]byte(a)); got != nil {
			t.Errorf("at %q: found %v, want none", a, got)
		}
	}
	text := []byte(endpoints(u)[1].Address())
	if n := testing.AllocsPerRun(100, func() { u.Find(text) }); n != 0 {
		t.Errorf("Find allocates %v times", n)
	}
}

// Discovery, health, reloads and traffic at once, for the race detector; nothing may be left over.
func TestUpdatesThroughReloadsAndChangesOfState(t *testing.T) {
	var mu sync.Mutex
	gone := make(map[*Endpoint]int)
	r := NewRegistry(func(e *Endpoint) {
		mu.Lock()
		defer mu.Unlock()
		gone[e]++
	})
	cfg := Config{Balance: LeastRequests, Discovered: true, MaxInFlight: AtMost(3), SlowStart: conf.Dur(time.Second)}
	u := adopt(t, r, cfg)
	u.Update(placesAt(0, 1, 2, 3))
	published := make(chan *Upstream, 4)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for u := range published {
				for range 100 {
					l, _ := u.Pick(Key{}, Tried{})
					l.Done(Outcome{})
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(9, 10))
	for i := range 200 {
		ids := random.Perm(8)[:random.IntN(8)]
		now := u
		workers.Go(func() { now.Update(placesAt(ids...)) })
		r.SetState([]State{Ready, Down, Ejected}[i%3], r.Endpoints()...)
		if i%10 == 0 {
			next := adopt(t, r, cfg)
			r.Retire(u)
			u = next
		}
		published <- u
	}
	close(published)
	workers.Wait()
	r.Retire(u)
	if n := len(r.Endpoints()); n != 0 || len(r.groups) != 0 {
		t.Errorf("%d endpoints and %d upstreams are left", n, len(r.groups))
	}
	for e, n := range gone {
		if n != 1 || e.InFlight() != 0 || e.refs != 0 {
			t.Errorf("%s has gone %d times, with %d in flight and %d references", e, n, e.InFlight(), e.refs)
		}
	}
}
