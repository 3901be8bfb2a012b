package lb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weir/internal/conf"
)

// letters are the states as the casts of these tests write them; "D" is ejected and to drain.
var letters = map[byte]State{'u': Unknown, 'r': Ready, 'd': Draining, 'e': Ejected, 'x': Down, 'm': Maintenance}

// stage returns an upstream with a cast such as "r e+1 x@b*3": one member per word, each a state and
// perhaps its backup tier, zone and weight. Its views are as of now, whatever changes follow.
func stage(tb testing.TB, c Config, cast string) (*Registry, *Upstream) {
	tb.Helper()
	c.Discovered = true
	if c.Balance == "" {
		c.Balance = RoundRobin
	}
	r := NewRegistry(nil)
	u := adopt(tb, r, c)
	words := strings.Fields(cast)
	list := make([]Place, len(words))
	for i, w := range words {
		list[i] = Place{Address: address(i), Weight: 1}
		rest := w[1:]
		for rest != "" {
			mark := rest[0]
			end := strings.IndexAny(rest[1:], "+@*") + 1
			if end == 0 {
				end = len(rest)
			}
			value := rest[1:end]
			rest = rest[end:]
			switch mark {
			case '+':
				fmt.Sscan(value, &list[i].Tier)
			case '*':
				fmt.Sscan(value, &list[i].Weight)
			case '@':
				list[i].Zone = value
			}
		}
	}
	u.Update(list)
	rebuild(u)
	for i, w := range words {
		enter(r, endpoints(u)[i], w[0])
	}
	rebuild(u)
	return r, u
}

// enter lets the judges say what makes the state that a letter stands for.
func enter(r *Registry, e *Endpoint, letter byte) {
	if letter == 'D' {
		r.Judge(ByOperator, Draining, "release", e)
		letter = 'e'
	}
	s := letters[letter]
	if s > Ready {
		r.SetState(Ready, e)
	}
	r.SetState(s, e)
}

// candidates returns who may be picked as indexes into the cast: "0 2".
func candidates(u *Upstream) string {
	var list []string
	all := endpoints(u)
	for _, m := range u.View().Candidates() {
		list = append(list, fmt.Sprint(slices.Index(all, m.Endpoint)))
	}
	return strings.Join(list, " ")
}

func TestWhoMayBePicked(t *testing.T) {
	for _, c := range []struct{ cast, want string }{
		{"", ""},
		{"u u", "0 1"}, // all new: somebody must serve
		{"u r x", "1"},
		{"u x u", "0 2"},
		{"d u x", "1"},
		{"d m x", "0"},
		{"x m", ""},
		{"r d r", "0 2"},

		{"r r+1", "0"},
		{"x r+1", "1"},
		{"x r+1 r+1 r+2", "1 2"},
		{"x x+1 r+2", "2"},
		{"r+2 r+1 r+1", "1 2"}, // the order of the list says nothing
		{"u r+1", "1"},         // ready, if in reserve, is better than unproven
		{"d u+1", "1"},         // and so is unproven than on the way out
		{"d d+1", "0"},
		{"u u+1", "0"},
	} {
		if _, u := stage(t, Config{}, c.cast); candidates(u) != c.want {
			t.Errorf("%q: candidates %q, want %q", c.cast, candidates(u), c.want)
		}
	}
}

