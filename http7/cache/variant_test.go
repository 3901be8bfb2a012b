package cache

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// languages is an origin whose answer varies.
func languages(a asked, n int) said {
	return said{head: "Cache-Control: max-age=60\nVary: Accept-Language", chunks: []string{a.h["accept-language"], " ", fmt.Sprint(n)}}
}

func TestVariantsAreKeptApart(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, languages)
		w.expect(w.do("GET /a", "Accept-Language: en"), "200 miss en 1")
		g := w.do("GET /a", "Accept-Language: de")
		w.expect(g, "200 miss de 2")
		if g.h["cache-status"] != "weir; fwd=vary-miss; stored" {
			t.Errorf("Cache-Status %s", g.h["cache-status"])
		}
		w.expect(w.do("GET /a", "Accept-Language: en"), "200 hit en 1")
		w.expect(w.do("GET /a", "Accept-Language: DE"), "200 hit de 2")
		w.expect(w.do("GET /a"), "200 miss  3")
		w.expect(w.do("GET /a"), "200 hit  3")
	})
}

func TestThoseWhoWaitGetTheirOwnVariant(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			s := languages(a, n)
			s.chunks, s.before, s.after = []string{"in ", a.h["accept-language"]}, time.Second, time.Second
			return s
		})
		done := make(chan map[string]int, 2)
		for _, l := range []string{"en", "de"} {
			go func() { done <- tally(w.many(50, "GET /a", "Accept-Language: "+l)) }()
		}
		all := fmt.Sprint(<-done, <-done)
		if all != "map[200 collapsed in en:49 200 miss in en:1] map[200 collapsed in de:49 200 miss in de:1]" &&
			all != "map[200 collapsed in de:49 200 miss in de:1] map[200 collapsed in en:49 200 miss in en:1]" {
			t.Error(all)
		}
		if w.asks() != 2 {
			t.Errorf("%d requests", w.asks())
		}
	})
}

func TestVariantsAreBounded(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=60\nVary: X-Any", chunks: []string{a.h["x-any"]}}
		})
		for i := range 3 * maxVariants {
			w.expect(w.do("GET /a", "X-Any: "+fmt.Sprint(i)), "200 miss "+fmt.Sprint(i))
		}
		hits := 0
		for i := range 3 * maxVariants {
			if g := w.do("GET /a", "Cache-Control: only-if-cached", "X-Any: "+fmt.Sprint(i)); g.cached == "hit" {
				hits++
				w.expect(g, fmt.Sprint("200 hit ", i))
			}
		}
		if hits == 0 || hits > maxVariants {
			t.Errorf("%d variants", hits)
		}
	})
}

func TestAnAnswerThatNoLongerVariesIsForAll(t *testing.T) {
	inTime(t, func(t *testing.T) {
		vary := "\nVary: X-A"
		w := newWorld(t, nil, func(a asked, n int) said {
			return said{head: "Cache-Control: max-age=60" + vary, chunks: []string{fmt.Sprint(n)}}
		})
		w.do("GET /a", "X-A: 1")
		vary = "\nVary: X-B"
		w.expect(w.do("GET /a", "X-A: 2"), "200 miss 2")
		w.expect(w.do("GET /a", "X-A: 1"), "200 hit 2") // X-A does not matter any more
		vary = ""
		w.expect(w.do("GET /a", "X-B: 1"), "200 miss 3")
		w.expect(w.do("GET /a", "X-A: 1"), "200 hit 3")
		vary = "\nVary: X-A"
		pass(time.Hour)
		w.expect(w.do("GET /a", "X-A: 1"), "200 miss 4")
		w.expect(w.do("GET /a", "X-A: 2"), "200 miss 5")
		w.expect(w.do("GET /a", "X-A: 1"), "200 hit 4")
	})
}

func TestVaryOnAFieldThatIsRewritten(t *testing.T) {
	for _, c := range []struct {
		edit http7.Edit
		want []string
	}{
		{http7.Edit{Name: "accept-encoding", Fixed: true}, []string{"200 miss x", "200 hit x"}},
		{http7.Edit{Name: "accept-encoding"}, []string{"200 uncacheable x", "200 uncacheable x"}},
		{http7.Edit{Name: "x-other"}, []string{"200 miss x", "200 miss x"}},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, always("Cache-Control: max-age=60\nVary: Accept-Encoding", "x"))
			w.extra = []http7.Step{{Stage: http7.Rewrite, Edits: []http7.Edit{c.edit}}}
			w.reload(nil)
			for i, coding := range []string{"gzip", "br"} {
				w.expect(w.do("GET /a", "Accept-Encoding: "+coding), c.want[i])
			}
		})
	}
}

