package cmd

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"weir/bench/peers"
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