func TestEjectedEndpointsServeOnlyInPanic(t *testing.T) {
	for _, c := range []struct {
		cast, below, want string
		panics            bool
	}{
		{"r r r e", "50%", "0 1 2", false},
		{"r r e e", "50%", "0 1", false}, // half is not below half
		{"r e e", "50%", "0 1 2", true},
		{"r r e", "70%", "0 1 2", true},
		{"r r e", "60%", "0 1", false},
		{"r r r", "100%", "0 1 2", false}, // nothing to bring back
		{"r r r e", "100%", "0 1 2 3", true},
		{"e e", "50%", "0 1", true},
		{"e e", "0%", "", false},
		{"r e e e e e", "0%", "0", false},
		{"r e x x x m", "50%", "0", false}, // half of those that could serve
		{"r e e x m", "50%", "0 1 2", true},
		{"u e e", "50%", "0 1 2", true},
		{"d e e", "50%", "0 1 2", true},
		{"d e", "50%", "0", false},
		{"r D e e", "50%", "0 2 3", true}, // who is to drain isn't brought back
		{"D x", "50%", "0", true},         // unless nobody else is left
		{"D e", "50%", "1", true},

		{"r e e r+1", "50%", "0 1 2", true}, // a reserve does not make up for the ejected
		{"e e e r+1", "50%", "3", false},    // but serves when all are
		{"e e e e+1", "50%", "0 1 2", true},
		{"x e r+1 e+1 e+1", "50%", "2 3 4", true}, // each tier for itself
	} {
		var cfg Config
		if err := cfg.Panic.UnmarshalText([]byte(c.below)); err != nil {
			t.Fatal(err)
		}
		_, u := stage(t, cfg, c.cast)
		if candidates(u) != c.want || u.View().Panic() != c.panics {
			t.Errorf("%q below %s: candidates %q, panic %v; want %q, %v", c.cast, c.below, candidates(u), u.View().Panic(), c.want, c.panics)
		}
	}
}

func TestAViewCountsTheReadyOfAllTiers(t *testing.T) {
	for _, c := range []struct {
		cast        string
		ready, tier int
	}{
		{"", 0, 0},
		{"r r u", 2, 0},
		{"x r+1 r+2", 2, 1},
		{"u x", 0, 0},
		{"x d+3", 0, 3},
	} {
		_, u := stage(t, Config{}, c.cast)
		if v := u.View(); v.Ready() != c.ready || v.Tier() != c.tier {
			t.Errorf("%q: %d ready, tier %d; want %d, %d", c.cast, v.Ready(), v.Tier(), c.ready, c.tier)
		}
	}
}

// inZone returns how many of n picks stay in this node's zone, "a".
func inZone(u *Upstream, n int) int {
	local := make(map[*Endpoint]bool)
	for _, m := range u.View().Members() {
		local[m.Endpoint] = m.Zone == "a"
	}
	stay := 0
	for range n {
		l := pick(u, Key{}, Tried{})
		if local[l.Endpoint()] {
			stay++
		}
		l.Done(Outcome{})
	}
	return stay
}

func TestTrafficStaysInTheZoneAsFarAsItIsFit(t *testing.T) {
	const n = 20000
	for _, c := range []struct {
		cast, zone string
		want       float64 // the share that stays
	}{
		{"r@a r@b", "a", 1},
		{"r@a r@b r@b r@b", "a", 1},
		{"r@a r@a x@a r@b", "a", 1.4 * 2 / 3},
		{"r@a x@a r@b r@c", "a", 0.7},
		{"r@a x@a x@a x@a r@b", "a", 0.35},
		{"r@a*3 x@a*1 r@b", "a", 1},           // 1.4 · 3/4
		{"r@a*1 x@a*3 r@b", "a", 0.35},        // by weight, not by heads
		{"x@a r@b r@b", "a", 0},               // nobody is left
		{"r@a x@a", "a", 1},                   // nobody else is there
		{"r@a x@a x@b", "a", 1},               // or fit
		{"r@a r@b", "", 0.5},                  // this node is nowhere
		{"r@a r@b", "z", 0.5},                 // nobody is where this node is
		{"r@a r", "a", 1},                     // elsewhere is also who does not say where
		{"r@a r@b r@a+1 x@a+1 x@a+1", "a", 1}, // other tiers do not count
		{"r@a d@a r@b", "a", 0.7},             // who is to drain is not fit
	} {
		for _, balance := range []string{RoundRobin, LeastRequests, EWMA, Random} {
			_, u := stage(t, Config{Balance: balance, Zone: c.zone}, c.cast)
			if got := float64(inZone(u, n)) / n; got < c.want-0.02 || got > c.want+0.02 {
				t.Errorf("%q from zone %q by %s: %.3f stay, want %.3f", c.cast, c.zone, balance, got, c.want)
			}
		}
	}
}

