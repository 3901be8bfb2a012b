package translate

import (
	"encoding/base64"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

// benched is a call that is made again and again.
type benched struct {
	x               *http7.Exchange
	a               *http7.Answer
	kind            []byte
	request, answer []byte
	room            []byte
}

func newBenched(kind string, size int) *benched {
	c := &benched{kind: []byte(kind), room: make([]byte, 0, 32<<10)}
	c.x, c.a = exchange(kind, -1)
	c.answer = []byte(frame(0, strings.Repeat("x", size)))
	c.request = c.answer
	if strings.Contains(kind, "-text") {
		c.request = []byte(base64.StdEncoding.EncodeToString(c.answer))
	}
	return c
}

func (c *benched) run(p http7.Step) {
	x, a := c.x, c.a
	x.Release()
	x.Method, x.Body.Length = post, -1
	x.Request.Add(contentType, c.kind)
	p.Request.Request(x)
	c.pass(x.Body.Filters[0], c.request)
	a.Reset()
	a.Status, a.Length = 200, -1
	a.Header.Add(contentType, grpc)
	a.Trailer.Add(grpcStatus, zero)
	x.Answer = a
	p.Response.Response(x)
	c.pass(a.Filters[0], c.answer)
	p.End.End(x, 0)
}

var (
	post, grpc, zero = []byte("POST"), []byte("application/grpc"), []byte("0")
	grpcStatus       = name("grpc-status")
)

// pass passes a body through f in one piece.
func (c *benched) pass(f http7.Filter, body []byte) {
	how := http7.More
	for {
		_, taken, done, _ := f.Write(c.room[:0], body, how)
		switch body = body[taken:]; {
		case len(body) > 0:
		case how == http7.More:
			how = http7.Last
		case done:
			return
		}
	}
}

func BenchmarkCall(b *testing.B) {
	steps := compile(b, conf.Enforce)
	for _, kind := range []string{"application/grpc-web", "application/grpc-web-text"} {
		for _, size := range []int{100, 32 << 10} {
			b.Run(kind[len("application/"):]+"/"+map[bool]string{true: "32KiB", false: "100B"}[size > 100], func(b *testing.B) {
				c := newBenched(kind, size)
				b.SetBytes(int64(2 * size))
				b.ReportAllocs()
				for b.Loop() {
					c.run(steps[0])
				}
			})
		}
	}
}
