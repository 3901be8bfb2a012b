package match

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"weir/http7"
)

// What routes at one place cost is in proportion to their number: four times as many cost four times as much, where
// comparing each with each would cost sixteen times as much. It is processor time, so a busy machine changes nothing.
func TestManyRoutesAtOnePlaceAreJudgedInAMoment(t *testing.T) {
	for about, route := range map[string]func(i int) *http7.Route{
		"blocks of clients": func(i int) *http7.Route { return with("/t/*", clients(fmt.Sprintf("10.%d.%d.0/24", i>>8, i&255))) },
		"expressions":       func(i int) *http7.Route { r := path(fmt.Sprintf("~^/t/.*%d$", i)); r.Priority = i; return r },
		"headers that match": func(i int) *http7.Route {
			r := with("/t/*", when(http7.OnHeader, "X-T", fmt.Sprintf("~^t%d$", i)))
			r.Priority = i
			return r
		},
	} {
		cost := func(n int) time.Duration {
			var routes []*http7.Route
			for i := range n {
				routes = append(routes, called(fmt.Sprint("t", i), route(i)))
			}
			runtime.GC()
			began := spent()
			_, f := Compile(routes)
			took := spent() - began
			if len(f.Conflicts)+len(f.Shadows) > 0 {
				t.Errorf("%s: %d conflicts, %d shadows", about, len(f.Conflicts), len(f.Shadows))
			}
			return took
		}
		cost(100)           // what is made once
		for n := 1; ; n++ { // what shares the processor's caches costs too: the best of three is judged
			few, many := cost(2_500), cost(10_000)
			t.Logf("%s: %s for 2,500, %s for 10,000", about, few, many)
			if many <= 8*few+100*time.Millisecond {
				break
			}
			if n == 3 {
				t.Errorf("%s: 10,000 routes cost %s, 2,500 only %s", about, many, few)
				break
			}
		}
	}
}

// spent returns the processor time of this process.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails never
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestTiesAmongManyBlocksOfClientsAreFound(t *testing.T) {
	for _, c := range []struct {
		about  string
		blocks [][]string
		want   string
	}{
		{"disjoint", [][]string{{"10.0.0.0/24"}, {"10.0.1.0/24"}, {"2001:db8::/32"}, {"10.0.2.0/24", "192.0.2.0/24"}}, "[]"},
		{"one in another", [][]string{{"10.1.0.0/16"}, {"10.2.0.0/16"}, {"10.1.2.0/24"}, {"10.3.0.0/16"}}, "[0-2]"},
		{"a wide one over two", [][]string{{"10.1.0.0/16"}, {"10.2.0.0/16"}, {"10.0.0.0/8"}, {"11.0.0.0/8"}}, "[0-2 1-2]"},
		{"a chain", [][]string{{"10.1.0.0/16", "10.9.0.0/16"}, {"10.9.1.0/24", "10.5.0.0/16"}, {"10.5.5.0/24"}, {"11.0.0.0/8"}}, "[0-1 1-2]"},
		{"the same", [][]string{{"10.1.0.0/16"}, {"11.0.0.0/8"}, {"10.1.2.3/16"}}, "[0-2]"},
		{"all of IPv4 and all of IPv6", [][]string{{"0.0.0.0/0"}, {"::/0"}, {"10.0.0.0/8"}, {"fe80::/10"}}, "[0-2 1-3]"},
	} {
		var routes []*http7.Route
		for i, b := range c.blocks {
			routes = append(routes, called(fmt.Sprint(i), with("/t/*", clients(b...))))
		}
		_, f := Compile(routes)
		got := []string{}
		for _, tie := range f.Conflicts {
			got = append(got, tie.First.Name+"-"+tie.Second.Name)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", c.about, got, c.want)
		}
	}
}
