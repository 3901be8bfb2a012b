package config

import (
	"os"

	"weir/internal/conf"
	"weir/internal/tomlfile"
)

// Options are what a config is loaded and checked against. The zero Options will do.
type Options struct {
	// Handlers are the names that a route's handler may have: those compiled into the program.
	Handlers []string
	// Env looks up environment variables for the ${NAME} of texts. Default: os.LookupEnv.
	Env func(name string) (string, bool)
	// Secret looks up those of secrets: of { env = "NAME" }, and of ${NAME} in a secret's text. Default: Env.
	Secret func(name string) (string, bool)
	// ReadFile reads whatever file a config names, and config files. Default: [conf.ReadFile].
	ReadFile func(path string) ([]byte, error)
	// Include is asked before the file at path is included, and before the files are looked for that a pattern
	// means; its error is the problem. Default: nobody minds.
	Include func(path string) error
	// Pause is called every now and then while loading, on the loading goroutine, so that a process that
	// serves meanwhile can give way there. Default: nobody pauses.
	Pause func()
	// Memory is how many bytes of memory there are to be had, 0 if nobody knows. Default: what the machine has, or its
	// control group may.
	Memory func() int64

	where func(conf.Path) string // places, for those who check
}

func (o Options) withDefaults() Options {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Secret == nil {
		o.Secret = o.Env
	}
	if o.ReadFile == nil {
		o.ReadFile = conf.ReadFile
	}
	if o.Include == nil {
		o.Include = func(string) error { return nil }
	}
	if o.Pause == nil {
		o.Pause = func() {}
	}
	if o.Memory == nil {
		o.Memory = machineMemory
	}
	return o
}

// Load reads the file at path and what it includes. The Report is never nil. The Config is nil if
// the Report has failed.
func Load(path string, o Options) (*Config, *Report) {
	l := newLoader(o)
	root := l.file(path, tomlfile.Span{})
	if root == nil {
		l.report.root = tomlfile.NewTable()
		return nil, l.report
	}
	return l.finish(root)
}

// Parse is Load for a text in memory, which findings call name. Its includes are files relative
// to name's directory.
func Parse(name string, text []byte, o Options) (*Config, *Report) {
	l := newLoader(o)
	return l.finish(l.text(name, text))
}

// loader is one load in progress.
type loader struct {
	Options
	report *Report
	open   []string                 // identities of the files being read, outermost first
	loaded map[string]tomlfile.Span // where each file was included
}

func newLoader(o Options) *loader {
	l := &loader{
		Options: o.withDefaults(),
		report:  &Report{problems: conf.NewProblems()},
		loaded:  map[string]tomlfile.Span{},
	}
	l.report.found.Pause(l.Pause)
	l.report.problems.ReadBy(l.ReadFile)
	return l
}

// finish turns the merged tree into a checked Config.
func (l *loader) finish(root *tomlfile.Node) (*Config, *Report) {
	r := l.report
	r.root = root
	if r.found.Unreadable() {
		return nil, r
	}
	l.misplaced(root)
	l.later(root)
	fill(root, l.Pause)
	c := &Config{}
	tomlfile.Decode(root, c, tomlfile.Sources{Lookup: l.Secret, Read: l.ReadFile}, &r.found)
	c.settle()
	c.fitObjects(root)
	l.where = r.Where
	c.check(r.problems, l.Options)
	if r.Failed() {
		return nil, r
	}
	for _, route := range c.Routes {
		route.Match.settle()
		l.Pause()
	}
	c.checkUse(r.problems)
	c.checkStore(r.problems.In("cache"), l.Memory)
	return c, r
}

// settle does what follows the decoding: places, names, lower case. Includes and defaults have
// been merged and are dropped.
func (c *Config) settle() {
	c.Include, c.Defaults = nil, Defaults{}
	for name, l := range c.Listeners {
		l.Path = conf.Path{"listeners", name}
	}
	for name, p := range c.Policies {
		p.Path = conf.Path{"policies", name}
	}
	for name, u := range c.Upstreams {
		u.Path = conf.Path{"upstreams", name}
		u.Discovered = u.Discover != nil
	}
	for i, r := range c.Routes {
		r.Path = conf.Path{"routes", index(i)}
		r.Match.lower()
	}
	c.nameRoutes()
}
