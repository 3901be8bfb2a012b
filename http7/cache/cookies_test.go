package cache

import (
	"testing"
	"time"
)

func TestATTLHoldsForWhoHasNoCookiesButThoseOfTheKey(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) {
			c.TTL, c.NegativeTTL, c.Key = For(time.Minute), seconds(5), []string{"host", "path", "cookie:lang", "cookie:size"}
		}), func(a asked, n int) said {
			if a.path == "/gone" {
				return said{status: 404, chunks: []string{a.h["cookie"]}}
			}
			return said{chunks: []string{a.h["cookie"]}}
		})
		for _, c := range []struct{ line, cookie, want string }{
			{"GET /a", "lang=de", "200 miss lang=de"},
			{"GET /a", "lang=de", "200 hit lang=de"},
			{"GET /a", "lang=fr", "200 miss lang=fr"},
			{"GET /a", "size=9; lang=fr", "200 miss size=9; lang=fr"},
			{"GET /a", "lang=fr; size=9", "200 hit size=9; lang=fr"},
			{"GET /a", "lang=de; sid=eve", "200 bypass lang=de; sid=eve"},
			{"GET /b", "lang=de; sid=eve", "200 uncacheable lang=de; sid=eve"},
			{"GET /b", "lang=de", "200 miss lang=de"},
			{"GET /gone", "lang=de", "404 miss lang=de"},
			{"GET /gone", "lang=de", "404 hit lang=de"},
		} {
			w.expect(w.do(c.line, "Cookie: "+c.cookie), c.want)
		}
	})
}
