package gateway

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"weir/internal/admin"
	"weir/internal/config"
	"weir/internal/discover"
	"weir/internal/obs"
	"weir/lb"
)

// source is the discovery of one upstream's endpoints. It lives across reloads for as long as what it
// was made of stays the same, and tells every snapshot's upstream that holds it. A nil *source is
// that of an upstream whose endpoints are written down.
type source struct {
	*discover.Source
	made madeOf
	end  context.CancelFunc

	mu      sync.Mutex
	holders []*lb.Upstream
}

// madeOf is what a source is made of.
type madeOf struct {
	discover  *discover.Config
	endpoints []lb.EndpointConfig
}

// sourceOf returns the source of an upstream of the next config: the one that runs if it was made of
// the same, else a new one, which starts to look at once; nil if everything is written down.
func (g *Gateway) sourceOf(name string, c *config.Upstream, old *generation) *source {
	if c.Discover == nil && !discover.Needed(c.Endpoints) {
		return nil
	}
	made := madeOf{discover: c.Discover, endpoints: c.Endpoints}
	if s := old.sourceOf(name); s != nil && reflect.DeepEqual(s.made, made) {
		return s
	}
	s := &source{Source: discover.New(name, c.Discover, c.Endpoints, g.log.Logger), made: made}
	var ctx context.Context
	ctx, s.end = context.WithCancel(g.back)
	// gateway.source: ends when the last snapshot that holds it is retired, or with the gateway
	g.work.Go(func() { s.Run(ctx, func(places []lb.Place) { g.found(ctx, s, places) }) })
	return s
}

func (gen *generation) sourceOf(name string) *source {
	if gen == nil || gen.upstreams[name] == nil {
		return nil
	}
	return gen.upstreams[name].source
}

// hold lets u follow s from now on, beginning with what was found last.
func (s *source) hold(u *lb.Upstream) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holders = append(s.holders, u)
	if places := s.Places(); len(places) > 0 {
		u.Update(places)
	}
}

// release undoes hold. With the last holder the source ends.
func (s *source) release(u *lb.Upstream) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holders = slices.DeleteFunc(s.holders, func(v *lb.Upstream) bool { return v == u })
	if len(s.holders) == 0 {
		s.end()
	}
}

// publish tells the holders what was found.
func (s *source) publish(places []lb.Place) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.holders {
		u.Update(places)
	}
}

// followed reports whether the views of all holders offer what was found last.
func (s *source) followed(places []lb.Place) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.holders {
		members := u.View().Members()
		if len(members) != len(places) || slices.ContainsFunc(places, func(p lb.Place) bool { return u.Find([]byte(p.Address.String())) == nil }) {
			return false
		}
	}
	return true
}

// found takes what a source has found: to the upstreams, and then to those who judge endpoints. It
// runs on the source's goroutine.
func (g *Gateway) found(ctx context.Context, s *source, places []lb.Place) {
	s.publish(places)
	// A view follows within a tenth of a second; judges go by views.
	limit := time.NewTimer(viewPatience)
	defer limit.Stop()
	tick := time.NewTicker(viewPoll)
	defer tick.Stop()
	for waits := true; waits && !s.followed(places); {
		select {
		case <-tick.C:
		case <-limit.C:
			waits = false
		case <-ctx.Done():
			return
		}
	}
	g.look()
}

const (
	viewPoll     = 10 * time.Millisecond
	viewPatience = 2 * time.Second
)

// look lets those who judge endpoints, the operator among them, look at the members that upstreams
// have now. Before the first
// publish it does nothing.
func (g *Gateway) look() {
	g.looking.Lock()
	defer g.looking.Unlock()
	if g.snap.Load() != nil {
		g.remind()
		targets := g.current.Load().targets()
		g.monitor.Adopt(targets)
		g.outliers.Adopt(targets)
	}
}

// firstAnswers waits until every source of a generation has looked once, so that no use is refused
// for want of an endpoint that a lookup is about to bring; for a while at most, since a name that
// does not resolve must not keep the others from being served.
func (g *Gateway) firstAnswers(next *generation) {
	limit := time.NewTimer(firstPatience)
	defer limit.Stop()
	for _, name := range next.Config.UpstreamNames() {
		s := next.upstreams[name].source
		if s == nil {
			continue
		}
		select {
		case <-s.First():
		case <-limit.C:
			g.log.Warn("some endpoints have not been found yet; Weir goes on without them", "upstream", name, "source", s.Status().What)
			return
		case <-g.cut.Done():
			return
		}
	}
}

const firstPatience = 3 * time.Second

// status is a source as the admin API shows it.
func (s *source) status() *admin.SourceStatus {
	if s == nil {
		return nil
	}
	st := s.Status()
	out := &admin.SourceStatus{About: st.What, Changed: st.Changed}
	if st.Err != nil {
		out.Why, out.Since = st.Err.Error(), st.Since
	}
	return out
}

// reading is a source as a scrape shows it.
func (s *source) reading() string {
	switch {
	case s == nil:
		return ""
	case s.Status().Err != nil:
		return obs.SourceFailing
	}
	return obs.SourceUp
}
