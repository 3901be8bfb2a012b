package cache

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
)

// problems are what Check notes about the defaults with an edit, as "key: text".
func problems(edit func(*Config)) (all []string) {
	c := Default()
	if edit != nil {
		edit(&c)
	}
	p := conf.NewProblems()
	c.Check(p)
	for _, q := range p.List() {
		text := q.Path.String() + ": " + q.Text
		if q.Warning {
			text = "warning: " + text
		}
		if q.Hint == "" {
			text += " (no hint)"
		}
		all = append(all, text)
	}
	return all
}

func TestWhatIsWrongWithAConfigIsSaid(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*Config)
		want []string
	}{
		{"the defaults", nil, nil},
		{"no ttl", func(c *Config) { c.TTL = For(0) }, []string{`ttl: "0s" is no time at all`}},
		{"a long ttl", func(c *Config) { c.TTL = For(400 * 24 * time.Hour) }, []string{`ttl: "400d" is more than a year`}},
		{"no negative ttl", func(c *Config) { c.NegativeTTL = conf.Dur(0) }, []string{`negative_ttl: "0s" is no time at all`}},
		{"stale for long", func(c *Config) { c.StaleIfError = conf.Dur(367 * 24 * time.Hour) }, []string{`stale_if_error: "367d" is more than a year`}},
		{"stale for no time", func(c *Config) { c.StaleWhileRevalidate = conf.Dur(0) }, []string{`stale_while_revalidate: "0s" is no time at all`}},
		{"no object", func(c *Config) { c.MaxObject = conf.Bytes(0) }, []string{`max_object: "0B" is out of range`}},
		{"any object", func(c *Config) { c.MaxObject = conf.OffSize }, []string{`max_object: "off" is out of range`}},
		{"nobody waits", func(c *Config) { c.Wait = conf.Dur(0) }, nil},
		{"nobody waits, in a word", func(c *Config) { c.Wait = conf.OffDuration }, nil},
		{"for an hour", func(c *Config) { c.Wait = conf.Dur(time.Hour) }, []string{`wait: "1h" keeps requests waiting for too long`}},
		{"no tags", func(c *Config) { c.TagsHeader = "off" }, nil},
		{"bad tags", func(c *Config) { c.TagsHeader = "a b" }, []string{`tags_header: "a b" is not a field name`}},
		{"an empty key", func(c *Config) { c.Key = nil }, []string{`key: all paths would share one answer`}},
		{"every word", func(c *Config) { c.Key = []string{"host", "path", "query:a", "query:b", "header:X-A", "cookie:u"} }, nil},
		{"twice", func(c *Config) { c.Key = []string{"path", "path"} }, []string{`key[1]: "path" is there twice`}},
		{"both queries", func(c *Config) { c.Key = []string{"path", "query", "query:a"} }, []string{`key[1]: "query" is the whole query, chosen parameters and all`}},
		{"unknown words", func(c *Config) { c.Key = []string{"path", "client", "header:", "header:a b", "host:x", "query:"} }, []string{
			`key[1]: "client" is no part of a key`, `key[2]: "header:" is no part of a key`, `key[3]: "header:a b" is no part of a key`,
			`key[4]: "host:x" is no part of a key`, `key[5]: "query:" is no part of a key`,
		}},
		{"fields that choose nothing", func(c *Config) { c.Key = []string{"path", "header:Range", "header:if-none-match"} }, []string{
			`key[1]: Range does not choose an answer`, `key[2]: if-none-match does not choose an answer`,
		}},
		{"a ttl and a cookie", func(c *Config) { c.TTL, c.Key = For(time.Minute), []string{"path", "cookie:lang"} }, []string{
			`warning: ttl: it does not hold for requests that have any other cookie than those in the key`,
		}},
		{"all cookies", func(c *Config) { c.Key = []string{"path", "header:Cookie"} }, []string{`warning: key[1]: every client has an answer of its own then`}},
	} {
		if got := problems(c.edit); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestATimeToLiveIsOriginOrADuration(t *testing.T) {
	for text, want := range map[string]TTL{"origin": Origin, "60s": For(time.Minute), "1h30m": For(90 * time.Minute), "0s": For(0)} {
		var got TTL
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || got.String() != text && text != "60s" && text != "1h30m" {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "off", "Origin", "60", "1 s", "-1s", "endpoint"} {
		var got TTL
		if err := got.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), `"`+text+`" is not a`) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestASectionThatIsOffHasNoStepAndABadOneIsRefused(t *testing.T) {
	c := Default()
	c.Mode = conf.ModeOff
	if steps, err := Compile(&c, "edge", nil); len(steps) != 0 || err != nil {
		t.Errorf("%v, %v", steps, err)
	}
	c = Default()
	c.Key = nil
	if _, err := Compile(&c, "edge", nil); err == nil || err.Error() != "edge.cache: all paths would share one answer" {
		t.Errorf("%v", err)
	}
	c = Default()
	c.Mode = conf.Observe
	steps, err := Compile(&c, "edge", nil)
	if err != nil || len(steps) != 1 || steps[0].Name != "edge.cache" || steps[0].Stage != http7.Cache || steps[0].Mode != http7.Observe {
		t.Errorf("%+v, %v", steps, err)
	}
}

func TestAPurgeNamesExactlyOneThing(t *testing.T) {
	w := newBareWorld(t, nil, pages)
	for _, c := range []struct {
		p    Purge
		fine bool
	}{
		{Purge{URL: "http://example.com/a"}, true}, {Purge{URL: "https://example.com"}, true}, {Purge{Prefix: "https://[::1]:8443/a?b"}, true},
		{Purge{Tag: "t"}, true}, {Purge{All: true}, true}, {Purge{All: true, Soft: true}, true},
		{Purge{}, false}, {Purge{Soft: true}, false}, {Purge{URL: "http://a/", All: true}, false}, {Purge{Tag: "t", Prefix: "http://a/"}, false},
		{Purge{URL: "/a"}, false}, {Purge{URL: "example.com/a"}, false}, {Purge{URL: "ftp://a/"}, false}, {Purge{URL: "http:///a"}, false},
		{Purge{URL: "http://a/#b"}, false}, {Purge{URL: "http://u@a/"}, false}, {Purge{Prefix: "http://a b/"}, false}, {Purge{URL: "http://a/%zz"}, false},
	} {
		if err := w.c.Purge(c.p); (err == nil) != c.fine {
			t.Errorf("%+v: %v", c.p, err)
		}
	}
	if got := fmt.Sprint(w.c.Stats().Purges); got != "map[all:2 key:2 prefix:1 tag:1]" {
		t.Errorf("counted %s", got)
	}
}

func TestAPurgeFindsWhatWasStoredUnderTheURL(t *testing.T) {
	for _, c := range []struct {
		line string
		p    Purge
		gone bool
	}{
		{"GET /a", Purge{URL: "http://example.com/a"}, true},
		{"GET /a", Purge{URL: "HTTP://EXAMPLE.COM:80/a"}, true},
		{"GET /a", Purge{URL: "https://example.com/a"}, false},
		{"GET /a", Purge{URL: "http://example.com/a?b"}, false},
		{"GET /a?b", Purge{URL: "http://example.com/a"}, false},
		{"GET /a?b", Purge{URL: "http://example.com/a?b"}, true},
		{"GET /", Purge{URL: "http://example.com"}, true},
		{"GET https://example.com:8443/a/b", Purge{URL: "https://example.com:8443/a/b"}, true},
		{"GET /a/b", Purge{Prefix: "http://example.com/a"}, true},
		{"GET /a/b?c", Purge{Prefix: "http://example.com/a/b?"}, true},
		{"GET /ab", Purge{Prefix: "http://example.com/a/"}, false},
		{"GET /ab", Purge{Prefix: "http://example.com"}, true},
		{"GET http://example.community/", Purge{Prefix: "http://example.com"}, false},
		{"GET /a", Purge{Tag: "two"}, true},
		{"GET /a", Purge{Tag: "tw"}, false},
		{"GET /a", Purge{All: true}, true},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, nil, always("Cache-Control: max-age=60\nVary: X-A\nSurrogate-Key: one, two", "it"))
			for _, a := range []string{"X-A: 1", "X-A: 2"} {
				w.do(c.line, a)
			}
			if err := w.c.Purge(c.p); err != nil {
				t.Fatal(err)
			}
			for _, a := range []string{"X-A: 1", "X-A: 2"} {
				if g := w.do(c.line, a); (g.cached == "miss") != c.gone {
					t.Errorf("%s after %+v: %v", c.line, c.p, g)
				}
			}
		})
	}
}

