package cors_test

import (
	"fmt"
	"testing"

	"weir/http7"
	"weir/http7/policy/cors"
)

// ask puts a request of a browser and an endpoint's answer into x.
func ask(x *http7.Exchange, origin string) {
	x.Release()
	x.Request.AddRaw([]byte("Origin"), []byte(origin))
	x.Request.AddRaw([]byte("Access-Control-Request-Headers"), []byte("x-a,x-b"))
	h := &x.LocalAnswer(200).Header
	h.AddRaw([]byte("Vary"), []byte("Accept"))
	h.AddRaw([]byte("Access-Control-Allow-Origin"), []byte("*"))
}

var method = []byte("PUT")

func many(c *cors.Config) {
	c.Methods, c.Headers, c.Expose, c.Credentials = []string{"*"}, []string{"*"}, []string{"X-Total"}, true
	for i := range 100 {
		c.Origins = append(c.Origins, fmt.Sprintf("https://a%d.example", i))
	}
	c.Origins = append(c.Origins, "https://*.example.net", "https://*.example.com")
}

func TestAnswersAndPreflightsAllocateNothing(t *testing.T) {
	for _, origin := range []string{"https://app.example.com", "https://x.y.example.com", "https://evil.test"} {
		x, s := &http7.Exchange{}, compile(t, site(many))[0]
		both := func() {
			ask(x, origin)
			s.Request.Request(x)
			s.Response.Response(x)
			ask(x, origin)
			x.Preflight = method
			if v := s.Preflight.Request(x); v.Fault != nil {
				http7.FaultAnswer(x, v.Fault)
			}
			s.Response.Response(x)
		}
		both()
		if n := testing.AllocsPerRun(1000, both); n != 0 {
			t.Errorf("%s: allocates %v times", origin, n)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	for _, origin := range []string{"https://app.example.com", "https://x.y.example.com", "https://evil.test"} {
		b.Run(origin[len("https://"):], func(b *testing.B) {
			x, s := &http7.Exchange{}, compile(b, site(many))[0]
			b.ReportAllocs()
			for b.Loop() {
				ask(x, origin)
				s.Request.Request(x)
				s.Response.Response(x)
			}
		})
	}
}

func BenchmarkPreflight(b *testing.B) {
	x, s := &http7.Exchange{}, compile(b, site(many))[0]
	b.ReportAllocs()
	for b.Loop() {
		ask(x, "https://app.example.com")
		x.Preflight = method
		s.Preflight.Request(x)
		s.Response.Response(x)
	}
}