// With the zone's endpoints full or tried, a neighbour is better than nobody.
func TestAZoneThatHasNothingLeftIsHelped(t *testing.T) {
	_, u := stage(t, Config{Balance: LeastRequests, Zone: "a", MaxInFlight: AtMost(2)}, "r@a r@b r@b")
	var at []string
	for range 6 {
		l := pick(u, Key{}, Tried{})
		at = append(at, zoneOf(u, l.Endpoint()))
	}
	if got := strings.Join(at, ""); got != "aabbbb" {
		t.Errorf("six uses with room for two each go to zones %s, want the own one first", got)
	}
	_, u = stage(t, Config{Zone: "a"}, "r@a r@b")
	var tried Tried
	tried.Add(endpoints(u)[0])
	if l := pick(u, Key{}, tried); l.Endpoint() != endpoints(u)[1] {
		t.Errorf("a retry goes to %v, want the other zone's", l.Endpoint())
	}
}

// Keys must not move because a neighbour in this node's zone comes or goes, and two nodes in two
// zones must agree on where they belong.
func TestZonesDoNotMoveKeys(t *testing.T) {
	for _, balance := range []string{Maglev, Ring} {
		_, here := stage(t, Config{Balance: balance, Zone: "a"}, "r@a r@b r@a x@a r@b")
		_, there := stage(t, Config{Balance: balance, Zone: "b"}, "r@a r@b r@a x@a r@b")
		for k := range uint64(200) {
			key := Key{Hash: mix(k) | 1}
			a, b := pick(here, key, Tried{}), pick(there, key, Tried{})
			if a.Endpoint().Address() != b.Endpoint().Address() {
				t.Fatalf("%s: key %d is at %s for one zone and at %s for the other", balance, k, a.Endpoint(), b.Endpoint())
			}
			a.Done(Outcome{})
			b.Done(Outcome{})
		}
	}
}

func TestBackupsServeTheRetriesOfWhoHasTriedAll(t *testing.T) {
	for _, c := range []struct {
		cast  string
		tried []int
		want  string
	}{
		{"r r r+1", []int{0}, "1"},
		{"r r r+1", []int{0, 1}, "2"},
		{"r r+1 r+2", []int{0}, "1"},
		{"r x+1 r+2", []int{0}, "2"},
		{"r r+1", []int{0, 1}, "all_tried"},
		{"r", []int{0}, "all_tried"},
		{"r u d", []int{0}, "all_tried"}, // the unproven and those on their way out are no backups
		{"r u+1", []int{0}, "all_tried"},
		{"x r+1", []int{1}, "all_tried"},
		{"x x", nil, "no_endpoint"},
		{"x x", []int{0}, "no_endpoint"},
	} {
		_, u := stage(t, Config{}, c.cast)
		var tried Tried
		for _, i := range c.tried {
			tried.Add(endpoints(u)[i])
		}
		l, reason := u.Pick(Key{Retry: true}, tried)
		got := reason.String()
		if l.Ok() {
			got = fmt.Sprint(slices.Index(endpoints(u), l.Endpoint()))
		}
		if got != c.want {
			t.Errorf("%q, tried %v: %s, want %s", c.cast, c.tried, got, c.want)
		}
	}
}

// A view lags by up to a tenth of a second. Who needs another endpoint now is not told that there is
// none while one has become ready.
func TestWhoIsReadySinceTheViewServesWhoHasNobodyElse(t *testing.T) {
	for _, c := range []struct {
		cast  string
		tried []int
	}{
		{"r x", []int{0}},
		{"r x+1", []int{0}},
		{"x x", nil},
		{"x x+1", nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			r, u := stage(t, Config{}, c.cast)
			var tried Tried
			for _, i := range c.tried {
				tried.Add(endpoints(u)[i])
			}
			if _, reason := u.Pick(Key{}, tried); reason == Picked {
				t.Errorf("%q, tried %v: picked, want nobody yet", c.cast, c.tried)
			}
			before := u.View()
			r.SetState(Ready, endpoints(u)[1])
			l := pick(u, Key{}, tried)
			if u.View() != before || l.Endpoint() != endpoints(u)[1] {
				t.Errorf("%q, tried %v: %v before the next view, want the one that became ready", c.cast, c.tried, l.Endpoint())
			}
			r.Retire(u)
		})
	}
}

