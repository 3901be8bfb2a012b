package gateway

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/match"
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

	report *config.Report
	// sites are those of the http listeners, by name; their live parts are empty.
	sites map[string]*serve.Site
}

// Load reads the config at path, checks and compiles it. The Report is never nil. The result is
// nil if the Report has failed.
func Load(path string, handlers Handlers) (*Compiled, *config.Report) {
	cfg, report := config.Load(path, config.Options{Handlers: slices.Sorted(maps.Keys(handlers))})
	if cfg == nil {
		return nil, report
	}
	c := Compile(cfg, report, handlers)
	if c != nil {
		c.File = path
	}
	return c, report
}

// Compile turns cfg, which report has let through, into what listeners will serve. It reads the
// files of routes that respond with one, and does no other I/O. What it finds wrong goes to
// report; then the result is nil.
func Compile(cfg *config.Config, report *config.Report, handlers Handlers) *Compiled {
	k := &compiler{cfg: cfg, report: report, handlers: handlers, bundles: map[string][]http7.Step{}, told: map[string]bool{}}
	k.compileBundles()
	k.compileActions()
	c := &Compiled{Config: cfg, report: report, sites: map[string]*serve.Site{}}
	for _, name := range cfg.ListenerNames() {
		if l := cfg.Listeners[name]; l.Kind == config.KindHTTP {
			c.sites[name] = k.site(name, l)
		}
	}
	if report.Failed() {
		return nil
	}
	return c
}

// compiler is one compilation in progress.
type compiler struct {
	cfg      *config.Config
	report   *config.Report
	handlers Handlers
	bundles  map[string][]http7.Step
	actions  []http7.Handler // by route; nil where an upstream answers
	told     map[string]bool // conflicts that were reported for another listener
}

// at returns where problems of an entry of the config are noted.
func (k *compiler) at(path conf.Path) *conf.Problems { return k.report.Problems().At(path) }

// site compiles what one http listener serves.
func (k *compiler) site(name string, l *config.Listener) *serve.Site {
	early, late := k.listenerSteps(l)
	s := &serve.Site{
		Listener:  name,
		Plans:     make([]*serve.Plan, len(k.cfg.Routes)),
		Early:     early,
		Limits:    limits(&l.Limits),
		Trusted:   trusted(l.TrustedProxies),
		Forwarded: forwardedWays[l.Forwarded],
	}
	routes := make([]*http7.Route, 0, len(k.cfg.Routes))
	for id, r := range k.cfg.Routes {
		if len(r.Listeners) > 0 && !slices.Contains(r.Listeners, name) {
			continue
		}
		s.Plans[id] = k.plan(id, r, l, late)
		routes = append(routes, s.Plans[id].Route)
	}
	table, findings := match.Compile(routes)
	s.Table = table
	for _, c := range findings.Conflicts {
		k.conflict(c)
	}
	return s
}

// conflict notes two routes that take the same requests, once for all listeners.
func (k *compiler) conflict(c match.Conflict) {
	first, second := k.cfg.Routes[c.First.ID], k.cfg.Routes[c.Second.ID]
	key := first.Path.String() + " " + second.Path.String()
	if k.told[key] {
		return
	}
	k.told[key] = true
	what := "requests for host " + c.Host + " and path " + c.Path
	if len(c.Methods) > 0 {
		what = strings.Join(c.Methods, ", ") + " " + what
	}
	k.at(second.Path).Add("match", what+` are taken by route "`+first.Name+`" as well, and neither is more specific`,
		"the other is at "+k.report.Where(first.Path)+"; make one more specific, or give one a higher priority")
}

var forwardedWays = map[string]serve.Forwarded{
	config.ForwardedX: serve.ForwardedX, config.ForwardedRFC7239: serve.Forwarded7239,
	config.ForwardedBoth: serve.ForwardedBoth, config.ForwardedOff: serve.ForwardedOff,
}

// maxTarget bounds a request's target below the bound of its head.
const maxTarget = 8 << 10

func limits(c *http7.LimitsConfig) serve.Limits {
	head := int(c.HeaderBytes.Value())
	return serve.Limits{
		Head:          wire.Limits{HeadBytes: head, Fields: c.HeaderCount.Value(), TargetBytes: min(head, maxTarget)},
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
