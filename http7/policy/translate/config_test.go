package translate

import (
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ request, text, hint string }{
		{"grpc-web", "", ""},
		{"", "request: nothing is translated", `write request = "grpc-web"`},
		{"json-to-soap", `request: "json-to-soap" is not there yet`, `"grpc-web" is what there is so far`},
		{"rest-to-grpc", `request: "rest-to-grpc" is not there yet`, `"grpc-web" is what there is so far`},
		{"grpcweb", `request: "grpcweb" is not a translation`, `did you mean "grpc-web"?`},
	} {
		cfg := Default()
		cfg.Request = c.request
		p, text, hint := conf.NewProblems(), "", ""
		cfg.Check(p)
		for _, pr := range p.List() {
			text, hint = text+pr.Path.String()+": "+pr.Text, hint+pr.Hint
		}
		if text != c.text || !strings.HasPrefix(hint, c.hint) {
			t.Errorf("%q: got %q with hint %q, want %q with %q", c.request, text, hint, c.text, c.hint)
		}
		if steps, err := Compile(&cfg, "web"); (err == nil) != (c.text == "") || err != nil && steps != nil {
			t.Errorf("%q: compiled to %v, %v", c.request, steps, err)
		}
	}
}

func TestTheStepIsOneAtStageRewriteAndOffMakesNone(t *testing.T) {
	c := Config{Request: grpcWeb}
	steps, err := Compile(&c, "web")
	if err != nil || len(steps) != 1 || steps[0].Name != "web.translate" || steps[0].Bundle != "web" || steps[0].Stage != http7.Rewrite || steps[0].Mode != http7.Enforce {
		t.Errorf("got %+v, %v", steps, err)
	}
	c.Mode = conf.ModeOff
	if steps, err := Compile(&c, "web"); steps != nil || err != nil {
		t.Errorf("off: got %v, %v", steps, err)
	}
}
