package config

import (
	"reflect"
	"testing"

	"weir/internal/conf"
)

// smallest is the smallest useful file of the configuration contract.
const smallest = `
[listeners.web]
address = ":8080"
[[routes]]
upstream = "api"
[upstreams.api]
endpoints = ["10.0.0.1:8080", "10.0.0.2:8080"]
`

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, r := Parse("weir.toml", []byte(text), Options{Handlers: []string{"hello"}})
	if c == nil {
		t.Fatalf("a good config was refused:\n%s\n%s", text, r)
	}
	return c
}

func TestTheSmallestUsefulFileHasEveryDefault(t *testing.T) {
	c := mustParse(t, smallest)
	t.Logf("%s\n%s", Effective(c), Summary(c))
	again := mustParse(t, string(Effective(c)))
	if !reflect.DeepEqual(c, again) {
		t.Fatalf("not equal:\n%+v\n%+v", c, again)
	}
	_ = conf.Path{}
}
