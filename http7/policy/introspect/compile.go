package introspect

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"weir/http7"
	"weir/http7/credential"
	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/verified"
)

// Compile returns the steps of c for the bundle: one at stage identify, and one at stage rewrite that takes the token out
// and tells the endpoint what the server said. Observed it is the first alone, off none. It refuses what Check reports,
// should that come here unchecked. The server is not asked before the first token comes.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".introspect"
	problems := conf.NewProblems()
	c.Check(problems)
	if err := problems.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p, err := compile(c, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if needs != nil {
		p.server, err = policy.Adopt(needs.Turn, serverKey(c, name), func() (*server, error) { return newServer(c, p, needs) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p.steps(c, bundle), nil
}

func compile(c *Config, name string) (*checker, error) {
	place, err := credential.New(credential.At{Header: c.Header, Cookie: c.Cookie, Query: c.Query})
	if err != nil {
		return nil, err
	}
	forward, err := credential.NewForward(c.Forward)
	if err != nil {
		return nil, err
	}
	return &checker{
		name: name, place: place, forward: forward, faults: newFaults(c.Realm),
		maxToken: int(c.MaxToken.Value()), timeout: c.Timeout.Value(), open: c.OnFailure == "open",
		unknown: name + ":unknown: would ask " + fetch.HostOf(c.URL), unjudged: name + ":could not be judged",
	}, nil
}

// serverKey names a server with its answers: the same words, the same over a reload. The secret is in it as a hash.
func serverKey(c *Config, name string) string {
	words := *c
	words.TLS, words.ClientSecret = nil, conf.Secret{}
	key := fmt.Sprintf("%s\x00%+v\x00%x", name, words, sha256.Sum256([]byte(c.ClientSecret.Reveal())))
	if c.TLS != nil {
		key += fmt.Sprintf("\x00%+v", *c.TLS)
	}
	return key
}

func newServer(c *Config, p *checker, needs *policy.Needs) (*server, error) {
	s := &server{
		name: p.name, log: needs.Log, url: c.URL, forward: p.forward, consumer: c.Consumer, groups: c.GroupsClaim,
		issuer: c.Issuer, audience: c.Audience, positive: c.Cache.Value(), negative: c.NegativeCache.Value(),
		asked: counted(needs, p.name, "asked"), failed: counted(needs, p.name, "failed"),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.authorise(c.Auth, c.ClientID, c.ClientSecret.Reveal())
	if !c.Cache.IsOff() {
		s.good = verified.New[*answer](c.CacheSize.Value())
	}
	if !c.NegativeCache.IsOff() { // of its own, so that made-up tokens don't drive out real ones
		s.bad = verified.New[*answer](c.CacheSize.Value() / 4)
	}
	limits := fetch.Config{Timeout: c.Timeout.Value(), MaxBody: maxAnswer, Conns: c.Connections}
	if c.TLS != nil {
		compiled, wrong := c.TLS.Compile(conf.ReadFile)
		if wrong != nil {
			return nil, errors.New(wrong.Error())
		}
		limits.TLS = compiled
	}
	s.client = fetch.New(limits)
	if needs.Gauged != nil {
		s.unshow = needs.Gauged(p.name, "answers", s.answers)
	}
	return s, nil
}

// maxAnswer bounds an answer, in bytes.
const maxAnswer = 64 << 10

func counted(needs *policy.Needs, name, event string) *atomic.Uint64 {
	if needs.Counted == nil {
		return new(atomic.Uint64)
	}
	return needs.Counted(name, event)
}

// steps are what the hall runs.
func (p *checker) steps(c *Config, bundle string) []http7.Step {
	identify := http7.Step{Name: p.name, Bundle: bundle, Stage: http7.Identify, Blocks: true, Request: p, Establishes: true, Challenge: challenge(c.Realm), Hides: credential.At{Query: c.Query}.Hides(), HidesFields: []string{c.Header}}
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
