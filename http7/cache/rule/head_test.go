package rule

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"weir/http7"
)

func TestWhichFieldsAreStored(t *testing.T) {
	for _, c := range []struct{ section, answer, want string }{
		{"3.1: all, in order and spelling", "X-A: 1 | content-TYPE: text/plain | X-A: 2 | Content-Foo: a, b",
			"X-A: 1 | content-TYPE: text/plain | X-A: 2 | Content-Foo: a, b"},
		{"3.1: what Connection names", "Connection: a, B | a: 1 | b: 2 | c: 3", "c: 3"},
		{"3.1: over several lines", "Connection: a | b: 2 | Connection: ,b, | a: 1 | c: 3", "c: 3"},
		{"3.1: what ends at a hop", "Connection: close | Keep-Alive: 5 | Proxy-Connection: x | TE: x | Transfer-Encoding: chunked | Upgrade: x | Trailer: x", ""},
		{"3.1: proxies' own", "Proxy-Authenticate: x | Proxy-Authentication-Info: x | Proxy-Authorization: x", ""},
		{"5.1: Age", "Age: 5 | X-A: 1", "X-A: 1"},
		{"RFC 7838: where else the server is", "alt-svc: h3=\":443\" | X-A: 1 | Alt-Svc: clear", "X-A: 1"},
		{"framing", "Content-Length: 5 | X-A: 1", "X-A: 1"},
		{"5.2.2.4: fields of no-cache", `Cache-Control: no-cache="a, B" | A: 1 | b: 2 | c: 3`, `Cache-Control: no-cache="a, B" | c: 3`},
		{"5.2.2.7: fields of private", "Cache-Control: private=a | A: 1 | c: 3", "Cache-Control: private=a | c: 3"},
		{"3.1: others", "Content-Encoding: gzip | Content-Location: /a | Content-MD5: x | Content-Range: x | Clear-Site-Data: x | Set-Cookie2: a=b",
			"Content-Encoding: gzip | Content-Location: /a | Content-MD5: x | Content-Range: x | Clear-Site-Data: x | Set-Cookie2: a=b"},
		{"9211 2: caches before Weir", "Cache-Status: far; hit", "Cache-Status: far; hit"},
		{"9213: the field for CDNs behind Weir", "CDN-Cache-Control: &", "CDN-Cache-Control: &"},
		{"empty values", "X-A:", "X-A: "},
	} {
		answer := c.answer + " | Expires: " + at(60) + " | Date: " + at(0)
		head, _ := stored(t, answer)
		var h http7.Header
		head.Fill(&h)
		want := strings.TrimPrefix(c.want+" | Expires: "+at(60)+" | Date: "+at(0), " | ")
		if got := show(&h); got != want {
			t.Errorf("RFC 9111 %s: of %q %q was kept, want %q", c.section, c.answer, got, want)
		}
	}
}

func TestFieldsForTheAskerAloneAreWithheld(t *testing.T) {
	for _, c := range []struct{ section, answer, want string }{
		{"5.2.2.7", `Cache-Control: private="x-a" | X-A: 1 | X-B: 2`, "X-A: 1\r\n"},
		{"5.2.2.7: as a token", "Cache-Control: private=x-a | X-A: 1 | x-a: 2", "X-A: 1\r\nx-a: 2\r\n"},
		{"5.2.2.4", `Cache-Control: no-cache="x-a, x-b" | X-B: 2 | X-A: 1 | X-C: 3`, "X-B: 2\r\nX-A: 1\r\n"},
		{"both", `Cache-Control: no-cache=x-a, private=x-b | X-B: 2 | X-A: 1`, "X-B: 2\r\nX-A: 1\r\n"},
		{"9213: in the field for CDNs", `CDN-Cache-Control: max-age=60, private="x-a" | X-A: 1`, "X-A: 1\r\n"},
		{"9110 7.6.1: not what Connection names", "Cache-Control: private=x-a | Connection: x-a | X-A: 1", ""},
		{"not what is never stored", `Cache-Control: private="age, date, content-length" | Age: 0 | Content-Length: 5`, ""},
		{"none", "X-A: 1 | Connection: x-a", ""},
	} {
		k := get("", 200, c.answer+" | Expires: "+at(60))
		v := Judge(k, &Config{})
		if got := string(v.AppendWithheld(nil, k.Answer)); !v.Store || got != c.want {
			t.Errorf("RFC 9111 %s: of %q %q is withheld (%s), want %q", c.section, c.answer, got, v.Why, c.want)
		}
	}
}

func TestADateIsAddedWhereThereIsNone(t *testing.T) {
	for _, c := range []struct{ answer, want string }{
		{"X-A: 1", "X-A: 1 | Date: " + at(0)},
		{"Date: foo | X-A: 1", "X-A: 1 | Date: " + at(0)},
		{"Date: " + at(-5) + " | Date: " + at(-4) + " | X-A: 1", "X-A: 1 | Date: " + at(0)},
		{"Date: " + at(-5) + " | X-A: 1", "Date: " + at(-5) + " | X-A: 1"},
		{"Connection: date | Date: " + at(-5) + " | X-A: 1", "Date: " + at(-5) + " | X-A: 1"},
	} {
		head, _ := stored(t, c.answer+" | Cache-Control: max-age=60")
		var h http7.Header
		head.Fill(&h)
		h.DelID(http7.CacheControl)
		if got := show(&h); got != c.want {
			t.Errorf("RFC 9110 6.6.1: %q became %q, want %q", c.answer, got, c.want)
		}
	}
}

