// Package forwardauth is the policy that asks a service of the operator's about each request: whether it may go on, and who
// it comes from.
//
// gateway compiles it; the hall runs its steps. The question goes through internal/fetch, with the answer whole and bounded.
package forwardauth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
	"weir/internal/fetch"
	"weir/internal/verified"
)

// Scheme is the [http7.Identity.Scheme] of those whom the service lets in.
const Scheme = "forward_auth"

// Compile returns the steps of c for a bundle, none if it is off: one at stage identify that asks, and, when it is enforced,
// one at stage rewrite that tells the endpoint. It refuses what Check reports. needs nil is for a check.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".forward_auth"
	p, err := compile(c, name, needs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p.challenge = []byte(`ForwardAuth realm="` + bundle + `"`)
	asks := http7.Step{Name: name, Bundle: bundle, Stage: http7.Identify, Blocks: true, Establishes: true, Request: p}
	if c.Mode == conf.Observe {
		asks.Mode = http7.Observe
		return []http7.Step{asks}, nil
	}
	tells := http7.Step{Name: name + ".forward", Bundle: bundle, Stage: http7.Rewrite, Request: teller{p}, Response: teller{p}}
	for i := range p.copied {
		if !p.copied[i].read {
			tells.Sets = append(tells.Sets, p.copied[i].name.String())
		}
		tells.Edits = append(tells.Edits, http7.Edit{Name: p.copied[i].claim})
	}
	if p.strips {
		tells.Edits = append(tells.Edits, http7.Edit{Name: "authorization", Fixed: true})
	}
	return []http7.Step{asks, tells}, nil
}

// reads reports whether a field of the client's is needed by those who find out who it is: the service, or other policies of
// the listener.
func (p *asker) reads(n http7.Name) bool {
	return n.ID() == http7.Authorization || slices.ContainsFunc(p.sent, func(s http7.Name) bool { return http7.EqualFold(s.String(), n.String()) })
}

// asker is the policy's compiled form. It never changes.
type asker struct {
	name   string
	url    string
	host   string       // of url, for logs
	sent   []http7.Name // of the client's fields
	copied []copied
	// The fields of the answer that say who it is; "" for none.
	consumer, groups, scopes string
	strips                   bool // Authorization, from what the endpoint gets
	lets                     bool // requests pass when nobody answers
	timeout                  time.Duration
	holds                    time.Duration // an answer, for others; 0: not at all
	kept                     *kept
	failed                   *atomic.Uint64
	now                      func() time.Time
	// Remarks, made at compile time.
	unknown, unasked string
	// challenge is for a 401 in which the service names no scheme: there must be one (RFC 9110 §15.5.2).
	challenge []byte
}

// copied is a field of the answer that the endpoint gets.
type copied struct {
	name  http7.Name
	key   string // in net/http's spelling
	claim string
	// read says that what clients write there is needed by those who find out who it is: it goes behind them, by [teller].
	read bool
}

// kept is what survives a reload.
type kept struct {
	client *fetch.Client
	table  *verified.Table[said] // nil: nothing is remembered
	gauge  func()
}

// Close lets the connections go.
func (k *kept) Close() {
	k.client.Close()
	if k.gauge != nil {
		k.gauge()
	}
}

func compile(c *Config, name string, needs *policy.Needs) (*asker, error) {
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		i := slices.IndexFunc(problems.List(), func(p conf.Problem) bool { return !p.Warning })
		return nil, fmt.Errorf("%s: %s", problems.List()[i].Path, problems.List()[i].Text)
	}
	p := &asker{
		name: name, url: c.URL, consumer: c.Consumer, groups: c.Groups, scopes: c.Scopes, lets: c.OnFailure == open,
		timeout: c.Timeout.Value(), holds: c.Cache.Value(), now: time.Now, host: fetch.HostOf(c.URL),
		unknown: name + ":unknown: would ask " + fetch.HostOf(c.URL), unasked: name + ":passed unasked",
	}
	for _, text := range c.RequestHeaders {
		n, _ := http7.NewName(text) // checked
		p.sent = append(p.sent, n)
		p.strips = p.strips || n.ID() == http7.Authorization && !c.Pass
	}
	for _, text := range c.Copy {
		n, _ := http7.NewName(text)
		p.copied = append(p.copied, copied{n, canonical(text), strings.ToLower(text), p.reads(n)})
	}
	if needs == nil {
		return p, nil
	}
	p.failed = needs.Counted(name, "failed")
	var err error
	p.kept, err = keep(c, name, needs)
	return p, err
}

