package waf_test

import (
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/http7/policy/waf"
	"weir/internal/conf"
)

func get(text string) request {
	return request{method: "GET", target: "/v1/search?q=" + url.QueryEscape(text)}
}

// A link with =mail in its query is taken for a command line by rule 932235: a mistake of the kind that exclusions are for.
func TestARuleThatIsWrongCanBeLeftOut(t *testing.T) {
	const link = "See https://shop.example.com/items/42?ref=mail for details"
	for _, c := range []struct {
		what    string
		exclude []waf.Exclusion
		asks    string
		passes  bool
	}{
		{"nothing", nil, "q", false},
		{"the rule", []waf.Exclusion{{Rules: []string{"932235"}}}, "q", true},
		{"a range with it", []waf.Exclusion{{Rules: []string{"920100", "932200-932299"}}}, "q", true},
		{"a range without it", []waf.Exclusion{{Rules: []string{"933100-933999"}}}, "q", false},
		{"the rule for that parameter", []waf.Exclusion{{Rules: []string{"932235"}, Target: "ARGS:q"}}, "q", true},
		{"the rule for another parameter", []waf.Exclusion{{Rules: []string{"932235"}, Target: "ARGS:text"}}, "q", false},
		{"the rule for that parameter, asked by another", []waf.Exclusion{{Rules: []string{"932235"}, Target: "args:Q"}}, "text", false},
		{"the rule for all parameters", []waf.Exclusion{{Rules: []string{"932235"}, Target: "ARGS"}}, "text", true},
	} {
		s := step(t, func(cfg *waf.Config) { cfg.Exclude = c.exclude })
		x := exchange(request{method: "GET", target: "/v1/search?" + c.asks + "=" + url.QueryEscape(link)})
		if f := ask(s, x, ""); (f == nil) != c.passes {
			t.Errorf("%s: %v, %v", c.what, f, x.Verdicts)
		}
		if f := ask(s, exchange(get(evil)), ""); f == nil {
			t.Errorf("%s: another attack passes", c.what)
		}
	}
}

func TestTheScoreAndTheRulesAreRemarked(t *testing.T) {
	p, c := counting(), waf.Default()
	steps, err := waf.Compile(&c, "edge", p.Needs())
	if err != nil {
		t.Fatal(err)
	}
	x := exchange(get(evil))
	f := ask(&steps[0], x, "")
	if len(x.Verdicts) != 1 || !strings.HasPrefix(x.Verdicts[0], "edge.waf:score 20: rules 942100") || !strings.Contains(x.Verdicts[0], "942100") {
		t.Errorf("%v", x.Verdicts)
	}
	if f == nil || x.Cause == nil || !strings.Contains(x.Cause.Error(), "942100") || strings.Contains(x.Cause.Error(), "UNION") {
		t.Errorf("%v, %v", f, x.Cause)
	}
	if n := p.Count("edge.waf scored"); n != 1 {
		t.Errorf("counted %d", n)
	}
	http7.FaultAnswer(x, f)
	chunk, _, _ := x.Answer.Source.Next()
	if body := string(chunk); strings.Contains(body, "942") || !strings.Contains(body, `"fault":"waf_blocked"`) {
		t.Errorf("the client learns of the rules: %s", body)
	}
}

func TestParanoiaThresholdAndMethodsAreTheSections(t *testing.T) {
	odd := get("a=b;c d' e") // what paranoia 1 takes for ordinary
	for _, c := range []struct {
		what   string
		edit   func(c *waf.Config)
		ask    request
		passes bool
	}{
		{"odd text at 1", nil, odd, true},
		{"odd text at 4", func(c *waf.Config) { c.Paranoia = 4 }, odd, false},
		{"an attack under a high threshold", func(c *waf.Config) { c.Threshold = 500 }, get(evil), true},
		{"a method of WebDAV", nil, request{method: "PROPFIND", target: "/"}, false},
		{"a method that is named", func(c *waf.Config) { c.Methods = append(c.Methods, "PROPFIND") }, request{method: "PROPFIND", target: "/"}, true},
		{"text", nil, request{method: "POST", target: "/", contentType: "text/plain", body: "hello"}, false},
		{"text where it is named", func(c *waf.Config) { c.ContentTypes = []string{"Text/Plain"} }, request{method: "POST", target: "/", contentType: "text/plain", body: "hello"}, true},
		{"an attack in text where it is named", func(c *waf.Config) { c.ContentTypes = []string{"text/plain"} }, request{method: "POST", target: "/", contentType: "text/plain", body: evil}, false},
		{"gRPC", nil, request{method: "POST", target: "/a.B/C", contentType: "application/grpc", body: "\x00\x00\x00\x00\x00"}, false},
		{"gRPC where it is named", func(c *waf.Config) { c.ContentTypes = []string{"application/grpc"} }, request{method: "POST", target: "/a.B/C", contentType: "application/grpc", body: "\x00\x00\x00\x00\x00"}, true},
	} {
		x := exchange(c.ask)
		if f := ask(step(t, c.edit), x, c.ask.body); (f == nil) != c.passes {
			t.Errorf("%s: %v, %v", c.what, f, x.Verdicts)
		}
	}
}

