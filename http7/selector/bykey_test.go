package selector

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

func byKey(t testing.TB, ipv6 int, texts ...string) *ByKey {
	t.Helper()
	k, err := NewByKey(list(t, texts...), ipv6)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTheKeyOfALimitIsWhatASelectionKeeps(t *testing.T) {
	x := asked("h", "/p?q=1", "X-A: a")
	x.Consumer, x.Route = "shop", &http7.Route{Name: "orders"}
	none := &http7.Exchange{Method: []byte("GET")}
	for _, texts := range [][]string{
		{"client"}, {"consumer"}, {"route"}, {"client", "route", "consumer"}, {"header:X-A"}, {"client", "path"}, {"method", "query:q", "host"},
	} {
		for _, x := range []*http7.Exchange{x, none} {
			if got, want := byKey(t, 128, texts...).Of(x), compiled(t, texts...).Append(nil, x); !slices.Equal(got, want) {
				t.Errorf("%q: got %q, want %q", texts, got, want)
			}
		}
	}
	if got, want := byKey(t, 64).Of(x), compiled(t, "client").Append(nil, x); !slices.Equal(got, want) {
		t.Errorf("without selectors: got %q, want %q", got, want)
	}
}

func TestOfIPv6AddressesABlockCounts(t *testing.T) {
	for _, c := range []struct {
		bits int
		a, b string
		same bool
	}{
		{64, "2001:db8::1", "2001:db8::ffff:1", true},
		{64, "2001:db8::1", "2001:db8:0:1::1", false},
		{56, "2001:db8::1", "2001:db8:0:ff::1", true},
		{56, "2001:db8::1", "2001:db8:0:100::1", false},
		{65, "2001:db8::1", "2001:db8::8000:0:0:1", false},
		{128, "2001:db8::1", "2001:db8::2", false},
		{32, "2001:db8::1", "2001:db8:ffff::", true},
		{64, "192.0.2.1", "192.0.2.2", false},
		{64, "::ffff:192.0.2.1", "192.0.2.1", true},
		{32, "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
		{64, "fe80::1%a", "fe80::2%b", true},
	} {
		for _, texts := range [][]string{{"client"}, {"client", "path"}} {
			k := byKey(t, c.bits, texts...)
			key := func(client string) string {
				x := &http7.Exchange{Client: netip.MustParseAddr(client), Path: []byte("/")}
				key := string(k.Of(x))
				if x.Client != netip.MustParseAddr(client) {
					t.Errorf("%s became %v", client, x.Client)
				}
				return key
			}
			if got := key(c.a) == key(c.b); got != c.same {
				t.Errorf("%q, /%d: %s and %s have one key: %v", texts, c.bits, c.a, c.b, got)
			}
		}
	}
}

func TestWhatALogMustHaveForTheKey(t *testing.T) {
	k := byKey(t, 64, "client", "consumer", "route", "path", "query:q", "header:X-A", "cookie:Uid", "claim:Sub")
	want := []string{"header:x-a", "cookie:uid", "claim:Sub"}
	if !slices.Equal(k.Reads(), want) {
		t.Errorf("reads %q, want %q", k.Reads(), want)
	}
	x := asked("h", "/")
	if k.Lacks(x) {
		t.Error("a live request lacks something")
	}
	x.Recorded = &http7.Recorded{Fields: map[string]bool{"cookie:uid": true}}
	if !k.Lacks(x) || !slices.Equal(x.Recorded.Missed, []string{"header:x-a", "claim:Sub"}) {
		t.Errorf("missed %q", x.Recorded.Missed)
	}
}

func TestASelectorThatIsWrittenTwiceIsAProblem(t *testing.T) {
	p := conf.NewProblems()
	CheckKey(p, "key", list(t, "client", "path", "client"))
	if l := p.List(); len(l) != 1 || l[0].Path.String() != "key[2]" || l[0].Hint == "" {
		t.Errorf("got %+v", l)
	}
	if _, err := NewByKey(conf.Selectors{{}}, 64); err == nil {
		t.Error("nothing can be selected")
	}
}

func TestKeysAllocateNothing(t *testing.T) {
	for _, texts := range [][]string{{"client"}, {"client", "header:X-A"}, {"route", "consumer"}} {
		k, x := byKey(t, 64, texts...), asked("h", "/", "X-A: "+strings.Repeat("a", 60))
		x.Client = netip.MustParseAddr("2001:db8::1")
		pass := func() {
			client := x.Client
			k.Of(x)
			x.Release()
			x.Client = client
		}
		pass()
		if n := testing.AllocsPerRun(1000, pass); n != 0 {
			t.Errorf("%q: allocates %v times", texts, n)
		}
	}
}

// Routes are found by the host alone: a client must not have as many keys as there are ports.
func TestOfHostsThatPartCountsByWhichRoutesAreFound(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"a.example", "A.Example", true},
		{"a.example", "a.example:80", true},
		{"a.example", "a.example:81", true},
		{"a.example", "a.example:", true},
		{"a.example", "a.example.", true},
		{"a.example", "A.EXAMPLE.:65535", true},
		{"a.example", "b.example", false},
		{"a.example", "a.example..", false},
		{"[2001:db8::1]", "[2001:db8::1]:8080", true},
		{"[2001:db8::1]", "[2001:db8::2]", false},
		{"[2001:db8::1", "[2001:db8::2", false},
		{".", ".:1", true},
		{"", ":80", true},
	} {
		for _, texts := range [][]string{{"host"}, {"host", "path"}} {
			k := byKey(t, 64, texts...)
			key := func(host string) string {
				return string(k.Of(&http7.Exchange{Authority: []byte(host), Path: []byte("/")}))
			}
			if got := key(c.a) == key(c.b); got != c.same {
				t.Errorf("%q: %s and %s have one key: %v", texts, c.a, c.b, got)
			}
		}
	}
}
