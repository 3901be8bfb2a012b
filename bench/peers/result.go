package peers

import (
	"fmt"
	"slices"
	"time"
)

// Direct is the name of the rounds without a proxy: what the load and the endpoint can do by themselves.
const Direct = "direct"

// Sample is one round of one proxy. A request means the block's unit: of a bulk relay it is a MiB.
type Sample struct {
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// CPU is the processor time, user and system, of all the proxy's processes, for one answer.
	CPU time.Duration `json:"cpu_per_request_ns"`
	// PerSecond is the rate of answers.
	PerSecond float64 `json:"requests_per_second"`
	// P50 and P99 are 0 where no latency is taken: of bulk, and by wrk.
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	// RSS is the resident memory of all the proxy's processes after the round, in bytes.
	RSS int64 `json:"rss_bytes"`
	// Upstream is how many connections to the endpoint carried the round, PerConnection the answers on each,
	// Reached the answers on all. Connects is how many of them were opened in the round.
	Upstream      int     `json:"upstream_connections"`
	PerConnection float64 `json:"answers_per_upstream_connection"`
	Reached       int64   `json:"endpoint_answers"`
	Connects      int     `json:"upstream_connects"`
	// Busy is the share of its core that the proxy used, LoadBusy the load with the endpoint of theirs, from 0 to 1.
	Busy     float64 `json:"proxy_busy"`
	LoadBusy float64 `json:"load_busy"`
}

// Row is all rounds of one proxy in one scenario.
type Row struct {
	Proxy   string   `json:"proxy"`
	Samples []Sample `json:"samples"`
	// Note says why there are no samples, or not all; "": there are.
	Note string `json:"note,omitempty"`
}

// Block is one scenario's rows at one point, in the order of the table: direct, the subject, its peers.
type Block struct {
	Scenario string `json:"scenario"`
	About    string `json:"about"`
	// Unit is what CPU is divided by: request, message or MiB.
	Unit string `json:"unit"`
	// Axis and Point say where on a curve the block is; "" and 0: on none.
	Axis  Axis `json:"axis,omitempty"`
	Point int  `json:"point,omitempty"`
	// Generator is "wrk" where that was the load, "" where it was ours.
	Generator   string `json:"generator,omitempty"`
	Connections int    `json:"connections"`
	Rounds      int    `json:"rounds"`
	Rows        []Row  `json:"rows"`
}

// Machine is where it was measured; what could not be read is empty.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory_bytes"`
	Kernel string `json:"kernel"`
	System string `json:"system"`
	Go     string `json:"go"`
}

// Result is what a comparison came to.
type Result struct {
	// Subject is the proxy that the others are compared with: Weir, or the first peer where Weir is left out.
	Subject string    `json:"subject"`
	When    time.Time `json:"when"`
	Machine Machine   `json:"machine"`
	// Round and Warmup are the length of each measurement and of what precedes it; Connections are those of a
	// scenario that doesn't say otherwise.
	Round       time.Duration `json:"round_ns"`
	Warmup      time.Duration `json:"warmup_ns"`
	Connections int           `json:"connections"`
	// ProxyCore and LoadCore are the processors used; both -1 where there was only one and nothing was pinned.
	ProxyCore int `json:"proxy_core"`
	LoadCore  int `json:"load_core"`
	// Versions says what each program calls itself; Missing names the peers that are not installed.
	Versions map[string]string `json:"versions"`
	Missing  []string          `json:"missing"`
	// Configs holds each proxy's config in the first scenario where it ran.
	Configs map[string]string `json:"configs"`
	Blocks  []Block           `json:"scenarios"`
	// Idle is empty unless the scenario "idle" was asked for.
	Idle []IdleRow `json:"idle,omitempty"`
	// CutShort says that the run was ended before its work was done: rounds, or whole scenarios, are missing.
	CutShort bool `json:"cut_short"`
	// Invalid holds a reason for each round that must not be trusted. Empty: the measurement stands.
	Invalid []string `json:"invalid"`
}

// IdleRow is what connections that do nothing cost one proxy.
type IdleRow struct {
	Proxy string `json:"proxy"`
	// Connections are open; each has sent Requests and then nothing for Wait.
	Connections int           `json:"connections"`
	Requests    int           `json:"requests_each"`
	Wait        time.Duration `json:"wait_ns"`
	// Before is the resident memory of the proxy before the first request, After at the end of the wait, in bytes.
	Before int64 `json:"rss_before_bytes"`
	After  int64 `json:"rss_after_bytes"`
	// Lost is how many connections failed or were closed meanwhile.
	Lost int64 `json:"lost"`
	// Note says why the proxy could not be measured; "": it was.
	Note string `json:"note,omitempty"`
}

