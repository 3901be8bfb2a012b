package sticky

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/lb"
)

func TestAClientComesBackToWhereItWas(t *testing.T) {
	addresses := []string{
		"10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:8080", "[2001:db8::1]:80", "[::ffff:10.0.0.1]:80", "[fe80::1%eth0]:80",
		"unix:/run/a.sock", "unix:/" + strings.Repeat("long", 25), "endpoint.example:80",
	}
	g := newRig(t, compile(t), addresses...)
	for i, a := range addresses {
		g.cookie = ""
		g.bind(g.endpoint(i))
		if got := g.ask(time.Minute); got != g.endpoint(i) {
			t.Errorf("a client of %s comes back to %v", a, got)
		}
		if again := g.answer(g.endpoint(i)); again != "" {
			t.Errorf("a client of %s gets another cookie for the same: %s", a, again)
		}
	}
}

func TestAValueShowsNothing(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80", "[2001:db8::1]:65535", "unix:/run/endpoint.sock")
	seen := map[string]bool{}
	for i := range 3 {
		for range 20 {
			g.cookie = ""
			g.bind(g.endpoint(i))
			value := g.value()
			raw, err := base64.RawURLEncoding.DecodeString(value)
			if err != nil || len(value) != 68 {
				t.Fatalf("%s has %d characters (%v), want 68", value, len(value), err)
			}
			if seen[value] || seen[string(raw[:nonceSize])] {
				t.Error("two clients of one endpoint have the same value or nonce")
			}
			seen[value], seen[string(raw[:nonceSize])] = true, true
			for _, part := range [][]byte{{10, 0, 0, 1}, []byte("10.0.0.1"), {0x20, 0x01, 0x0d, 0xb8}, []byte("endpoint")} {
				if bytes.Contains(raw, part) {
					t.Errorf("%x shows in %x", part, raw)
				}
			}
		}
	}
}

