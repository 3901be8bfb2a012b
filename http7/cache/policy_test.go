package cache

import (
	"bytes"
	"testing"
	"time"

	"weir/http7"
)

func TestAnAnswerIsFetchedOnceAndUsedWhileItIsFresh(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		g := w.do("GET /a")
		w.expect(g, "200 miss page 1")
		if want := "weir; fwd=uri-miss; stored"; g.h["cache-status"] != want {
			t.Errorf("Cache-Status %q, want %q", g.h["cache-status"], want)
		}
		if _, ok := g.h["age"]; ok {
			t.Error("an answer that comes from the origin has an Age of Weir's")
		}
		pass(20 * time.Second)
		g = w.do("GET /a")
		w.expect(g, "200 hit page 1")
		if g.h["age"] != "20" || g.h["cache-status"] != "weir; hit; ttl=40" {
			t.Errorf("Age %q, Cache-Status %q", g.h["age"], g.h["cache-status"])
		}
		pass(40 * time.Second)
		w.expect(w.do("GET /a"), "200 miss page 2") // a new ETag, and 200
		if a := w.lastAsked(); a.h["if-none-match"] != `"v1"` {
			t.Errorf("the origin was asked without the validator: %v", a.h)
		}
	})
}

func TestHeadIsAnsweredFromWhatGetHasStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		g := w.do("HEAD /a")
		if g.status != 200 || g.cached != "uncacheable" || w.lastAsked().method != "HEAD" {
			t.Errorf("HEAD without anything stored: %v", g)
		}
		w.expect(w.do("GET /a"), "200 miss page 2")
		g = w.do("HEAD /a")
		if g.status != 200 || g.cached != "hit" || g.length != 6 || g.body != "" {
			t.Errorf("HEAD: %v, length %d", g, g.length)
		}
	})
}

func TestWhatIsNotLookedUpPassesAsItIs(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		w.do("GET /a")
		for i, c := range []struct {
			line   string
			fields []string
			status string
		}{
			{"POST /b", nil, "weir; fwd=method"},
			{"OPTIONS /a", nil, "weir; fwd=method"},
			{"GET /a", []string{`If-Match: "v1"`}, "weir; fwd=bypass; detail=condition"},
			{"GET /a", []string{"If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"}, "weir; fwd=bypass; detail=condition"},
			{"GET /a", []string{"Content-Type: application/grpc"}, "weir; fwd=bypass; detail=grpc"},
		} {
			g := w.do(c.line, c.fields...)
			if g.cached != "bypass" || g.h["cache-status"] != c.status || w.asks() != i+2 {
				t.Errorf("%s %v: %v", c.line, c.fields, g)
			}
		}
		x := w.request("GET /a")
		x.Body.Length = 3
		if g := w.run(x); g.cached != "bypass" || g.h["cache-status"] != "weir; fwd=bypass; detail=body" {
			t.Errorf("GET with a body: %v", g)
		}
		x = w.request("GET /a")
		x.Upgrade = []byte("websocket")
		if g := w.run(x); g.cached != "bypass" {
			t.Errorf("an upgrade: %v", g)
		}
		w.expect(w.do("GET /a"), "200 hit page 1")
	})
}

func TestConditionsAreEvaluatedOnWhatIsStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		w.expect(w.do("GET /a", `If-None-Match: "v1"`), "304 miss ")
		if a := w.lastAsked(); a.h["if-none-match"] != "" {
			t.Error("the client's condition went out on a fetch")
		}
		g := w.do("GET /a", `If-None-Match: "v1"`)
		w.expect(g, "304 hit ")
		if g.h["etag"] != `"v1"` {
			t.Errorf("ETag %q", g.h["etag"])
		}
		w.expect(w.do("GET /a", `If-None-Match: "v2"`), "200 hit page 1")
	})
}

func TestPartsAreCutFromWhatIsStored(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, always("Cache-Control: max-age=60\nETag: \"v\"\nContent-Type: text/plain", "0123456789"))
		g := w.do("GET /a", "Range: bytes=2-4")
		w.expect(g, "206 miss 234")
		if a := w.lastAsked(); a.h["range"] != "" {
			t.Error("the client's Range went out on a fetch")
		}
		if g.h["content-range"] != "bytes 2-4/10" {
			t.Errorf("Content-Range %q", g.h["content-range"])
		}
		w.expect(w.do("GET /a", "Range: bytes=-3"), "206 hit 789")
		w.expect(w.do("GET /a", "Range: bytes=8-"), "206 hit 89")
		g = w.do("GET /a", "Range: bytes=10-")
		w.expect(g, "416 hit ")
		if g.h["content-range"] != "bytes */10" {
			t.Errorf("Content-Range %q", g.h["content-range"])
		}
		w.expect(w.do("GET /a", "Range: bytes=0-1", `If-Range: "v"`), "206 hit 01")
		w.expect(w.do("GET /a", "Range: bytes=0-1", `If-Range: "w"`), "200 hit 0123456789")
		w.expect(w.do("GET /a", "Range: lines=0-1"), "200 hit 0123456789")
	})
}

