package jwt

import (
	"fmt"
	"log/slog"
	"sync/atomic"

	signatures "github.com/golang-jwt/jwt/v5"

	"weir/http7"
	"weir/http7/credential"
	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/verified"
)

// Compile returns the steps of c for the bundle: one at stage identify, and one at stage rewrite that takes the token out
// and tells the endpoint claims. Observed it is the first alone, off none. It refuses what Check reports, should that come
// here unchecked. Keys at a URL are asked for from now on, beside this: Compile does not wait for them.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".jwt"
	problems := conf.NewProblems()
	c.Check(problems)
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p, err := compile(c, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := p.furnish(c, needs); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p.steps(c, bundle), nil
}

func compile(c *Config, name string) (*checker, error) {
	place, err := credential.New(c.place())
	if err != nil {
		return nil, err
	}
	forward, err := credential.NewForward(c.Forward)
	if err != nil {
		return nil, err
	}
	p := &checker{
		name: name, place: place, forward: forward, faults: newFaults(c.Realm),
		issuer: c.Issuer, audience: c.Audience, types: c.Types, leeway: c.Leeway.Value(), noExpiry: c.NoExpiry,
		opaque: c.Opaque == "pass", consumer: c.Consumer, groups: c.GroupsClaim,
		maxToken: int(c.MaxToken.Value()), timeout: c.Timeout.Value(),
		unknown: name + ":unknown: would ask " + fetch.HostOf(c.JWKS),
	}
	algorithms := c.Algorithms
	if len(algorithms) == 0 {
		algorithms = asymmetric()
	}
	p.methods = map[string]signatures.SigningMethod{}
	for _, a := range algorithms {
		p.methods[a] = methodOf(a)
	}
	return p, nil
}

// furnish gives p its keys and its memory. Without needs nothing is kept, opened or asked.
func (p *checker) furnish(c *Config, needs *policy.Needs) (err error) {
	switch {
	case !c.Secret.IsZero():
		k, err := secretKey([]byte(c.Secret.Reveal()))
		if err != nil {
			return err
		}
		p.source = fixedKeys([]key{k})
	case len(c.PublicKeys) > 0:
		var all []key
		for _, text := range c.PublicKeys {
			keys, err := pemKeys(text, conf.ReadFile)
			if err != nil {
				return err
			}
			all = append(all, keys...)
		}
		p.source = fixedKeys(all)
	case needs == nil:
		p.source = &source{}
	default:
		var last *lastKeys
		if c.isURL() {
			last, _ = policy.Adopt(needs.Turn, p.name+" last keys\x00"+placeKey(c), func() (*lastKeys, error) { return &lastKeys{}, nil }) // never fails
		}
		if p.source, err = policy.Adopt(needs.Turn, sourceKey(c, p.name), func() (*source, error) { return open(c, p.name, last, needs) }); err != nil {
			return err
		}
	}
	if needs == nil || c.Cache.IsOff() {
		return nil
	}
	p.known, err = policy.Adopt(needs.Turn, memoryKey(c, p.name), func() (*memory, error) {
		m := &memory{Table: verified.New[*bearer](c.Cache.Value())}
		m.end = gauged(needs, p.name, "tokens", func() float64 { n, _ := m.Size(); return float64(n) })
		return m, nil
	})
	return err
}

// sourceKey names the keys of a config: the same words, the same source over a reload.
func sourceKey(c *Config, name string) string {
	return fmt.Sprintf("%s keys\x00%v\x00%v\x00%v\x00%s", name, c.Refresh, c.UnknownKey, c.Timeout, placeKey(c))
}

// placeKey names where the keys of a config are, and who is believed there.
func placeKey(c *Config) string {
	key := c.JWKS
	if c.TLS != nil {
		key += fmt.Sprintf("\x00%+v", *c.TLS)
	}
	return key
}

// memoryKey names what was verified under a config: other words, other verdicts. What was verified by a key that is gone
// is not taken in any case, so that keys and secrets need not stand here.
func memoryKey(c *Config, name string) string {
	words := *c
	words.TLS, words.Secret = nil, conf.Secret{}
	return fmt.Sprintf("%s tokens\x00%+v", name, words)
}

// open makes the source of a URL or a file, and starts it. That of a URL begins with the last good keys, if there are any.
func open(c *Config, name string, last *lastKeys, needs *policy.Needs) (*source, error) {
	s := &source{
		name: name, log: needs.Log, url: c.JWKS, refresh: c.Refresh.Value(), apart: c.UnknownKey.Value(), pause: firstPause,
		refreshed: counted(needs, name, "refreshed"), failed: counted(needs, name, "refresh_failed"), ignored: counted(needs, name, "keys_ignored"),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.last = last; last != nil {
		s.keys.Store(last.Load())
	}
	open := s.openFile
	if c.isURL() {
		open = s.openURL
	}
	if err := open(c, needs); err != nil {
		return nil, err
	}
	s.unshow = append(s.unshow, gauged(needs, name, "keys", s.count))
	return s, nil
}

func (s *source) openFile(c *Config, needs *policy.Needs) (err error) {
	load := func() error { return s.load(c.JWKS) }
	if needs.Files == nil {
		return load()
	}
	if s.file, err = needs.Files.Watch(s.name, c.JWKS, load); err == nil {
		s.unshow = append(s.unshow, needs.FailedFile(s.name, s.file))
	}
	return err
}

func (s *source) openURL(c *Config, _ *policy.Needs) error {
	limits := fetch.Config{Timeout: c.Timeout.Value(), MaxBody: maxSet, Conns: 1}
	if c.TLS != nil {
		compiled, wrong := c.TLS.Compile(conf.ReadFile)
		if wrong != nil {
			return wrong
		}
		limits.TLS = compiled
	}
	s.client = fetch.New(limits)
	s.start()
	return nil
}

// maxSet bounds a set of keys, in bytes.
const maxSet = 256 << 10

func counted(needs *policy.Needs, name, event string) *atomic.Uint64 {
	if needs.Counted == nil {
		return new(atomic.Uint64)
	}
	return needs.Counted(name, event)
}

func gauged(needs *policy.Needs, name, level string, read func() float64) (end func()) {
	if needs.Gauged == nil {
		return func() {}
	}
	return needs.Gauged(name, level, read)
}

// steps are what the hall runs.
func (p *checker) steps(c *Config, bundle string) []http7.Step {
	identify := http7.Step{Name: p.name, Bundle: bundle, Stage: http7.Identify, Blocks: p.source.client != nil || c.isURL(), Request: p, Establishes: true, Challenge: challenge(c.Realm), Hides: c.place().Hides(), HidesFields: []string{c.Header}}
	if c.Mode == conf.Observe {
		identify.Mode = http7.Observe
		return []http7.Step{identify}
	}
	if c.Pass && p.forward == nil {
		return []http7.Step{identify}
	}
	r := &rewriter{checker: p, strips: !c.Pass}
	tell := http7.Step{Name: p.name + ".forward", Bundle: bundle, Stage: http7.Rewrite, Request: r, Sets: p.forward.Sets(), Edits: p.forward.Edits()}
	if r.strips {
		tell.Trailer = r
		tell.Edits = append(tell.Edits, p.place.Edits()...)
	}
	return []http7.Step{identify, tell}
}
