// Package peers compares Weir with the other proxies of a machine: same work, same minute, same core.
//
// `weir bench peers` calls Run. One thread of this process is both the load and the endpoint and is pinned to one
// core; the proxies are child processes pinned to another. Each round gives one of them the same closed loop of
// connections and divides the processor time of all its processes by the answers that came. The rounds of the
// proxies are interleaved, so that a machine whose speed drifts is the same machine for all. Clients that speak TLS
// are goroutines beside the endpoint, on its core.
//
// A stage is one scenario at one point of its axis: the proxies are started for it, measured round by round, and
// stopped.
//
// It installs nothing: it uses the peers that it finds. Measuring works on Linux alone.
package peers

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Options say what to compare and for how long. The zero value of each field means its default.
type Options struct {
	// Weir is the binary to run as `weir run -c FILE`. Default: none; Weir is then left out.
	Weir string
	// WeirName tells several builds apart in the table. Default: "weir".
	WeirName string
	// Only names the peers to compare with. Default: every peer that is found.
	Only []string
	// Scenarios names what to measure. Default: all.
	Scenarios []string
	// Rounds is how often each proxy is measured in each scenario. Default: as the scenario says, 3 to 7.
	Rounds int
	// Round is how long one measurement lasts, Warmup (default 200ms) aside. Default: 1s.
	Round, Warmup time.Duration
	// Connections is the number of keep-alive connections. Default: 64. Handshakes use a quarter of them at a time.
	Connections int
	// Wrk is the wrk that cross-checks the load, "off" for none. Default: the one in PATH, if any.
	Wrk string
	// IdleConnections (default 10,000) send IdleRequests (default 5) each in the scenario "idle", and then
	// nothing for IdleWait (default 10s).
	IdleConnections, IdleRequests int
	IdleWait                      time.Duration
	// Progress receives a line for each round. Default: none.
	Progress io.Writer
}

// fill sets the defaults.
func (o *Options) fill() {
	if o.WeirName == "" {
		o.WeirName = "weir"
	}
	if o.Scenarios == nil {
		o.Scenarios = Names()
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	o.Round = cmp.Or(o.Round, time.Second)
	o.Warmup = cmp.Or(o.Warmup, 200*time.Millisecond)
	o.Connections = cmp.Or(o.Connections, 64)
	o.IdleConnections = cmp.Or(o.IdleConnections, 10_000)
	o.IdleRequests = cmp.Or(o.IdleRequests, 5)
	o.IdleWait = cmp.Or(o.IdleWait, 10*time.Second)
}

const (
	mostConnections = 50_000 // more than the ports of one address carry besides the proxy's own
	mostRounds      = 1000
)

// check refuses figures that mean nothing.
func (o *Options) check() error {
	for _, figure := range []struct {
		name     string
		is, most int
	}{
		{"rounds", o.Rounds, mostRounds},
		{"connections", o.Connections, mostConnections},
		{"idle connections", o.IdleConnections, mostConnections},
		{"requests on each idle connection", o.IdleRequests, 1 << 30},
	} {
		if figure.is < 0 || figure.is > figure.most {
			return fmt.Errorf("%w: %d %s; there may be 1 to %d", ErrUsage, figure.is, figure.name, figure.most)
		}
	}
	for name, is := range map[string]time.Duration{"a round": o.Round, "a warm-up": o.Warmup, "an idle wait": o.IdleWait} {
		if is < 0 || is > time.Hour {
			return fmt.Errorf("%w: %s of %v; it may last up to an hour", ErrUsage, name, is)
		}
	}
	return nil
}

// scenarios resolves the names; an unknown one is an error with the list of names.
func (o *Options) scenarios() ([]Scenario, error) {
	all := Scenarios()
	var chosen []Scenario
	for n, name := range o.Scenarios {
		if slices.Contains(o.Scenarios[:n], name) {
			return nil, fmt.Errorf("%w: scenario %q is named twice", ErrUsage, name)
		}
		i := slices.IndexFunc(all, func(s Scenario) bool { return s.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: unknown scenario %q; there are %s", ErrUsage, name, strings.Join(Names(), ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// Names are the names of all scenarios, in the order of a whole run.
func Names() []string {
	all := Scenarios()
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names
}
