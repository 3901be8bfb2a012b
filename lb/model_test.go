package lb

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/internal/conf"
)

// draw returns a random cast of up to n members.
func draw(random *rand.Rand, n int) string {
	words := make([]string, random.IntN(n+1))
	for i := range words {
		words[i] = fmt.Sprintf("%c+%d@%c*%d", "rrrudexmDeee"[random.IntN(12)], random.IntN(6)/3, 'a'+rune(random.IntN(3)), 1+random.IntN(4))
	}
	return strings.Join(words, " ")
}

// who is the rule of a view, said once more and slowly: who may be picked, whether there is panic,
// and who serves once all of them were tried. It looks at one class and one tier at a time.
func who(u *Upstream) (may, backup []*Endpoint, panics bool) {
	class := func(m Member) string {
		s := m.Endpoint.State()
		if s == Ejected && m.Endpoint.Says(ByOperator) != Ready {
			return "shunned"
		}
		return s.String()
	}
	of := func(class0 string, tier int) (list []*Endpoint) {
		for _, m := range u.View().Members() {
			if m.Tier == tier && class(m) == class0 {
				list = append(list, m.Endpoint)
			}
		}
		return list
	}
	const tiers = 3
	below := u.config.Panic.Value()
	for _, c := range []string{"ready", "unknown", "draining", "ejected", "shunned"} {
		for tier := range tiers {
			may = of(c, tier)
			if len(may) == 0 || below == 0 && (c == "ejected" || c == "shunned") {
				continue
			}
			fit := len(of("ready", tier)) + len(of("unknown", tier)) + len(of("draining", tier))
			out := len(of("ejected", tier)) + len(of("shunned", tier))
			panics = out > 0 && float64(fit) < below*float64(fit+out)
			if panics && c != "ejected" {
				may = append(may, of("ejected", tier)...)
			}
			for later := tier + 1; later < tiers && len(backup) == 0; later++ {
				backup = of("ready", later)
			}
			return may, backup, panics
		}
	}
	return nil, nil, false
}

func sorted(list []*Endpoint) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.Address()
	}
	slices.Sort(out)
	return out
}

func TestAnyViewFollowsTheRule(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	for i := range 1500 {
		cfg := Config{Zone: []string{"", "a"}[i%2], Panic: conf.Percent([]float64{0, 50, 100}[i%3])}
		cast := draw(random, 12)
		_, u := stage(t, cfg, cast)
		may, _, panics := who(u)
		v := u.View()
		var got []*Endpoint
		for _, m := range v.Candidates() {
			got = append(got, m.Endpoint)
			if m.Share != m.Weight*shareUnit {
				t.Errorf("%q: share %d for weight %d without a slow start", cast, m.Share, m.Weight)
			}
		}
		if !slices.Equal(sorted(got), sorted(may)) || v.Panic() != panics {
			t.Fatalf("%q below %v: candidates %v, panic %v; want %v, %v", cast, cfg.Panic, sorted(got), v.Panic(), sorted(may), panics)
		}
	}
}

// Whatever is tried and full: who may be picked is, nobody else, and the reason for nobody is right.
func TestAnyPickFollowsTheRule(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	rounds := 600
	if testing.Short() {
		rounds = 50
	}
	for i := range rounds {
		cast := draw(random, 10)
		for _, balance := range everyBalancer {
			cfg := Config{Balance: balance, Zone: []string{"", "a"}[i%2], Panic: conf.Percent(50), MaxInFlight: AtMost(1)}
			_, u := stage(t, cfg, cast)
			var tried Tried
			for _, e := range endpoints(u) {
				if random.IntN(3) == 0 && tried.Len() < maxTried {
					tried.Add(e)
				}
				if random.IntN(3) == 0 {
					leaseOn(e)
				}
			}
			allowed, reason := allowed(u, &tried)
			l, got := u.Pick(Key{Hash: random.Uint64()}, tried)
			if got != reason || l.Ok() && !slices.Contains(allowed, l.Endpoint()) {
				t.Fatalf("%q by %s: %v, %v; want one of %v, %v", cast, balance, l.Endpoint(), got, sorted(allowed), reason)
			}
		}
	}
}

// allowed returns who may be picked, or the reason why nobody is.
func allowed(u *Upstream, tried *Tried) ([]*Endpoint, Reason) {
	may, backup, _ := who(u)
	if len(may) == 0 {
		return nil, NoEndpoint
	}
	free := func(e *Endpoint) bool { return !e.full() && !tried.Has(e) }
	if list := only(may, free); len(list) > 0 {
		return list, Picked
	}
	if len(only(may, func(e *Endpoint) bool { return !tried.Has(e) })) > 0 {
		return nil, AllFull
	}
	if list := only(backup, free); len(list) > 0 {
		return list, Picked
	}
	return nil, AllTried
}

func only(list []*Endpoint, which func(*Endpoint) bool) (out []*Endpoint) {
	for _, e := range list {
		if which(e) {
			out = append(out, e)
		}
	}
	return out
}
