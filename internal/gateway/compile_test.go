package gateway

import (
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/config"
)

func handlers() Handlers {
	return Handlers{
		"hello": func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("hello " + string(ctx.Path())) },
		"panic": func(*fasthttp.RequestCtx) { panic("on purpose") },
	}
}

// compile compiles a text; what is nil failed with the report.
func compile(t *testing.T, text string) (*Compiled, *config.Report) {
	t.Helper()
	cfg, report := config.Parse("weir.toml", []byte(text), config.Options{Handlers: []string{"hello", "panic"}})
	if cfg == nil {
		t.Fatal(report)
	}
	return Compile(cfg, report, handlers()), report
}

const web = "[listeners.web]\naddress = \":8080\"\n"

func TestRoutesThatTieAreRefusedOnceNamingBothPlaces(t *testing.T) {
	c, report := compile(t, web+`
[listeners.inner]
address = ":8081"

[[routes]]
name = "first"
match = { hosts = "a.example", path = "/x/*", methods = ["GET", "PUT"] }
respond = {}

[[routes]]
name = "second"
match = { path = "/x/*", hosts = ["b.example", "a.example"], methods = ["PUT"] }
respond = {}
`)
	want := `weir.toml:14:9: routes[1].match: PUT requests for host a.example and path /x/* are taken by route "first" as well, and neither is more specific
    match = { path = "/x/*", hosts = ["b.example", "a.example"], methods = ["PUT"] }
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
  hint: the other is at weir.toml:7:1; make one more specific, or give one a higher priority

1 problem
`
	if got := report.String(); c != nil || got != want {
		t.Errorf("compiled %v; got\n%s\nwant\n%s", c != nil, got, want)
	}
}

func TestRoutesThatExcludeEachOtherDoNotTie(t *testing.T) {
	for _, c := range []struct{ first, second, ties string }{
		{`headers = { X-A = "1" }`, `headers = { X-A = "2" }`, ""},
		{`headers = { X-A = "*" }`, `headers = { x-a = "!" }`, ""},
		{`clients = "10.0.0.0/8"`, `clients = ["192.0.2.0/24", "::1"]`, ""},
		{`cookies = { a = "1" }`, `query = { a = "1" }`, `taken by route "first" as well`},
		{`clients = "10.0.0.0/8"`, `clients = "10.1.0.0/16"`, `taken by route "first" as well`},
		{`headers = { X-A = "1" }`, `headers = { X-A = "~^1" }`, `taken by route "first" as well`},
	} {
		_, report := compile(t, web+"[[routes]]\nname = \"first\"\nrespond = {}\nmatch = { path = \"/\", "+c.first+" }\n"+
			"[[routes]]\nrespond = {}\nmatch = { path = \"/\", "+c.second+" }\n")
		if got := report.String(); report.Failed() != (c.ties != "") || !strings.Contains(got, c.ties) {
			t.Errorf("%s and %s: %s", c.first, c.second, got)
		}
	}
}

func TestARouteThatCanNeverMatchIsAWarningNamingTheOther(t *testing.T) {
	c, report := compile(t, web+`
[listeners.inner]
address = ":8081"
[[routes]]
name = "first"
listeners = "web"
match.path = "/x"
respond = {}
[[routes]]
name = "second"
listeners = "web"
match.path = "/x"
priority = -1
respond = {}
[[routes]]
name = "third"
match.path = "/x"
priority = -2
respond = {}
`)
	if c == nil {
		t.Fatal(report)
	}
	got := report.String()
	if !strings.Contains(got, "weir.toml:14:1: warning: routes[1].match: the route can never match: ") || !strings.Contains(got, `"first"`) || !strings.Contains(got, "weir.toml:6:1") {
		t.Errorf("the report is\n%s", got)
	}
	if len(c.shadows) != 1 || c.shadows[0].route != "second" || c.shadows[0].by != "first" {
		t.Errorf("shadows: %+v", c.shadows) // third is served by inner as well
	}
}

