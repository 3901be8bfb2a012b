package gateway

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A small world of configs and requests that collide often, with a judge of its own: what plan says is compared with
// what two running configs do, and what it can't say with what this judge can't.

// term is a condition of a route besides host, path and method.
type term struct{ on, name, want string } // on is headers, query or cookies

func (t term) selector() string {
	switch t.on {
	case "headers":
		return "header:" + strings.ToLower(t.name)
	case "cookies":
		return "cookie:" + t.name
	}
	return "" // the query stands on every line
}

// hidden reports whether the log has hashes of the values.
func (t term) hidden() bool { return t.on == "cookies" || t.name == "X-Auth" }

// way is a route.
type way struct {
	name     string
	hosts    []string
	paths    []string
	methods  []string
	terms    []term
	priority int
	action   string // a line of TOML
	body     string // limits.body_bytes
	cors     bool   // its policy answers preflights
	fills    string // the selector whose value stands in a template of its rewrite or redirect
	rewrite  string
}

// limit is that of the bodies in bytes, 0 if there is none.
func (w *way) limit() int {
	n, _ := strconv.Atoi(strings.TrimSuffix(w.body, "KiB"))
	return n << 10
}

func (w *way) toml() string {
	var match []string
	list := func(key string, of []string) {
		if len(of) > 0 {
			match = append(match, fmt.Sprintf("%s = %s", key, quoted(of)))
		}
	}
	list("hosts", w.hosts)
	list("path", w.paths)
	list("methods", w.methods)
	for _, on := range []string{"headers", "query", "cookies"} {
		var inner []string
		for _, t := range w.terms {
			if t.on == on {
				inner = append(inner, fmt.Sprintf("%s = %q", t.name, t.want))
			}
		}
		if len(inner) > 0 {
			match = append(match, on+" = { "+strings.Join(inner, ", ")+" }")
		}
	}
	text := fmt.Sprintf("[[routes]]\nname = %q\npriority = %d\n%s\n", w.name, w.priority, w.action)
	if len(match) > 0 {
		text += "match = { " + strings.Join(match, ", ") + " }\n"
	}
	if w.cors {
		text += "policies = \"site\"\n"
	}
	if w.rewrite != "" {
		text += "rewrite = " + w.rewrite + "\n"
	}
	if w.body != "" {
		text += fmt.Sprintf("limits.body_bytes = %q\n", w.body)
	}
	return text
}