func TestChangesLetGoWhatIsStoredForTheirURL(t *testing.T) {
	for _, c := range []struct {
		line   string
		answer said
		gone   []string
	}{
		{"POST /a", said{}, []string{"/a"}},
		{"POST /a?q", said{}, nil},
		{"DELETE /a", said{status: 204}, []string{"/a"}},
		{"PURGE /a", said{status: 303, head: "Location: /b"}, []string{"/a", "/b"}},
		{"POST /c", said{status: 201, head: "Location: http://example.com/b\nContent-Location: /a"}, []string{"/a", "/b"}},
		{"POST /c", said{status: 201, head: "Location: http://example.org/a"}, nil},
		{"POST /a", said{status: 404}, nil},
		{"POST /a", said{fault: http7.ConnectRefused}, nil},
		{"OPTIONS /a", said{}, nil},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, func(a asked, n int) said {
				if a.method == "GET" {
					return pages(a, n)
				}
				return c.answer
			})
			w.do("GET /a", "X-Extra: 1")
			w.do("GET /b")
			w.do(c.line)
			var gone []string
			for _, path := range []string{"/a", "/b"} {
				if g := w.do("GET " + path); g.cached != "hit" {
					gone = append(gone, path)
				}
			}
			if !slices.Equal(gone, c.gone) {
				t.Errorf("%s, %v: gone are %v, want %v", c.line, c.answer, gone, c.gone)
			}
		})
	}
}

func TestAChangeDuringAFillIsNotMissed(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(a asked, n int) said {
			s := pages(a, n)
			if a.method == "GET" {
				s.after = 5 * time.Second
			}
			return s
		})
		go w.do("GET /a")
		pass(time.Second)
		w.do("POST /a")
		w.expect(w.do("GET /a"), "200 miss page 3")
		w.expect(w.do("GET /a"), "200 hit page 3")
	})
}

func TestRoutesAndConfigsShareTheStoreAndNotTheirAnswers(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		w.do("GET /a?x")
		w.reload(with(func(c *Config) { c.MaxObject = conf100KiB }))
		w.expect(w.do("GET /a?x"), "200 hit page 1") // a reload keeps what is stored
		w.reload(with(func(c *Config) { c.Key = []string{"path"} }))
		w.expect(w.do("GET /a?x"), "200 miss page 2")
		w.expect(w.do("GET http://other.example/a?y"), "200 hit page 2")
		w.route.Name = "other"
		w.expect(w.do("GET /a?x"), "200 miss page 3")
		w.expect(w.do("GET https://example.com/a?x"), "200 miss page 4")
		if err := w.c.Purge(Purge{URL: "http://example.com/a?x"}); err != nil {
			t.Fatal(err)
		}
		w.expect(w.do("GET /a?x"), "200 miss page 5") // keys without a host are purged for any
		w.reload(nil)
		w.expect(w.do("GET /a?x"), "200 miss page 6")
	})
}

func TestObserveModeAnswersNobodyAndSaysWhatItWouldHaveDone(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, with(func(c *Config) { _ = c.Mode.UnmarshalText([]byte("observe")) }), pages)
		for i, want := range []string{"would miss", "would hit", "would hit"} {
			x := w.request("GET /a", "X-Original-URL: /b")
			w.decide(x, w.p.Request(x))
			if !slices.Equal(x.Verdicts, []string{"edge.cache:" + want}) {
				t.Errorf("%v, want %s", x.Verdicts, want)
			}
			g := w.respond(x)
			w.end(x)
			if g.body != fmt.Sprint("page ", i+1) || g.h["cache-status"] != "" || w.lastAsked().h["x-original-url"] == "" {
				t.Errorf("got %v", g)
			}
		}
		w.reload(nil)
		w.expect(w.do("GET /a"), "200 miss page 4") // what was stored while nothing was stripped is not used
	})
}

func TestADryRunSaysTheKeyAndTheVerdict(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, pages)
		dry := func(line string, want ...string) {
			t.Helper()
			x := w.request(line)
			x.Dry = true
			v := w.p.Request(x)
			if hits := strings.Contains(strings.Join(want, ""), "would hit"); (v.Act == http7.Reply) != hits || !slices.Equal(x.Verdicts, want) {
				t.Errorf("%v %v, want %v", v, x.Verdicts, want)
			}
			w.p.End(x, 0)
			if x.Answer != nil && x.Answer.Source != nil {
				x.Answer.Source.Close()
			}
		}
		dry("GET /a?b", "edge.cache:key http://example.com/a?b pages", "edge.cache:would miss")
		if w.p.shared.Fetched("http://example.com/a?b") {
			t.Error("a dry run counts as one that fetched")
		}
		w.do("GET /a?b")
		for url, want := range map[string]bool{"http://example.com/a?b": true, "http://Example.com:80/a?b": true, "http://example.com/a": false, "https://example.com/a?b": false} {
			if got := w.p.shared.Fetched(url); got != want {
				t.Errorf("fetched %s: %t", url, got)
			}
		}
		dry("GET /a?b", "edge.cache:key http://example.com/a?b pages", "edge.cache:would hit")
		pass(time.Hour)
		dry("GET /a?b", "edge.cache:key http://example.com/a?b pages", "edge.cache:would revalidate")
		dry("POST /a", "edge.cache:would bypass: method", "edge.cache:if it succeeds, would purge http://example.com/a")
		dry("OPTIONS /a", "edge.cache:would bypass: method")
	})
}
