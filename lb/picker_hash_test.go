package lb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// hashBalancers place by a key.
var hashBalancers = []string{Maglev, Ring}

// seed makes u draw from a source of its own, so that it repeats itself. Pick must not be called by
// two goroutines from then on.
func seed(u *Upstream, seed uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	random := rand.New(rand.NewPCG(seed, 1)).Uint64
	u.builder.near, _ = balancerOf(u.config.Balance, random)
	u.builder.far, _ = balancerOf(u.config.Balance, random)
	v, _ := u.builder.build(u.members, nil, u.built)
	u.view.Store(v)
}

// homes returns where each of n keys is served when nothing else is in flight.
func homes(u *Upstream, n int) []string {
	random := rand.New(rand.NewPCG(11, 12))
	list := make([]string, n)
	for i := range list {
		l := pick(u, Key{Hash: random.Uint64()}, Tried{})
		list[i] = l.Endpoint().Address()
		l.Done(Outcome{})
	}
	return list
}

func TestTwoNodesPlaceKeysAlikeWhateverTheOrderOfEndpoints(t *testing.T) {
	for _, balance := range hashBalancers {
		for _, weights := range [][]int{{1, 1, 1}, {1, 2, 3, 4, 5}, equal(100)} {
			t.Run(fmt.Sprint(balance, len(weights)), func(t *testing.T) {
				one := config(balance, weights...)
				other := one
				other.Endpoints = slices.Clone(one.Endpoints)
				slices.Reverse(other.Endpoints)
				var placed [2][]string
				for i, c := range []Config{one, other} {
					r := NewRegistry(nil)
					u := adopt(t, r, c)
					r.SetState(Ready, endpoints(u)...)
					placed[i] = homes(u, 2000)
				}
				if !slices.Equal(placed[0], placed[1]) {
					t.Error("two nodes with the same endpoints place keys differently")
				}
			})
		}
	}
}

// What happened before must not count, or nodes that have lived through different things disagree.
func TestPlacesDependOnThePresentStatesAlone(t *testing.T) {
	for _, balance := range hashBalancers {
		for _, down := range []int{1, 5, 9} { // of 12; nine are more than half
			t.Run(fmt.Sprint(balance, down), func(t *testing.T) {
				weights := []int{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}
				r, young := upstream(t, balance, weights...)
				r.SetState(Down, endpoints(young)[:down]...)
				rebuild(young)

				r, old := upstream(t, balance, weights...)
				random := rand.New(rand.NewPCG(5, uint64(down)))
				for range 30 {
					r.SetState([]State{Ready, Down}[random.IntN(2)], endpoints(old)[random.IntN(12)])
					rebuild(old)
				}
				r.SetState(Ready, endpoints(old)...)
				r.SetState(Down, endpoints(old)[:down]...)
				rebuild(old)
				if !slices.Equal(homes(young, 2000), homes(old, 2000)) {
					t.Error("a node with a past places keys differently")
				}
			})
		}
	}
}

func TestOneEndpointThatIsOutMovesItsOwnKeysAlone(t *testing.T) {
	for _, balance := range hashBalancers {
		t.Run(balance, func(t *testing.T) {
			r, u := upstream(t, balance, equal(20)...)
			before := homes(u, 20000)
			out := endpoints(u)[7]
			r.SetState(Down, out)
			rebuild(u)
			after, taken := homes(u, 20000), make(map[string]int)
			for i, home := range before {
				switch {
				case after[i] == out.Address():
					t.Fatal("an endpoint that is down has a key")
				case home == out.Address():
					taken[after[i]]++
				case after[i] != home:
					t.Fatalf("a key of %s moved to %s when %s went", home, after[i], out)
				}
			}
			if len(taken) < 15 {
				t.Errorf("its keys went to %d others, want nearly all 19", len(taken))
			}
			r.SetState(Ready, out)
			rebuild(u)
			if !slices.Equal(homes(u, 20000), before) {
				t.Error("not every key came home when the endpoint came back")
			}
		})
	}
}

