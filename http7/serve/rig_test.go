package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/forward"
	"weir/http7/match"
	"weir/http7/wire"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/obs"
	"weir/internal/sock"
	"weir/lb"
)

// rig is an engine on a real listener, with one upstream that the test scripts.
type rig struct {
	t      testing.TB
	addr   string
	engine *Engine
	snap   *atomic.Pointer[Snapshot]
	site   *Site
	plan   *Plan
	route  *http7.Route
	// forward is compiled into the plan behind newRigWith's change.
	forward forward.Config
	series  *obs.Catalogue
}

// originsMade counts the addresses that were given out.
var originsMade atomic.Uint32

// own returns an address to listen on that nobody else in this process has, nor had: what another test's engine still
// sends to an endpoint that has gone must not reach this test's.
func own() string {
	n := originsMade.Add(1)
	return fmt.Sprintf("127.77.%d.%d:0", n>>8&0xff, n&0xff)
}

// origin is an endpoint whose connections the test handles itself.
func origin(t testing.TB, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", own())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return l.Addr().String()
}

// saying is an origin that reads heads and answers each with the same bytes.
func saying(t testing.TB, answer string) string {
	return origin(t, func(c net.Conn) {
		r := bufio.NewReader(c)
		for {
			if _, err := readHead(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil {
				return
			}
		}
	})
}

func readHead(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		b.WriteString(line)
		if err != nil || line == "\r\n" {
			return b.String(), err
		}
	}
}

// newRig starts an engine before the endpoints.
func newRig(t testing.TB, endpoints ...string) *rig {
	t.Helper()
	return newRigWith(t, nil, endpoints...)
}

// once is a rig whose requests are not retried.
func once(r *rig) { r.forward.Retry.Attempts = 0 }

// newRigWith starts an engine whose parts change may alter first.
func newRigWith(t testing.TB, change func(*rig), endpoints ...string) *rig {
	t.Helper()
	wheel := deadline.New()
	watcher, err := sock.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go wheel.Run(ctx)
	go func() { // the watcher's; ends with ctx
		watcher.Run(ctx)
		watcher.Close()
	}()

	cat := obs.NewCatalogue(obs.Build{})
	route := &http7.Route{Name: "all", Upstream: "u"}
	r := &rig{t: t, snap: new(atomic.Pointer[Snapshot]), series: cat, forward: forward.Default(), route: route}
	r.plan = &Plan{
		Route: route, Series: cat.Route("web", "all"), Upstream: r.upstream("u", lb.Default(), endpoints...), UpstreamSeries: cat.Upstream("u"),
	}
	r.site = &Site{
		Listener: "web", Plans: []*Plan{r.plan},
		Limits: Limits{
			Head:          wire.Limits{HeadBytes: 16 << 10, Fields: 100, TargetBytes: 8 << 10},
			HeaderTimeout: time.Minute, IdleTimeout: 75 * time.Second, BodyRate: 240, WriteStall: time.Minute,
		},
	}
	r.engine = NewEngine(NewShared(wheel, watcher, slog.Default()), "web", 0, r.snap, cat.Listener("web"))
	r.forward.Timeouts.Connect = conf.Dur(time.Minute) // a busy machine takes more than 1 s at times
	if change != nil {
		change(r)
	}
	var routes []*http7.Route
	for _, p := range r.site.Plans {
		routes = append(routes, p.Route)
	}
	r.site.Table, _ = match.Compile(routes)
	r.plan.Transport, r.plan.Retry = newTransport(t, &r.forward, wheel), NewRetry(&r.forward.Retry)
	r.plan.Counters = r.engine.Counters("u")
	if r.forward.Hedge != nil {
		r.plan.Hedge = NewHedge(r.forward.Hedge)
	}
	if route.Handler != nil {
		route.Upstream, r.plan.Upstream = "", nil
	}
	if r.plan.Split != nil || r.plan.Local != nil {
		route.Upstream, r.plan.Upstream = "", nil
	}
	r.snap.Store(&Snapshot{Sites: []*Site{r.site}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r.addr = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.engine.Serve(c)
		}
	}()
	return r
}

func newTransport(t testing.TB, c *forward.Config, wheel *deadline.Wheel) *forward.Transport {
	t.Helper()
	tr, err := forward.New(c, wheel)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// also gives the rig's site another route, whose endpoints are those of the first unless it answers from here.
func (r *rig) also(route *http7.Route) *Plan {
	route.ID = len(r.site.Plans)
	p := &Plan{Route: route, Series: r.series.Route("web", route.Name)}
	if route.Handler == nil {
		route.Upstream = "u"
		p.Upstream, p.UpstreamSeries = r.plan.Upstream, r.plan.UpstreamSeries
		p.Transport, p.Retry, p.Counters = newTransport(r.t, &r.forward, r.engine.Wheel), NewRetry(&r.forward.Retry), r.engine.Counters("u")
	}
	r.site.Plans = append(r.site.Plans, p)
	return p
}

// side is a plan of the rig's route with an upstream of its own.
func (r *rig) side(name string, endpoints ...string) *Plan {
	up := r.upstream(name, lb.Default(), endpoints...)
	return &Plan{
		Route: r.route, Series: r.plan.Series, UpstreamName: name, Upstream: up, UpstreamSeries: r.series.Upstream(name),
		Transport: newTransport(r.t, &r.forward, r.engine.Wheel), Retry: NewRetry(&r.forward.Retry), Counters: r.engine.Counters(name),
	}
}

// upstream makes an upstream whose endpoints are ready.
func (r *rig) upstream(name string, cfg lb.Config, endpoints ...string) *lb.Upstream {
	r.t.Helper()
	for _, e := range endpoints {
		a, err := conf.ParseAddress(e)
		if err != nil {
			r.t.Fatal(err)
		}
		cfg.Endpoints = append(cfg.Endpoints, lb.EndpointConfig{Address: a, Weight: 1})
	}
	reg := lb.NewRegistry(forward.CloseIdle)
	up, err := reg.Adopt(name, cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	reg.Judge(lb.ByProbe, lb.Ready, "", reg.Endpoints()...)
	return up
}

// dial connects to the engine; every read ends after a minute.
func (r *rig) dial() net.Conn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// say sends raw bytes and returns all that comes until the connection ends.
func (r *rig) say(request string) string {
	r.t.Helper()
	c := r.dial()
	defer c.Close() // the engine waits for it
	if _, err := io.WriteString(c, request); err != nil {
		r.t.Fatal(err)
	}
	b, _ := io.ReadAll(c) // a reset ends the answer like a close
	return string(b)
}
