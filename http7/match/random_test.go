package match

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"weir/http7"
)

// Random routes and requests out of so few words that they meet often.

var (
	someHosts   = []string{"a", "b.a", "c.b.a", "*.a", "*.b.a", "*.c.b.a", "d", "*", "*"}
	somePaths   = []string{"/*", "/", "/a", "/a/*", "/a/b", "/a/b/*", "/a/", "/b/*", "/ab", "/a/b/c", "/b/a/*", "/{x}", "/{x}/*", "/{y}/b", "/a/{x}", "/a/{y}/*", "/a/{x}/c", "/{x}/{y}/c", "/{x}/b/*", "/a/b/{z}", "/{x}/{y}/{z}", "/b/c/{x}/d/*"}
	someMethods = []string{"GET", "PUT", "HEAD"}
	askHosts    = []string{"", "a", "A:80", "b.a", "B.a.", "c.b.a", "d.c.b.a:1", "x.d.c.b.a", "d", "e", ".a", "xa"}
	askPaths    = []string{"/", "*", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a/b/c/d", "/ab", "/b", "/b/a/x", "/c", "/a/7", "/a/b/b", "/b/c", "/a/c", "/b/c/c", "/c/b", "/c/b/a", "/b/c/x/d/e", "/b/c/x/d", "/a/x/c"}
	values      = []string{"1", "2", "12", ""}
	tests       = []http7.Test{http7.Equals, http7.Equals, http7.Matches, http7.Exists, http7.Missing}
	subjects    = []http7.Subject{http7.OnClient, http7.OnCountry, http7.OnSNI, http7.OnHeader, http7.OnQuery, http7.OnCookie, http7.OnClaim, http7.OnContent, http7.OnContent, http7.OnContent}
	patterns    = []string{"1", "^1$", "2", "^$"}
	contentAt   = []string{"order.type", "items.*.sku", "items.0.sku", "/order/type", "/order/@type"}
	someBlocks  = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("192.0.2.0/24")}
	askClients  = []string{"10.1.0.1", "10.2.9.9", "10.9.9.9", "192.0.2.7", "127.0.0.1"}
	expressions = slices.Sorted(maps.Keys(someExpressions))
)

