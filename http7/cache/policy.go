package cache

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"weir/http7"
	"weir/http7/cache/rule"
	"weir/internal/conf"
)

// Compile returns the step of c for the bundle name, at stage cache; none for a section that is off. shared may be
// nil if the step is never run but dry. It refuses what Check reports, should it come here unchecked.
func Compile(c *Config, bundle string, shared *Cache) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		return nil, fmt.Errorf("%s.cache: %s", bundle, problems.List()[0].Text)
	}
	if shared == nil {
		shared = &Cache{log: slog.New(slog.DiscardHandler)}
	}
	p := &policy{name: bundle + ".cache", shared: shared, observe: c.Mode == conf.Observe, key: keyedBy(c.Key), rules: rulesOf(c)}
	p.wait, p.remarks = c.Wait.Value(), remarksOf(p.name)
	shared.learn(&p.key)
	s := http7.Step{Name: p.name, Bundle: bundle, Stage: http7.Cache, Request: p, Response: p, End: p}
	if p.observe {
		s.Mode = http7.Observe
	}
	return []http7.Step{s}, nil
}

// rulesOf is what package rule need know of c.
func rulesOf(c *Config) rule.Config {
	r := rule.Config{
		TTL: c.TTL.Value(), NegativeTTL: c.NegativeTTL.Value(), MaxObject: c.MaxObject.Value(),
		StaleWhileRevalidate: c.StaleWhileRevalidate.Value(), StaleIfError: c.StaleIfError.Value(),
	}
	for _, word := range c.Key {
		if kind, name, named := strings.Cut(word, ":"); named && kind == keyCookie {
			r.Cookies = append(r.Cookies, name)
		}
	}
	if c.TagsHeader != tagsOff {
		r.Tags, _ = http7.NewName(c.TagsHeader)
	}
	return r
}

// policy is the compiled form of one section. It never changes.
type policy struct {
	name    string
	shared  *Cache
	observe bool
	key     keyed
	rules   rule.Config
	wait    time.Duration
	remarks []string
}
