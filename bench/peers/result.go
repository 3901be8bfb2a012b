package peers

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Direct is the name of the rounds without a proxy: what the load and the endpoint can do by themselves.
const Direct = "direct"

// Sample is one round of one proxy.
type Sample struct {
	Requests int64 `json:"requests"`
	Failed   int64 `json:"failed"`
	// CPU is the processor time, user and system, of all the proxy's processes, for one answer.
	CPU time.Duration `json:"cpu_per_request_ns"`
	// PerSecond is the rate of answers.
	PerSecond float64       `json:"requests_per_second"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	// RSS is the resident memory of all the proxy's processes after the round, in bytes.
	RSS int64 `json:"rss_bytes"`
	// Upstream is how many connections to the endpoint carried the round; PerConnection the answers on each.
	Upstream      int     `json:"upstream_connections"`
	PerConnection float64 `json:"answers_per_upstream_connection"`
	// LoadBusy is the share of its core that the load with the endpoint used, from 0 to 1.
	LoadBusy float64 `json:"load_busy"`
}

// Row is all rounds of one proxy in one scenario.
type Row struct {
	Proxy   string   `json:"proxy"`
	Samples []Sample `json:"samples"`
}

// Block is one scenario's rows, in the order of measuring.
type Block struct {
	Scenario string `json:"scenario"`
	About    string `json:"about"`
	Rows     []Row  `json:"rows"`
}

// Result is what a comparison came to.
type Result struct {
	// Subject is the proxy that the others are compared with: Weir, or the first peer where Weir is left out.
	Subject     string        `json:"subject"`
	Rounds      int           `json:"rounds"`
	Round       time.Duration `json:"round_ns"`
	Connections int           `json:"connections"`
	// ProxyCore and LoadCore are the processors used; both -1 where there was only one and nothing was pinned.
	ProxyCore int `json:"proxy_core"`
	LoadCore  int `json:"load_core"`
	// Versions says what each proxy calls itself; Missing names the peers that are not installed.
	Versions map[string]string `json:"versions"`
	Missing  []string          `json:"missing"`
	Blocks   []Block           `json:"scenarios"`
	// Idle is empty unless the scenario "idle" was asked for.
	Idle []IdleRow `json:"idle,omitempty"`
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
	over, under := b.row(subject), b.row(peer)
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
// It returns 0 where the subject has no peer.
func (r *Result) Worst() (ratio float64, scenario, peer string) {
	for _, b := range r.Blocks {
		for _, row := range b.Rows {
			if row.Proxy == r.Subject || row.Proxy == Direct {
				continue
			}
			if is, ok := b.Ratio(r.Subject, row.Proxy); ok && cmp.Compare(is.Median, ratio) > 0 {
				ratio, scenario, peer = is.Median, b.Scenario, row.Proxy
			}
		}
	}
	return ratio, scenario, peer
}

func (b *Block) row(proxy string) *Row {
	for i := range b.Rows {
		if b.Rows[i].Proxy == proxy {
			return &b.Rows[i]
		}
	}
	return nil
}

// add files a sample and judges it.
func (r *Result) add(s *Scenario, proxy string, sample Sample) {
	i := slices.IndexFunc(r.Blocks, func(b Block) bool { return b.Scenario == s.Name })
	if i < 0 {
		r.Blocks = append(r.Blocks, Block{Scenario: s.Name, About: s.About})
		i = len(r.Blocks) - 1
	}
	b := &r.Blocks[i]
	row := b.row(proxy)
	if row == nil {
		b.Rows = append(b.Rows, Row{Proxy: proxy})
		row = &b.Rows[len(b.Rows)-1]
	}
	row.Samples = append(row.Samples, sample)
	where := fmt.Sprintf("%s, %s, round %d", s.Name, proxy, len(row.Samples))
	switch {
	case sample.Failed > 0:
		r.Invalid = append(r.Invalid, fmt.Sprintf("%s: %d failed requests", where, sample.Failed))
	case sample.Requests == 0:
		r.Invalid = append(r.Invalid, where+": no answer")
	case sample.PerConnection < s.PerConnection:
		r.Invalid = append(r.Invalid, fmt.Sprintf("%s: %.0f answers per upstream connection, fewer than %.0f",
			where, sample.PerConnection, s.PerConnection))
	}
}
