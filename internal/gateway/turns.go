package gateway

import (
	"context"
	"fmt"
	"log/slog"

	"weir/internal/limit"
	"weir/lb"
)

// turnLog says when a breaker opens and closes, and when an upstream comes into panic and out of it.
type turnLog struct {
	wake  chan struct{}       // holds one: somebody has turned
	known map[*lb.Gate]turned // of the upstreams that serve; of the goroutine in Run alone
}

// turned is what the log knows of an upstream.
type turned struct {
	opened      uint64 // how often the breaker had
	open, panic bool
}

// turn is told by lb, on the path of a request too.
func (t *turnLog) turn() {
	select {
	case t.wake <- struct{}{}:
	default: // whoever looks has not looked yet
	}
}

// watchTurns looks at the upstreams whenever one has turned, until ctx ends.
func (g *Gateway) watchTurns(ctx context.Context) {
	for {
		select {
		case <-g.turns.wake:
		case <-ctx.Done():
			return
		}
		now := g.current.Load()
		known := make(map[*lb.Gate]turned, len(now.upstreams))
		for _, name := range now.Config.UpstreamNames() {
			u := now.upstreams[name].balancer
			stats := u.Gate().Stats()
			known[u.Gate()] = g.turns.known[u.Gate()].next(g.log.Logger, name, &stats, u.View())
		}
		g.turns.known = known
	}
}

// next logs what is new about an upstream. An opening counts once, however often a trial fails
// before the breaker closes, and also if it has closed by now.
func (was turned) next(log *slog.Logger, name string, s *lb.GateStats, v *lb.View) turned {
	is := turned{
		opened: max(s.BreakerOpened, was.opened), // a breaker that is off shows 0
		open:   s.Breaker == limit.Open.String() || s.Breaker == limit.HalfOpen.String(),
		panic:  v.Panic(),
	}
	again := is.opened > was.opened
	if again && !was.open {
		text := fmt.Sprintf("upstream %s: breaker open for %s: %d of %d uses of the last %s failed", name,
			s.BreakerOpen, s.BreakerOpenedFailures, s.BreakerOpenedUses, limit.Window)
		log.Warn(text, "upstream", name)
	}
	if (was.open || again) && !is.open {
		log.Info("upstream "+name+": breaker closed", "upstream", name)
	}
	switch {
	case is.panic && !was.panic:
		log.Warn("upstream "+name+": panic: so few endpoints are fit that ejected ones are used", "upstream", name, "ready", v.Ready(), "endpoints", len(v.Members()))
	case was.panic && !is.panic:
		log.Info("upstream "+name+": panic is over", "upstream", name, "ready", v.Ready(), "endpoints", len(v.Members()))
	}
	return is
}