func quoted(list []string) string {
	var out []string
	for _, s := range list {
		out = append(out, "'"+s+"'")
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// call is a request.
type call struct {
	method, host, path, query string
	fields                    [][2]string
	body                      string
	escaped                   bool // its path is spelt with escapes
}

func (c *call) cookies() map[string][]string {
	got := map[string][]string{}
	for _, f := range c.fields {
		if f[0] == "Cookie" {
			for _, pair := range strings.Split(f[1], "; ") {
				name, value, _ := strings.Cut(pair, "=")
				got[name] = append(got[name], value)
			}
		}
	}
	return got
}

func (c *call) values(t term) (values []string) {
	switch t.on {
	case "headers":
		for _, f := range c.fields {
			if strings.EqualFold(f[0], t.name) {
				values = append(values, f[1])
			}
		}
	case "cookies":
		values = c.cookies()[t.name]
	case "query":
		q, _ := url.ParseQuery(c.query)
		values = q[t.name]
	}
	return values
}

func (t term) holds(c *call) bool {
	values := c.values(t)
	switch {
	case t.want == "*":
		return len(values) > 0
	case t.want == "!":
		return len(values) == 0
	case len(values) == 0:
		return false
	}
	for _, v := range values {
		if re, ok := strings.CutPrefix(t.want, "~"); ok && !regexp.MustCompile(re).MatchString(v) || !ok && v != t.want {
			return false
		}
	}
	return true
}

// spot is one host and path of a way, in the order in which they are asked.
type spot struct {
	way        *way
	host, path string
}

func hostHolds(pattern, host string) bool {
	suffix, wild := strings.CutPrefix(pattern, "*")
	return pattern == "" || pattern == host || wild && strings.HasSuffix(host, suffix) && len(host) > len(suffix)
}

func pathHolds(pattern, path string) bool {
	if re, ok := strings.CutPrefix(pattern, "~"); ok {
		return regexp.MustCompile(re).MatchString(path)
	}
	base, rest := strings.CutSuffix(pattern, "/*")
	if pattern == "" || base == "" && rest {
		return true
	}
	want, got := strings.Split(base, "/"), strings.Split(path, "/")
	if len(got) < len(want) || len(got) > len(want) && !rest {
		return false
	}
	for i, s := range want {
		if s != got[i] && (!strings.HasPrefix(s, "{") || got[i] == "") {
			return false
		}
	}
	return true
}

func hostRank(h string) int {
	switch {
	case h == "":
		return 0
	case strings.HasPrefix(h, "*"):
		return len(h)
	}
	return 1000
}

// comparePlaces orders the more specific first, by the words of the reference.
func comparePlaces(a, b spot) int {
	return cmp.Or(
		-cmp.Compare(hostRank(a.host), hostRank(b.host)),
		comparePatterns(a.path, b.path),
		-cmp.Compare(min(1, len(a.way.methods)), min(1, len(b.way.methods))),
		-cmp.Compare(len(a.way.terms), len(b.way.terms)),
		-cmp.Compare(a.way.priority, b.way.priority),
	)
}

func comparePatterns(a, b string) int {
	reA, isA := strings.CutPrefix(a, "~^")
	reB, isB := strings.CutPrefix(b, "~^")
	if isA || isB {
		return cmp.Or(cmp.Compare(yes(isA), yes(isB)), -cmp.Compare(literal(reA), literal(reB)))
	}
	sa, sb := strings.Split(cmp.Or(a, "/*"), "/"), strings.Split(cmp.Or(b, "/*"), "/")
	for i := 0; ; i++ {
		ka, kb := 2, 2 // the end
		if i < len(sa) {
			ka = kind(sa[i])
		}
		if i < len(sb) {
			kb = kind(sb[i])
		}
		// A literal, a name, the end, the rest: what is longer than the other one says more than its end, if it is no rest.
		if ka != kb || ka >= 2 {
			return cmp.Compare(ka, kb)
		}
	}
}

func kind(segment string) int {
	switch {
	case segment == "*":
		return 3
	case strings.HasPrefix(segment, "{"):
		return 1
	}
	return 0
}

func yes(b bool) int {
	if b {
		return 1
	}
	return 0
}

// literal is the length of what a regular expression begins with before anything special.
func literal(re string) int {
	i := strings.IndexAny(re, `[\(.$+*?{|`)
	if i < 0 {
		return len(re)
	}
	return i
}

// spots are the places of ways, the most specific first.
func spots(ways []*way) (places []spot) {
	for _, w := range ways {
		for _, h := range orEmpty(w.hosts) {
			for _, p := range orEmpty(w.paths) {
				places = append(places, spot{w, h, p})
			}
		}
	}
	slices.SortStableFunc(places, comparePlaces)
	return places
}

// holds reports whether host, path and method of c are those of s.
func (s spot) holds(c *call, method string) bool {
	return hostHolds(s.host, c.host) && pathHolds(s.path, c.path) && (len(s.way.methods) == 0 || slices.Contains(s.way.methods, method))
}

// decide finds the way of c when but the fields of known are known (nil: all are). It is not decided if one that is not
// known decides. A preflight is first matched as the method that it asks for.
func decide(ways []*way, c *call, known map[string]bool) (w *way, decided bool) {
	if c.method == http.MethodOptions && slices.ContainsFunc(ways, func(w *way) bool { return w.cors }) {
		if known != nil && !(known["header:origin"] && known["header:access-control-request-method"]) {
			return nil, false
		}
		if asked := c.asked(); asked != "" {
			if w, decided = find(ways, c, asked, known); !decided || w != nil && w.cors {
				return w, decided
			}
		}
	}
	w, decided = find(ways, c, c.method, known)
	if w != nil && w.fills != "" && known != nil && !known[w.fills] && (w.limit() == 0 || len(c.body) <= w.limit()) {
		return nil, false // a body that is too long is refused before any template is filled
	}
	return w, decided
}

// asked is the method that a preflight asks for, "" if c is none.
func (c *call) asked() string {
	origin, method := c.values(term{on: "headers", name: "Origin"}), c.values(term{on: "headers", name: "Access-Control-Request-Method"})
	if len(origin) == 0 || len(method) != 1 {
		return ""
	}
	return method[0]
}

func find(ways []*way, c *call, method string, known map[string]bool) (w *way, decided bool) {
	for _, p := range spots(ways) {
		if !p.holds(c, method) {
			continue
		}
		out, open := false, false
		for _, t := range p.way.terms {
			if known != nil && t.selector() != "" && !known[t.selector()] {
				open = true
			} else if !t.holds(c) {
				out = true
			}
		}
		if out {
			continue
		}
		return p.way, !open
	}
	return nil, true
}

func orEmpty(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// reads are the selectors that the conditions of ways read.
func reads(ways []*way) map[string]bool {
	got := map[string]bool{}
	for _, w := range ways {
		for _, t := range w.terms {
			if s := t.selector(); s != "" {
				got[s] = true
			}
		}
		if w.fills != "" {
			got[w.fills] = true
		}
		if w.cors {
			got["header:origin"], got["header:access-control-request-method"] = true, true
		}
	}
	return got
}

// legible are the selectors of c that the log of a config with the ways old tells one with the ways next: hidden values can be
// compared, but where one looks for a regular expression in them or fills a template with them they are none.
func legible(old, next []*way, c *call) map[string]bool {
	got := reads(old)
	for _, w := range next {
		for _, t := range w.terms {
			if t.hidden() && strings.HasPrefix(t.want, "~") && len(c.values(t)) > 0 {
				delete(got, t.selector())
			}
		}
		if name, hidden := strings.CutPrefix(w.fills, "cookie:"); hidden && len(c.cookies()[name]) > 0 {
			delete(got, w.fills)
		}
	}
	return got
}

// maker draws worlds.
type maker struct {
	*rand.Rand
	seen int // ways made
}

func pickOf[T any](m *maker, list ...T) T { return list[m.IntN(len(list))] }

func some[T comparable](m *maker, most int, draw func() T) (list []T) {
	for range m.IntN(most + 1) {
		if v := draw(); !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

func (m *maker) segment() string { return pickOf(m, "a", "b", "c", "7", "42") }

func (m *maker) pattern() string {
	if m.IntN(10) == 0 {
		return pickOf(m, `~^/a/[0-9]+$`, `~^/b/(a|c)/`, `~^/[a-c]/7`, `~^/c/.*`)
	}
	text := ""
	for range 1 + m.IntN(3) {
		if m.IntN(5) == 0 {
			text += fmt.Sprintf("/{p%d}", strings.Count(text, "/"))
		} else {
			text += "/" + m.segment()
		}
	}
	if m.IntN(3) == 0 {
		text += "/*"
	}
	return text
}

// term draws a condition; one of few names unless rare.
func (m *maker) term(rare bool) term {
	if rare {
		return term{"headers", pickOf(m, "X-New", "X-Other"), pickOf(m, "*", "!", "1")}
	}
	switch m.IntN(4) {
	case 0:
		return term{"query", pickOf(m, "version", "q"), pickOf(m, "1", "2", "*", "!", "~^[12]$")}
	case 1:
		return term{"cookies", pickOf(m, "cohort", "uid"), pickOf(m, "a", "b", "*", "!", "~^a")}
	}
	return term{"headers", pickOf(m, "X-Tenant", "X-Beta", "X-Auth"), pickOf(m, "acme", "other", "*", "!", "~^a")}
}

func (m *maker) way(rare bool) *way {
	m.seen++
	w := &way{
		name:     fmt.Sprintf("r%d", m.seen),
		hosts:    some(m, 2, func() string { return pickOf(m, "a.example", "b.example", "*.example", "*.b.example") }),
		paths:    some(m, 2, m.pattern),
		methods:  some(m, 2, func() string { return pickOf(m, "GET", "POST", "PUT") }),
		priority: m.seen,
		action:   m.action(),
	}
	if m.IntN(3) == 0 {
		taken := map[string]bool{}
		for range 1 + m.IntN(2) {
			if t := m.term(rare); !taken[t.on+t.name] {
				taken[t.on+t.name] = true
				w.terms = append(w.terms, t)
			}
		}
	}
	m.shape(w, rare)
	if m.IntN(6) == 0 {
		w.body = pickOf(m, "1KiB", "2KiB")
	}
	return w
}

// shape draws what has a say besides the match.
func (m *maker) shape(w *way, rare bool) {
	w.cors = m.IntN(8) == 0
	from, fills := "{header.X-Tenant}", "header:x-tenant"
	switch {
	case rare:
		from, fills = "{header.X-New}", "header:x-new"
	case m.IntN(3) == 0:
		from, fills = "{cookie.uid}", "cookie:uid"
	}
	switch {
	case m.IntN(8) > 0:
	case strings.HasPrefix(w.action, "upstream"):
		w.rewrite, w.fills = "{ regex = '^/[ab]', to = '/"+from+"' }", fills
	case strings.HasPrefix(w.action, "redirect"):
		w.action, w.fills = "redirect = { to = '/to/"+from+"' }", fills
	}
}

func (m *maker) action() string {
	switch m.IntN(4) {
	case 0:
		return fmt.Sprintf("respond = { status = %d }", pickOf(m, 200, 204, 403, 410))
	case 1:
		return fmt.Sprintf("redirect = { to = %q, status = %d }", pickOf(m, "/new", "https://www.example/x"), pickOf(m, 301, 308))
	}
	return fmt.Sprintf("upstream = %q", pickOf(m, "one", "two"))
}

func (m *maker) ways(n int) (list []*way) {
	for range n {
		list = append(list, m.way(false))
	}
	return list
}

// change returns ways with a few edits.
func (m *maker) change(ways []*way) (list []*way) {
	for _, w := range ways {
		next := *w
		switch m.IntN(12) {
		case 0:
			continue
		case 1:
			next.action, next.rewrite, next.fills = m.action(), "", ""
		case 2:
			next.paths = append(slices.Clone(next.paths), m.pattern())
		case 3:
			next.methods = nil
		case 4:
			next.body = pickOf(m, "", "1KiB")
		case 6:
			next.cors = !next.cors
		case 5:
			if len(next.terms) > 0 {
				next.terms = next.terms[1:]
			}
		}
		list = append(list, &next)
	}
	for range m.IntN(4) {
		list = append(list, m.way(m.IntN(4) == 0))
	}
	m.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, w := range list { // a path drawn twice
		slices.Sort(w.paths)
		w.paths = slices.Compact(w.paths)
	}
	return list
}

func (m *maker) call() *call {
	c := &call{method: pickOf(m, http.MethodGet, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions), host: pickOf(m, "a.example", "b.example", "x.b.example", "c.test")}
	for range 1 + m.IntN(3) {
		c.path += "/" + m.segment()
	}
	if m.IntN(2) == 0 {
		c.query = pickOf(m, "version=1", "version=2", "version=1&version=2", "q=2", "q=%31&version=1", "other")
	}
	c.escaped = m.IntN(8) == 0
	field := func(name string, values ...string) {
		if m.IntN(3) == 0 {
			c.fields = append(c.fields, [2]string{name, pickOf(m, values...)})
		}
	}
	field("X-Tenant", "acme", "other", "apex", "..")
	if c.method == http.MethodOptions {
		field("Origin", "https://app.test", "https://evil.test")
		field("Access-Control-Request-Method", "PUT", "GET", "a b")
	}
	field("x-tenant", "acme", "other")
	field("X-Beta", "", "acme", "other")
	field("X-Auth", "acme", "other")
	field("X-New", "1", "2")
	field("Cookie", "cohort=a", "cohort=b; uid=a", "uid=b; uid=b", "uid=..", "cohort=a; cohort=b")
	if c.method == "POST" || c.method == "PUT" {
		c.body = strings.Repeat("x", pickOf(m, 0, 10, 1500, 3000))
	}
	return c
}

// line is raw without the body's bytes.
func (c *call) line() string { return strings.TrimSuffix(c.raw(), c.body) }

func (c *call) raw() string {
	target := c.path
	if c.escaped {
		target = strings.ReplaceAll(target, "a", "%61")
	}
	if c.query != "" {
		target += "?" + c.query
	}
	text := c.method + " " + target + " HTTP/1.1\r\nHost: " + c.host + "\r\n"
	for _, f := range c.fields {
		text += f[0] + ": " + f[1] + "\r\n"
	}
	if c.body != "" {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(c.body))
	}
	return text + "\r\n" + c.body
}
