package cache

import "testing"

// A client whose Range the fetch had left out got the whole of an answer that was not to be stored.
func TestAPartIsCutOutOfAnAnswerThatIsNotStored(t *testing.T) {
	for _, c := range []struct {
		name, head, ask, want, part string
		status                      int
	}{
		{name: "a part", ask: "Range: bytes=2-6", want: "206 uncacheable 23456", part: "bytes 2-6/10"},
		{name: "across chunks", ask: "Range: bytes=3-4", want: "206 uncacheable 34", part: "bytes 3-4/10"},
		{name: "the end", ask: "Range: bytes=-3", want: "206 uncacheable 789", part: "bytes 7-9/10"},
		{name: "all", ask: "Range: bytes=0-", want: "206 uncacheable 0123456789", part: "bytes 0-9/10"},
		{name: "for its tag", head: "ETag: \"a\"\n", ask: "If-Range: \"a\"\nRange: bytes=0-1", want: "206 uncacheable 01", part: "bytes 0-1/10"},
		{name: "for another tag", head: "ETag: \"a\"\n", ask: "If-Range: \"b\"\nRange: bytes=0-1", want: "200 uncacheable 0123456789"},
		{name: "for a weak tag", head: "ETag: W/\"a\"\n", ask: "If-Range: W/\"a\"\nRange: bytes=0-1", want: "200 uncacheable 0123456789"},
		{name: "not modified", head: "ETag: \"a\"\n", ask: "If-None-Match: \"a\"\nRange: bytes=0-1", want: "304 uncacheable "},
		{name: "several parts", ask: "Range: bytes=0-0,9-9", want: "206 uncacheable 0123456789", part: "bytes 0-9/10"}, // too close to be two
		{name: "behind the end", ask: "Range: bytes=10-", want: "200 uncacheable 0123456789"},
		{name: "another unit", ask: "Range: lines=0-1", want: "200 uncacheable 0123456789"},
		{name: "another status", status: 404, ask: "Range: bytes=0-1", want: "404 uncacheable 0123456789"},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, func(asked, int) said {
				return said{status: c.status, head: c.head + "X-A: 1\nContent-Length: 10\nCache-Control: no-store", chunks: []string{"0123", "456789"}}
			})
			g := w.do("GET /a", c.ask)
			if w.expect(g, c.want); g.h["content-range"] != c.part || g.h["x-a"] != "1" {
				t.Errorf("%s: Content-Range %q, X-A %q", c.name, g.h["content-range"], g.h["x-a"])
			}
			if c.part != "" && (g.length != int64(len(g.body)) || g.h["content-length"] != "") {
				t.Errorf("%s: length %d, Content-Length %q", c.name, g.length, g.h["content-length"])
			}
			if h := w.lastAsked().h; h["range"] != "" || h["if-range"] != "" {
				t.Errorf("%s: a fetch had %q", c.name, h)
			}
		})
	}
}

func TestNoPartIsCutOutOfABodyWithoutALength(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: no-store", chunks: []string{"0123456789"}, length: -1}
		})
		w.expect(w.do("GET /a", "Range: bytes=2-6"), "200 uncacheable 0123456789")
	})
}

func TestAPartOfABodyThatBreaksOffIsWholeOnlyIfItHasCome(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, nil, func(asked, int) said {
			return said{head: "Cache-Control: no-store", chunks: []string{"01234"}, length: 10, cut: true}
		})
		for ask, whole := range map[string]bool{"/a 0-4": true, "/b 3-5": false, "/c 7-9": false} {
			g := w.do("GET "+ask[:2], "Range: bytes="+ask[3:])
			if g.status != 206 || g.whole != whole {
				t.Errorf("%s: %v", ask, g)
			}
		}
	})
}
