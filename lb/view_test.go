package lb

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
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
		l, reason := u.Pick(Key{}, tried)
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

// A view is rebuilt for nothing when a change has been taken back or concerns nobody who serves.
// Pickers that are dear to make must not be made again.
func TestAViewThatWouldBeTheSameIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, u := stage(t, Config{}, "r r x r+1")
		e := endpoints(u)
		for _, c := range []struct {
			what string
			do   func()
			same bool
		}{
			{"nothing", func() {}, true},
			{"a reason alone", func() { r.Judge(ByProbe, Down, "timeout", e[2]) }, true},
			{"there and back", func() { r.SetState(Down, e[0]); r.SetState(Ready, e[0]) }, true},
			{"from down to maintenance", func() { r.Judge(ByOperator, Maintenance, "", e[2]) }, true},
			{"the same places", func() { u.Update(slices.Clone(u.members.found)) }, true},
			{"a backup", func() { r.SetState(Down, e[3]) }, false},
			{"a candidate", func() { r.SetState(Down, e[1]) }, false},
		} {
			rebuild(u)
			before := u.View()
			c.do()
			rebuild(u)
			if same := u.View() == before; same != c.same {
				t.Errorf("%s: the view is the same: %v, want %v", c.what, same, c.same)
			}
		}
		r.Retire(u)
	})
}
