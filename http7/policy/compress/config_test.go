package compress_test

import (
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/compress"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/config"
	"weir/internal/testkit"
)

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		edit func(c *compress.Config)
		want string
	}{
		{func(*compress.Config) {}, ""},
		{func(c *compress.Config) {
			c.Types, c.Algorithms, c.Level = []string{"*", "a/b", "a/*", "*+x", "*/y"}, []string{"gzip"}, "small"
		}, ""},
		{func(c *compress.Config) { c.Concurrent, c.MinBytes = conf.OffLimit, conf.Bytes(16<<10) }, ""},
		{func(c *compress.Config) { c.MinBytes = conf.Bytes(16<<10 + 1) }, `min_bytes: "16385B" is out of range`},
		{func(c *compress.Config) { c.MinBytes = conf.OffSize }, `min_bytes: "off" is out of range`},
		{func(c *compress.Config) { c.Concurrent = conf.AtMost(0) }, `concurrent: nothing would be compressed`},
		{func(c *compress.Config) { c.Algorithms = nil }, `algorithms: nothing is offered`},
		{func(c *compress.Config) { c.Algorithms = []string{"gzip", "zst"} }, `algorithms[1]: "zst" is not a compression`},
		{func(c *compress.Config) { c.Algorithms = []string{"br", "br"} }, `algorithms[1]: "br" is there twice`},
		{func(c *compress.Config) { c.Level = "best" }, `level: "best" is not a level`},
		{func(c *compress.Config) { c.Types = []string{"text"} }, `types[0]: "text" is not a media type`},
		{func(c *compress.Config) { c.Types = []string{""} }, `types[0]: "" is not a media type`},
		{func(c *compress.Config) { c.Types = []string{"a/*b"} }, `types[0]: "a/*b" is not a media type`},
		{func(c *compress.Config) { c.Types = []string{"a/b;c=d"} }, `types[0]: "a/b;c=d" is not a media type`},
		{func(c *compress.Config) { c.Types = []string{"*+"} }, `types[0]: "*+" is not a media type`},
		{func(c *compress.Config) { c.Types = []string{"a/b", "image/png"} }, `types[1]: "image/png" is compressed by itself`},
		{func(c *compress.Config) { c.Types = []string{"application/grpc"} }, `types[0]: "application/grpc" is compressed by itself, or must not be`},
	} {
		cfg := compress.Default()
		c.edit(&cfg)
		p, got := conf.NewProblems(), ""
		cfg.Check(p)
		for _, pr := range p.List() {
			got += pr.Path.String() + ": " + pr.Text
		}
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("got %q, want %q", got, c.want)
		}
		if steps, err := compress.Compile(&cfg, "edge"); c.want != "" && strings.Contains(c.want, " is not ") && (err == nil || steps != nil) {
			t.Errorf("%s is compiled", c.want)
		}
	}
}

func TestTheStepIsOneAtStagePresentAndOffMakesNone(t *testing.T) {
	c := compress.Default()
	steps, err := compress.Compile(&c, "edge")
	if err != nil || len(steps) != 1 || steps[0].Name != "edge.compress" || steps[0].Bundle != "edge" || steps[0].Stage != http7.Present || steps[0].Mode != http7.Enforce {
		t.Errorf("got %+v, %v", steps, err)
	}
	c.Mode = conf.ModeOff
	if steps, err := compress.Compile(&c, "edge"); steps != nil || err != nil {
		t.Errorf("off: got %v, %v", steps, err)
	}
}

const (
	head = "GET / HTTP/1.1\nHost: h\nAccept-Encoding: gzip, br, zstd\n\n"
	rest = "listeners.web.address = \":8080\"\nroutes = [{ upstream = \"api\" }]\nupstreams.api.endpoints = [\"127.0.0.1:1\"]\n"
)

// coded runs a bundle's section over an answer of a media type and a length and returns its coding.
func coded(t *testing.T, c *compress.Config, media, length string) (coding string, remarks []string) {
	t.Helper()
	steps, err := compress.Compile(c, "edge")
	if err != nil {
		t.Fatal(err)
	}
	r := testkit.Policy(t, steps, head, "HTTP/1.1 200 OK\nContent-Type: "+media+"\nContent-Length: "+length+"\n\n")
	for line := range strings.Lines(r.Answer) {
		if name, value, _ := strings.Cut(strings.TrimSpace(line), ": "); name == "Content-Encoding" {
			coding = value
		}
	}
	return coding, r.Remarks
}

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []func(t *testing.T, c *compress.Config){
		func(t *testing.T, c *compress.Config) {
			if got, _ := coded(t, c, "text/html", "2000"); got != "zstd" {
				t.Errorf("a page: %q", got)
			}
		},
		func(t *testing.T, c *compress.Config) {
			got, remarks := coded(t, c, "application/json", "3000")
			if want := []string{"edge.compress:would compress with br"}; got != "" || !slices.Equal(remarks, want) {
				t.Errorf("got %q and %q, want %q", got, remarks, want)
			}
			if _, remarks := coded(t, c, "text/html", "3000"); remarks != nil {
				t.Errorf("a page: %q", remarks)
			}
		},
	}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}) {
		wants[i](t, c.Policies["edge"].Compress)
	}
}
