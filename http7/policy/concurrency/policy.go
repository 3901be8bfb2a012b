// Package concurrency is the policy that limits how many requests with the same key are under way at once.
//
// gateway compiles it; the hall asks it at stage limit, and its End gives back what a request has taken. Adaptive limits are
// those of internal/limit.
package concurrency

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/selector"
	"weir/internal/conf"
	"weir/internal/deadline"
)

// exceeded refuses what one of many senders has too much of, overloaded what there is too much of altogether.
var (
	exceeded = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "concurrency_exceeded", Status: 429, GRPC: 8,
		ProxyStatus: "http_request_denied", Title: "Too Many Requests",
		Detail: "There are as many requests under way as may be.", Extra: "Retry-After: 1\r\n",
	}
	overloaded = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "concurrency_exceeded", Status: 503, GRPC: 8,
		ProxyStatus: "http_request_denied", Title: "Service Unavailable",
		Detail: "There are as many requests under way as may be.", Extra: "Retry-After: 1\r\n",
	}

	errExceeded = errors.New("over the limit of requests under way")
)

// counter counts what is under way by key.
type counter interface {
	// take counts x in if there is room, and returns the word that its End gets; 0 if there is none.
	take(x *http7.Exchange, key []byte) uint64
	// room reports whether take would.
	room(key []byte) bool
	// give counts x out.
	give(x *http7.Exchange, word uint64)
	// overflow reports how many keys have found no place.
	overflow() uint64
	// known is how many keys have one.
	known() int
}

// gate is the compiled form of a Config. It never changes.
type gate struct {
	key   *selector.ByKey
	held  *held
	fault *http7.Fault
}

// held is what outlasts a reload.
type held struct {
	counter
	ends []func()
}

// Close implements [policy.Ender].
func (h *held) Close() {
	for _, end := range h.ends {
		end()
	}
}

// Compile returns the step of c for a bundle, at stage limit; none if it is off. It refuses what Check reports, should
// that come here unchecked. Without needs it only checks.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	name := bundle + ".concurrency"
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		i := slices.IndexFunc(problems.List(), func(p conf.Problem) bool { return !p.Warning })
		return nil, fmt.Errorf("%s: %s: %s", name, problems.List()[i].Path, problems.List()[i].Text)
	}
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	key, err := selector.NewByKey(c.Key, c.IPv6Prefix)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	g := &gate{key: key, fault: faultOf(c.Key)}
	if needs != nil {
		identity := fmt.Sprintf("%s\x00%v\x00%v\x00%v\x00%v", name, c.Limit, c.Key, c.Keys, c.IPv6Prefix)
		g.held, err = policy.Adopt(needs.Turn, identity, func() (*held, error) { return hold(c, name, needs), nil })
	}
	s := http7.Step{Name: name, Stage: http7.Throttle, Request: g, End: g, Reads: key.Reads()}
	if c.Limit.adaptive {
		s.Response = clocked{g}
	}
	if c.Mode == conf.Observe {
		s.Mode = http7.Observe
	}
	return []http7.Step{s}, err
}

// faultOf tells a sender that asks for too much from a place that everybody asks.
func faultOf(key conf.Selectors) *http7.Fault {
	for _, s := range key {
		switch s.Part() {
		case conf.PartRoute, conf.PartHost, conf.PartPath, conf.PartMethod:
		default:
			return exceeded
		}
	}
	if len(key) == 0 { // the client's address
		return exceeded
	}
	return overloaded
}

func hold(c *Config, name string, needs *policy.Needs) *held {
	h := &held{counter: newFixed(c.Limit.n, c.Keys)}
	if c.Limit.adaptive {
		h.counter = newAdaptive(c.Keys, deadlineNow)
	}
	h.ends = append(h.ends,
		needs.Gauged(name, "keys", func() float64 { return float64(h.known()) }),
		needs.Gauged(name, "overflowed", func() float64 { return float64(h.overflow()) }))
	return h
}

func deadlineNow() time.Duration { return time.Duration(deadline.Now()) }

// Request implements [http7.Policy].
func (g *gate) Request(x *http7.Exchange) http7.Verdict {
	if g.key.Lacks(x) {
		return http7.Continue
	}
	key := g.key.Of(x)
	if x.Dry {
		if g.held.room(key) {
			return http7.Continue
		}
	} else if x.Word = g.held.take(x, key); x.Word != 0 {
		return http7.Continue
	}
	x.Cause = errExceeded
	return http7.Refuse(g.fault)
}

// End implements [http7.Ender].
func (g *gate) End(x *http7.Exchange, word uint64) {
	if word != 0 {
		g.held.give(x, word)
	}
}

// clocked notes when the first byte of an answer has come.
type clocked struct{ *gate }

// Response implements [http7.ResponsePolicy].
func (c clocked) Response(x *http7.Exchange) http7.Verdict {
	if a, ok := c.held.counter.(*adaptive); ok {
		a.answered(x)
	}
	return http7.Continue
}

// overflowing counts the keys that have found no place, and what is under way of theirs.
type overflowing struct {
	times    atomic.Uint64
	underWay atomic.Int64
}

// enter counts one in if there are fewer than limit.
func (o *overflowing) enter(limit int64) bool {
	o.times.Add(1)
	if o.underWay.Add(1) <= limit {
		return true
	}
	o.underWay.Add(-1)
	return false
}
