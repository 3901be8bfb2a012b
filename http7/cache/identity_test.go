package cache

import (
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// as lets a policy have found out that a request is who's; "" establishes somebody without a name.
func (w *world) as(who, line string, fields ...string) got {
	x := w.request(line, fields...)
	x.Establish(http7.Identity{Scheme: "api_key", Consumer: who})
	return w.run(x)
}

// numbered is an origin whose answers count, with head.
func numbered(head string) func(a asked, n int) said {
	return func(_ asked, n int) said { return said{head: head, chunks: []string{"answer " + string(rune('0'+n))}} }
}

// Whom a policy has identified is somebody in particular, whatever the credential was: what RFC 9111 §3.5 says of
// Authorization holds for an API key and a client certificate too.
func TestAnswersToIdentifiedClientsAreTheirs(t *testing.T) {
	for _, c := range []struct {
		name, head string
		edit       func(*Config)
		want       string // ann, bob, ann, nobody
	}{
		{"what says nothing of others", "Cache-Control: max-age=60", nil, "uncacheable uncacheable uncacheable miss"},
		{"what is for all", "Cache-Control: public, max-age=60", nil, "miss hit hit hit"},
		{"what has no lifetime", "X-A: b", func(c *Config) { c.TTL = For(time.Minute) }, "uncacheable uncacheable uncacheable miss"},
		{"each by name", "Cache-Control: max-age=60", byName, "miss miss hit miss"},
		{"each by name, without a lifetime", "X-A: b", func(c *Config) { byName(c); c.TTL = For(time.Minute) }, "miss miss hit miss"},
		{"each by name, what is private", "Cache-Control: private, max-age=60", byName, "uncacheable uncacheable uncacheable uncacheable"},
	} {
		inTime(t, func(t *testing.T) {
			w := newWorld(t, c.edit, numbered(c.head))
			var how []string
			for _, g := range []got{w.as("ann", "GET /a"), w.as("bob", "GET /a"), w.as("ann", "GET /a"), w.do("GET /a")} {
				how = append(how, g.cached)
			}
			// what is known not to be stored passes by
			if s := strings.ReplaceAll(strings.Join(how, " "), cachedBypass, cachedUncacheable); s != c.want {
				t.Errorf("%s: %s, want %s", c.name, s, c.want)
			}
		})
	}
}

func byName(c *Config) { c.Key = append(c.Key, keyConsumer) }

func TestWhoIsPartOfTheKeyNeedsNoAuthorizationRule(t *testing.T) {
	inTime(t, func(t *testing.T) {
		w := newWorld(t, byName, numbered("Cache-Control: max-age=60"))
		w.expect(w.as("ann", "GET /a", "Authorization: ann"), "200 miss answer 1")
		w.expect(w.as("ann", "GET /a", "Authorization: ann, again"), "200 hit answer 1")
		w.expect(w.as("", "GET /a"), "200 uncacheable answer 2") // known, and without a name to keep it by
		w.expect(w.do("GET /a", "Authorization: eve"), "200 uncacheable answer 3")
		w.expect(w.do("GET /a"), "200 miss answer 4")
	})
}

// A name may hold what parts a key: it must not reach another's answers.
func TestNoNameIsTakenForAnother(t *testing.T) {
	seen := map[string]bool{}
	k := keyedBy([]string{keyHost, keyPath, keyConsumer})
	for _, who := range []string{"", "a", "a\x00", "\x00a", "1@a", "a\x001@b", "a\x00b"} {
		x := &http7.Exchange{Authority: []byte("h"), Path: []byte("/a"), Consumer: who}
		key := string(k.appendKey(nil, x, false))
		if seen[key] {
			t.Errorf("%q shares a key", who)
		}
		seen[key] = true
	}
}