func TestA304AndA206HaveTheirOwnFields(t *testing.T) {
	const all = "Cache-Control: max-age=60 | Content-Type: a/b | Content-Encoding: gzip | Content-Language: de | Content-MD5: x | " +
		"Content-Digest: x | Repr-Digest: x | Digest: x | Content-Range: x | Accept-Ranges: bytes | " +
		"Content-Location: /a | Date: Sat, 21 Nov 2026 18:00:00 GMT | ETag: \"a\" | Expires: 0 | Vary: Accept | " +
		"Last-Modified: Sat, 21 Nov 2026 17:00:00 GMT | Content-Security-Policy: x | X-A: 1"
	head, _ := stored(t, all)
	for _, c := range []struct {
		section string
		fill    func(*http7.Header)
		gone    []string
	}{
		{"15.3.1", head.Fill, nil},
		{"15.4.5", head.Fill304, []string{"Content-Type", "Content-Encoding", "Content-Language", "Content-MD5", "Content-Digest",
			"Repr-Digest", "Digest", "Content-Range", "Accept-Ranges"}},
		{"15.3.7", head.Fill206, []string{"Content-MD5", "Content-Digest", "Content-Range"}},
	} {
		want := fields(all)
		for _, name := range c.gone {
			want.Del(tagsName(t, name))
		}
		var h http7.Header
		c.fill(&h)
		if show(&h) != show(want) {
			t.Errorf("RFC 9110 %s: %q, want %q", c.section, show(&h), show(want))
		}
	}
}

func TestAFilledHeaderMayBeEditedAndFilledAgain(t *testing.T) {
	head, f := stored(t, apiAnswer)
	before := bytes.Clone(head)
	var h http7.Header
	for range 2 {
		head.Fill(&h)
		SetAge(&h, &f, now+7*second)
		h.Set(http7.Known(http7.ETag), []byte(`W/"other"`))
		h.DelID(http7.Server)
	}
	want := strings.Replace(apiAnswer, `"5f3a-9c1"`, `W/"other"`, 1)
	want = strings.TrimSuffix(want, " | Server: api") + " | Age: 8"
	if show(&h) != want {
		t.Errorf("it is %q, want %q", show(&h), want)
	}
	if !bytes.Equal(before, head) {
		t.Error("the stored head has changed")
	}
}

func TestKnownNamesOfAStoredHeadAreFound(t *testing.T) {
	head, _ := stored(t, apiAnswer)
	var h http7.Header
	head.Fill(&h)
	for _, id := range []http7.ID{http7.Date, http7.ContentType, http7.CacheControl, http7.ETag, http7.Vary, http7.Server} {
		if !h.Has(id) || !h.HasAny(http7.Names(id)) {
			t.Errorf("no %v", id)
		}
	}
	if v, ok := h.First(tagsName(t, "x-request-cost")); !ok || string(v) != "3" {
		t.Errorf("X-Request-Cost is %q", v)
	}
}

func TestAHeadThatIsTooGreatIsNotStored(t *testing.T) {
	for _, c := range []struct {
		lines, length int
		want          bool
	}{{200, 1, true}, {252, 1, true}, {253, 1, false}, {3, 20_000, true}, {4, 20_000, false}} {
		k := get("", 200, "Cache-Control: max-age=60")
		for i := range c.lines {
			k.Answer.AddRaw(fmt.Appendf(nil, "X-%d", i), bytes.Repeat([]byte("x"), c.length))
		}
		v := Judge(k, &Config{})
		b, ok := AppendHead([]byte("before"), &v, k.Answer)
		if !v.Store || ok != c.want {
			t.Errorf("%d lines of %d bytes: %v, want %v", c.lines, c.length, ok, c.want)
		}
		if ok && !whole(Head(b[len("before"):])) {
			t.Errorf("%d lines of %d bytes: the head is broken", c.lines, c.length)
		}
	}
}

func TestKindsOfHeads(t *testing.T) {
	head, _ := stored(t, apiAnswer)
	for _, c := range []struct {
		what string
		head Head
		want Kind
	}{
		{"an answer's", head, AnswerHead},
		{"an index", AppendIndex(nil, nil, 1), IndexHead},
		{"nothing", nil, NoKind},
		{"zeros", make(Head, 100), NoKind},
		{"an answer's, cut", head[:47], NoKind},
		{"another version", Head{9, 0, 0}, NoKind},
	} {
		var f Facts
		_, _, index := c.head.Index()
		if got := c.head.Kind(); got != c.want || c.head.Facts(&f) != (c.want == AnswerHead) || index != (c.want == IndexHead) {
			t.Errorf("%s is %v, want %v", c.what, got, c.want)
		}
	}
}
