package cmd

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"weir/bench/peers"
	"weir/internal/admin"
	"weir/internal/gateway"
)

// inProcess runs args without a process of its own.
func inProcess(opts []Option, args ...string) result {
	var out, errs bytes.Buffer
	p := &program{handlers: gateway.Handlers{}, out: &out, err: &errs}
	for _, o := range opts {
		o(p)
	}
	code := p.run(args)
	return result{code, out.String(), errs.String()}
}

func TestAHandlerIsKnownToConfigs(t *testing.T) {
	path := file(t, "[listeners.web]\naddress = \":0\"\n[[routes]]\nhandler = \"hello\"\n")
	hello := Handler("hello", func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("hello") })
	for _, c := range []struct {
		opts []Option
		code int
		text string
	}{
		{[]Option{hello}, Fine, "→ handler hello"},
		{nil, Bad, "this program has no handler compiled in"},
		{[]Option{Handler("helo", nil)}, Bad, `did you mean "helo"?`},
	} {
		if got := inProcess(c.opts, "check", path); got.code != c.code || !strings.Contains(got.out+got.err, c.text) {
			t.Errorf("got %+v, want %d and %q", got, c.code, c.text)
		}
	}
}

func TestTheResultOfAComparisonBecomesAnExitCode(t *testing.T) {
	sample := func(cpu time.Duration) []peers.Sample { return []peers.Sample{{CPU: cpu}} }
	twice := peers.Result{Subject: "weir", Blocks: []peers.Block{{Scenario: "bare", Rows: []peers.Row{
		{Proxy: "weir", Samples: sample(20)}, {Proxy: "nginx", Samples: sample(10)},
	}}}}
	doubtful := twice
	doubtful.Invalid = []string{"a reason"}
	for _, c := range []struct {
		what   string
		result peers.Result
		limit  float64
		code   int
	}{
		{"nothing is judged", twice, 0, Fine},
		{"below the limit", twice, 2.5, Fine},
		{"above the limit", twice, 1, Bad},
		{"not to be trusted", doubtful, 2.5, Invalid},
	} {
		err, code := judge(&c.result, c.limit), Fine
		var e *exit
		if errors.As(err, &e) {
			code = e.code
		}
		if code != c.code {
			t.Errorf("%s: code %d, want %d", c.what, code, c.code)
		}
	}
}

func TestAStatusReadsLikeThis(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	got := statusText(&admin.Status{
		Version: "1.2.3", Generation: 7, Config: "weir.toml", Ready: false, Why: "draining", UptimeS: 3725.4,
		Listeners: []admin.ListenerStatus{
			{Name: "raw", Kind: "tcp", Addresses: []string{"127.0.0.1:5432"}, Connections: 3},
			{Name: "web", Kind: "http", Addresses: []string{"0.0.0.0:443", "[::]:443"}, TLS: true},
		},
		Upstreams: []admin.UpstreamStatus{{Name: "api", Endpoints: []admin.EndpointStatus{
			{Address: "10.0.0.1:80", State: "ready", Since: since, InFlight: 2, Idle: 5},
			{Address: "10.0.0.2:80", State: "down", Since: since, Why: "connect: connection refused"},
		}}},
	})
	want := `weir 1.2.3, not ready: draining, generation 7 of weir.toml, up 1h2m5s

LISTENER  KIND      ADDRESS               CONNECTIONS
raw       tcp       127.0.0.1:5432        3
web       http+tls  0.0.0.0:443 [::]:443  0

UPSTREAM  ENDPOINT     STATE  SINCE                IN FLIGHT  IDLE  WHY
api       10.0.0.1:80  ready  2026-01-02 03:04:05  2          5
api       10.0.0.2:80  down   2026-01-02 03:04:05  0          0     connect: connection refused
`
	if trim(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// trim drops the spaces that end lines.
func trim(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