func TestFewCandidatesAreFoundByShortWalks(t *testing.T) {
	for _, balance := range hashBalancers {
		for _, left := range []int{1, 3, 40} {
			t.Run(fmt.Sprint(balance, left), func(t *testing.T) {
				r, u := upstream(t, balance, equal(500)...)
				r.SetState(Down, endpoints(u)[left:]...)
				rebuild(u)
				if n := len(u.View().near.(*hashPicker).seats.list); n != left {
					t.Errorf("the table seats %d, want the %d that are left", n, left)
				}
				counts := make(map[string]int)
				for _, home := range homes(u, 4000) {
					counts[home]++
				}
				for home, n := range counts {
					if want := 4000 / float64(left); math.Abs(float64(n)-want) > 0.4*want+5*math.Sqrt(want) {
						t.Errorf("%s has %d of 4000 keys, want about %.0f", home, n, want)
					}
				}
			})
		}
	}
}

// lookedUp returns an upstream of endpoints that were found under names; an address is its index.
func lookedUp(t *testing.T, balance string, names map[int]string) *Upstream {
	t.Helper()
	r := NewRegistry(nil)
	u, err := r.Adopt("orders", Config{Balance: balance, Discovered: true})
	if err != nil {
		t.Fatal(err)
	}
	var found []Place
	for i, name := range names {
		found = append(found, Place{Address: address(i), Name: name})
	}
	u.Update(found)
	rebuild(u)
	r.SetState(Ready, endpoints(u)...)
	rebuild(u)
	return u
}

func TestTablesGoByNames(t *testing.T) {
	for _, c := range []struct {
		what          string
		before, after map[int]string
		same          bool
	}{
		{"a host that gets another address keeps its keys",
			map[int]string{1: "a:80", 2: "b:80", 3: "c:80"}, map[int]string{1: "a:80", 9: "b:80", 3: "c:80"}, true},
		{"addresses of one host are told apart",
			map[int]string{1: "a:80", 2: "a:80", 3: "c:80"}, map[int]string{1: "a:80", 9: "a:80", 3: "c:80"}, false},
		{"without names, addresses count",
			map[int]string{1: "", 2: "", 3: ""}, map[int]string{1: "", 9: "", 3: ""}, false},
	} {
		for _, balance := range hashBalancers {
			t.Run(c.what+"/"+balance, func(t *testing.T) {
				before, after := homes(lookedUp(t, balance, c.before), 1000), homes(lookedUp(t, balance, c.after), 1000)
				for i, home := range after {
					if home == address(9).String() {
						after[i] = address(2).String()
					}
				}
				if same := slices.Equal(before, after); same != c.same {
					t.Errorf("keys stay: %v, want %v", same, c.same)
				}
			})
		}
	}
}

func TestAUseWithoutAKeyGoesAnywhere(t *testing.T) {
	for _, balance := range hashBalancers {
		_, u := upstream(t, balance, equal(10)...)
		seed(u, 1)
		for i, n := range counts(u, 5000, Outcome{}) {
			if n < 250 || n > 1000 {
				t.Errorf("%s: endpoint %d got %d of 5000 uses without a key, want about 500", balance, i, n)
			}
		}
	}
}

func TestAChangeOfStateKeepsTheTable(t *testing.T) {
	for _, balance := range hashBalancers {
		r, u := upstream(t, balance, equal(50)...)
		before := u.View().near.(*hashPicker)
		r.SetState(Down, endpoints(u)[:20]...)
		rebuild(u)
		after := u.View().near.(*hashPicker)
		if before == after || fmt.Sprintf("%p", before.table) != fmt.Sprintf("%p", after.table) {
			t.Errorf("%s: 20 of 50 went down: want a new picker with the same table", balance)
		}
		r.SetState(Down, endpoints(u)[20:]...)
		rebuild(u)
		r.SetState(Ready, endpoints(u)...)
		rebuild(u)
		if again := u.View().near.(*hashPicker); fmt.Sprintf("%p", again.table) != fmt.Sprintf("%p", before.table) {
			t.Errorf("%s: all were down and came back: want the same table", balance)
		}
	}
}
