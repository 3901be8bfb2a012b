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
	logging, endLog := context.WithCancel(context.Background())
	logged := make(chan struct{})
	go func() { // gateway.access: ends last, so that no line is lost
		defer close(logged)
		g.access.Run(logging)
	}()
	g.mu.Lock()
	g.publish(g.current.Load())
	g.mu.Unlock()
	g.phase.Store(nil)
	g.log.Info("serving", "file", g.path, "version", g.options.Build.Version)
	select {
	case <-ctx.Done():
	case <-g.cut.Done():
	}
	g.stop()
	g.end()
	g.work.Wait()
	g.giveBack(g.current.Load())
	endLog()
	<-logged
	g.watcher.Close()
}

// background starts a room that ends with the gateway.
func (g *Gateway) background(run func(context.Context)) {
	g.work.Add(1)
	go func() { // gateway.room: ends with the background context
		defer g.work.Done()
		run(g.back)
	}()
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
	listeners := g.current.Load().listeners
	g.mu.Unlock()
	grace, cancel := context.WithTimeout(g.cut, shutdown.Grace.Value())
	defer cancel()
	var all sync.WaitGroup
	for _, o := range listeners {
		all.Go(func() { o.sockets.Load().StopAccepting() }) // gateway.stop: ends with the accept loop
	}
	all.Wait()
	for _, o := range listeners {
		if o.engine != nil {
			all.Go(func() { drain(grace, o.engine) }) // gateway.drain: ends with grace
		}
	}
	cut := 0
	all.Go(func() { cut = g.sessions.Shutdown(grace) }) // gateway.sessions: ends with grace
	all.Wait()
	g.settle(grace, listeners)
	g.log.Info("stopped", "cut_sessions", cut)
}

// settle waits for connections that no engine has yet, such as those that shake hands, and for
// handlers that are about to return.
func (g *Gateway) settle(grace context.Context, listeners []*offer) {
	for _, o := range listeners {
		if o.sockets.Load().Wait(grace) == nil {
			continue
		}
		if o.engine != nil {
			o.engine.Cut()
		}
		last, cancel := context.WithTimeout(context.Background(), cutPatience)
		if o.sockets.Load().Wait(last) != nil {
			g.log.Warn("connections did not end", "listener", o.name, "connections", o.sockets.Load().Counters().Active.Load())
		}
		cancel()
	}
}

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