func TestRoutesWithTheSamePoliciesShareTheirSteps(t *testing.T) {
	c, report := compile(t, web+`policies = "edge"
[[routes]]
match.path = "/a"
respond = {}
[[routes]]
match.path = "/b"
respond = {}
[[routes]]
match.path = "/c"
upstream = "u"
rewrite.prefix = "/x"
mirror.upstream = "u"
[upstreams.u]
endpoints = "127.0.0.1:1"
[policies.edge]
headers.request = { set = { X-Edge = "1" } }
headers.response = { remove = "Server" }
compress = {}
`)
	if c == nil {
		t.Fatal(report)
	}
	plans := c.sites["web"].Plans
	if &plans[0].Route.Steps[0] != &plans[1].Route.Steps[0] {
		t.Error("two routes without steps of their own have two lists")
	}
	want := "edge.compress edge.headers.response edge.headers.request rewrite mirror"
	if got := names(plans[2].Route.Steps); got != want {
		t.Errorf("the steps are %q, want %q", got, want)
	}
	if got := names(c.sites["web"].Late); got != "edge.compress edge.headers.response edge.headers.request" {
		t.Errorf("without a route the steps are %q", got)
	}
}

func TestRoutesOfDifferentListenersDoNotTie(t *testing.T) {
	c, report := compile(t, web+`
[listeners.inner]
address = ":8081"
[[routes]]
listeners = "web"
respond = {}
[[routes]]
listeners = "inner"
upstream = "u"
[upstreams.u]
endpoints = "127.0.0.1:1"
`)
	if c == nil {
		t.Fatal(report)
	}
	inner := c.sites["inner"].Plans
	if len(inner) != 2 || inner[0] != nil || inner[1] == nil || inner[1].Route.ID != 1 {
		t.Errorf("the plans of inner are %v", inner)
	}
}

// step is a step that a test tells by its name.
func step(name string, stage http7.Stage) http7.Step { return http7.Step{Name: name, Stage: stage} }

func names(steps []http7.Step) string {
	var out []string
	for _, s := range steps {
		out = append(out, s.Name)
	}
	return strings.Join(out, " ")
}

func TestStepsAreMergedByStageListenerFirst(t *testing.T) {
	edge := bundle{"edge", []http7.Step{step("edge.rewrite", http7.Rewrite), step("edge.limit", http7.Throttle)}}
	late := bundle{"late", []http7.Step{step("late.limit", http7.Throttle)}}
	own := bundle{"own", []http7.Step{step("own.limit", http7.Throttle), step("own.guard", http7.Guard), step("own.rewrite", http7.Rewrite)}}
	required := http7.Step{Name: "id.required", Stage: http7.Identify, Required: true}
	known := bundle{"id", []http7.Step{step("id.limit", http7.Throttle)}}
	asking := bundle{"id", []http7.Step{required, step("id.limit", http7.Throttle)}}
	for _, c := range []struct {
		listener, route []bundle
		without         []string
		want            string
	}{
		{nil, nil, nil, ""},
		{[]bundle{edge, late}, nil, nil, "edge.limit late.limit edge.rewrite"},
		{[]bundle{edge, late}, []bundle{own}, nil, "own.guard edge.limit late.limit own.limit edge.rewrite own.rewrite"},
		{[]bundle{edge, late}, []bundle{own}, []string{"edge"}, "own.guard late.limit own.limit own.rewrite"},
		{[]bundle{edge}, []bundle{edge}, []string{"edge"}, "edge.limit edge.rewrite"}, // without is about the listener's
		{[]bundle{edge, late}, []bundle{late, own, edge}, nil, "own.guard edge.limit late.limit own.limit edge.rewrite own.rewrite"},
		{[]bundle{known}, []bundle{asking}, nil, "id.required id.limit"},
		{[]bundle{asking}, []bundle{asking}, nil, "id.required id.limit"},
	} {
		if got := names(merge(c.listener, c.route, c.without)); got != c.want {
			t.Errorf("merge(%v, %v, without %v): %q, want %q", c.listener, c.route, c.without, got, c.want)
		}
	}
}

