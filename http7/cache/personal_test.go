package cache

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/cache/store"
	"weir/internal/conf"
)

// private is an origin whose answer is for who has asked if it knows him, and for all else.
func private(a asked, n int) said {
	s := said{head: "Cache-Control: max-age=10\nETag: \"v\"", chunks: []string{"for " + a.h["authorization"]}}
	if a.h["if-none-match"] == `"v"` {
		s.status, s.chunks = 304, nil
	}
	return s
}

func TestAClientWithCredentialsChangesNothingForOthers(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, private)
		w.expect(w.do("GET /a", "Authorization: eve"), "200 uncacheable for eve")
		w.expect(w.do("GET /a"), "200 miss for ")
		w.expect(w.do("GET /a", "Authorization: eve"), "200 hit for ") // stored, and for everybody (RFC 9111 §3.5)
		pass(11 * time.Second)
		w.expect(w.do("GET /a", "Authorization: eve"), "200 revalidated for ")
		g := w.do("GET /a")
		w.expect(g, "200 revalidated for ") // eve's validation has neither renewed nor evicted it
		if w.asks() != 4 {
			t.Errorf("%d requests", w.asks())
		}
	})
}

func TestThoseWithCredentialsDoNotWaitInVainTwice(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { c.TTL = For(time.Minute) }), func(a asked, n int) said {
			return said{chunks: []string{"for " + a.h["cookie"]}, before: time.Second}
		})
		begun := time.Now()
		w.same(tally(w.many(20, "GET /a", "Cookie: eve")), "200 bypass for eve:19 200 uncacheable for eve:1")
		if d := time.Since(begun); d != 2*time.Second {
			t.Errorf("it took %v", d)
		}
		begun = time.Now()
		w.same(tally(w.many(20, "GET /a", "Cookie: eve")), "200 uncacheable for eve:20")
		if d := time.Since(begun); d != time.Second {
			t.Errorf("it took %v", d)
		}
		w.same(tally(w.many(20, "GET /a")), "200 collapsed for :19 200 miss for :1")
	})
}

func TestHeadCarriesNothingThatMisleads(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=10\nETag: \"v\"\nLink: <" + a.h["x-original-url"] + ">", chunks: []string{"it"}}
		})
		w.do("GET /a")
		w.do("HEAD /a", "Cache-Control: no-cache", "X-Original-URL: /evil", "Range: bytes=0-0")
		if g := w.do("GET /a"); g.h["link"] != "<>" || w.lastAsked().h["range"] != "" {
			t.Errorf("Link %s, asked with %v", g.h["link"], w.lastAsked().h)
		}
	})
}

func TestHeadOfSomebodyKnownMakesNothingStale(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=10\nETag: \"v" + a.h["cookie"] + "\"", chunks: []string{"it"}}
		})
		w.do("GET /a")
		w.do("HEAD /a", "Cache-Control: no-cache", "Cookie: eve")
		w.expect(w.do("GET /a"), "200 hit it")
	})
}

func TestWhatIsNotStoredIsStillHeldAgainstTheClientsConditions(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, always("Cache-Control: private\nETag: \"v\"\nContent-Type: text/plain\nSet-Cookie: a=b", "it"))
		g := w.do("GET /a", `If-None-Match: "v"`)
		w.expect(g, "304 uncacheable ")
		if g.h["set-cookie"] != "a=b" || g.h["content-type"] != "" || g.h["etag"] != `"v"` {
			t.Errorf("got %v", g.h)
		}
		w.expect(w.do("GET /b", `If-None-Match: "w"`), "200 uncacheable it")
	})
}

func TestFieldsForOneClientReachItAlone(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, always("Cache-Control: max-age=10, private=\"X-Mine\"\nX-Mine: 1\nX-Ours: 2", "it"))
		g := w.do("GET /a")
		if g.h["x-mine"] != "1" || g.h["x-ours"] != "2" {
			t.Errorf("the first: %v", g.h)
		}
		g = w.do("GET /a")
		w.expect(g, "200 hit it")
		if g.h["x-mine"] != "" || g.h["x-ours"] != "2" {
			t.Errorf("the next: %v", g.h)
		}
	})
}

func TestTagsStayHere(t *testing.T) {
	inTime(t, func(t *testing.T) {
		for _, head := range []string{"Cache-Control: max-age=10\nSurrogate-Key: a b", "Cache-Control: no-store\nSurrogate-Key: a b"} {
			w := newWorld(t, nil, always(head, "it"))
			for range 2 {
				if g := w.do("GET /a"); g.h["surrogate-key"] != "" {
					t.Errorf("%v", g.h)
				}
			}
		}
	})
}

func TestAVaryByWhatGoesOutOtherwise(t *testing.T) {
	for _, c := range []struct {
		name   string
		key    []string
		stored bool
	}{
		{"X-Forwarded-For", nil, false}, {"Forwarded", nil, false}, {"X-Real-IP", nil, false}, {"X-Request-Id", nil, false},
		{"X-Forwarded-Host", nil, true}, {"Host", nil, true}, {"X-Forwarded-Proto", nil, true}, {"X-Original-URL", nil, true},
		{"X-Forwarded-Host", []string{"path"}, false}, {"X-Anything", nil, true},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, with(func(cfg *Config) {
				if c.key != nil {
					cfg.Key = c.key
				}
			}), always("Cache-Control: max-age=10\nVary: "+c.name, "it"))
			if g := w.do("GET /a"); (g.cached == "miss") != c.stored {
				t.Errorf("%s by %v: %v", c.name, c.key, g)
			}
		})
	}
}

