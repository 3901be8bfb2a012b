// Package ratelimit is the policy that limits how often requests with the same key may come.
//
// gateway compiles it; the hall asks it at stage limit. What is counted lies in tables of internal/gcra, which a reload
// keeps for limits that it leaves as they were, or for limits that nodes share in internal/shared.
package ratelimit

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/selector"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/gcra"
	"weir/internal/ratefields"
)

// exceeded refuses what is over a limit, unknown what nobody could be asked about.
var (
	exceeded = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "rate_limited", Status: 429, GRPC: 8, ProxyStatus: "http_request_denied",
		Title: "Too Many Requests", Detail: "There are more requests than the limit allows; ask again later.",
	}
	unknown = &http7.Fault{
		Side: http7.Internal, Kind: http7.Unavailable, Name: "rate_limit_unavailable", Status: 503, GRPC: 14,
		ProxyStatus: "proxy_internal_error", Title: "Service Unavailable", Detail: "The limit of requests could not be asked for.",
		Extra: "Retry-After: 1\r\n",
	}
)

// throttle is the compiled form of a bundle's limits of one mode. It never changes.
type throttle struct {
	name   string
	limits []*limit
	// turns are the limits in the order in which their tokens are taken: first where a request may have to wait for an
	// answer, last where it waits for its turn, so that few take tokens and are refused then.
	turns []*limit
	// policies is the value of RateLimit-Policy, nil if no limit tells.
	policies []byte
	observe  bool
	now      func() int64
}

// limit is one of them.
type limit struct {
	name      string
	key       *selector.ByKey
	rate      gcra.Limit
	cost      int64
	own       bool
	mostDelay time.Duration
	mostQueue int64
	fields    bool
	// What is said of requests that it refuses or delays.
	members []byte
	cause   error
	delayed string

	// held is nil where several nodes have the limit in common, shared where they don't.
	held   *held
	shared *policy.SharedLimit
}

// held is what outlasts a reload.
type held struct {
	table *gcra.Table
	// waiting are the requests that wait for their turn.
	waiting atomic.Int64
	// overflowed counts requests whose key found no place.
	overflowed *atomic.Uint64
	ends       []func()
}

// Close implements [policy.Ender].
func (h *held) Close() {
	for _, end := range h.ends {
		end()
	}
}

// Compile returns the steps of a bundle's limits, at stage limit: one for those that are enforced, one for those that
// only observe. It refuses what Check reports, should that come here unchecked. Without needs it only checks.
func Compile(list List, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	name := bundle + ".rate_limit"
	problems := conf.NewProblems()
	if list.Check(problems, "rate_limit"); problems.Failed() {
		i := slices.IndexFunc(problems.List(), func(p conf.Problem) bool { return !p.Warning })
		return nil, fmt.Errorf("%s: %s: %s", name, problems.List()[i].Path, problems.List()[i].Text)
	}
	enforced := &throttle{name: name, now: deadline.Now}
	observed := &throttle{name: name, now: deadline.Now, observe: true}
	names := list.names()
	for i := range list {
		if list[i].Mode == conf.ModeOff {
			continue
		}
		l, err := compile(&list[i], name, names[i], needs)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if list[i].Mode == conf.Observe {
			observed.limits = append(observed.limits, l)
		} else {
			enforced.add(l)
		}
	}
	return append(enforced.steps(), observed.steps()...), nil
}

func (t *throttle) add(l *limit) {
	t.limits = append(t.limits, l)
	if l.fields {
		t.policies = ratefields.AppendPolicy(t.policies, l.name, l.rate.Burst, l.rate.Span())
	}
}

func (t *throttle) steps() []http7.Step {
	if len(t.limits) == 0 {
		return nil
	}
	t.turns = slices.Clone(t.limits)
	slices.SortStableFunc(t.turns, func(a, b *limit) int { return a.lateness() - b.lateness() })
	s := http7.Step{Name: t.name, Stage: http7.Throttle, Request: t, End: t, Response: teller{t}}
	if t.observe {
		s.Mode, s.Response = http7.Observe, nil
	}
	for _, l := range t.limits {
		s.Reads = append(s.Reads, l.key.Reads()...)
	}
	return []http7.Step{s}
}

// lateness says when the tokens of l are taken, compared with those of others.
func (l *limit) lateness() int {
	switch {
	case l.shared != nil:
		return 0
	case l.mostDelay == 0:
		return 1
	}
	return 2
}

// names returns the names of the limits, all different.
func (l List) names() []string {
	names := make([]string, len(l))
	for i := range l {
		names[i] = l[i].Name
	}
	for i := range l {
		if names[i] != "" {
			continue
		}
		words := keyName(l[i].Key)
		name := words
		for n := 2; slices.Contains(names, name); n++ {
			name = words + "-" + strconv.Itoa(n)
		}
		names[i] = name
	}
	return names
}

// keyName says what a key says, in characters that names may have.
func keyName(key conf.Selectors) string {
	if len(key) == 0 {
		return conf.PartClient.String()
	}
	words := make([]string, len(key))
	for i, s := range key {
		words[i] = s.String()
	}
	return strings.Map(func(r rune) rune {
		if notNaming(r) {
			return '_'
		}
		return r
	}, strings.Join(words, "+"))
}

func compile(c *Config, policyName, name string, needs *policy.Needs) (*limit, error) {
	key, err := selector.NewByKey(c.Key, c.IPv6Prefix)
	if err != nil {
		return nil, err
	}
	l := &limit{
		name: name, key: key, rate: c.limit(), cost: int64(c.Cost), own: c.OwnLimits, fields: c.Fields,
		members: []byte(`"violated-policies":["` + name + `"]`),
		cause:   errors.New("over the limit " + strconv.Quote(name)),
		delayed: policyName + ":would delay by " + strconv.Quote(name),
	}
	if c.OnExcess == onDelay {
		l.mostDelay, l.mostQueue = c.MaxDelay.Value(), int64(c.MaxWaiting)
	}
	switch {
	case needs == nil:
		return l, nil
	case c.Scope == scopeShared:
		return l, l.share(c, policyName, needs)
	}
	l.held, err = policy.Adopt(needs.Turn, c.identity(policyName, name), func() (*held, error) {
		return hold(c, policyName, name, needs), nil
	})
	return l, err
}

// share makes l one that nodes have in common.
func (l *limit) share(c *Config, policyName string, needs *policy.Needs) error {
	if needs.Shared == nil {
		return errors.New(`scope = "shared" needs the table [shared]`)
	}
	perSecond := float64(c.Rate.Count()) / c.Rate.Span().Seconds()
	// Nodes share by name alone, so that a rate may change on one after the other.
	l.shared = &policy.SharedLimit{Limit: needs.Shared.Rate(policyName+"."+l.name, perSecond, l.rate.Burst)}
	return nil
}

// identity is what a reload must not change for buckets to stay.
func (c *Config) identity(policyName, name string) string {
	return fmt.Sprintf("%s\x00%s\x00%v\x00%v\x00%v\x00%v\x00%v", policyName, name, c.Key, c.Rate, c.Burst, c.Keys, c.IPv6Prefix)
}

func hold(c *Config, policyName, name string, needs *policy.Needs) *held {
	h := &held{table: gcra.New(c.Keys, deadline.Now), overflowed: needs.Counted(policyName, "overflow")}
	h.ends = append(h.ends,
		needs.Gauged(policyName, name+" keys", func() float64 { return float64(h.table.Keys()) }),
		needs.Gauged(policyName, name+" waiting", func() float64 { return float64(h.waiting.Load()) }))
	return h
}
