package lb

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// hot returns keys of which one is part of all uses, and the others are spread over many.
func hot(part float64) func(*rand.Rand) uint64 {
	return func(r *rand.Rand) uint64 {
		if r.Float64() < part {
			return 0xdead_beef_0bad_cafe
		}
		return mix(uint64(r.IntN(5000)))
	}
}

// Zipf's law: the keys of real sites. The most frequent is an eighth of all here.
func zipf() func(*rand.Rand) uint64 {
	ranks := rand.NewZipf(rand.New(rand.NewPCG(9, 9)), 1.1, 1, 100000)
	return func(*rand.Rand) uint64 { return mix(ranks.Uint64()) }
}

// homebody counts what is served where its key was served first.
type homebody struct {
	home     map[uint64]int
	at, uses int
}

func (h *homebody) see(_ *theatre, one *use) {
	first, known := h.home[one.key]
	if !known {
		h.home[one.key] = one.station
		return
	}
	h.uses++
	if first == one.station {
		h.at++
	}
}

func (h *homebody) part() float64 { return 100 * float64(h.at) / float64(h.uses) }

// Ten endpoints have 20 uses each in flight. However hot a key, nobody has much more than 1.25 times
// that, and the uses of other keys mostly stay at home.
func TestHotKeysOverloadNobodyAndDriveFewFromHome(t *testing.T) {
	for _, c := range []struct {
		what   string
		key    func(*rand.Rand) uint64
		stayed float64 // percent, at least
	}{
		{"even keys", hot(0), 85},
		{"a key of a tenth", hot(0.1), 70},
		{"a key of one half", hot(0.5), 30}, // which alone fills four endpoints,
		{"Zipf's keys", zipf(), 60},
	} {
		for _, balance := range hashBalancers {
			t.Run(fmt.Sprint(c.what, "/", balance), func(t *testing.T) {
				for _, seed := range seeds {
					book := homebody{home: make(map[uint64]int)}
					r := simulation{
						balance: balance, seed: seed, key: c.key, uses: 10000, gap: 500 * time.Microsecond,
						stations: among(10, steadily(100*time.Millisecond)), each: book.see,
					}
					for i := range r.stations {
						r.stations[i].serve = steadily(100 * time.Millisecond)
					}
					got := r.run(t)
					for i, most := range got.most {
						// 1.25 × 20, once more for the load's own ups and downs, and the estimate's one use
						if most > 35 {
							t.Errorf("seed %d: endpoint %d had %d uses at once, want at most 35", seed, i, most)
						}
					}
					t.Logf("seed %d: %.0f%% at home, at most %v in flight", seed, book.part(), got.most)
					if book.part() < c.stayed {
						t.Errorf("seed %d: %.0f%% of the uses were served at home, want at least %v%%", seed, book.part(), c.stayed)
					}
				}
			})
		}
	}
}

// What comes gets its part and no more, what has gone gets nothing, and hash balancers move few keys.
func TestEndpointsThatComeAndGo(t *testing.T) {
	for _, c := range []struct {
		balance string
		newcome band // part of the uses in the second after it came, of 6 % for each of 16
	}{
		{RoundRobin, band{5.5, 7}},
		{Random, band{4, 9}},
		{LeastRequests, band{4, 14}},
		{EWMA, band{3, 14}},
		{Maglev, band{4, 9}},
		{Ring, band{3, 10}},
	} {
		t.Run(c.balance, func(t *testing.T) {
			for _, seed := range seeds {
				comeAndGo(t, c.balance, seed, c.newcome)
			}
		})
	}
}

func comeAndGo(t *testing.T, balance string, seed uint64, newcome band) {
	s := simulation{balance: balance, seed: seed, uses: 9000, gap: time.Millisecond}
	s.stations = among(16, steadily(10*time.Millisecond))
	s.stations[15].absent = true
	var all, rest []int
	for i := range s.stations {
		all = append(all, i)
		if i != 4 {
			rest = append(rest, i)
		}
	}
	s.events = map[int]func(*theatre){
		3000: func(run *theatre) { run.members(all...) },
		6000: func(run *theatre) { run.members(rest...) },
	}
	uses, first, gone := 0, 0, 0
	s.each = func(_ *theatre, one *use) {
		uses++
		if one.station == 15 && uses <= 4000 {
			first++
			if uses <= 3000 {
				t.Error("a use of an endpoint that is no member yet")
			}
		}
		if one.station == 4 && uses > 6000 {
			gone++
		}
	}
	s.run(t)
	newcome.expect(t, "who comes", float64(first)/10)
	if gone > 0 {
		t.Errorf("%d uses of an endpoint that has left", gone)
	}
}

// A fleet of nodes, each with its own view of what is in flight, agrees on nearly all keys, and again
// after one endpoint has left.
func TestNodesAgreeUnderLoad(t *testing.T) {
	for _, balance := range hashBalancers {
		t.Run(balance, func(t *testing.T) {
			var served [3]map[uint64]int
			for node := range served {
				served[node] = make(map[uint64]int)
				s := simulation{
					balance: balance, seed: uint64(node), uses: 4000, gap: time.Millisecond, key: zipf(),
					stations: among(12, steadily(20*time.Millisecond)),
				}
				s.events = map[int]func(*theatre){1000: func(run *theatre) {
					run.registry.SetState(Down, endpoints(run.upstream)[3])
					rebuild(run.upstream)
				}}
				s.each = func(_ *theatre, one *use) { served[node][one.key] = one.station }
				s.run(t)
			}
			same, both := 0, 0
			for key, station := range served[0] {
				for _, other := range served[1:] {
					if at, ok := other[key]; ok {
						both++
						if at == station {
							same++
						}
					}
				}
			}
			if part := float64(same) / float64(both); part < 0.7 || math.IsNaN(part) {
				t.Errorf("%.0f%% of %d keys are last served at the same endpoint, want at least 70%%", 100*part, both)
			}
		})
	}
}