func TestOnlyIfCachedIsAnsweredFromTheStoreOrNotAtAll(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		g := w.do("GET /a", "Cache-Control: only-if-cached")
		if g.status != 504 || w.asks() != 0 {
			t.Errorf("got %v after %d requests", g, w.asks())
		}
		w.do("GET /a")
		w.expect(w.do("GET /a", "Cache-Control: only-if-cached"), "200 hit page 1")
		pass(time.Hour)
		if g := w.do("GET /a", "Cache-Control: only-if-cached"); g.status != 504 || w.asks() != 1 {
			t.Errorf("got %v after %d requests", g, w.asks())
		}
	})
}

func TestAnAnswerOfTheEndpointThatMayNotBeStoredPasses(t *testing.T) {
	for _, head := range []string{
		"Cache-Control: no-store", "Cache-Control: private, max-age=60", "Cache-Control: max-age=60\nSet-Cookie: a=b", "",
		"Cache-Control: max-age=60\nVary: *",
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, always(head, "yours"))
			for range 3 {
				w.expect(w.do("GET /a"), "200 uncacheable yours")
			}
			if w.asks() != 3 || w.c.Stats().Store.Objects != 0 {
				t.Errorf("%q: %d requests, %d objects", head, w.asks(), w.c.Stats().Store.Objects)
			}
		})
	}
}

func TestAConfiguredLifetimeIsNotForWhoHasCredentials(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { c.TTL = For(time.Minute) }), func(a asked, n int) said {
			return said{chunks: []string{"for " + a.h["cookie"]}}
		})
		w.expect(w.do("GET /a", "Cookie: eve"), "200 uncacheable for eve")
		w.expect(w.do("GET /a"), "200 miss for ") // what eve got has left no mark for others
		w.expect(w.do("GET /a"), "200 hit for ")
		w.expect(w.do("GET /a", "Cookie: eve"), "200 bypass for eve")
		w.expect(w.do("GET /a", "Authorization: eve"), "200 bypass for ")
	})
}

func TestMisleadingFieldsDoNotGoOutOnAFetch(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { c.Key = append(c.Key, "header:X-Host") }), pages)
		w.do("GET /a", "X-Original-URL: /admin", "x_rewrite_url: /admin", "X-HTTP-Method-Override: DELETE", "X-Forwarded-Host: evil",
			"X-Forwarded-Proto: HTTPS, http", "Forwarded: host=evil", "X-Host: keyed", "X-Fine: yes")
		h := w.lastAsked().h
		for _, name := range []string{"x-original-url", "x_rewrite_url", "x-http-method-override", "x-forwarded-host", "forwarded"} {
			if h[name] != "" {
				t.Errorf("%s: %s went out", name, h[name])
			}
		}
		if h["x-host"] != "keyed" || h["x-fine"] != "yes" || h["x-forwarded-proto"] != "http" {
			t.Errorf("went out: %v", h)
		}
		w.expect(w.do("GET /a"), "200 miss page 2") // X-Host is part of the key
	})
}

func TestKeysHaveTheFormThatPurgesKnow(t *testing.T) {
	for _, c := range []struct {
		key    []string
		line   string
		fields []string
		want   string
	}{
		{nil, "GET /a", nil, "http://example.com/a|pages|"},
		{nil, "GET https://EXAMPLE.com:443/a?b=c&d", nil, "https://example.com/a?b=c&d|pages|"},
		{nil, "GET http://example.com:8080/", nil, "http://example.com:8080/|pages|"},
		{nil, "GET http://example.com:/?", nil, "http://example.com/?|pages|"},
		{[]string{"path"}, "GET /a?b", nil, "http:///a|pages|"},
		{[]string{"host", "path", "query:b", "query:a"}, "GET /?b=2&c=3&a=1&b=4", nil, "http://example.com/?a=1&b=2&b=4|pages|"},
		{[]string{"host", "path", "query:b"}, "GET /?c=3", nil, "http://example.com/|pages|"},
		{[]string{"host", "path", "header:X-A", "cookie:u"}, "GET /", []string{"x-a: 1", "X-A: 2", "Cookie: u=7; v=8"}, "http://example.com/|pages|x-a=1|x-a=2|u=7|"},
		{[]string{"host", "path", "header:X-A", "cookie:u"}, "GET /", []string{"X-A:"}, "http://example.com/|pages|x-a=|u|"},
	} {
		w := &world{}
		x := w.request(c.line, c.fields...)
		x.Route = &http7.Route{Name: "pages"}
		if c.key == nil {
			c.key = Default().Key
		}
		k := keyedBy(c.key)
		got := []byte(k.appendKey(nil, x, false))
		for i := range got {
			if got[i] == 0 {
				got[i] = '|'
			}
		}
		if got = bytes.Replace(got, []byte("|"+k.shape), nil, 1); string(got) != c.want {
			t.Errorf("%s by %v: %q, want %q", c.line, c.key, got, c.want)
		}
	}
}
