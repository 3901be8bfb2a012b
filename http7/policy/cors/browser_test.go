package cors_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/cors"
)

// script is what a script asks its browser for.
type script struct {
	origin, method string
	headers        []string // those that need leave, in lower case
	credentials    bool
}

// ask does what a browser does (Fetch §4.8, CORS-preflight fetch, and §4.9, CORS check), written down from
// the standard, and reports whether the script gets to see the answer.
func (s *script) ask(step http7.Step) bool {
	if !slices.Contains(safelisted, s.method) || len(s.headers) > 0 {
		if h, status := s.preflight(step); status < 200 || status > 299 || !s.check(h) || !s.permitted(h) {
			return false
		}
	}
	var x http7.Exchange
	add(&x.Request, "Origin", s.origin)
	step.Request.Request(&x)
	add(&x.LocalAnswer(200).Header, "Access-Control-Allow-Origin", "*") // the endpoint's own word
	step.Response.Response(&x)
	return s.check(&x.Answer.Header)
}

var safelisted = []string{"GET", "HEAD", "POST"}

func (s *script) preflight(step http7.Step) (h *http7.Header, status int) {
	x := &http7.Exchange{Preflight: []byte(s.method)}
	add(&x.Request, "Origin", s.origin)
	add(&x.Request, "Access-Control-Request-Method", s.method)
	if len(s.headers) > 0 {
		add(&x.Request, "Access-Control-Request-Headers", strings.Join(s.headers, ","))
	}
	if v := step.Preflight.Request(x); v.Fault != nil {
		http7.FaultAnswer(x, v.Fault)
	}
	step.Response.Response(x)
	return &x.Answer.Header, x.Answer.Status
}

func add(h *http7.Header, name, value string) { h.AddRaw([]byte(name), []byte(value)) }

// values are those of all fields of a name, as one list.
func values(h *http7.Header, name string) (list []string) {
	n, _ := http7.NewName(name)
	for v := range h.Each(n) {
		for _, one := range strings.Split(string(v), ",") {
			list = append(list, strings.TrimSpace(one))
		}
	}
	return list
}

// check is the CORS check.
func (s *script) check(h *http7.Header) bool {
	origin := strings.Join(values(h, "Access-Control-Allow-Origin"), ", ")
	if !s.credentials && origin == "*" {
		return true
	}
	if origin != s.origin {
		return false
	}
	return !s.credentials || strings.Join(values(h, "Access-Control-Allow-Credentials"), ", ") == "true"
}

// permitted is the end of the CORS-preflight fetch.
func (s *script) permitted(h *http7.Header) bool {
	methods, names := values(h, "Access-Control-Allow-Methods"), values(h, "Access-Control-Allow-Headers")
	if !slices.Contains(methods, s.method) && !slices.Contains(safelisted, s.method) && (s.credentials || !slices.Contains(methods, "*")) {
		return false
	}
	for _, asked := range s.headers {
		named := slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, asked) })
		if !named && (asked == "authorization" || s.credentials || !slices.Contains(names, "*")) {
			return false
		}
	}
	return true
}

// meant is whether the config means to let the script ask.
func meant(c *cors.Config, s *script) bool {
	origin := slices.ContainsFunc(c.Origins, func(o string) bool {
		below := strings.ReplaceAll(regexp.QuoteMeta(o), `\*\.`, `([a-z0-9_-]+\.)+`)
		return o == "*" || regexp.MustCompile("^"+below+"$").MatchString(s.origin)
	})
	has := func(list []string, word string) bool {
		return slices.Contains(list, "*") || slices.ContainsFunc(list, func(w string) bool { return strings.EqualFold(w, word) })
	}
	return origin && (c.Credentials || !s.credentials) && (slices.Contains(safelisted, s.method) || has(c.Methods, s.method)) &&
		!slices.ContainsFunc(s.headers, func(h string) bool { return !has(c.Headers, h) })
}

func TestABrowserAllowsWhatTheConfigMeans(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	some := func(of ...string) (list []string) {
		for _, one := range of {
			if r.IntN(3) == 0 {
				list = append(list, one)
			}
		}
		return list
	}
	origins := []string{"https://a.example", "https://x.a.example", "https://x.y.a.example", "http://a.example", "https://evil-a.example", "https://a.example.evil", "null", "https://b.example:8443"}
	allowed := 0
	for range 20000 {
		c := cors.Default()
		c.Credentials = r.IntN(2) == 0
		c.Origins = append(some("https://a.example", "https://*.a.example", "https://b.example:8443"), "https://always.example")
		if !c.Credentials {
			c.Origins = append(c.Origins, some("null", "*")...)
		}
		c.Methods, c.Headers = some("GET", "PUT", "DELETE", "*"), some("X-A", "x-b", "Authorization", "*")
		s := &script{origin: origins[r.IntN(len(origins))], method: []string{"GET", "POST", "PUT", "DELETE", "PATCH"}[r.IntN(5)],
			headers: some("authorization", "x-a", "x-b", "x-c"), credentials: r.IntN(2) == 0}
		got, want := s.ask(compile(t, &c)[0]), meant(&c, s)
		if got != want {
			t.Fatalf("%+v\nasks under %+v\ngot %v, want %v", *s, c, got, want)
		}
		if got {
			allowed++
		}
	}
	if allowed < 1000 || allowed > 15000 {
		t.Errorf("%d of 20000 were allowed: the test tests little", allowed)
	}
}
