package serve

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/selector"
	"weir/http7/sticky"
	"weir/internal/conf"
	"weir/lb"
)

// placed is a rig whose upstream is made anew, with endpoints that answer with their number.
type placed struct {
	*rig
	reg *lb.Registry
	up  *lb.Upstream
}

func newPlaced(t testing.TB, endpoints []string, edit func(*lb.Config), change func(*Plan)) *placed {
	t.Helper()
	p := &placed{reg: lb.NewRegistry(nil)}
	cfg := lb.Default()
	for _, e := range endpoints {
		a, err := conf.ParseAddress(e)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Endpoints = append(cfg.Endpoints, lb.EndpointConfig{Address: a, Weight: 1})
	}
	if edit != nil {
		edit(&cfg)
	}
	up, err := p.reg.Adopt("u", cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.reg.Judge(lb.ByProbe, lb.Ready, "", p.reg.Endpoints()...)
	p.up = up
	p.rig = newRigWith(t, func(r *rig) {
		r.plan.Upstream = up
		change(r.plan)
	}, endpoints...)
	return p
}

// origins returns n endpoints; each answers with its number.
func origins(t testing.TB, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = saying(t, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", i))
	}
	return list
}

// get sends one request on a connection of its own and returns who answered and what cookie is set.
// What was asked before is over by then: the hash balancers pass a busy endpoint over.
func (p *placed) get(lines ...string) (who, cookie string) {
	p.t.Helper()
	p.wait(func() bool {
		return !slices.ContainsFunc(p.reg.Endpoints(), func(e *lb.Endpoint) bool { return e.InFlight() > 0 })
	})
	c := p.dial()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"+strings.Join(append(lines, ""), "\r\n")+"\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	if set := res.Header.Get("Set-Cookie"); set != "" {
		cookie, _, _ = strings.Cut(set, ";")
	}
	if res.StatusCode != 200 {
		return res.Status, cookie
	}
	return string(b), cookie
}

// at returns the endpoint that answers with a number.
func (p *placed) at(who string) *lb.Endpoint {
	return p.up.View().Members()[who[0]-'0'].Endpoint
}

func hashOn(t testing.TB, texts ...string) *selector.Selection {
	t.Helper()
	list := make(conf.Selectors, len(texts))
	for i, text := range texts {
		if err := list[i].UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := selector.New(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hashing(t testing.TB, balance string, texts ...string) *placed {
	return newPlaced(t, origins(t, 4), func(c *lb.Config) { c.Balance = balance },
		func(plan *Plan) { plan.HashOn = hashOn(t, texts...) })
}

func TestEqualKeysGoToEqualEndpoints(t *testing.T) {
	t.Parallel()
	for _, balance := range []string{lb.Maglev, lb.Ring} {
		p := hashing(t, balance, "header:X-User")
		used := map[string]bool{}
		for user := range 16 {
			line := fmt.Sprintf("X-User: user-%d", user)
			first, _ := p.get(line)
			for range 3 {
				if again, _ := p.get(line, "X-Other: 1"); again != first {
					t.Errorf("%s: user %d came to %s and then to %s", balance, user, first, again)
				}
			}
			used[first] = true
		}
		if len(used) < 3 {
			t.Errorf("%s: 16 users share %d of 4 endpoints", balance, len(used))
		}
	}
}

func TestThoseWithoutAKeyAreSpread(t *testing.T) {
	t.Parallel()
	p := hashing(t, lb.Maglev, "path", "cookie:uid")
	used := map[string]int{}
	for range 40 {
		who, _ := p.get()
		used[who]++
	}
	// That one of four stays empty in 40 draws happens once in 25,000 runs.
	if len(used) < 3 {
		t.Errorf("40 requests without the cookie went to %v", used)
	}
}

func TestARequestOfADeadPlaceGoesToTheNextAndAlwaysTheSame(t *testing.T) {
	t.Parallel()
	p := hashing(t, lb.Maglev, "header:X-User")
	first, _ := p.get("X-User: alice")
	p.reg.Judge(lb.ByProbe, lb.Down, "a test", p.at(first))
	p.wait(func() bool { return len(p.up.View().Candidates()) == 3 })
	second, _ := p.get("X-User: alice")
	for range 3 {
		if again, _ := p.get("X-User: alice"); again != second || again == first {
			t.Errorf("alice came from %s to %s and then to %s", first, second, again)
		}
	}
}

// wait waits for what a view rebuilt in the background will show.
func (p *placed) wait(seen func() bool) {
	p.t.Helper()
	eventually(p.t, "it comes about", seen)
}

func newSticky(t testing.TB, name string) *sticky.Sticky {
	t.Helper()
	c := sticky.Default()
	c.Cookie = name
	s, err := sticky.New("u", &c, sticky.Keys{"a key for these tests"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sticking(t testing.TB, endpoints ...string) *placed {
	if len(endpoints) == 0 {
		endpoints = origins(t, 4)
	}
	return newPlaced(t, endpoints, func(c *lb.Config) { c.Balance = lb.RoundRobin },
		func(plan *Plan) { plan.Sticky = newSticky(t, "weir") })
}

func TestAClientStaysWhereItsCookieSays(t *testing.T) {
	t.Parallel()
	p := sticking(t)
	for range 4 {
		first, cookie := p.get("Cookie: other=1")
		if !strings.HasPrefix(cookie, "weir=") {
			t.Fatalf("the first answer sets %q", cookie)
		}
		for range 5 {
			if who, again := p.get("Cookie: other=1; " + cookie); who != first || again != "" {
				t.Errorf("the client of %s came to %s and was given %q", first, who, again)
			}
		}
	}
}

func TestADrainingEndpointKeepsItsClientsAndOthersDoNot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		by    lb.Judge
		state lb.State
		stays bool
	}{
		{lb.ByOperator, lb.Draining, true},
		{lb.ByProbe, lb.Unknown, true},
		{lb.ByOperator, lb.Maintenance, false},
		{lb.ByProbe, lb.Down, false},
		{lb.ByTraffic, lb.Ejected, false},
	} {
		p := sticking(t)
		first, cookie := p.get()
		p.reg.Judge(c.by, c.state, "a test", p.at(first))
		p.wait(func() bool { return len(p.up.View().Candidates()) == 3 })
		who, again := p.get("Cookie: " + cookie)
		if (who == first) != c.stays || (again == "") != c.stays {
			t.Errorf("%s: the client of %s came to %s and was given %q", c.state, first, who, again)
		}
		for range 8 {
			if who, _ := p.get(); who == first {
				t.Errorf("%s: %s was given a new client", c.state, first)
			}
		}
		if c.stays {
			continue
		}
		if then, third := p.get("Cookie: " + again); then != who || third != "" {
			t.Errorf("%s: after its move to %s the client came to %s and was given %q", c.state, who, then, third)
		}
	}
}

func TestAnEndpointThatRefusesLosesItsClientsAtOnce(t *testing.T) {
	t.Parallel()
	alive := origins(t, 1)
	p := sticking(t, alive[0], "127.0.0.1:1") // nobody listens on tcpmux
	forged := cookieFor(t, p.up, "127.0.0.1:1")
	who, again := p.get("Cookie: " + forged)
	if who != "0" || again == "" {
		t.Fatalf("the client came to %s and was given %q", who, again)
	}
	if then, third := p.get("Cookie: " + again); then != "0" || third != "" {
		t.Errorf("after its move the client came to %s and was given %q", then, third)
	}
}

// cookieFor returns the cookie of a client of an endpoint.
func cookieFor(t testing.TB, u *lb.Upstream, address string) string {
	t.Helper()
	x := &http7.Exchange{Arrival: time.Now(), Answer: &http7.Answer{Status: 200}}
	newSticky(t, "weir").Keep(new(sticky.Visit), x, u.Find([]byte(address)), new(lb.Tried))
	cookie, _, _ := strings.Cut(string(x.Answer.Header.Get(http7.SetCookie)), ";")
	return cookie
}

func TestNoCookieIsSetOnWhatNoEndpointSaid(t *testing.T) {
	t.Parallel()
	p := sticking(t, "127.0.0.1:1")
	if who, cookie := p.get(); who != "502 Bad Gateway" || cookie != "" {
		t.Errorf("got %s with the cookie %q", who, cookie)
	}
}

// lookout is a response policy that notes what it sees of cookies, as a cache would.
type lookout struct{ saw []string }

func (l *lookout) Response(x *http7.Exchange) http7.Verdict {
	l.saw = append(l.saw, string(x.Answer.Header.Get(http7.SetCookie)))
	return http7.Continue
}

func TestPoliciesDoNotSeeTheCookieThatIsSet(t *testing.T) {
	// A cache that stored it would hand one client's place to all.
	t.Parallel()
	look := new(lookout)
	p := newPlaced(t, origins(t, 1), nil, func(plan *Plan) {
		plan.Sticky = newSticky(t, "weir")
		plan.Route.Steps = []http7.Step{{Name: "cache", Response: look}}
	})
	if _, cookie := p.get(); cookie == "" {
		t.Fatal("no cookie is set")
	}
	p.settled()
	if len(look.saw) != 1 || look.saw[0] != "" {
		t.Errorf("the policy saw %q", look.saw)
	}
}

func TestAllAttemptsOfAnExchangeHaveOneKey(t *testing.T) {
	p := sticking(t)
	x := keyExchange(p, cookieFor(t, p.up, p.at("2").Address()))
	c := new(conn)
	first := c.key(x)
	x.attempts++
	second := c.key(x)
	if first != second || first.Route == 0 || first.Stick != p.at("2") || !x.bound() {
		t.Errorf("the keys are %+v and %+v", first, second)
	}
	other := keyExchange(p, "")
	other.Route = &http7.Route{Name: "other"}
	if k := c.key(other); k.Route == first.Route || k.Stick != nil || other.bound() {
		t.Errorf("another route without a cookie has the key %+v", k)
	}
	x.placing.reset()
	if x.placing.made || x.bound() || x.placing.key != (lb.Key{}) {
		t.Errorf("something is left: %+v", x.placing.key)
	}
}

// A number was drawn for those who lack what is hashed, and explain took it for their place.
func TestWhoLacksWhatIsHashedHasNoPlace(t *testing.T) {
	p := hashing(t, lb.Maglev, "cookie:uid")
	for cookie, none := range map[string]bool{"": true, "uid=": true, "uidd=7": true, "uid=7": false} {
		if hash := new(conn).key(keyExchange(p, cookie)).Hash; (hash == 0) != none {
			t.Errorf("cookie %q: the hash is %x", cookie, hash)
		}
	}
}

func keyExchange(p *placed, cookie string) *exchange {
	x := &exchange{plan: p.plan}
	x.Route, x.Arrival = p.route, time.Now()
	x.Method, x.Path = []byte("GET"), []byte("/v1/orders")
	if cookie != "" {
		x.Request.AddRaw([]byte("Cookie"), []byte("a=b; "+cookie))
	}
	return x
}

func TestMakingAKeyDoesNotAllocate(t *testing.T) {
	p := newPlaced(t, origins(t, 2), func(c *lb.Config) { c.Balance = lb.Ring }, func(plan *Plan) {
		plan.Sticky, plan.HashOn = newSticky(t, "weir"), hashOn(t, "path", "cookie:a")
	})
	c, x := new(conn), keyExchange(p, cookieFor(t, p.up, p.at("1").Address()))
	if n := testing.AllocsPerRun(1000, func() {
		x.placing.reset()
		if c.key(x).Stick == nil {
			t.Fatal("the cookie is not taken")
		}
	}); n != 0 {
		t.Fatalf("key allocates %v times", n)
	}
}

func BenchmarkKey(b *testing.B) {
	p := newPlaced(b, origins(b, 2), func(c *lb.Config) { c.Balance = lb.Ring }, func(plan *Plan) {
		plan.Sticky, plan.HashOn = newSticky(b, "weir"), hashOn(b, "path", "cookie:a")
	})
	c, x := new(conn), keyExchange(p, cookieFor(b, p.up, p.at("1").Address()))
	b.ReportAllocs()
	for b.Loop() {
		x.placing.reset()
		c.key(x)
	}
}
