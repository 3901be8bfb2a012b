package lb

import (
	"strings"
	"testing"
)

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

func zoneOf(u *Upstream, e *Endpoint) string {
	for _, m := range u.View().Members() {
		if m.Endpoint == e {
			return m.Zone
		}
	}
	return ""
}