// Each returns the growth of resident memory for one connection, in bytes.
func (r *IdleRow) Each() float64 {
	if r.Connections == 0 {
		return 0
	}
	return float64(r.After-r.Before) / float64(r.Connections)
}

// Ratio is the subject's CPU per request through a peer's, round by round.
type Ratio struct{ Median, Min, Max float64 }

// Median returns the middle of one figure of a row's samples: the mean of the middle two if their number is even.
func (r *Row) Median(figure func(*Sample) float64) float64 {
	values := make([]float64, len(r.Samples))
	for i := range r.Samples {
		values[i] = figure(&r.Samples[i])
	}
	return median(values)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// Ratio compares the CPU per request of two rows of one block, each round with the same round of the other.
// It returns false where there is nothing to divide by.
func (b *Block) Ratio(subject, peer string) (Ratio, bool) {
	over, under := b.find(subject), b.find(peer)
	if over == nil || under == nil {
		return Ratio{}, false
	}
	var ratios []float64
	for i := range min(len(over.Samples), len(under.Samples)) {
		if under.Samples[i].CPU > 0 && over.Samples[i].CPU > 0 {
			ratios = append(ratios, float64(over.Samples[i].CPU)/float64(under.Samples[i].CPU))
		}
	}
	if len(ratios) == 0 {
		return Ratio{}, false
	}
	return Ratio{median(ratios), slices.Min(ratios), slices.Max(ratios)}, true
}

// Worst returns the highest median ratio of the subject to any peer in any scenario, and which that is.
// It returns 0 where the subject has no peer. What wrk finds is a cross-check and not looked at.
func (r *Result) Worst() (ratio float64, scenario, peer string) {
	for _, b := range r.Blocks {
		for _, row := range b.Rows {
			if row.Proxy == r.Subject || row.Proxy == Direct || b.Generator != "" {
				continue
			}
			if is, ok := b.Ratio(r.Subject, row.Proxy); ok && is.Median > ratio {
				ratio, scenario, peer = is.Median, label(b.Scenario, b.Axis, b.Point), row.Proxy
			}
		}
	}
	return ratio, scenario, peer
}

// label names a scenario, and the point on its curve.
func label(scenario string, axis Axis, point int) string {
	if axis == "" {
		return scenario
	}
	return fmt.Sprintf("%s, %s %s", scenario, thousands(float64(point)), axis)
}

// find returns a proxy's row, or nil.
func (b *Block) find(proxy string) *Row {
	for i := range b.Rows {
		if b.Rows[i].Proxy == proxy {
			return &b.Rows[i]
		}
	}
	return nil
}

// row returns a proxy's row and makes it where there is none. It stays valid until the next row is made.
func (b *Block) row(proxy string) *Row {
	if r := b.find(proxy); r != nil {
		return r
	}
	b.Rows = append(b.Rows, Row{Proxy: proxy})
	return &b.Rows[len(b.Rows)-1]
}

// open adds a block and returns its index.
func (r *Result) open(s *Scenario, point, connections, rounds int) int {
	r.Blocks = append(r.Blocks, Block{
		Scenario: s.Name, About: s.About, Unit: s.unit(), Axis: s.Axis, Point: point,
		Connections: connections, Rounds: rounds,
	})
	return len(r.Blocks) - 1
}

// mostReached is the share of answers that may come from the endpoint where the store should give them.
const mostReached = 0.01

// add files a sample and returns why it must not be trusted, if so.
func (b *Block) add(s *Scenario, proxy string, sample Sample) []string {
	row := b.row(proxy)
	row.Samples = append(row.Samples, sample)
	doubt := func(format string, args ...any) []string {
		where := fmt.Sprintf("%s, %s, round %d: ", label(b.Scenario, b.Axis, b.Point), proxy, len(row.Samples))
		return []string{where + fmt.Sprintf(format, args...)}
	}
	switch {
	case sample.Failed > 0:
		return doubt("%d failed requests", sample.Failed)
	case sample.Requests == 0:
		return doubt("no answer")
	case s.Cache && float64(sample.Reached) > mostReached*float64(sample.Requests):
		return doubt("%d of %d answers came from the endpoint, not from the store", sample.Reached, sample.Requests)
	case b.Generator == "" && sample.PerConnection < s.PerConnection:
		return doubt("%.0f answers per upstream connection, fewer than %.0f", sample.PerConnection, s.PerConnection)
	}
	return nil
}