func TestPartsOfSeveralRangesComeTogether(t *testing.T) {
	inTime(t, func(t *testing.T) {
		body := strings.Repeat("0123456789", 20_000)
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: max-age=10\nContent-Type: text/plain", chunks: []string{body[:100_000], body[100_000:]}, after: time.Second}
		})
		for _, cached := range []string{"miss", "hit"} { // the first while it grows
			g := w.do("GET /a", "Range: bytes=0-2, 150000-150004, -2")
			_, boundary, _ := strings.Cut(g.h["content-type"], "boundary=")
			want := ""
			for _, part := range []struct{ at, text string }{{"0-2", "012"}, {"150000-150004", "01234"}, {"199998-199999", "89"}} {
				want += fmt.Sprintf("\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes %s/200000\r\n\r\n%s", boundary, part.at, part.text)
			}
			want = want[2:] + "\r\n--" + boundary + "--\r\n"
			if g.status != 206 || g.cached != cached || g.body != want || !g.whole {
				t.Errorf("got %v, want %q", g, want)
			}
		}
	})
}

func TestTrailersFollowTheContent(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: max-age=10", chunks: []string{"it"}, length: -1, trailer: "X-Sum: 1"}
		})
		for _, cached := range []string{"miss", "hit"} {
			x := w.request("GET /a")
			w.decide(x, w.p.Request(x))
			g := w.respond(x)
			sum := string(x.Answer.Trailer.Get(0))
			if i := x.Answer.Trailer.Len(); i == 1 {
				sum = string(x.Answer.Trailer.Value(0))
			}
			if w.end(x); g.cached != cached || sum != "1" || g.length != -1 {
				t.Errorf("%v, X-Sum %q, length %d", g, sum, g.length)
			}
		}
	})
}

// When drafts have all the room that they may have, what was fetched passes unharmed.
func TestWithoutRoomTheAnswerPasses(t *testing.T) {
	inTime(t, func(t *testing.T) {
		body := strings.Repeat("0123456789", 50_000)
		w := newWorld(t, with(func(c *Config) { c.MaxObject = conf.Bytes(64 << 20) }), func(a asked, n int) said {
			s := said{head: "Cache-Control: max-age=10\nX-Mine: 1", chunks: []string{body[:10], body[10:]}, trailer: "X-Sum: 1", length: -1}
			if n%2 == 0 {
				s.length, s.trailer = 0, ""
			}
			return s
		})
		w.c.Resize(store.Smallest)
		for n := range 4 {
			g := w.do("GET /a" + fmt.Sprint(n))
			if g.cached != "uncacheable" || g.body != body || !g.whole || g.h["x-mine"] != "1" {
				t.Errorf("%d: %d bytes, whole %v, %s %s", n, len(g.body), g.whole, g.cached, g.h["cache-status"])
			}
		}
	})
}

// A key that was too short has stored the wrong answer; a longer one must not find it.
func TestAKeyOfOtherWordsFindsNothing(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { c.Key = []string{"host", "path"} }), pages)
		w.do("GET /a?user=7")
		w.expect(w.do("GET /a"), "200 hit page 1")
		w.reload(nil)
		w.expect(w.do("GET /a"), "200 miss page 2")
		w.reload(with(func(c *Config) { c.Key = []string{"path", "host"} }))
		w.expect(w.do("GET /a"), "200 hit page 1")
	})
}

func TestWhatPassesKeepsNoBlockForLongerThanItsFirstChunk(t *testing.T) {
	w := &world{}
	s := &poured{first: []byte("first"), a: &http7.Answer{Source: &upstream{w: w, s: said{chunks: []string{"second"}}}}}
	for _, want := range []string{"first", "second"} {
		if chunk, state, _ := s.Next(); state != http7.Chunk || string(chunk) != want {
			t.Errorf("read %q (%v), want %q", chunk, state, want)
		}
	}
	if s.first != nil {
		t.Error("the block of the first chunk is kept")
	}
	if _, state, _ := s.Next(); state != http7.End {
		t.Errorf("behind the last chunk comes %v", state)
	}
	s.Close()
	if n := w.closed.Load(); n != 1 {
		t.Errorf("the endpoint's answer was closed %d times", n)
	}
}

// What may grow has its room set apart when it begins; for whom there is none left, it passes whole, and nobody waits for it.
func TestMoreThatGrowAtOnceThanHaveRoomPassWhole(t *testing.T) {
	inTime(t, func(t *testing.T) {
		part := strings.Repeat("x", 100<<10)
		w := newWorld(t, with(func(c *Config) { c.MaxObject = conf.Bytes(3 << 20) }), func(asked, int) said {
			return said{head: "Cache-Control: max-age=60", chunks: []string{part, part, part}, after: 8 * time.Second, length: -1}
		})
		var all sync.WaitGroup
		answers := make([]got, 4)
		for i := range answers {
			all.Go(func() { answers[i] = w.do("GET /a" + fmt.Sprint(i)) }) // a client; ends with its answer
		}
		all.Wait()
		how := map[string]int{}
		for i, g := range answers {
			how[g.cached]++
			if g.status != 200 || len(g.body) != 3*len(part) || !g.whole {
				t.Errorf("client %d: %d, %d bytes, whole %v", i, g.status, len(g.body), g.whole)
			}
		}
		w.same(how, "miss:1 uncacheable:3")
		if n := w.c.Stats(); n.Fills["stored"] != 1 || n.Fills["refused"] != 3 || n.Store.Doomed != 0 || n.Store.Objects != 1 {
			t.Errorf("%+v", n)
		}
	})
}