// keep returns the connections and what was said over them, as long as nothing changes that either depends on.
func keep(c *Config, name string, needs *policy.Needs) (*kept, error) {
	bounds := fetch.Config{Timeout: c.Timeout.Value(), MaxBody: c.MaxBody.Value()}
	sum := ""
	if c.TLS != nil {
		compiled, wrong := c.TLS.Compile(conf.ReadFile)
		if wrong != nil {
			return nil, wrong
		}
		bounds.TLS, sum = compiled, string(compiled.Sum[:])
	}
	key := fmt.Sprintf("%s\x00%q %q %q %q %q %q %s %s %s %s %x", name, c.URL, c.RequestHeaders, c.Copy, c.Consumer, c.Groups, c.Scopes,
		c.Timeout, c.Cache, c.CacheSize, c.MaxBody, sum)
	return policy.Adopt(needs.Turn, key, func() (*kept, error) {
		k := &kept{client: fetch.New(bounds)}
		if c.Cache.Value() > 0 {
			k.table = verified.New[said](c.CacheSize.Value())
			k.gauge = needs.Gauged(name, "answers", func() float64 { n, _ := k.table.Size(); return float64(n) })
		}
		return k, nil
	})
}

// Request implements [http7.Policy].
func (p *asker) Request(x *http7.Exchange) http7.Verdict {
	if x.Recorded != nil {
		return p.recorded(x)
	}
	var key []byte
	if p.kept.table != nil {
		key = p.key(x)
		if s := p.kept.table.Get(key, p.now()); s != nil {
			return p.obey(x, s)
		}
	}
	if x.Dry {
		x.Verdicts = append(x.Verdicts, p.unknown)
		return http7.Continue
	}
	s, err := p.ask(x)
	if err != nil {
		return p.alone(x, err)
	}
	if p.kept.table != nil && s.lasting {
		now := p.now()
		p.kept.table.Put(key, *s, s.size(), now.Add(p.holds), now)
	}
	return p.obey(x, s)
}

// recorded takes the word of a log's line for who it was: the credentials are not in it.
func (p *asker) recorded(x *http7.Exchange) http7.Verdict {
	if x.Consumer == "" {
		x.Verdicts = append(x.Verdicts, p.unknown)
		return http7.Continue
	}
	x.Establish(http7.Identity{Scheme: Scheme})
	return http7.Continue
}

// obey does what the service has said. What s holds outlives x.
func (p *asker) obey(x *http7.Exchange, s *said) http7.Verdict {
	x.Keep(p, s)
	if s.fault != nil {
		x.Cause = s.why
		return http7.Refuse(s.fault)
	}
	x.Establish(s.who)
	x.Claims = append(x.Claims, s.claims...)
	return http7.Continue
}

// alone decides without the service.
func (p *asker) alone(x *http7.Exchange, err error) http7.Verdict {
	x.Cause = err
	var call *fetch.Error
	if !errors.As(err, &call) || call.Kind != fetch.Cancelled {
		p.failed.Add(1)
	}
	if !p.lets {
		return http7.Refuse(unavailable)
	}
	x.Verdicts = append(x.Verdicts, p.unasked)
	x.Establish(http7.Identity{Scheme: Scheme})
	return http7.Continue
}

func (p *asker) ask(x *http7.Exchange) (*said, error) {
	ctx, done := x.Block(p.timeout)
	defer done()
	return p.call(ctx, p.question(x))
}

func (p *asker) call(ctx context.Context, q *fetch.Request) (*said, error) {
	a, err := p.kept.client.Do(ctx, q)
	if err != nil {
		return nil, err
	}
	return p.read(a)
}