func TestTheCookieHasItsAttributes(t *testing.T) {
	for _, c := range []struct {
		edit   func(*Config)
		https  bool
		suffix string
	}{
		{func(*Config) {}, false, "; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		{func(*Config) {}, true, "; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
		{func(c *Config) { c.Secure = true }, false, "; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"},
		{func(c *Config) { c.TTL = conf.OffDuration }, false, "; Path=/; HttpOnly; SameSite=Lax"},
		{func(c *Config) { c.TTL = conf.Dur(24 * time.Hour) }, false, "; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
		{func(c *Config) { c.HTTPOnly, c.SameSite = false, Strict }, false, "; Path=/; Max-Age=3600; SameSite=Strict"},
		{func(c *Config) { c.SameSite, c.Secure = None, true }, false, "; Path=/; Max-Age=3600; HttpOnly; SameSite=None; Secure"},
		{func(c *Config) { c.Path, c.Domain = "/app", "example.com" }, false, "; Path=/app; Domain=example.com; Max-Age=3600; HttpOnly; SameSite=Lax"},
	} {
		g := newRig(t, compile(t, c.edit), "10.0.0.1:80")
		g.ask(0)
		g.x.Secure = c.https
		line := g.answer(g.endpoint(0))
		if got := line[strings.Index(line, ";"):]; got != c.suffix {
			t.Errorf("got %s, want %s", got, c.suffix)
		}
		if parsed, err := http.ParseSetCookie(line); err != nil || parsed.Name != "weir" || parsed.Valid() != nil {
			t.Errorf("net/http reads %s as %v (%v)", line, parsed, err)
		}
	}
}

func TestACookieIsRenewedWhenHalfItsTimeHasPassed(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80", "10.0.0.2:80")
	g.bind(g.endpoint(1))
	first := g.value()
	for _, c := range []struct {
		after   time.Duration
		renewed bool
	}{
		{time.Minute, false},
		{29 * time.Minute, false},
		{31 * time.Minute, true},
		{60 * time.Minute, false}, // a TTL after the first, half a TTL after the second
		{62 * time.Minute, true},
		{121 * time.Minute, true}, // a second before its end
	} {
		before := g.value()
		if got := g.ask(c.after); got != g.endpoint(1) {
			t.Fatalf("after %s the client comes to %v", c.after, got)
		}
		if g.answer(g.endpoint(1)); (g.value() != before) != c.renewed {
			t.Errorf("after %s the cookie is renewed: %v, want %v", c.after, g.value() != before, c.renewed)
		}
	}
	if g.value() == first {
		t.Error("the first cookie is still in use")
	}
}

func TestACookieEndsWithItsTime(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80")
	g.bind(g.endpoint(0))
	for _, c := range []struct {
		after time.Duration
		stays bool
	}{
		{59*time.Minute + 59*time.Second, true},
		{time.Hour, false},
		{1000 * time.Hour, false},
		{-30 * time.Second, true}, // set by a node whose clock is ahead
	} {
		if got := g.ask(c.after); (got != nil) != c.stays {
			t.Errorf("after %s the client stays: %v, want %v", c.after, got != nil, c.stays)
		}
	}
}

func TestAnotherTTLHoldsFromTheNextAnswerOn(t *testing.T) {
	for _, c := range []struct {
		before, after conf.Duration
		renewed       bool
	}{
		{conf.Dur(time.Hour), conf.Dur(time.Hour), false},
		{conf.Dur(24 * time.Hour), conf.Dur(time.Hour), true},
		{conf.Dur(time.Hour), conf.Dur(24 * time.Hour), true},
		{conf.Dur(time.Hour), conf.OffDuration, true},
		{conf.OffDuration, conf.Dur(time.Hour), true},
		{conf.OffDuration, conf.OffDuration, false},
	} {
		g := newRig(t, compile(t, func(cfg *Config) { cfg.TTL = c.before }), "10.0.0.1:80")
		g.bind(g.endpoint(0))
		g.s = compile(t, func(cfg *Config) { cfg.TTL = c.after })
		if g.ask(time.Minute) != g.endpoint(0) {
			t.Errorf("from ttl %s to %s: the client is lost", c.before, c.after)
		}
		if got := g.answer(g.endpoint(0)) != ""; got != c.renewed {
			t.Errorf("from ttl %s to %s: renewed: %v, want %v", c.before, c.after, got, c.renewed)
		}
	}
}

func TestAClientMovesWhenItsEndpointIsGoneOrUnfit(t *testing.T) {
	for _, c := range []struct {
		what  string
		by    lb.Judge
		state lb.State
		tried bool
		moves bool
	}{
		{"it is ready, but had as much to do as it may", lb.ByProbe, lb.Ready, false, false},
		{"it is draining, but had as much to do as it may", lb.ByOperator, lb.Draining, false, false},
		{"it is unknown, but had as much to do as it may", lb.ByProbe, lb.Unknown, false, false},
		{"it looks ready, but its attempt failed", lb.ByProbe, lb.Ready, true, true},
		{"it is ejected", lb.ByTraffic, lb.Ejected, false, true},
		{"it is down", lb.ByProbe, lb.Down, false, true},
		{"it is in maintenance", lb.ByOperator, lb.Maintenance, false, true},
	} {
		g := newRig(t, compile(t), "10.0.0.1:80", "10.0.0.2:80")
		own, other := g.endpoint(0), g.endpoint(1)
		g.bind(own)
		g.r.Judge(c.by, c.state, "a test", own)
		if g.ask(time.Minute) != own {
			t.Errorf("%s: the client does not say where it was", c.what)
		}
		var tried []*lb.Endpoint
		if c.tried {
			tried = append(tried, own, other)
		}
		if moved := g.answer(other, tried...) != ""; moved != c.moves {
			t.Errorf("%s: the client moves: %v, want %v", c.what, moved, c.moves)
		}
		if got := g.ask(time.Minute); c.moves && got != other || !c.moves && got != own {
			t.Errorf("%s: the client then comes to %s", c.what, got)
		}
	}
}

func TestAnEndpointThatVanishedIsForgotten(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80", "10.0.0.2:80", "unix:/run/a.sock")
	for _, gone := range []int{0, 2} {
		g.cookie = ""
		g.bind(g.endpoint(gone))
		left := newRig(t, g.s, "10.0.0.2:80")
		left.cookie = g.cookie
		if got := left.ask(time.Minute); got != nil {
			t.Errorf("the client comes to %s", got)
		}
		if left.answer(left.endpoint(0)) == "" {
			t.Error("the client gets no new cookie")
		}
	}
}

func TestNothingIsBoundByAnAnswerThatIsNoEndpointsOrBad(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80")
	for _, a := range []*http7.Answer{nil, {Status: 200, Local: true}, {Status: 500}, {Status: 503}} {
		g.ask(0)
		g.x.Answer = a
		g.s.Keep(&g.v, g.x, g.endpoint(0), new(lb.Tried))
		if a != nil && a.Header.Len() > 0 {
			t.Errorf("an answer %d (local %v) sets a cookie", a.Status, a.Local)
		}
	}
	for _, status := range []int{200, 302, 304, 404, 101} {
		g.cookie = ""
		g.ask(0)
		if g.x.Answer.Status = status; g.answer(g.endpoint(0)) == "" {
			t.Errorf("an answer %d sets no cookie", status)
		}
	}
}

func TestOnlyTheAnswerWithACookieIsKeptFromOtherCaches(t *testing.T) {
	for _, c := range []struct{ had, want []string }{
		{nil, []string{"private"}},
		{[]string{"public, max-age=60"}, []string{"public, max-age=60", "private"}},
		{[]string{"max-age=60", "no-transform"}, []string{"max-age=60", "no-transform", "private"}},
		{[]string{"private"}, []string{"private"}},
		{[]string{"max-age=60,\tPrivate ,x"}, []string{"max-age=60,\tPrivate ,x"}},
		{[]string{"no-cache", "no-store"}, []string{"no-cache", "no-store"}},
		{[]string{`private="X-A"`}, []string{`private="X-A"`, "private"}}, // that is about X-A alone
	} {
		g := newRig(t, compile(t), "10.0.0.1:80")
		for _, again := range []bool{false, true} {
			g.ask(0)
			for _, v := range c.had {
				g.x.Answer.Header.AddRaw([]byte("Cache-Control"), []byte(v))
			}
			g.answer(g.endpoint(0))
			var got []string
			for v := range g.x.Answer.Header.Each(cacheControl) {
				got = append(got, string(v))
			}
			want := c.want
			if again {
				want = c.had
			}
			if strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("of %q became %q, want %q (with a cookie: %v)", c.had, got, want, !again)
			}
		}
	}
}

func TestValuesThatAreNotOursAreIgnored(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80")
	g.bind(g.endpoint(0))
	good := g.value()
	for _, value := range []string{
		"", "x", good[1:], good + "A", good + "=", strings.ToLower(good), strings.Repeat("A", 68), strings.Repeat("A", 1<<16),
		good[:67] + "\n", `"` + good + `"`, good[:67] + "!", "10.0.0.1:80", strings.Repeat("\xff", 68), good[34:] + good[:34],
	} {
		g.cookie = "weir=" + value
		if got := g.ask(time.Minute); got != nil {
			t.Errorf("%.80q leads to %s", value, got)
		}
		if g.answer(g.endpoint(0)) == "" {
			t.Errorf("%.80q is not replaced", value)
		}
	}
}

func TestNoBitOfAValueCanBeChanged(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80")
	g.bind(g.endpoint(0))
	raw, _ := base64.RawURLEncoding.DecodeString(g.value())
	for bit := range 8 * len(raw) {
		raw[bit/8] ^= 1 << (bit % 8)
		g.cookie = "weir=" + base64.RawURLEncoding.EncodeToString(raw)
		if got := g.ask(time.Minute); got != nil {
			t.Fatalf("with bit %d changed the value leads to %s", bit, got)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
}

func TestACookieMeansNothingElsewhere(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80")
	g.bind(g.endpoint(0))
	c := Default()
	c.Cookie = "weir"
	other, err := New("other", &c, storedKeys)
	if err != nil {
		t.Fatal(err)
	}
	for what, s := range map[string]*Sticky{"another upstream": other, "another key": compile(t, keyed("a key that is not the stored one"))} {
		g.s = s
		if got := g.ask(time.Minute); got != nil {
			t.Errorf("%s takes the cookie: %s", what, got)
		}
	}
	g.s = compile(t)
	g.cookie = strings.Replace(g.cookie, "weir=", "weird=", 1)
	if got := g.ask(time.Minute); got != nil {
		t.Errorf("a cookie of another name is taken: %s", got)
	}
}

func TestOursIsFoundAmongOthersOfTheName(t *testing.T) {
	// A neighbour below the same domain may have set one too.
	g := newRig(t, compile(t), "10.0.0.1:80", "10.0.0.2:80")
	g.bind(g.endpoint(1))
	good := g.cookie
	for _, c := range []struct {
		cookie string
		want   bool
	}{
		{"a=b; weir=foreign; " + good, true},
		{"weir=" + strings.Repeat("A", 68) + "; weir=x;weir=;" + good, true},
		{strings.Repeat("weir=x; ", 4) + good, false}, // enough is enough
	} {
		g.cookie = c.cookie
		if got := g.ask(time.Minute); (got == g.endpoint(1)) != c.want {
			t.Errorf("%.60q leads to %v", c.cookie, got)
		}
	}
}

func TestKeysAreRotatedWithoutLosingAClient(t *testing.T) {
	const first, second = "the first key of them all", "the second key, its heir"
	g := newRig(t, compile(t, keyed(first)), "10.0.0.1:80")
	g.bind(g.endpoint(0))
	g.s = compile(t, keyed(second, first))
	if g.ask(31*time.Minute) != g.endpoint(0) {
		t.Fatal("a cookie of the old key is not taken")
	}
	if g.answer(g.endpoint(0)) == "" {
		t.Fatal("the cookie is not renewed")
	}
	g.s = compile(t, keyed(second))
	if g.ask(32*time.Minute) != g.endpoint(0) {
		t.Error("the renewed cookie is not of the new key")
	}
	g.s = compile(t, keyed(first))
	if g.ask(32*time.Minute) != nil {
		t.Error("the renewed cookie is of the old key")
	}
}

func TestACookieHoldsAcrossReloadsRestartsAndNodes(t *testing.T) {
	g := newRig(t, compile(t, keyed("a key that two nodes share")), "10.0.0.1:80", "10.0.0.2:80")
	g.bind(g.endpoint(1))
	other := newRig(t, compile(t, keyed("a key that two nodes share")), "10.0.0.3:80", "10.0.0.2:80", "10.0.0.1:80")
	other.cookie = g.cookie
	if got := other.ask(time.Minute); got == nil || got.Address() != "10.0.0.2:80" {
		t.Errorf("at another node the client comes to %v", got)
	}
}

func TestWithoutAKeyOrANameThereIsNoStickiness(t *testing.T) {
	c := Default()
	c.Cookie = "weir"
	if _, err := New("u", &c, nil); err == nil {
		t.Error("no key is needed")
	}
	c.Cookie = "not a name"
	if _, err := New("u", &c, storedKeys); err == nil {
		t.Error("any name will do")
	}
}

// FuzzOpen: no Cookie field panics, and none but the one that was sealed, which stands for "$", leads
// anywhere.
func FuzzOpen(f *testing.F) {
	f.Add("weir=$")
	f.Add("a=b; weir=x$; weir=$")
	f.Add("weir=" + strings.Repeat("A", 68))
	f.Add("weir=;;weir")
	g := newRig(f, compile(f), "10.0.0.1:80", "unix:/run/a.sock")
	g.bind(g.endpoint(0))
	good := g.value()
	f.Fuzz(func(t *testing.T, field string) {
		g.cookie = strings.ReplaceAll(field, "$", good)
		if got := g.ask(time.Minute); got != nil && !strings.Contains(field, "$") {
			t.Fatalf("%q leads to %s", field, got)
		}
	})
}

func TestOpeningACookieDoesNotAllocate(t *testing.T) {
	g := newRig(t, compile(t, keyed("the second key, its heir", "the first key of them all")), "10.0.0.1:80", "[2001:db8::1]:80", "unix:/run/a.sock")
	for i := range 3 {
		g.cookie = ""
		g.bind(g.endpoint(i))
		g.cookie = "a=b; weir=garbage; " + g.cookie
		g.ask(time.Minute)
		var tried lb.Tried
		if n := testing.AllocsPerRun(1000, func() {
			e := g.s.Open(&g.v, g.x, g.u)
			if e != g.endpoint(i) {
				t.Fatalf("came to %v", e)
			}
			g.s.Keep(&g.v, g.x, e, &tried)
		}); n != 0 {
			t.Errorf("opening the cookie of %s allocates %v times", g.endpoint(i), n)
		}
	}
}

func TestSettingACookieAllocatesOnlyInTheHeader(t *testing.T) {
	g := newRig(t, compile(t), "10.0.0.1:80")
	g.ask(0)
	var tried lb.Tried
	if n := testing.AllocsPerRun(1000, func() {
		g.x.Answer.Header.Reset(nil) // keeps the arena
		g.s.Keep(&g.v, g.x, g.endpoint(0), &tried)
	}); n != 0 {
		t.Errorf("setting a cookie allocates %v times", n)
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, keys := range []int{1, 3} {
		secrets := make([]string, keys)
		for i := range secrets {
			secrets[i] = "key number " + strconv.Itoa(i) + " of the list"
		}
		g := newRig(b, compile(b, keyed(secrets[keys-1])), "10.0.0.1:80", "10.0.0.2:80")
		g.bind(g.endpoint(1))
		g.s = compile(b, keyed(secrets...))
		g.cookie = "session=0123456789; " + g.cookie
		g.ask(time.Minute)
		b.Run(strconv.Itoa(keys)+"keys", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if g.s.Open(&g.v, g.x, g.u) == nil {
					b.Fatal("lost")
				}
			}
		})
	}
}

func BenchmarkKeep(b *testing.B) {
	g := newRig(b, compile(b), "10.0.0.1:80")
	g.ask(0)
	var tried lb.Tried
	b.ReportAllocs()
	for b.Loop() {
		g.x.Answer.Header.Reset(nil)
		g.s.Keep(&g.v, g.x, g.endpoint(0), &tried)
	}
}
