package gateway

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"weir/health"
	"weir/http7/serve"
	"weir/internal/admin"
	"weir/internal/config"
	"weir/internal/tomlfile"
	"weir/tcp4"
)

// Reload loads the config again. If it is good it serves when Reload returns; if not, the old one
// still does, and the verdict says why. Reloads run one after the other.
func (g *Gateway) Reload() admin.Verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	next, report, err := g.next()
	var v admin.Verdict
	if report != nil {
		v.Problems = problems(report)
	}
	if err != nil {
		v.Problems = append(v.Problems, admin.Problem{Text: err.Error()})
	}
	if next != nil {
		g.warn(report)
		g.publish(next)
		v.OK = true
		g.log.Info("config reloaded", "file", g.path, "generation", next.number)
	} else {
		g.catalogue.Refused()
		g.log.Error("config refused, the old one keeps serving", "file", g.path, "generation", g.generation(), "problems", texts(v.Problems))
	}
	v.Generation = g.generation()
	return v
}

// next loads and prepares the next generation; without one, report or err says why. Not even a
// panic on the way may end what serves.
func (g *Gateway) next() (next *generation, report *config.Report, err error) {
	defer func() {
		if value := recover(); value != nil {
			g.panicked(value, debug.Stack())
			next, err = nil, fmt.Errorf("panic: %v", value)
		}
	}()
	switch {
	case g.snap.Load() == nil:
		return nil, nil, errStarting
	case g.stopped:
		return nil, nil, errStopping
	}
	gentle := g.gentle()
	compiled, report := load(g.path, g.options.Handlers, gentle)
	if compiled == nil {
		return nil, report, nil
	}
	next, err = g.prepare(compiled, gentle.pause)
	return next, report, err
}

var (
	errStarting = errors.New("the first config does not serve yet")
	errStopping = errors.New("a gateway that stops takes no config")
)

// problems turns what a load found into what the admin API answers.
func problems(report *config.Report) []admin.Problem {
	var list []admin.Problem
	for _, f := range report.Findings() {
		list = append(list, admin.Problem{Where: place(f.At), Key: f.Key, Text: f.Text, Hint: f.Hint, Warning: f.Warning})
	}
	return list
}

// place returns "file:line:column"; "" if nobody wrote what a finding is about.
func place(at tomlfile.Span) string {
	if at.Nowhere() {
		return ""
	}
	line, column := at.Position()
	return fmt.Sprintf("%s:%d:%d", at.File.Name, line, column)
}

func texts(list []admin.Problem) []string {
	var out []string
	for _, p := range list {
		if !p.Warning {
			out = append(out, p.String())
		}
	}
	return out
}

// publish makes next what is served, and retires the generation before. It can't fail. Call with
// mu held.
func (g *Gateway) publish(next *generation) {
	old := g.current.Swap(next)
	for _, o := range next.listeners {
		g.seat(o, next.Config.Listeners[o.name])
	}
	g.fitCache(old.Config, next.Config)
	g.certs.Keep(next.stores()...)
	g.keepNames(old, next)
	g.lookAtCertificates()
	g.snap.Store(&serve.Snapshot{Generation: next.number, Sites: append([]*serve.Site(nil), g.slots...)})
	g.look()
	g.log.Apply(next.Config.Log)
	next.access.Publish()
	next.audit.Publish()
	var replaced []*tcp4.Listener
	for _, o := range next.listeners {
		if o.fresh {
			g.inherit(o.listener, old)
		}
		if was := o.begin(); was != nil {
			replaced = append(replaced, was)
		}
		g.serveUDP(o, next.Config.Listeners[o.name])
	}
	g.catalogue.Published(next.number, time.Now())
	if next.door != nil {
		g.enter(next.door)
	}
	for _, l := range replaced {
		l.StopAccepting()
	}
	if old != next { // it is for the first
		lives := func(name string) bool { return next.upstreams[name] != nil }
		g.orders.keep(lives)
		g.retire(old, next)
		g.departed.keep(lives)
		g.keepPolicies(next)
		g.mirrors.Keep(next.mirrors())
		g.turns.turn() // an upstream that is back, or gone
	}
}

// seat gives a listener its handler, and an http listener its place in the snapshot and what it serves.
func (g *Gateway) seat(o *offer, c *config.Listener) {
	o.secureBy(c)
	if o.kind != config.KindHTTP {
		o.handler = o.enter(o.relay)
		return
	}
	if o.engine == nil {
		o.slot = g.freeSlot()
		o.engine = serve.NewEngine(g.shared, o.name, o.slot, &g.snap, o.series)
	}
	g.slots[o.slot] = o.site
	o.handler = o.enter(o.engine.Serve)
}

func (g *Gateway) freeSlot() int {
	for i, s := range g.slots {
		if s == nil {
			return i
		}
	}
	g.slots = append(g.slots, nil)
	return len(g.slots) - 1
}

// begin lets a listener serve by its new handler. It returns the sockets that were replaced.
func (o *offer) begin() (replaced *tcp4.Listener) {
	o.addresses = o.address
	if o.bound == nil {
		o.sockets.Load().Update(o.handler, o.limits)
		return nil
	}
	replaced = o.sockets.Swap(o.bound)
	o.bound.Publish(o.handler)
	return replaced
}

func (gen *generation) targets() []health.Target {
	list := make([]health.Target, 0, len(gen.upstreams))
	for _, name := range gen.Config.UpstreamNames() {
		c, u := gen.Config.Upstreams[name], gen.upstreams[name]
		secure, protocol, proxy := u.transport.Way()
		list = append(list, health.Target{
			Upstream: u.balancer, Config: c.Health, Outliers: &c.Outliers,
			Way: health.Way{TLS: secure, Protocol: protocol, Proxy: proxy},
		})
	}
	return list
}

// retire ends what only old had. Exchanges and sessions that began under it go on.
func (g *Gateway) retire(old, next *generation) {
	g.retireUDP(old, next)
	for _, o := range old.listeners {
		if next.find(o.name, o.kind) != nil {
			continue
		}
		o.sockets.Load().StopAccepting()
		_, shared := next.Config.Listeners[o.name]
		g.leaves.Go(func() { // gateway.leave: ends when the listener's connections have, or with grace
			g.leave(o.listener, !shared, next.Config.Shutdown.Grace.Value())
		})
	}
	g.giveBack(old)
}

// leave drains an http listener that is gone from the config, for grace at most, and frees its
// place. Sessions of a tcp listener live on. alone says that no listener of another kind goes on
// under its name; tcp4 counts the connections of both together.
func (g *Gateway) leave(l *listener, alone bool, grace time.Duration) {
	ctx, cancel := context.WithTimeout(g.cut, grace)
	defer cancel()
	ended := l.engine != nil && drain(ctx, l) && alone && l.left(ctx)
	if l.engine != nil && !ended {
		g.stuck.Store(true) // perhaps
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	// A connection that may still be there looks for its site in the slot.
	if ended {
		g.slots[l.slot] = nil
	}
	l.series.Retire()
}
