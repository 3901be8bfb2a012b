//go:build soak && !race

package serve

import (
	"testing"
	"time"

	"weir/http7/forward"
)

func TestSoakEndpointsThatFailAtRandomBreakNoPromise(t *testing.T) {
	torture(t, 32, time.Minute)
}

func TestSoakHedgesCutTheTail(t *testing.T) {
	h := forward.DefaultHedge()
	took, load := hedgedLatencies(t, atRandom, &h, 30_000, 500)
	if p999 := took[len(took)*999/1000]; p999 > 300*time.Millisecond || load > 1.05 {
		t.Errorf("with hedges p99.9 is %v for %.3f times the load", p999, load)
	}
	took, _ = hedgedLatencies(t, atRandom, nil, 30_000, 500)
	if p999 := took[len(took)*999/1000]; p999 < 2*time.Second {
		t.Errorf("without hedges p99.9 is %v: the endpoints are not bimodal", p999)
	}
}