var someBodies = []*someBody{
	{kind: "json", text: `{"order":{"type":"1"},"items":[{"sku":"1"},{"sku":"2"}]}`, values: map[string][]string{"order.type": {"1"}, "items.*.sku": {"1", "2"}, "items.0.sku": {"1"}}},
	{kind: "json", text: `{"order":{"type":"2","type":"1"},"items":[{"sku":12}]}`, values: map[string][]string{"order.type": {"2", "1"}, "items.*.sku": {"12"}, "items.0.sku": {"12"}}},
	{kind: "json", text: `{"order":{"type":{}},"items":{"0":{"sku":"2"}}}`, values: map[string][]string{"order.type": {"{}"}, "items.*.sku": {"2"}, "items.0.sku": {"2"}}},
	{kind: "json", text: `[]`},
	{kind: "json", text: `{"order":`, broken: true},
	{kind: "xml", text: `<order type="2"><type>1</type></order>`, values: map[string][]string{"/order/type": {"1"}, "/order/@type": {"2"}}},
	{kind: "xml", text: `<order><type><b/></type><type>2</type></order>`, values: map[string][]string{"/order/type": {"{}", "2"}}},
	{kind: "xml", text: `<order>`, broken: true},
	{kind: "", text: `{"order":{"type":"1"}}`},
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func some(r *rand.Rand, from []string, most int) (out []string) {
	for range r.IntN(most + 1) {
		out = append(out, pick(r, from))
	}
	return out
}

func randomRoutes(r *rand.Rand, n int) (routes []*http7.Route) {
	for i := range n {
		one := &http7.Route{ID: i, Name: fmt.Sprint(i), Hosts: some(r, someHosts[r.IntN(len(someHosts)):], 2), Paths: some(r, somePaths, 2), Methods: some(r, someMethods, 2), Priority: r.IntN(2)}
		if r.IntN(3) == 0 {
			one.Paths = append(one.Paths, "~"+pick(r, expressions))
		}
		for range max(0, r.IntN(5)-1) {
			one.Conditions = append(one.Conditions, randomCondition(r))
		}
		routes = append(routes, one)
	}
	return routes
}

// crowded makes routes of which many share host and path and are told apart by one header or cookie.
func crowded(r *rand.Rand) (routes []*http7.Route) {
	on := pick(r, []http7.Condition{{On: http7.OnHeader, Name: "X-A"}, {On: http7.OnCookie, Name: "a"}, {On: http7.OnClaim, Name: "b"}})
	for _, one := range randomRoutes(r, 40) {
		one.Hosts, one.Paths = nil, []string{pick(r, []string{"/*", "/*", "/*", "/a"})}
		if r.IntN(3) > 0 {
			on.Value = pick(r, values)
			one.Conditions = append(one.Conditions, on)
		}
		routes = append(routes, one)
	}
	return routes
}

func randomCondition(r *rand.Rand) http7.Condition {
	c := http7.Condition{On: pick(r, subjects), Test: pick(r, tests), Value: pick(r, values)}
	if c.Test == http7.Matches {
		c.Value = pick(r, patterns)
	}
	switch c.On {
	case http7.OnClient:
		return http7.Condition{On: c.On, Test: http7.OneOf, Prefixes: []netip.Prefix{pick(r, someBlocks), pick(r, someBlocks)}}
	case http7.OnCountry:
		if r.IntN(2) == 0 {
			return http7.Condition{On: c.On, Test: http7.OneOf, Values: some(r, []string{"DE", "FR", "1"}, 2)}
		}
	case http7.OnSNI:
	case http7.OnContent:
		c.Name = pick(r, contentAt)
	case http7.OnHeader:
		c.Name = pick(r, []string{"X-A", "x-b"})
	default:
		c.Name = pick(r, []string{"a", "b"})
	}
	return c
}

func randomPlain(r *rand.Rand) *plain {
	p := &plain{method: pick(r, someMethods), host: pick(r, askHosts), path: pick(r, askPaths), client: pick(r, askClients), country: pick(r, []string{"", "DE", "1"}), sni: pick(r, []string{"", "1", "2"})}
	p.headers = randomPairs(r, "x-a", "x-b")
	p.query, p.cookies, p.claims = randomPairs(r, "a", "b"), randomPairs(r, "a", "b"), randomPairs(r, "a", "b")
	if r.IntN(2) == 0 {
		p.body, p.whole = pick(r, someBodies), r.IntN(4) > 0
	}
	if r.IntN(4) == 0 {
		p.known = map[string]bool{}
		for _, s := range []string{"header:x-a", "header:x-b", "cookie:a", "cookie:b", "claim:a", "claim:b", "sni", "country", "body"} {
			p.known[s] = r.IntN(3) > 0
		}
	}
	return p
}

func randomPairs(r *rand.Rand, names ...string) (list []pair) {
	for range r.IntN(4) {
		list = append(list, pair{pick(r, names), pick(r, values)})
	}
	return list
}

// exchange makes of p what the hall would hand over.
func (p *plain) exchange(r *rand.Rand) *http7.Exchange {
	x := ask(p.method, p.host, p.path)
	x.Conn = &http7.Conn{SNI: p.sni}
	x.Client, x.Country = netip.MustParseAddr(p.client), p.country
	for _, h := range p.headers {
		x.Request.AddRaw([]byte(strings.ToUpper(h.name)), []byte(h.value))
	}
	var query, cookies []string
	for _, q := range p.query {
		query = append(query, escaped(r, q.name)+"="+escaped(r, q.value))
	}
	x.Query = []byte(strings.Join(query, "&"))
	for _, c := range p.cookies {
		cookies = append(cookies, c.name+"="+c.value)
	}
	if len(cookies) > 0 {
		x.Request.AddRaw([]byte("Cookie"), []byte(strings.Join(cookies, "; ")))
	}
	for _, c := range p.claims {
		x.Claims = append(x.Claims, http7.Claim{Name: c.name, Value: []byte(c.value)})
	}
	p.addBody(x)
	if p.known != nil {
		x.Recorded = &http7.Recorded{Fields: p.known}
	}
	return x
}

func escaped(r *rand.Rand, s string) string {
	if s == "" || r.IntN(2) == 0 {
		return url.QueryEscape(s)
	}
	return fmt.Sprintf("%%%02x", s[0]) + s[1:]
}

func (p *plain) addBody(x *http7.Exchange) {
	if p.body == nil {
		return
	}
	x.Body.Length = int64(len(p.body.text))
	if p.whole {
		x.Body.Collected, x.Body.Whole = []byte(p.body.text), true
	}
	kind := map[string]string{"json": "application/json; charset=utf-8", "xml": "Text/XML", "": "text/plain"}[p.body.kind]
	x.Request.AddRaw([]byte("Content-Type"), []byte(kind))
}
