package gateway

import (
	"context"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"weir/health"
	"weir/http7/cache"
	"weir/http7/forward"
	"weir/http7/policy"
	"weir/http7/policy/mirror"
	"weir/http7/serve"
	"weir/http7/sticky"
	"weir/internal/certs"
	"weir/internal/config"
	"weir/internal/deadline"
	"weir/internal/filewatch"
	"weir/internal/obs"
	"weir/internal/sock"
	"weir/lb"
	"weir/tcp4"
)

// Options are what a gateway takes from outside. The zero Options will do.
type Options struct {
	// Handlers are those compiled into the program. Default: none.
	Handlers Handlers
	// Stdout is where an access log with path "-" goes, Stderr where the process log goes.
	// Default: the process's own.
	Stdout, Stderr io.Writer
	// Build says which binary this is. Default: version "devel".
	Build obs.Build
}

func (o Options) withDefaults() Options {
	if o.Stdout == nil {
		o.Stdout = os.Stdout
	}
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	if o.Build.Version == "" {
		o.Build.Version = "devel"
	}
	if o.Build.Go == "" {
		o.Build.Go = runtime.Version()
	}
	return o
}

// Gateway is one Weir: the rooms that live as long as the process, and the generation that serves.
//
// Its life is New, Open, then Run or Close. Reload, Reopen, Cut and the questions (Addr, Status,
// Ready) may be asked from any goroutine after Open.
type Gateway struct {
	options   Options
	started   time.Time
	catalogue *obs.Catalogue
	registry  *lb.Registry
	wheel     *deadline.Wheel
	reach     reach
	departed  departed
	orders    orders
	turns     turnLog
	keys      sticky.Store

	// Made by Open, from the first config.
	log      *obs.Log
	access   *obs.AccessLog
	audit    *obs.AuditLog
	files    *filewatch.Watcher // of policies
	kept     *policy.Kept       // by policies
	watcher  *sock.Watcher
	monitor  *health.Monitor
	outliers *health.Outliers
	sessions *tcp4.Sessions
	certs    *certs.Keeper
	renewed  chan struct{} // wakes who watches their expiry
	shared   *serve.Shared
	mirrors  *mirror.Pool
	logKey   logKey
	cache    atomic.Pointer[cache.Cache] // nil until a config wants it
	stuck    atomic.Bool                 // connections did not end although they were cut

	snap    atomic.Pointer[serve.Snapshot]
	current atomic.Pointer[generation] // prepared by Open, published from Run on
	phase   atomic.Pointer[string]     // why Weir is not ready; nil: it is
	scrape  sync.Mutex                 // counters are carried over by one scrape at a time

	looking sync.Mutex // those who judge endpoints are told of members by one goroutine at a time

	// mu makes reloads and the stop one after the other; it guards what follows.
	mu      sync.Mutex
	path    string
	slots   []*serve.Site // by slot: what was published last; nil is free
	door    *door
	stopped bool

	leaves sync.WaitGroup // listeners that are gone from the config and still drain
	work   sync.WaitGroup // goroutines that end with the background context
	back   context.Context
	end    context.CancelFunc
	cut    context.Context // ended by Cut
	kill   context.CancelFunc
}

// New returns a gateway that runs nothing yet.
func New(o Options) *Gateway {
	o = o.withDefaults()
	g := &Gateway{
		options:   o,
		started:   time.Now(),
		catalogue: obs.NewCatalogue(o.Build),
		wheel:     deadline.New(),
		sessions:  tcp4.NewSessions(),
		kept:      policy.NewKept(),
	}
	g.registry = lb.NewRegistry(g.gone)
	g.registry.Orders(g.orders.says)
	g.turns.wake = make(chan struct{}, 1)
	g.renewed = make(chan struct{}, 1)
	g.registry.OnTurn(g.turns.turn)
	g.back, g.end = context.WithCancel(context.Background())
	g.cut, g.kill = context.WithCancel(context.Background())
	g.say("starting")
	return g
}

// gone is called by the registry for an endpoint that no upstream has any more.
func (g *Gateway) gone(e *lb.Endpoint) {
	forward.CloseIdle(e)
	g.departed.add(e)
	g.reach.forget(e)
	if g.orders.part(e) && g.back.Err() == nil {
		g.log.Info("an endpoint under an order is gone; the order stays for when it comes back", "upstream", e.Upstream(), "endpoint", e.Address())
	}
}

