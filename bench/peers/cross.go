package peers

import (
	"fmt"
	"math"
)

// CrossCheck sets what our load finds in a scenario beside what wrk finds in the same rounds.
type CrossCheck struct {
	Scenario, Peer string
	// Ours and Wrk are the subject's CPU per request through the peer's.
	Ours, Wrk Ratio
}

// agreement is how far the two medians may lie apart, as a share.
const agreement = 0.05

// agrees says whether both loads come to the same: medians within 5 % of each other, or ranges that overlap.
func (c *CrossCheck) agrees() bool {
	return math.Abs(c.Wrk.Median/c.Ours.Median-1) <= agreement || (c.Wrk.Min <= c.Ours.Max && c.Ours.Min <= c.Wrk.Max)
}

// String says it in one line.
func (c *CrossCheck) String() string {
	verdict := "they agree"
	if !c.agrees() {
		verdict = "THEY DISAGREE"
	}
	return fmt.Sprintf("%s against %s: %.2f by our load, %.2f by wrk: %s", c.Scenario, c.Peer, c.Ours.Median, c.Wrk.Median, verdict)
}

// CrossChecks returns what can be compared: the scenarios that wrk measured too, peer by peer.
func (r *Result) CrossChecks() []CrossCheck {
	var all []CrossCheck
	for i := range r.Blocks {
		wrks := &r.Blocks[i]
		if wrks.Generator != "wrk" {
			continue
		}
		for j := range r.Blocks {
			if ours := &r.Blocks[j]; ours.Generator == "" && ours.Scenario == wrks.Scenario && ours.Point == wrks.Point {
				all = append(all, crossChecks(r.Subject, ours, wrks)...)
			}
		}
	}
	return all
}

func crossChecks(subject string, ours, wrks *Block) (all []CrossCheck) {
	for i := range wrks.Rows {
		peer := wrks.Rows[i].Proxy
		a, okA := ours.Ratio(subject, peer)
		b, okB := wrks.Ratio(subject, peer)
		if okA && okB && peer != subject {
			all = append(all, CrossCheck{Scenario: ours.Scenario, Peer: peer, Ours: a, Wrk: b})
		}
	}
	return all
}
