//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

// 100 reloads in 60 s under load; finish says what must have lived through them.
func TestSoakReloads(t *testing.T) {
	const reloads, enough = 100, 100000
	s := newStage(t, time.Minute)
	every(600*time.Millisecond, reloads, s.change)
	s.finish(reloads)
	n := s.load.uses.Load()
	t.Logf("%d reloads, %d requests and messages, %d failures", reloads, n, len(s.load.failures))
	if m := s.metrics().sum("weir_http_requests_total"); n < enough || m < enough {
		t.Errorf("%d uses, %v of them requests; want %d", n, m, enough)
	}
}