// ConfigError is the refusal of a config.
type ConfigError struct {
	// Report has all problems with their places.
	Report *config.Report
}

// Error returns the report as a person reads it.
func (e *ConfigError) Error() string { return e.Report.String() }

// Open loads the config at path and binds what it names; clients queue in the kernel until Run.
// A wrong config is a *ConfigError; any other error means that the machine does not give what the
// config asks for. After an error nothing is held. Call it once, and Run or Close behind it.
func (g *Gateway) Open(path string) error {
	g.path = path
	o, u := loadOptions(g.options.Handlers), newUses()
	u.record(&o)
	cfg, report := config.Load(path, o)
	if cfg == nil {
		g.release()
		return &ConfigError{report}
	}
	if err := g.furnish(cfg); err != nil {
		g.release()
		return err
	}
	compiled := compileWith(cfg, report, g.options.Handlers, g.live())
	if compiled == nil {
		g.release()
		return &ConfigError{report}
	}
	compiled.File, compiled.uses = path, u.loaded(report)
	g.warn(report)
	next, err := g.prepare(compiled, func() {})
	if err != nil {
		g.release()
		return err
	}
	g.current.Store(next)
	return nil
}

// furnish makes the rooms that live as long as the process.
func (g *Gateway) furnish(cfg *config.Config) (err error) {
	g.log = obs.NewLog(g.options.Stderr, cfg.Log)
	needs := obs.AccessLogNeeds{Stdout: g.options.Stdout, Catalogue: g.catalogue, Log: g.log.Logger}
	if g.access, err = obs.NewAccessLog(cfg.AccessLog, needs); err != nil {
		return err
	}
	if g.audit, err = obs.NewAuditLog(cfg.AuditLog, needs); err != nil {
		return err
	}
	g.files = filewatch.New(g.log.Logger)
	if g.watcher, err = sock.NewWatcher(); err != nil {
		return err
	}
	if g.monitor, err = health.New(g.registry, g.log.Logger, g.reach.judged); err != nil {
		return err
	}
	if g.outliers, err = health.NewOutliers(g.registry, g.log.Logger, nil); err != nil {
		return err
	}
	g.monitor.Pardons(g.outliers)
	if g.certs, err = certs.NewKeeper(g.log.Logger); err != nil {
		return err
	}
	g.shared = serve.NewShared(g.wheel, g.watcher, g.log.Logger)
	g.shared.Panicked = g.panicked
	g.reach.log, g.orders.log = g.log.Logger, g.log.Logger
	g.shared.Unreachable, g.shared.Reached = g.reach.lost, g.reach.found
	g.mirrors = mirror.New(g.log.Logger)
	g.catalogue.Watch(words(), g.upstreamReadings, g.endpointReadings)
	g.catalogue.WatchMirrors(g.mirrorReadings)
	g.catalogue.WatchCache(g.cacheReading)
	g.catalogue.WatchCertificates(g.certificateReadings)
	return nil
}

func (g *Gateway) panicked(value any, stack []byte) {
	g.catalogue.Panicked()
	g.log.Error("panic", "value", value, "stack", string(stack))
}

// warn logs what a config was let through with.
func (g *Gateway) warn(report *config.Report) {
	for _, p := range problems(report) {
		if p.Warning {
			g.log.Warn("config: "+p.Text, "where", p.Where, "key", p.Key, "hint", p.Hint)
		}
	}
}

// Close undoes Open for a gateway that will not run.
func (g *Gateway) Close() {
	if next := g.current.Load(); next != nil {
		g.undo(next)
	}
	g.release()
}

// release gives back what furnish has opened.
func (g *Gateway) release() {
	g.end()
	g.work.Wait() // sources
	if g.access != nil {
		g.access.Close()
	}
	g.audit.Close()
	if g.watcher != nil {
		g.watcher.Close()
	}
	if c := g.cache.Load(); c != nil {
		c.Close() // nobody has used it
	}
}

// Log returns the process log; nil before Open.
func (g *Gateway) Log() *slog.Logger {
	if g.log == nil {
		return nil
	}
	return g.log.Logger
}

// Reopen opens the files of the access log and the audit log anew, after a rotation.
func (g *Gateway) Reopen() {
	if err := g.access.Reopen(); err != nil {
		g.log.Error("access log can't be reopened", "error", err)
	}
	if err := g.audit.Reopen(); err != nil {
		g.log.Error("audit log can't be reopened", "error", err)
	}
}