func TestGuardAndIdentifyOfAListenerRunBeforeTheMatch(t *testing.T) {
	k := &compiler{cfg: &config.Config{}, bundles: map[string][]http7.Step{
		"a": {step("a.rewrite", http7.Rewrite), step("a.identify", http7.Identify)},
		"b": {step("b.guard", http7.Guard), step("b.authorise", http7.Authorise)},
	}}
	p := k.listenerParts("web", &config.Listener{Policies: []string{"a", "b"}})
	if got := names(p.early); got != "b.guard a.identify" {
		t.Errorf("early: %q", got)
	}
	if got := names(merge(p.late, nil, nil)); got != "b.authorise a.rewrite" {
		t.Errorf("late: %q", got)
	}
}

func TestPoliciesOfListenerAndRouteReachTheRoute(t *testing.T) {
	c, report := compile(t, web+`policies = "edge"
[[routes]]
name = "both"
match = { path = "/both" }
policies = "own"
respond = {}
[[routes]]
name = "alone"
match = { path = "/alone" }
without = "edge"
respond = {}
[policies.edge]
headers.request = { set = { X-Edge = "1" } }
headers.response = { remove = "Server" }
[policies.own]
headers.request = { set = { X-Own = "1" } }
`)
	if c == nil {
		t.Fatal(report)
	}
	plans := c.sites["web"].Plans
	want := "edge.headers.response edge.headers.request own.headers.request"
	if got := names(plans[0].Route.Steps); got != want {
		t.Errorf("both: %q, want %q", got, want)
	}
	if len(plans[1].Route.Steps) != 0 || !slices.Equal(plans[1].Without, []string{"edge"}) {
		t.Errorf("alone has %q, without %v", names(plans[1].Route.Steps), plans[1].Without)
	}
}

func TestARouteTakesItsLimitsAndTheUpstreamsRules(t *testing.T) {
	c, report := compile(t, web+`limits.body_bytes = "1MiB"
[listeners.open]
address = ":8081"
[[routes]]
match = { path = "/plain" }
upstream = "u"
[[routes]]
match = { path = "/own" }
upstream = "named"
timeout = "5s"
limits.body_bytes = "1KiB"
retry = { attempts = 0, on = ["reset", "503"] }
[[routes]]
match = { path = "/off" }
upstream = "shown"
limits.body_bytes = "off"
[upstreams.u]
endpoints = "127.0.0.1:1"
[upstreams.named]
endpoints = "127.0.0.1:1"
host = "api.internal"
retry.replay = "1KiB"
[upstreams.shown]
endpoints = "127.0.0.1:1"
host = "endpoint"
`)
	if c == nil {
		t.Fatal(report)
	}
	const all = serve.OnConnect | serve.OnReset | serve.OnTimeout | serve.On502 | serve.On503 | serve.On504
	plans := c.sites["web"].Plans
	for i, want := range []struct {
		timeout time.Duration
		body    int64
		host    serve.HostRule
		retry   serve.RetryOn
		replay  int64
		tries   int
	}{
		{0, 0, serve.HostRule{}, all, 64 << 10, 2},
		{5 * time.Second, 1 << 10, serve.HostRule{Name: "api.internal"}, serve.OnReset | serve.On503, 1 << 10, 0},
		{0, math.MaxInt64, serve.HostRule{Endpoint: true}, all, 64 << 10, 2},
	} {
		p := plans[i]
		if p.Route.Timeout != want.timeout || p.Route.BodyLimit != want.body || p.Host != want.host ||
			p.Retry.On != want.retry || p.Retry.Replay != want.replay || p.Retry.Attempts != want.tries {
			t.Errorf("%s: %+v %+v, want %+v", p.Route.Name, p.Route, p, want)
		}
	}
	if got := c.sites["open"].Plans[2].Route.BodyLimit; got != 0 {
		t.Errorf("off below a listener without a bound is %d, want 0: the house's own bound for bodies in memory", got)
	}
}

