package sticky

import (
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/lb"
)

// began is when the first request of a test arrives.
var began = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

// rig is one sticky upstream and one client.
type rig struct {
	t testing.TB
	r *lb.Registry
	u *lb.Upstream
	s *Sticky
	v Visit
	// cookie is what the client sends as Cookie; "" for none.
	cookie string
	// x is the last exchange.
	x *http7.Exchange
}

var storedKeys = Keys{"a stored key of some length"}

// compile makes a Sticky of the upstream called "u" from the defaults and edits of them.
func compile(t testing.TB, edits ...func(*Config)) *Sticky {
	t.Helper()
	c := Default()
	c.Cookie = "weir"
	for _, edit := range edits {
		edit(&c)
	}
	p := conf.NewProblems()
	if c.Check(p); p.Failed() {
		t.Fatal(p.List())
	}
	s, err := New("u", &c, storedKeys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyed(keys ...string) func(*Config) {
	return func(c *Config) {
		for _, k := range keys {
			c.Key = append(c.Key, conf.SecretText(k))
		}
	}
}

func address(t testing.TB, text string) conf.Address {
	t.Helper()
	a, err := conf.ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newRig(t testing.TB, s *Sticky, addresses ...string) *rig {
	t.Helper()
	g := &rig{t: t, r: lb.NewRegistry(nil), s: s}
	c := lb.Default()
	for _, a := range addresses {
		c.Endpoints = append(c.Endpoints, lb.EndpointConfig{Address: address(t, a), Weight: 1})
	}
	u, err := g.r.Adopt("u", c)
	if err != nil {
		t.Fatal(err)
	}
	g.u = u
	return g
}

// endpoint returns member i.
func (g *rig) endpoint(i int) *lb.Endpoint { return g.u.View().Members()[i].Endpoint }

// ask begins an exchange this long after the first and returns where its client wants to go.
func (g *rig) ask(after time.Duration) *lb.Endpoint {
	g.x = &http7.Exchange{Arrival: began.Add(after)}
	if g.cookie != "" {
		g.x.Request.AddRaw([]byte("Cookie"), []byte(g.cookie))
	}
	g.x.Answer = &http7.Answer{Status: 200}
	return g.s.Open(&g.v, g.x, g.u)
}

// answer keeps an answer of e and returns the Set-Cookie that the client gets, which it obeys; "" for
// none.
func (g *rig) answer(e *lb.Endpoint, tried ...*lb.Endpoint) string {
	var set lb.Tried
	for _, t := range tried {
		set.Add(t)
	}
	g.s.Keep(&g.v, g.x, e, &set)
	line := string(g.x.Answer.Header.Get(http7.SetCookie))
	if line != "" {
		g.cookie, _, _ = strings.Cut(line, ";")
	}
	return line
}

// value returns the value of the client's cookie.
func (g *rig) value() string {
	_, v, _ := strings.Cut(g.cookie, "=")
	return v
}

// bind gives the client a cookie for e.
func (g *rig) bind(e *lb.Endpoint) {
	g.t.Helper()
	if got := g.ask(0); got != nil {
		g.t.Fatalf("a new client is already at %s", got)
	}
	if g.answer(e) == "" {
		g.t.Fatal("a new client gets no cookie")
	}
}
