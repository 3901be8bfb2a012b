package rule

import (
	"testing"

	"weir/http7"
)

// apiAnswer is a head such as an API's endpoint sends.
const apiAnswer = "Date: Sat, 21 Nov 2026 17:59:59 GMT | Content-Type: application/json; charset=utf-8 | " +
	"Cache-Control: public, max-age=60 | ETag: \"5f3a-9c1\" | Vary: Accept-Encoding | X-Request-Cost: 3 | " +
	"Strict-Transport-Security: max-age=31536000 | X-Content-Type-Options: nosniff | Server: api"

// apiRequest is what a client sends for it.
const apiRequest = "Host: api.example.com | User-Agent: curl/8.5 | Accept: application/json | Accept-Encoding: gzip, br"

// hit is what the rules do for a hit, with the state that an exchange keeps for it.
type hit struct {
	facts    Facts
	ranges   Ranges
	asks     Asks
	status   Status
	request  *http7.Header
	answer   http7.Header
	key, buf []byte
	index    Head
}

func newHit(request string) *hit {
	h := &hit{request: fields(request), key: make([]byte, 0, 512), buf: make([]byte, 0, 128)}
	v, _ := ParseVary(nil, fields("Vary: Accept-Encoding"))
	h.index = AppendIndex(nil, v, 7)
	return h
}

func (h *hit) run(head Head) Decision {
	v, nonce, _ := h.index.Index()
	h.key, _ = AppendVariant(append(h.key[:0], "https://api.example.com/v1/orders/7"...), v, nonce, h.request)
	head.Facts(&h.facts)
	h.asks = ReadAsks(h.request)
	d := Serve(&h.facts, &h.asks, now)
	switch Evaluate(&h.ranges, head, &h.facts, true, h.request, 1024, now) {
	case Unchanged:
		head.Fill304(&h.answer)
	case Partial:
		head.Fill206(&h.answer)
	default:
		head.Fill(&h.answer)
	}
	SetAge(&h.answer, &h.facts, now)
	h.status = Status{HasTTL: true, TTL: h.facts.TTL(now)}
	h.buf = h.status.Append(h.buf[:0], "weir")
	h.answer.Add(http7.Known(http7.CacheStatus), h.buf)
	return d
}

var hits = []struct{ what, request string }{
	{"plain", apiRequest},
	{"with directives", apiRequest + " | Cache-Control: max-age=600, max-stale=10"},
	{"with a tag", apiRequest + ` | If-None-Match: W/"1", "5f3a-9c1"`},
	{"with a date", apiRequest + " | If-Modified-Since: Sat, 21 Nov 2026 18:00:00 GMT"},
	{"with a range", apiRequest + " | Range: bytes=0-99, 500-599, -1"},
	{"with preferences", apiRequest + " | Accept-Encoding: zstd;q=0.5, deflate"},
}

func TestWhatRunsOnAHitAllocatesNothing(t *testing.T) {
	head, _ := stored(t, apiAnswer)
	for _, c := range hits {
		h := newHit(c.request)
		if n := testing.AllocsPerRun(1000, func() { h.run(head) }); n != 0 {
			t.Errorf("a hit %s allocates %v times", c.what, n)
		}
	}
}

func TestReadingDatesAllocatesNothing(t *testing.T) {
	for _, text := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"} {
		b := []byte(text)
		if n := testing.AllocsPerRun(1000, func() { ParseDate(b, now) }); n != 0 {
			t.Errorf("ParseDate(%q) allocates %v times", text, n)
		}
	}
}

func BenchmarkHit(b *testing.B) {
	head, _ := stored(b, apiAnswer)
	for _, c := range hits {
		b.Run(c.what, func(b *testing.B) {
			h := newHit(c.request)
			b.ReportAllocs()
			for b.Loop() {
				h.run(head)
			}
		})
	}
}

func BenchmarkSteps(b *testing.B) {
	head, facts := stored(b, apiAnswer)
	h := newHit(apiRequest)
	b.Run("facts", func(b *testing.B) {
		for b.Loop() {
			head.Facts(&h.facts)
		}
	})
	b.Run("asks", func(b *testing.B) {
		for b.Loop() {
			h.asks = ReadAsks(h.request)
		}
	})
	b.Run("serve", func(b *testing.B) {
		for b.Loop() {
			Serve(&facts, &h.asks, now)
		}
	})
	b.Run("evaluate", func(b *testing.B) {
		for b.Loop() {
			Evaluate(&h.ranges, head, &facts, true, h.request, 1024, now)
		}
	})
	b.Run("fill", func(b *testing.B) {
		for b.Loop() {
			head.Fill(&h.answer)
		}
	})
	b.Run("age", func(b *testing.B) {
		for b.Loop() {
			h.answer.Reset(nil)
			SetAge(&h.answer, &facts, now)
		}
	})
	b.Run("variant", func(b *testing.B) {
		v, nonce, _ := h.index.Index()
		for b.Loop() {
			h.key, _ = AppendVariant(h.key[:0], v, nonce, h.request)
		}
	})
	b.Run("status", func(b *testing.B) {
		s := Status{HasTTL: true, TTL: 30 * 1e9}
		for b.Loop() {
			h.buf = s.Append(h.buf[:0], "weir")
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	c := get(apiRequest, 200, apiAnswer)
	cfg := &Config{}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		v := Judge(c, cfg)
		buf, _ = AppendHead(buf[:0], &v, c.Answer)
	}
}
