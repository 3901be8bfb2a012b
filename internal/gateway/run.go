package gateway

import (
	"context"
	"sync"
	"time"
)

// Run publishes what Open has prepared and serves until ctx ends. Then it drains: readiness fails
// for shutdown.delay, listeners stop accepting, running exchanges and sessions get shutdown.grace,
// and what is left is cut. It returns when everything has ended.
func (g *Gateway) Run(ctx context.Context) {
	g.background(g.wheel.Run)
	g.background(g.watcher.Run)
	g.background(g.monitor.Run)
	g.background(g.outliers.Run)
	g.background(g.certs.Run)
	g.background(g.watchCertificates)
	g.background(g.watchTurns)
	g.background(g.files.Run)
	logging, endLog := context.WithCancel(context.Background())
	logged := make(chan struct{})
	go func() { // gateway.access: ends last, so that no line is lost
		defer close(logged)
		g.access.Run(logging)
	}()
	audited := make(chan struct{})
	go func() { // gateway.audit: likewise
		defer close(audited)
		g.audit.Run(logging)
	}()
	mirrored := make(chan struct{})
	go func() { // gateway.mirrors: ends with the last copy that is under way
		defer close(mirrored)
		g.mirrors.Run(g.back)
	}()
	g.mu.Lock()
	g.publish(g.current.Load())
	g.mu.Unlock()
	g.phase.Store(nil)
	g.log.Info("serving", "file", g.path, "version", g.options.Build.Version, "listeners", g.addresses())
	select {
	case <-ctx.Done():
	case <-g.cut.Done():
	}
	g.stop()
	g.end()
	g.work.Wait()
	g.giveBack(g.current.Load())
	g.endCache()
	within(cutPatience, mirrored, func() { g.log.Warn("copies of requests were under way to mirrors that don't answer") })
	endLog()
	within(cutPatience, logged, func() { g.log.Warn("access log lines were lost, since nobody takes them") })
	within(cutPatience, audited, func() { g.log.Warn("audit log lines were lost, since nobody takes them") })
	g.watcher.Close()
}

// within waits for done, and for d at most: then it says so.
func within(d time.Duration, done <-chan struct{}, late func()) {
	limit := time.NewTimer(d)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
		late()
	}
}

// background starts a room that ends with the gateway.
func (g *Gateway) background(run func(context.Context)) {
	g.work.Go(func() { run(g.back) }) // gateway.room: ends with the background context
}

// Cut ends a drain, or everything, at once.
func (g *Gateway) Cut() { g.kill() }

// say sets why Weir is not ready.
func (g *Gateway) say(why string) { g.phase.Store(&why) }

// stop drains. Reloads are refused from here on.
func (g *Gateway) stop() {
	g.say("draining")
	shutdown := g.current.Load().Config.Shutdown
	g.log.Info("stopping", "delay", shutdown.Delay.String(), "grace", shutdown.Grace.String())
	pause(g.cut, shutdown.Delay.Value())
	g.mu.Lock()
	g.stopped = true
	current := g.current.Load()
	listeners := current.listeners
	g.mu.Unlock()
	grace, cancel := context.WithTimeout(g.cut, shutdown.Grace.Value())
	defer cancel()
	var all sync.WaitGroup
	for _, o := range listeners {
		all.Go(func() { o.sockets.Load().StopAccepting() }) // gateway.stop: ends with the accept loop
	}
	for _, p := range current.udpPorts() {
		all.Go(p.StopAccepting) // gateway.stop: likewise
	}
	all.Wait()
	for _, o := range listeners {
		all.Go(func() { g.empty(grace, o.listener) }) // gateway.drain: ends with grace
	}
	cut := 0
	all.Go(func() { cut = g.sessions.Shutdown(grace) }) // gateway.sessions: ends with grace
	all.Wait()
	for _, p := range current.udpPorts() {
		p.Close()
	}
	g.leaves.Wait()
	g.log.Info("stopped", "cut_sessions", cut)
}

// empty waits until a listener that accepts no more has no connection left.
func (g *Gateway) empty(grace context.Context, l *listener) {
	if l.engine != nil && !drain(grace, l) {
		g.stuck.Store(true)
	}
	if !settle(grace, l) {
		g.stuck.Store(true)
		g.log.Warn("connections did not end", "listener", l.name, "connections", l.series.Active())
	}
}

// drain waits until the clients of an http listener have left; when ctx ends first it cuts them.
// It reports whether none is left.
func drain(ctx context.Context, l *listener) bool {
	empty := l.engine.Drain()
	select {
	case <-empty:
		return true
	case <-ctx.Done():
	}
	l.cut()
	last := time.NewTimer(cutPatience)
	defer last.Stop()
	select {
	case <-empty:
		return true
	case <-last.C:
		return false
	}
}

// cutPatience is how long connections that were cut may take to end.
const cutPatience = 3 * time.Second

// settle waits for connections that no engine or relay has any more, or not yet because they
// shake hands. It reports whether none is left.
func settle(grace context.Context, l *listener) bool {
	sockets := l.sockets.Load()
	if sockets.Wait(grace) == nil {
		return true
	}
	l.cut()
	last, cancel := context.WithTimeout(context.Background(), cutPatience)
	defer cancel()
	return sockets.Wait(last) == nil
}

// left waits until a listener that is gone has no connection but those that are relayed as they are, which live on. It
// cuts the others when grace ends, and reports whether it came to that.
func (l *listener) left(grace context.Context) bool {
	active := &l.sockets.Load().Counters().Active
	// Read in this order: a connection that is relayed meanwhile is among the active ones.
	done := func() bool { return active.Load() <= l.passing.Load() }
	if comesTo(grace, done) {
		return true
	}
	l.cut()
	last, cancel := context.WithTimeout(context.Background(), cutPatience)
	defer cancel()
	return comesTo(last, done)
}

// comesTo polls for something that nobody tells of, and reports whether it came before ctx ended.
func comesTo(ctx context.Context, so func() bool) bool {
	tick := time.NewTicker(leftPoll)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return so()
		}
	}
	return true
}

const leftPoll = 50 * time.Millisecond

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
