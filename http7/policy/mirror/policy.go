// Package mirror is the policy that sends copies of requests to another upstream and, if asked to, compares
// what it answers with what the client got.
//
// gateway makes the [Pool] and compiles the steps; the hall runs them. On the client's way there is a draw and, for
// what is drawn, a bounded copy of the request and, to compare, of the answer. Everything else is done by the pool's
// workers, once the exchange with the client is over.
package mirror

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"weir/http7"
)

// Needs is what a mirror is compiled with.
type Needs struct {
	// Route is the name of the route; its figures and differences go by it.
	Route string
	// Sender sends the copies, Pool holds them. Either may be nil where nothing is served, such as in `weir
	// check`: then nothing is copied.
	Sender http7.Sender
	Pool   *Pool
	// Ready reports whether the mirror's upstream has an endpoint that may be picked; nil is always. It is
	// called on the client's way, for every request that is drawn.
	Ready func() bool
	// ForwardedX and Forwarded7239 say which fields tell about the client, as on the route's listener.
	ForwardedX, Forwarded7239 bool
}

// Compile returns the step of c, at stage rewrite. It belongs behind all other steps, so that the copy is of what
// the endpoint gets, and the answer is compared as the endpoint gave it. It refuses what Check reports, should it
// come here unchecked, and starts nothing.
func Compile(c *Config, n Needs) (http7.Step, error) {
	m := &mirror{
		needs: n, upstream: c.Upstream, methods: c.Methods, compare: c.Compare,
		below: uint64(c.Sample.Value() * (1 << 32)), most: int(c.MaxBody.Value()), timeout: c.Timeout.Value(),
	}
	if c.Upstream == "" || m.below == 0 || m.most < 0 || m.most > maxMaxBody || m.timeout <= 0 {
		return http7.Step{}, errors.New("a mirror needs an upstream, a sample, a bound for bodies and a timeout")
	}
	s := http7.Step{Name: stepName, Stage: http7.Rewrite, Request: m, End: m}
	if !c.Compare {
		return s, nil
	}
	s.Response = m
	for _, h := range c.Headers {
		name, ok := http7.NewName(h)
		if !ok {
			return http7.Step{}, fmt.Errorf("%q is not a field name", h)
		}
		m.headers = append(m.headers, field{Name: name, secret: secret(h)})
	}
	for _, p := range c.Ignore {
		m.ignore = append(m.ignore, steps(p))
	}
	return s, nil
}

// stepName is what the step is called in explain.
const stepName = "mirror"

// mirror is one compiled mirror. But for lane it never changes.
type mirror struct {
	needs    Needs
	upstream string
	below    uint64 // draws of 32 bits below it are copied
	methods  []string
	compare  bool
	headers  []field
	ignore   []route
	most     int
	timeout  time.Duration
	lane     atomic.Pointer[lane] // of the pool, from the first copy on
}

// field is a header field that is compared.
type field struct {
	http7.Name
	secret bool
}

// Request implements [http7.Policy]: it draws, and begins a copy.
func (m *mirror) Request(x *http7.Exchange) http7.Verdict {
	if m.drawn(x) {
		m.begin(x)
	}
	return http7.Continue
}

// drawn reports whether x is to be copied. An upgrade makes no sense without its client.
func (m *mirror) drawn(x *http7.Exchange) bool {
	if x.Dry || m.needs.Pool == nil || m.needs.Sender == nil || uint64(rand.Uint32()) >= m.below {
		return false
	}
	return (m.methods == nil || slices.Contains(m.methods, string(x.Method))) && x.Upgrade == nil && x.Mirror == nil
}

// begin begins a copy, unless there is a reason to drop it before anything is copied.
func (m *mirror) begin(x *http7.Exchange) {
	l := m.lane.Load()
	if l == nil {
		l = m.needs.Pool.lane(m.needs.Route, m.upstream)
		m.lane.Store(l)
	}
	probe, alive := l.alive()
	switch {
	case !alive || m.needs.Ready != nil && !m.needs.Ready():
		l.down.Add(1)
	case x.Body.Length > int64(m.most):
		l.tooLarge.Add(1)
	default:
		c := l.pool.take(m.room(x.Body.Length))
		if c == nil {
			l.full.Add(1)
			return
		}
		c.of, c.lane, c.probe = m, l, probe
		c.begin(x)
		x.Mirror = c
	}
}

// headRoom is what a head is taken to need.
const headRoom = 2 << 10

// room returns how much memory a copy may need, for a request body of that length.
func (m *mirror) room(length int64) int64 {
	n := int64(headRoom)
	if length < 0 {
		n += int64(m.most)
	} else {
		n += length
	}
	if m.compare {
		n += 2 * int64(m.most)
	}
	return n
}

// Response implements [http7.ResponsePolicy]: it keeps what is to be compared of an endpoint's answer. Nobody
// before it has edited it.
func (m *mirror) Response(x *http7.Exchange) http7.Verdict {
	if c, ok := x.Mirror.(*copied); ok && c.of == m {
		c.answered(x)
	}
	return http7.Continue
}

// End implements [http7.Ender]: the exchange with the client is over, and the copy may leave.
func (m *mirror) End(x *http7.Exchange, _ uint64) {
	c, ok := x.Mirror.(*copied)
	if !ok || c.of != m {
		return
	}
	x.Mirror = nil
	switch {
	case c.request.over:
		c.lane.tooLarge.Add(1)
		c.release()
	case !c.request.whole:
		c.lane.incomplete.Add(1)
		c.release()
	default:
		if x.Fault != nil { // whatever was kept of the answer is not all of it
			c.live.there = false
		}
		c.lane.enqueue(c)
	}
}
