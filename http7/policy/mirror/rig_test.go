package mirror_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/match"
	"weir/http7/policy/mirror"
	"weir/http7/policy/policytest"
	"weir/http7/serve"
	"weir/http7/wire"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/obs"
	"weir/internal/sock"
	"weir/lb"
)

// rig is an engine on a real listener before a live server, with a mirror to another one.
type rig struct {
	t      testing.TB
	url    string
	pool   *mirror.Pool
	log    *policytest.Log
	shared *serve.Shared
	series *obs.Catalogue
	plans  map[string]*serve.Plan
	snap   atomic.Pointer[serve.Snapshot]
	route  *http7.Route
	sender *serve.Sender
	client *http.Client
}

// mirroring is a config of a mirror of everything.
func mirroring() mirror.Config {
	c := mirror.Default()
	c.Upstream = "next"
	return c
}

// newRig starts an engine. A nil config is no mirror; more steps come before the mirror's.
func newRig(t testing.TB, c *mirror.Config, live, next string, steps ...http7.Step) *rig {
	t.Helper()
	r := &rig{t: t, log: new(policytest.Log), series: obs.NewCatalogue(obs.Build{}), plans: map[string]*serve.Plan{}}
	wheel, watcher := r.machinery()
	r.shared = serve.NewShared(wheel, watcher, slog.Default())
	r.pool = mirror.New(slog.New(slog.NewTextHandler(r.log, nil)))
	r.plans["live"], r.plans["next"] = r.plan("live", live), r.plan("next", next)
	r.sender = serve.NewSender(r.shared, func(name string) *serve.Plan { return r.plans[name] })
	r.publish(c, steps...)
	r.listen()
	ctx, stop := context.WithCancel(context.Background())
	var runs sync.WaitGroup
	runs.Go(func() { r.pool.Run(ctx) })
	t.Cleanup(func() {
		stop()
		runs.Wait()
	})
	return r
}

// machinery starts what engines share; it ends with the test.
func (r *rig) machinery() (*deadline.Wheel, *sock.Watcher) {
	r.t.Helper()
	wheel := deadline.New()
	watcher, err := sock.NewWatcher()
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.t.Cleanup(stop)
	go wheel.Run(ctx)
	go func() { // the watcher's; ends with ctx
		watcher.Run(ctx)
		watcher.Close()
	}()
	return wheel, watcher
}

// plan makes an upstream of one endpoint, without retries.
func (r *rig) plan(name, endpoint string) *serve.Plan {
	r.t.Helper()
	a, err := conf.ParseAddress(endpoint)
	if err != nil {
		r.t.Fatal(err)
	}
	cfg := lb.Default()
	cfg.Endpoints = []lb.EndpointConfig{{Address: a, Weight: 1}}
	reg := lb.NewRegistry(forward.CloseIdle)
	up, err := reg.Adopt(name, cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	reg.Judge(lb.ByProbe, lb.Ready, "", reg.Endpoints()...)
	f := forward.Default()
	transport, err := forward.New(&f, r.shared.Wheel)
	if err != nil {
		r.t.Fatal(err)
	}
	return &serve.Plan{
		Route: &http7.Route{Name: name, Upstream: name}, Upstream: up, UpstreamSeries: r.series.Upstream(name),
		Transport: transport,
	}
}

// publish makes a snapshot with a mirror of that config, nil for none.
func (r *rig) publish(c *mirror.Config, steps ...http7.Step) {
	r.t.Helper()
	r.route = &http7.Route{Name: "site", Upstream: "live", Steps: steps}
	if c != nil {
		step, err := mirror.Compile(c, mirror.Needs{
			Route: "site", Sender: r.sender, Pool: r.pool, ForwardedX: true,
			Ready: func() bool { return len(r.plans["next"].Upstream.View().Candidates()) > 0 },
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.route.Steps = append(r.route.Steps, step)
	}
	p := *r.plans["live"]
	p.Route, p.Series = r.route, r.series.Route("web", "site")
	site := &serve.Site{
		Listener: "web", Plans: []*serve.Plan{&p},
		Limits: serve.Limits{
			Head:          wire.Limits{HeadBytes: 16 << 10, Fields: 100, TargetBytes: 8 << 10},
			HeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second, BodyRate: 240, WriteStall: time.Minute,
		},
	}
	site.Table, _ = match.Compile([]*http7.Route{r.route})
	r.snap.Store(&serve.Snapshot{Sites: []*serve.Site{site}})
}

func (r *rig) listen() {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = l.Close() })
	engine := serve.NewEngine(r.shared, "web", 0, &r.snap, r.series.Listener("web"))
	r.url = "http://" + l.Addr().String()
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go engine.Serve(c)
		}
	}()
	r.client = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 10 * time.Second}
	r.t.Cleanup(r.client.CloseIdleConnections)
}

// server is an endpoint that keeps what it was asked.
type server struct {
	*httptest.Server
	opened atomic.Int64 // connections
	mu     sync.Mutex
	asked  []string
	heads  []http.Header
}

// serving starts an endpoint.
func serving(t testing.TB, h http.HandlerFunc) *server {
	t.Helper()
	s := new(server)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			s.mu.Lock()
			s.asked = append(s.asked, r.Method+" "+r.Host+r.RequestURI+" "+string(body))
			s.heads = append(s.heads, r.Header)
			s.mu.Unlock()
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		h(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) addr() string { return s.Listener.Addr().String() }

func (s *server) seen() (asked []string, heads []http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...), append([]http.Header(nil), s.heads...)
}

// do sends a request and returns the answer's status and body.
func (r *rig) do(method, target, body string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url+target, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	req.Host = "h"
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// figures waits until the mirror's figures are as wanted.
func (r *rig) figures(what string, is func(mirror.Stats) bool) mirror.Stats {
	r.t.Helper()
	var last mirror.Stats
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		for _, s := range r.pool.Stats() {
			if last = s; is(s) {
				return s
			}
		}
		if time.Now().After(end) {
			r.t.Fatalf("%s: the figures are %+v", what, last)
		}
	}
}
