package selector

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

// list reads selectors as a config has them.
func list(t testing.TB, texts ...string) conf.Selectors {
	t.Helper()
	l := make(conf.Selectors, len(texts))
	for i, text := range texts {
		if err := l[i].UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func compiled(t testing.TB, texts ...string) *Selection {
	t.Helper()
	s, err := New(list(t, texts...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asked returns the exchange of "GET /path?query" to a host with header lines.
func asked(host, target string, lines ...string) *http7.Exchange {
	x := &http7.Exchange{Method: []byte("GET"), Authority: []byte(host), Client: netip.MustParseAddr("192.0.2.7")}
	path, query, found := strings.Cut(target, "?")
	if x.Path = []byte(path); found {
		x.Query = []byte(query)
	}
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ": ")
		x.Request.AddRaw([]byte(name), []byte(value))
	}
	return x
}

// taken reads what Append wrote: for each part its values. It is the proof that there is one
// reading only.
func taken(t testing.TB, key []byte, parts int) [][]string {
	t.Helper()
	number := func() int {
		if len(key) < 4 {
			t.Fatalf("%d bytes are left where a number should be", len(key))
		}
		n := binary.LittleEndian.Uint32(key[len(key)-4:])
		key = key[:len(key)-4]
		return int(n)
	}
	out := make([][]string, parts)
	for i := parts - 1; i >= 0; i-- {
		for range number() {
			n := number()
			out[i] = append(out[i], string(key[len(key)-n:]))
			key = key[:len(key)-n]
		}
		slices.Reverse(out[i])
	}
	if len(key) > 0 {
		t.Fatalf("%q is left over", key)
	}
	return out
}

func TestWhatASelectorTakesOfARequest(t *testing.T) {
	x := asked("API.example.com:80", "/a/%62?page=2&page=3&q=a+b%21&flag", "X-User: alice", "x-user: bob",
		"Cookie: uid=7; other=x", "Cookie: uid=8", "X-Empty: ")
	x.Consumer, x.Route = "shop", &http7.Route{Name: "orders"}
	x.Claims = []http7.Claim{{Name: "sub", Value: []byte("u7")}, {Name: "role", Value: []byte("a")}, {Name: "role", Value: []byte("b")}, {Name: "plan"}}
	for _, c := range []struct {
		selector string
		want     []string
	}{
		{"client", []string{"\xc0\x00\x02\x07"}},
		{"consumer", []string{"shop"}},
		{"host", []string{"api.example.com"}},
		{"path", []string{"/a/%62"}},
		{"method", []string{"GET"}},
		{"route", []string{"orders"}},
		{"header:X-User", []string{"alice", "bob"}},
		{"header:X-Other", nil},
		{"header:X-Empty", []string{""}},
		{"cookie:uid", []string{"7", "8"}},
		{"cookie:UID", nil},
		{"query:page", []string{"2", "3"}},
		{"query:q", []string{"a b!"}},
		{"query:flag", []string{""}},
		{"query:none", nil},
		{"claim:sub", []string{"u7"}},
		{"claim:role", []string{"a", "b"}},
		{"claim:plan", []string{""}},
		{"claim:Sub", nil},
	} {
		got := taken(t, compiled(t, c.selector).Append(nil, x), 1)[0]
		if !slices.Equal(got, c.want) {
			t.Errorf("%s takes %q, want %q", c.selector, got, c.want)
		}
	}
}

func TestWhatIsNotThereIsNotTaken(t *testing.T) {
	bare := &http7.Exchange{Method: []byte("GET"), Path: []byte("/")}
	for _, selector := range []string{"client", "consumer", "host", "route", "header:A", "cookie:a", "query:a", "claim:a"} {
		s := compiled(t, selector)
		if got := taken(t, s.Append(nil, bare), 1)[0]; got != nil {
			t.Errorf("%s takes %q of nothing", selector, got)
		}
		if hash, ok := s.Hash(bare); ok {
			t.Errorf("%s of nothing is hashed as %x", selector, hash)
		}
	}
}

func TestAHostIsItsNameWithAnyPortThatSaysSomething(t *testing.T) {
	for _, c := range []struct {
		authority string
		secure    bool
		want      string
	}{
		{"a.example", false, "a.example"},
		{"A.Example", false, "a.example"},
		{"a.example:80", false, "a.example"},
		{"a.example:443", true, "a.example"},
		{"a.example:443", false, "a.example:443"},
		{"a.example:80", true, "a.example:80"},
		{"a.example:8080", false, "a.example:8080"},
		{"a.example:", false, "a.example"},
		{"[::1]:80", false, "[::1]"},
		{"[FE80::1]", false, "[fe80::1]"},
		{strings.Repeat("A", 300) + ":80", false, strings.Repeat("a", 300)},
	} {
		x := asked(c.authority, "/")
		x.Secure = c.secure
		if got := taken(t, compiled(t, "host").Append(nil, x), 1)[0]; !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s (secure %v) is the host %q, want %q", c.authority, c.secure, got, c.want)
		}
	}
}

func TestPartsTogetherKeepTheirBorders(t *testing.T) {
	// Keys in which one request could pose as another are how caches are poisoned.
	s := compiled(t, "path", "header:A", "query:b")
	seen := map[string]string{}
	for _, x := range []*http7.Exchange{
		asked("h", "/ab"), asked("h", "/a", "A: b"), asked("h", "/a?b=b"), asked("h", "/a?b=b", "A: b"),
		asked("h", "/a?b=b&b=b"), asked("h", "/a?b=bb"), asked("h", "/a?b"), asked("h", "/a"), asked("h", "/a", "A: "),
		asked("h", "/a", "A: b", "A: b"), asked("h", "/a", "A: bb"), asked("h", "/a", "A: b, b"), asked("h", "/a?b=%00%00%00%00"),
		asked("h", "/a?b=&b="), asked("h", "/a?b=&b=&b="),
	} {
		key := string(s.Append([]byte("before"), x))
		text := fmt.Sprintf("%s?%s %v", x.Path, x.Query, taken(t, []byte(strings.TrimPrefix(key, "before")), 3))
		if other, twice := seen[key]; twice {
			t.Errorf("%s and %s have one key", text, other)
		}
		seen[key] = text
	}
}

func TestAHashIsThatOfTheKey(t *testing.T) {
	// Hash writes in pieces what Append writes at once.
	s := compiled(t, "host", "path", "query:q", "header:A")
	plain := asked("h", "/"+strings.Repeat("p", 500)+"?q="+strings.Repeat("%41", 500), "A: 1")
	spelt := asked("H:80", "/"+strings.Repeat("p", 500)+"?q="+strings.Repeat("A", 500), "a: 1")
	a, ok := s.Hash(plain)
	b, also := s.Hash(spelt)
	if !ok || !also || a != b {
		t.Errorf("two spellings of one request are hashed as %x (%v) and %x (%v)", a, ok, b, also)
	}
	if string(s.Append(nil, plain)) != string(s.Append(nil, spelt)) {
		t.Error("two spellings of one request have different keys")
	}
	other := asked("h", "/"+strings.Repeat("p", 500)+"?q="+strings.Repeat("A", 499)+"B", "A: 1")
	if c, _ := s.Hash(other); c == a {
		t.Error("another request has the same hash")
	}
}

func TestHashesAreTheSameOnEveryNodeForEver(t *testing.T) {
	// Two nodes, or one before and after an upgrade, must place a client alike.
	for _, c := range []struct {
		selector string
		want     uint64
	}{
		{"client", 0x6f34d1a6e3606764},
		{"header:X-User", 0x4ebe165471058755},
		{"path", 0x76b50ebd01fad7ba},
	} {
		x := asked("api.example.com", "/a", "X-User: alice")
		if got, ok := compiled(t, c.selector).Hash(x); !ok || got != c.want {
			t.Errorf("%s is hashed as %#x (%v), want %#x", c.selector, got, ok, c.want)
		}
	}
}

func TestWithoutOneOfItsPartsNothingIsHashed(t *testing.T) {
	s := compiled(t, "path", "cookie:uid")
	for _, c := range []struct {
		lines []string
		want  bool
	}{
		{nil, false},
		{[]string{"Cookie: other=1"}, false},
		{[]string{"Cookie: uid="}, false},
		{[]string{"Cookie: uid=1"}, true},
	} {
		if _, ok := s.Hash(asked("h", "/", c.lines...)); ok != c.want {
			t.Errorf("%q can be placed: %v, want %v", c.lines, ok, c.want)
		}
	}
}

func TestASessionIsPlacedLikeTheRequestsOfItsClient(t *testing.T) {
	for _, client := range []string{"192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "fe80::1%eth0"} {
		x := asked("h", "/")
		x.Client = netip.MustParseAddr(client)
		want, _ := compiled(t, "client").Hash(x)
		if got, ok := HashClient(x.Client); !ok || got != want {
			t.Errorf("the session of %s is hashed as %x (%v), its requests as %x", client, got, ok, want)
		}
	}
	mapped, _ := HashClient(netip.MustParseAddr("::ffff:192.0.2.7"))
	if plain, _ := HashClient(netip.MustParseAddr("192.0.2.7")); mapped != plain {
		t.Error("IPv4 in IPv6 is another client")
	}
	if hash, ok := HashClient(netip.Addr{}); ok {
		t.Errorf("no address is hashed as %x", hash)
	}
}

func TestWhatCannotBeSelectedIsRefused(t *testing.T) {
	if s, err := New(nil); s != nil || err != nil {
		t.Errorf("nothing gives %v, %v", s, err)
	}
	if _, err := New(conf.Selectors{{}}); err == nil || !strings.Contains(err.Error(), "can't be selected") {
		t.Errorf("a selector of nothing gave %v", err)
	}
}

func TestHashingDoesNotAllocate(t *testing.T) {
	s := compiled(t, "client", "host", "path", "method", "header:X-User", "cookie:uid", "query:q", "claim:sub")
	x := asked("API.example.com:8080", "/"+strings.Repeat("p", 2000)+"?a=1&q="+strings.Repeat("%41", 200),
		"X-User: alice", "Cookie: a=b; uid=7", "Cookie: uid=8")
	x.Claims = []http7.Claim{{Name: "plan", Value: []byte("gold")}, {Name: "sub", Value: []byte("u7")}}
	var key [8 << 10]byte
	if n := testing.AllocsPerRun(1000, func() {
		if _, ok := s.Hash(x); !ok {
			t.Fatal("a part is missing")
		}
		if len(s.Append(key[:0], x)) < 2000 {
			t.Fatal("the key is short")
		}
	}); n != 0 {
		t.Fatalf("Hash and Append allocate %v times", n)
	}
	if n := testing.AllocsPerRun(1000, func() { HashClient(x.Client) }); n != 0 {
		t.Fatalf("HashClient allocates %v times", n)
	}
}

func BenchmarkHash(b *testing.B) {
	x := asked("api.example.com", "/v1/orders/4711?page=2&size=50", "X-User: alice", "Accept: */*", "Cookie: a=b; uid=4711")
	for _, selector := range []string{"client", "path", "header:X-User", "cookie:uid", "query:size"} {
		s := compiled(b, selector)
		b.Run(selector, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Hash(x)
			}
		})
	}
}
