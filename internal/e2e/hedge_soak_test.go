//go:build linux && soak

package e2e

import (
	"testing"
	"time"
)

func TestSoakHedgesCutTheTail(t *testing.T) {
	tail{rate: 500, warmup: 10 * time.Second, run: 45 * time.Second, one: 100, slow: 2 * time.Second, p999: 300 * time.Millisecond, extra: 0.05}.cut(t)
}
