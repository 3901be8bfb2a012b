package gateway

import (
	"maps"
	"net/netip"
	"slices"

	"weir/http7"
	"weir/http7/match"
	"weir/http7/paths"
	"weir/http7/policy/errorpages"
	"weir/http7/policy/mirror"
	"weir/http7/serve"
	"weir/http7/wire"
	"weir/internal/conf"
	"weir/internal/config"
)

// Handlers are the handlers that are compiled into the program, by the name that routes call them.
type Handlers map[string]http7.Handler

// Compiled is a config turned into what listeners will serve. It holds nothing that must be given
// back, and is prepared at most once.
type Compiled struct {
	// Config is what it was compiled from.
	Config *config.Config
	// File is where that was loaded from.
	File string

	// where are the places of the routes, file:line:column.
	where []string
	// sites are those of the http listeners, by name; their live parts are empty.
	sites map[string]*serve.Site
	// reads are the selectors that conditions and policies read, by listener.
	reads map[string][]string
	// shadows are the routes that can never match, each once.
	shadows []shadow
	// uses is what it has of the machine; nil for one that was not loaded from a file.
	uses *uses
}

// Load reads the config at path, checks and compiles it. The Report is never nil. The result is
// nil if the Report has failed. Its mirrors send nothing.
func Load(path string, handlers Handlers) (*Compiled, *config.Report) {
	return load(path, handlers, live{})
}

func load(path string, handlers Handlers, with live) (*Compiled, *config.Report) {
	o := loadOptions(handlers)
	o.Pause = with.pause
	u := newUses()
	u.record(&o)
	cfg, report := config.Load(path, o)
	if cfg == nil {
		return nil, report
	}
	c := compileWith(cfg, report, handlers, with)
	if c != nil {
		c.File, c.uses = path, u.loaded(report)
	}
	return c, report
}

func loadOptions(handlers Handlers) config.Options {
	return config.Options{Handlers: slices.Sorted(maps.Keys(handlers))}
}

// Compile turns cfg, which report has let through, into what listeners will serve. It reads the
// files of routes that respond with one and of error pages, and does no other I/O. What it finds
// wrong goes to report; then the result is nil. Its mirrors send nothing.
func Compile(cfg *config.Config, report *config.Report, handlers Handlers) *Compiled {
	return compileWith(cfg, report, handlers, live{})
}

// live is what compiled routes need of the gateway that serves them. The zero value is for configs that
// nobody serves.
type live struct {
	sender http7.Sender
	pool   *mirror.Pool
	// ready reports whether an upstream has an endpoint that may be picked.
	ready func(upstream string) bool
	// pause is called every now and then; nil: never.
	pause func()
}

func compileWith(cfg *config.Config, report *config.Report, handlers Handlers, with live) *Compiled {
	if with.pause == nil {
		with.pause = func() {}
	}
	k := &compiler{
		cfg: cfg, report: report, handlers: handlers, live: with,
		bundles: map[string][]http7.Step{}, told: map[[2]int]bool{},
		forwarding: map[string]forwarding{}, pages: errorpages.Files{Read: report.Problems().ReadFile},
	}
	k.compileBundles()
	k.compileActions()
	c := &Compiled{Config: cfg, sites: map[string]*serve.Site{}, reads: map[string][]string{}}
	for _, name := range cfg.ListenerNames() {
		if l := cfg.Listeners[name]; l.Kind == config.KindHTTP {
			c.sites[name] = k.site(name, l)
			c.reads[name] = readsOf(c.sites[name])
		}
	}
	c.shadows = k.shadowed()
	if report.Failed() {
		return nil
	}
	c.where = make([]string, len(cfg.Routes))
	for id, r := range cfg.Routes {
		c.where[id] = report.Where(r.Path)
		k.live.pause()
	}
	return c
}

// compiler is one compilation in progress.
type compiler struct {
	cfg        *config.Config
	report     *config.Report
	handlers   Handlers
	live       live
	bundles    map[string][]http7.Step
	pages      errorpages.Files
	actions    []action              // by route
	forwarding map[string]forwarding // by upstream
	told       map[[2]int]bool       // conflicts that were reported for another listener
	shadows    [][]match.Shadow      // by listener
	serving    []int                 // by route: how many listeners serve it
}

// at returns where problems of an entry of the config are noted.
func (k *compiler) at(path conf.Path) *conf.Problems { return k.report.Problems().At(path) }

// site compiles what one http listener serves.
func (k *compiler) site(name string, l *config.Listener) *serve.Site {
	p := k.listenerParts(l)
	rules, err := paths.Compile(&l.Paths)
	if err != nil {
		k.at(l.Path).AddError("paths", err)
	}
	s := &serve.Site{
		Listener:  name,
		Plans:     make([]*serve.Plan, len(k.cfg.Routes)),
		Early:     p.early,
		Late:      merge(p.late, nil, nil),
		Limits:    limits(&l.Limits),
		Rules:     rules,
		Trusted:   trusted(l.TrustedProxies),
		Forwarded: forwardedWays[l.Forwarded],
	}
	routes := make([]*http7.Route, 0, len(k.cfg.Routes))
	for id, r := range k.cfg.Routes {
		if len(r.Listeners) > 0 && !slices.Contains(r.Listeners, name) {
			continue
		}
		s.Plans[id] = k.plan(id, r, p)
		k.live.pause()
		routes = append(routes, s.Plans[id].Route)
	}
	table, found := match.CompileWithPauses(routes, k.live.pause)
	s.Table = table
	k.note(name, routes, found)
	return s
}

var forwardedWays = map[string]serve.Forwarded{
	config.ForwardedX: serve.ForwardedX, config.ForwardedRFC7239: serve.Forwarded7239,
	config.ForwardedBoth: serve.ForwardedBoth, config.ForwardedOff: serve.ForwardedOff,
}

func limits(c *http7.LimitsConfig) serve.Limits {
	head := int(c.HeaderBytes.Value())
	return serve.Limits{
		Head:          wire.Limits{HeadBytes: head, Fields: c.HeaderCount.Value(), TargetBytes: head},
		BodyBytes:     c.BodyBytes.Value(),
		HeaderTimeout: c.HeaderTimeout.Value(),
		IdleTimeout:   c.IdleTimeout.Value(),
		BodyRate:      c.MinBodyRate.PerSecond(),
		WriteStall:    c.WriteStall.Value(),
	}
}

func trusted(list []conf.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = p.Value()
	}
	return out
}
