package gateway

import (
	"maps"
	"net/netip"
	"slices"

	"weir/http7"
	"weir/http7/cache"
	"weir/http7/match"
	"weir/http7/paths"
	"weir/http7/policy"
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
	// needs are what its policies have got, whose turn must end; nil for one that is only checked.
	needs *policy.Needs
	// sections are its policies that say who and what may pass, by "bundle.section".
	sections map[string]guarding
	// counted are all policies of bundles as metrics name them, by "bundle.section".
	counted map[string]bool
	// guards are the steps that judge clients by their address, by listener.
	guards map[string][]http7.Step
	// whole says that it was compiled to the end.
	whole bool
}

// Load reads the config at path, checks and compiles it. The Report is never nil. The result is
// nil if the Report has failed. Its mirrors send nothing, and its policies are not to be asked.
func Load(path string, handlers Handlers) (*Compiled, *config.Report) {
	return load(path, handlers, live{})
}

// Rehearse is Load of a config that dry runs ask: it is for [NewOffline] and [Plan]. What its policies keep, such as the
// addresses in a file, lives as long as the process.
func Rehearse(path string, handlers Handlers) (*Compiled, *config.Report) {
	return load(path, handlers, live{needs: idleNeeds})
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
	// cache returns the cache that the steps of a config share; nil: what they store is nobody's.
	cache func(*config.Config) (*cache.Cache, error)
	// needs returns what policies get that keep something; nil: they are only checked.
	needs func(*config.Config) (*policy.Needs, error)
	// serving is the config whose policies stand in for those of an equal config, where there are no needs.
	serving *Compiled
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
		guarding: map[string]guarding{},
	}
	c := &Compiled{Config: cfg, sites: map[string]*serve.Site{}, reads: map[string][]string{}, sections: k.guarding, guards: map[string][]http7.Step{}}
	if with.needs != nil {
		var err error
		if k.needs, err = with.needs(cfg); err != nil {
			k.at(nil).AddError("shared", err)
		}
		c.needs = k.needs
	}
	defer func() { // a panic included
		if !c.whole {
			c.endTurn()
		}
	}()
	k.takeCache()
	k.compileBundles()
	c.counted = k.counted()
	k.compileActions()
	for _, name := range cfg.ListenerNames() {
		l := cfg.Listeners[name]
		c.guards[name] = k.sessionGuards(l)
		if l.Kind != config.KindHTTP {
			continue
		}
		c.sites[name] = k.site(name, l)
		c.reads[name] = readsOf(c.sites[name])
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
	c.whole = true
	return c
}

// compiler is one compilation in progress.
type compiler struct {
	cfg        *config.Config
	report     *config.Report
	handlers   Handlers
	live       live
	cache      *cache.Cache // of the gateway that serves; nil for configs that nobody serves
	needs      *policy.Needs
	bundles    map[string][]http7.Step
	guarding   map[string]guarding // of policies that keep something, by "bundle.section"
	pages      errorpages.Files
	actions    []action              // by route
	forwarding map[string]forwarding // by upstream
	told       map[[2]int]bool       // conflicts that were reported for another listener
	shadows    [][]match.Shadow      // by listener
	serving    []int                 // by route: how many listeners serve it
}

// takeCache asks for the cache that the steps share.
func (k *compiler) takeCache() {
	if k.live.cache == nil {
		return
	}
	var err error
	if k.cache, err = k.live.cache(k.cfg); err != nil {
		k.at(conf.Path{"cache"}).AddError("size", err)
	}
}

// at returns where problems of an entry of the config are noted.
func (k *compiler) at(path conf.Path) *conf.Problems { return k.report.Problems().At(path) }

// site compiles what one http listener serves.
func (k *compiler) site(name string, l *config.Listener) *serve.Site {
	p := k.listenerParts(name, l)
	rules, err := paths.Compile(&l.Paths)
	if err != nil {
		k.at(l.Path).AddError("paths", err)
	}
	s := &serve.Site{
		Listener:  name,
		Plans:     make([]*serve.Plan, len(k.cfg.Routes)),
		Early:     p.early,
		Late:      withoutCache(merge(p.late, nil, nil)),
		Limits:    limits(&l.Limits),
		Protocols: protocols(l),
		Rules:     rules,
		Trusted:   trusted(l.TrustedProxies),
		Forwarded: forwardedWays[l.Forwarded],
		Identity:  p.identity,
		Hidden:    k.hiddenOf(name, l),
	}
	if l.RedirectToHTTPS {
		k.redirectSite(s, p, k.cfg.HTTPSPort())
		return s
	}
	routes := make([]*http7.Route, 0, len(k.cfg.Routes))
	for id, r := range k.cfg.Routes {
		if !r.On(name, l) {
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
		H2Streams:     c.H2Streams.Value(),
	}
}

// protocols returns what an http listener speaks.
func protocols(l *config.Listener) (set serve.Protocols) {
	for name, p := range map[string]serve.Protocols{config.ProtocolH1: serve.H1, config.ProtocolH2: serve.H2, config.ProtocolH3: serve.H3} {
		if l.Speaks(name) {
			set |= p
		}
	}
	return set
}

func trusted(list []conf.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = p.Value()
	}
	return out
}
