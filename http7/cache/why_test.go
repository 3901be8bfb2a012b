package cache

import (
	"strings"
	"testing"
	"time"
)

func TestEveryAnswerSaysWhyItIsNotStored(t *testing.T) {
	large := strings.Repeat("x", 60<<10)
	for _, c := range []struct {
		name   string
		s      said
		fields []string
		want   []string
	}{
		{"private", said{head: "Cache-Control: private"}, nil, []string{"fwd=uri-miss; detail=private", "fwd=uri-miss; detail=private"}},
		{"a part", said{status: 206, head: "Content-Range: bytes 0-1/9", chunks: []string{"xx"}}, nil, []string{"fwd=uri-miss; detail=status", "fwd=uri-miss; detail=status"}},
		{"unchanged", said{status: 304}, []string{`If-None-Match: "v"`}, []string{"fwd=uri-miss; detail=status", "fwd=uri-miss; detail=status"}},
		{"large, by its length", said{head: "Cache-Control: max-age=60", chunks: []string{large, large}}, nil, []string{"fwd=uri-miss; detail=too-large", "fwd=uri-miss; detail=too-large"}},
		{
			"large, as its end shows", said{head: "Cache-Control: max-age=60", chunks: []string{large, large}, length: -1, after: time.Second}, nil,
			[]string{"fwd=uri-miss; stored", "fwd=uri-miss; detail=too-large", "fwd=uri-miss; detail=too-large"},
		},
		{"nothing stored, and nothing else wanted", said{}, []string{"Cache-Control: only-if-cached"}, []string{"detail=only-if-cached"}},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, with(func(cfg *Config) { cfg.MaxObject = conf100KiB }), func(asked, int) said { return c.s })
			for i, want := range c.want {
				if g := w.do("GET /a", c.fields...); g.h["cache-status"] != "weir; "+want {
					t.Errorf("%s, request %d: %s, want %s", c.name, i+1, g.h["cache-status"], want)
				}
			}
		})
	}
}

// An answer whose size shows at its end is fetched whole for the store once an hour at most.
func TestAMarkForSizeOutlivesAnswersOfUnknownLength(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { c.MaxObject = conf100KiB }), func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{strings.Repeat("x", 110<<10)}, length: -1}
		})
		for range 5 {
			w.do("GET /a", "Range: bytes=0-1")
			pass(time.Minute)
		}
		if w.lastAsked().h["range"] == "" {
			t.Error("the Range was taken away again")
		}
		pass(markLarge)
		if w.do("GET /a", "Range: bytes=0-1"); w.lastAsked().h["range"] != "" {
			t.Error("the mark lasts for longer than it should")
		}
	})
}
