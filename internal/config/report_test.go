package config

import (
	"encoding/json"
	"strings"
	"testing"

	"weir/internal/conf"
)

func TestProblemsOfLaterRoomsGetAPlaceToo(t *testing.T) {
	c, r := Parse("weir.toml", []byte(web+"[[routes]]\nupstream = \"api\"\n[[routes]]\nname = \"b\"\nupstream = \"api\"\n"), testOptions())
	if c == nil {
		t.Fatal(r)
	}
	// http7/match finds routes that tie when the config is compiled.
	p := r.Problems().At(c.Routes[1].Path)
	p.Add("match", "it matches the same requests as routes[0]", "give one a priority")
	p.AddKey("name", "this is about the key", "")
	if !r.Failed() {
		t.Fatal("a later problem does not fail the report")
	}
	want := `weir.toml:8:1: routes[1].match: it matches the same requests as routes[0]
    [[routes]]
    ^~~~~~~~~~
  hint: give one a priority

weir.toml:9:1: routes[1].name: this is about the key
    name = "b"
    ^~~~

2 problems
`
	if got := r.String(); got != want {
		t.Errorf("the report is\n%s\nwant\n%s", got, want)
	}
	p.Warn("upstream", "a third", "")
	if got := len(r.Findings()); got != 3 {
		t.Errorf("%d findings, want 3", got)
	}
}

func TestAPathIsFoundInTheFile(t *testing.T) {
	_, r := Parse("weir.toml", []byte(web+"[[routes]]\nupstream = \"api\"\n"), testOptions())
	for want, path := range map[string]conf.Path{
		"weir.toml:3:11": {"listeners", "web", "address"},
		"weir.toml:2:1":  {"listeners", "web", "limits", "header_bytes"},
		"weir.toml:5:14": {"upstreams", "api", "endpoints", "[0]"},
		"weir.toml:1:1":  {"shutdown"},
	} {
		if got := r.Where(path); got != want {
			t.Errorf("%s is at %s, want %s", path, got, want)
		}
	}
}

func TestTheReportIsJSONWhereAProgramReadsIt(t *testing.T) {
	type finding struct {
		File, Key, Text, Hint, Severity string
		Line, Column                    int
	}
	_, r := Parse("weir.toml", []byte(web+"[[routes]]\nupstream = \"apu\"\n"), testOptions())
	var list []finding
	if err := json.Unmarshal(r.JSON(), &list); err != nil {
		t.Fatal(err)
	}
	want := finding{"weir.toml", "routes[0].upstream", `there is no upstream "apu"`, `did you mean "api"? the upstreams are "api"`, "error", 7, 12}
	if len(list) != 1 || list[0] != want {
		t.Errorf("findings are %+v, want %+v", list, want)
	}
	_, r = Parse("weir.toml", []byte(web+"[[routes]]\nupstream = \"api\"\n"), testOptions())
	if got := strings.TrimSpace(string(r.JSON())); got != "[]" || r.String() != "" {
		t.Errorf("a report of nothing is %q and %q", got, r)
	}
}