func TestTheRuleSetIsCompiledOnceForAllSectionsAndConfigs(t *testing.T) {
	c, other := waf.Default(), waf.Default()
	other.Paranoia, other.Exclude = 3, []waf.Exclusion{{Rules: []string{"942100"}}}
	p := policytest.NewProcess()
	first := p.Needs()
	if _, err := waf.Compile(&c, "edge", first); err != nil {
		t.Fatal(err)
	}
	next := p.Needs()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, c := range []*waf.Config{&c, &other, &other} {
		if _, err := waf.Compile(c, "api", next); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("three more sections have allocated %d KiB: the rules were compiled again", grown>>10)
	}
	first.Turn.End()
	s := step(t, nil)
	if f := ask(s, exchange(get(evil)), ""); f == nil {
		t.Error("a config that ends takes the rules from others")
	}
	next.Turn.End()
}

func TestRulesOfOnesOwnAreAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "own.conf")
	if err := os.WriteFile(path, []byte(`SecRule ARGS:coupon "@streq free" "id:100001,phase:2,deny,status:403"`), 0o600); err != nil {
		t.Fatal(err)
	}
	coupon := request{method: "GET", target: "/v1/orders?coupon=free"}
	for ruleset, stops := range map[string]bool{"crs": true, "own": false} {
		s := step(t, func(c *waf.Config) { c.Ruleset, c.Rules = ruleset, path })
		x := exchange(coupon)
		if f := ask(s, x, ""); f == nil || x.Cause == nil || !strings.Contains(x.Cause.Error(), "100001") {
			t.Errorf("%s: %v, %v", ruleset, f, x.Cause)
		}
		if f := ask(s, exchange(get(evil)), ""); (f != nil) != stops {
			t.Errorf("%s: an attack: %v", ruleset, f)
		}
	}
}

func TestObservingSaysTheSameAsEnforcing(t *testing.T) {
	c := waf.Default()
	c.Mode = conf.Observe
	steps, err := waf.Compile(&c, "edge", process.Needs())
	if err != nil || steps[0].Mode != http7.Observe {
		t.Fatalf("%v, %v", steps, err)
	}
	enforcing := step(t, nil)
	refused := 0
	for _, r := range []request{get(evil), get("shoes"), {method: "PROPFIND", target: "/"}, {method: "POST", target: "/", contentType: "application/json", body: `{"q":1,"q":2}`}} {
		want, got := exchange(r), exchange(r)
		f := ask(enforcing, want, r.body)
		if g := ask(&steps[0], got, r.body); g != f || strings.Join(want.Verdicts, ";") != strings.Join(got.Verdicts, ";") {
			t.Errorf("%s: %v, %v; enforcing %v, %v", r.target, g, got.Verdicts, f, want.Verdicts)
		}
		if f != nil {
			refused++
		}
	}
	if refused != 3 {
		t.Errorf("%d are refused, want 3", refused)
	}
	c.Mode = conf.ModeOff
	if steps, err := waf.Compile(&c, "edge", nil); err != nil || len(steps) != 0 {
		t.Errorf("off: %v, %v", steps, err)
	}
}

func TestARehearsalCountsNothingAndALogIsJudgedByWhatItHas(t *testing.T) {
	p, c := counting(), waf.Default()
	steps, err := waf.Compile(&c, "edge", p.Needs())
	if err != nil {
		t.Fatal(err)
	}
	x := exchange(get(evil))
	x.Dry = true
	if f := ask(&steps[0], x, ""); f == nil || p.Count("edge.waf scored") != 0 {
		t.Errorf("%v, counted %d", f, p.Count("edge.waf scored"))
	}
	for text, want := range map[string]*int{evil: status(403), "shoes": nil} {
		x := exchange(get(text))
		x.Dry, x.Recorded = true, &http7.Recorded{Fields: map[string]bool{}}
		x.Request.Reset(nil)
		if f := ask(&steps[0], x, ""); !same(f, want) || f == nil && len(x.Verdicts) != 1 {
			t.Errorf("%q from a log: %v, %v", text, f, x.Verdicts)
		}
	}
}

func TestAClientThatLeavesLeavesNothing(t *testing.T) {
	s := step(t, nil)
	r := request{method: "POST", target: "/", contentType: "application/json", body: "{}"}
	x := exchange(r)
	if v := s.Request.Request(x); v.Act != http7.Need {
		t.Fatalf("%v", v)
	}
	s.End.End(x, 0)
	if x.Kept(s.Request) != nil {
		t.Error("a transaction is left")
	}
	if v := s.Request.(http7.Resumer).Resume(x, http7.BodyReady); v.Act != http7.Go {
		t.Errorf("%v", v)
	}
}