// Overload of the first choice must not spread to the backups.
func TestFullEndpointsSendNobodyToTheBackups(t *testing.T) {
	_, u := stage(t, Config{MaxInFlight: AtMost(1)}, "r r r+1")
	pick(u, Key{}, Tried{})
	pick(u, Key{}, Tried{})
	var one Tried
	one.Add(endpoints(u)[0])
	for _, tried := range []Tried{{}, one} {
		if l, reason := u.Pick(Key{}, tried); reason != AllFull {
			t.Errorf("%d tried: %v, %v; want all_full", tried.Len(), l.Endpoint(), reason)
		}
	}
	if got := u.Refused(AllFull); got != 2 {
		t.Errorf("%d refusals counted, want 2", got)
	}
}

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
		time.Sleep(20 * time.Second)
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
			time.Sleep(c.after - time.Since(endpoints(u)[2].StateSince()))
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
			time.Sleep(time.Minute)
			enter(r, endpoints(u)[3], 'r')
			for _, c := range []struct {
				after    time.Duration
				from, to int // of 3100 uses
			}{
				{0, 40, 170},                      // 1/31
				{10 * time.Second, 330, 560},      // 1/7
				{20 * time.Second, 3100 / 5, 930}, // 1/4
			} {
				time.Sleep(c.after - time.Since(endpoints(u)[3].StateSince()))
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
			time.Sleep(time.Second)
			r.SetState(Ready, e[1])
			time.Sleep(8 * time.Second)
			r.SetState(Ready, e[2])
		}, "100 100 100"},
		{"who comes when all were down", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			time.Sleep(time.Minute)
			r.SetState(Down, e...)
			time.Sleep(time.Minute)
			r.SetState(Ready, e[0])
			time.Sleep(time.Second)
			r.SetState(Ready, e[1])
		}, "100 100"},
		{"who was draining", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			time.Sleep(time.Minute)
			r.Judge(ByOperator, Draining, "", e[0])
			time.Sleep(time.Second)
			r.Judge(ByOperator, Ready, "", e[0])
		}, "100 100"},
		{"anybody without slow_start", "", 0, "r x", func(r *Registry, e []*Endpoint) {
			time.Sleep(time.Minute)
			r.SetState(Ready, e[1])
		}, "100 100"},
		{"anybody where keys would move", Maglev, 10 * time.Second, "r x", func(r *Registry, e []*Endpoint) {
			time.Sleep(time.Minute)
			r.SetState(Ready, e[1])
		}, "100 100"},
		{"but who was ejected does", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			time.Sleep(time.Minute)
			r.Judge(ByTraffic, Ejected, "5 failures in a row", e[0])
			time.Sleep(time.Second)
			r.Judge(ByTraffic, Ready, "", e[0])
		}, "10 100"},
		{"and who was in maintenance", "", 10 * time.Second, "r r", func(r *Registry, e []*Endpoint) {
			time.Sleep(time.Minute)
			r.Judge(ByOperator, Maintenance, "", e[0])
			time.Sleep(time.Second)
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

// A view is rebuilt for nothing when a change has been taken back or concerns nobody who serves.
// Pickers that are dear to make must not be made again.
func TestAViewThatWouldBeTheSameIsNotPublished(t *testing.T) {
	r, u := stage(t, Config{}, "r r x r+1")
	e, before := endpoints(u), u.View()
	for _, c := range []struct {
		what string
		do   func()
		same bool
	}{
		{"nothing", func() {}, true},
		{"a reason alone", func() { r.Judge(ByProbe, Down, "timeout", e[2]) }, true},
		{"there and back", func() { r.SetState(Down, e[0]); r.SetState(Ready, e[0]) }, true},
		{"from down to maintenance", func() { r.Judge(ByOperator, Maintenance, "", e[2]) }, true},
		{"a backup", func() { r.SetState(Down, e[3]) }, false},
		{"a candidate", func() { r.SetState(Down, e[1]) }, false},
	} {
		rebuild(u)
		before = u.View()
		c.do()
		u.mu.Lock()
		u.built = time.Time{}
		u.mu.Unlock()
		rebuild(u)
		if same := u.View() == before; same != c.same {
			t.Errorf("%s: the view is the same: %v, want %v", c.what, same, c.same)
		}
	}
}

func zoneOf(u *Upstream, e *Endpoint) string {
	for _, m := range u.View().Members() {
		if m.Endpoint == e {
			return m.Zone
		}
	}
	return ""
}