func TestLimitsOfAListenerAreCompiled(t *testing.T) {
	c, report := compile(t, web+`forwarded = "both"
trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]
limits = { header_bytes = "4KiB", header_count = 10, body_bytes = "2MiB", header_timeout = "3s", idle_timeout = "off", min_body_rate = "1KiB/s", write_stall = "7s", h2_streams = 9 }
[listeners.wide]
address = ":8081"
limits.header_bytes = "64KiB"
[[routes]]
respond = {}
`)
	if c == nil {
		t.Fatal(report)
	}
	s := c.sites["web"]
	want := serve.Limits{BodyBytes: 2 << 20, HeaderTimeout: 3 * time.Second, BodyRate: 1024, WriteStall: 7 * time.Second, H2Streams: 9}
	want.Head.HeadBytes, want.Head.Fields, want.Head.TargetBytes = 4<<10, 10, 4<<10
	if !reflect.DeepEqual(s.Limits, want) {
		t.Errorf("limits %+v, want %+v", s.Limits, want)
	}
	if got := c.sites["wide"].Limits.Head.TargetBytes; got != 64<<10 {
		t.Errorf("a wide head has a target of %d bytes", got)
	}
	if s.Forwarded != serve.ForwardedBoth || len(s.Trusted) != 2 || s.Trusted[1].String() != "192.0.2.1/32" {
		t.Errorf("forwarded %v, trusted %v", s.Forwarded, s.Trusted)
	}
}

func TestARouteRespondsWithTextOrAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(file, []byte("<p>hi"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ respond, body, media string }{
		{`{ body = "pong" }`, "pong", "text/plain; charset=utf-8"},
		{`{ body = "{}", type = "application/json" }`, "{}", "application/json"},
		{`{ status = 204 }`, "", ""},
		{`{ file = "` + file + `" }`, "<p>hi", "text/html; charset=utf-8"},
		{`{ file = "` + file + `", type = "text/plain" }`, "<p>hi", "text/plain"},
	} {
		compiled, report := compile(t, web+"[[routes]]\nrespond = "+c.respond+"\n")
		if compiled == nil {
			t.Fatal(report)
		}
		var x http7.Exchange
		if f := compiled.sites["web"].Plans[0].Local.Act(&x); f != nil {
			t.Fatal(f)
		}
		if got, _, _ := x.Answer.Source.Next(); string(got) != c.body {
			t.Errorf("%s: body %q, want %q", c.respond, got, c.body)
		}
		if got := string(x.Answer.Header.Get(http7.ContentType)); got != c.media {
			t.Errorf("%s: type %q, want %q", c.respond, got, c.media)
		}
	}
}

func TestABodyBoundOfZeroIsRefused(t *testing.T) {
	c, report := compile(t, web+"[[routes]]\nrespond = {}\nlimits.body_bytes = \"0B\"\n")
	if c != nil || !strings.Contains(report.String(), "no body at all could be sent") {
		t.Errorf("compiled %v, report %s", c != nil, report)
	}
}

func TestALoadThatFailsHasAReportAndNothingElse(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.toml")
	if c, report := Load(missing, nil); c != nil || !strings.Contains(report.String(), "no such file") {
		t.Errorf("compiled %v, report %s", c != nil, report)
	}
	unknown := filepath.Join(t.TempDir(), "weir.toml")
	if err := os.WriteFile(unknown, []byte(web+"[[routes]]\nhandler = \"helo\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, report := Load(unknown, handlers()); c != nil || !strings.Contains(report.String(), `did you mean "hello"?`) {
		t.Errorf("compiled %v, report %s", c != nil, report)
	}
}