// FuzzKey holds that two requests have one key only if all that it is made of is the same.
func FuzzKey(f *testing.F) {
	f.Add("example.com", "/a", "b=1", "x", "y", "example.com", "/a", "b=1", "x", "y")
	f.Add("a", "/", "", "x\"", "", "a", "/?", "", "", "x")
	k := keyedBy([]string{"host", "path", "query", "header:X-A", "cookie:u"})
	f.Fuzz(func(t *testing.T, host, path, query, field, cookie, host2, path2, query2, field2, cookie2 string) {
		first, ok := keyFor(&k, host, path, query, field, cookie)
		second, ok2 := keyFor(&k, host2, path2, query2, field2, cookie2)
		if !ok || !ok2 || first != second {
			return
		}
		if !strings.EqualFold(bareHost(host), bareHost(host2)) || path != path2 || query != query2 || field != field2 || cookie != cookie2 {
			t.Errorf("%q for %q and %q", first, []string{host, path, query, field, cookie}, []string{host2, path2, query2, field2, cookie2})
		}
	})
}

func bareHost(h string) string { return strings.TrimSuffix(strings.TrimSuffix(h, ":80"), ":") }

// keyFor is the key of a request that the engines let pass; ok is false for others.
func keyFor(k *keyed, host, path, query, field, cookie string) (key string, ok bool) {
	if strings.ContainsAny(host, "/?#\x00") || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#\x00") || strings.ContainsAny(query, "#\x00") {
		return "", false
	}
	if !http7.IsFieldValue([]byte(field)) || !http7.IsToken([]byte(cookie)) {
		return "", false
	}
	x := &http7.Exchange{Authority: []byte(host), Path: []byte(path), Query: []byte(query), Route: &http7.Route{Name: "r"}}
	x.Request.AddRaw([]byte("X-A"), []byte(field))
	x.Request.AddRaw([]byte("Cookie"), []byte("u="+cookie))
	return string(k.appendKey(nil, x, false)), true
}
