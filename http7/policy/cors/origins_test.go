package cors

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"weir/internal/conf"
)

func set(t testing.TB, list ...string) *origins {
	t.Helper()
	s, err := newOrigins(list)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

func TestWhichOriginsAnEntryHolds(t *testing.T) {
	for _, c := range []struct {
		entry   string
		yes, no []string
	}{
		{"https://example.com",
			[]string{"https://example.com"},
			[]string{"http://example.com", "https://example.com:444", "https://www.example.com", "https://example.com.evil", "https://evil-example.com",
				"https://example.co", "https://EXAMPLE.com", "https://example.com/", "https://example.com.", "example.com", "", "null"}},
		{"https://*.example.com",
			[]string{"https://a.example.com", "https://a.b.example.com", "https://a-1.example.com", "https://xn--bcher-kva.example.com", "https://a_b.example.com"},
			[]string{"https://example.com", "https://.example.com", "https://evil-example.com", "https://evilexample.com", "https://a.example.com.evil",
				"http://a.example.com", "https://a.example.com:8443", "https://evil.com/.example.com", "https://evil.com#.example.com", "https://evil.com?.example.com",
				"https://evil.com@a.example.com", "https://evil.com:1.example.com", "https://a..example.com", "https://-/.example.com", "https://a%00.example.com",
				"https://[::1].example.com", "https://A.example.com", "https:// .example.com", "https://*.example.com/", "a.example.com", "https://a.example.com\x00"}},
		{"http://*.localhost:3000", []string{"http://app.localhost:3000"}, []string{"http://localhost:3000", "http://app.localhost:30001", "http://app.localhost"}},
		{"HTTPS://App.Example.Com:443", []string{"https://app.example.com"}, []string{"https://app.example.com:443"}},
		{"http://a.example:80", []string{"http://a.example"}, nil},
		{"https://a.example:80", []string{"https://a.example:80"}, []string{"https://a.example"}},
		{"http://[0:0::1]:3000", []string{"http://[::1]:3000"}, []string{"http://[::1]"}},
		{"http://127.0.0.1:8080", []string{"http://127.0.0.1:8080"}, nil},
		{"chrome-extension://abcdef", []string{"chrome-extension://abcdef"}, nil},
		{"capacitor://localhost", []string{"capacitor://localhost"}, nil},
		{"null", []string{"null"}, []string{"", "NULL", "null://"}},
		{"*", nil, []string{"https://a.example", "*"}}, // allowed before the set is asked
	} {
		s := set(t, "https://other.test", c.entry)
		for _, o := range c.yes {
			if !s.has([]byte(o)) {
				t.Errorf("%q does not hold %q", c.entry, o)
			}
		}
		for _, o := range c.no {
			if s.has([]byte(o)) {
				t.Errorf("%q holds %q", c.entry, o)
			}
		}
	}
}

func TestEntriesThatAreNoOriginsAreRefused(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "is not an origin"},
		{"app.example.com", "is not an origin"},
		{"://a", "is not an origin"},
		{"1http://a", "is not an origin"},
		{"ht tp://a", "is not an origin"},
		{"*://a.example", "is not an origin"},
		{"https://", "has a host that is none"},
		{"https://a.example/", "is more than an origin"},
		{"https://a.example/path", "is more than an origin"},
		{"https://a.example?x", "is more than an origin"},
		{"https://u@a.example", "has a host that is none"},
		{"https://a..example", "has a host that is none"},
		{"https://.a.example", "has a host that is none"},
		{"https://a.example.", "has a host that is none"},
		{"https://*.[::1]", "has a host that is none"},
		{"https://[::1", "has a host that is none"},
		{"https://[1.2.3.4]", "has a host that is none"},
		{"https://[fe80::1%eth0]", "has a host that is none"},
		{"https://*.", "has a host that is none"},
		{"https://*", "has a * that stands for nothing"},
		{"https://*example.com", "has a * that stands for nothing"},
		{"https://a.*.example.com", "has a * that stands for nothing"},
		{"https://*.*.example.com", "has a * that stands for nothing"},
		{"https://a.example:", "has a port that is none"},
		{"https://a.example:0", "has a port that is none"},
		{"https://a.example:080", "has a port that is none"},
		{"https://a.example:65536", "has a port that is none"},
		{"https://a.example:*", "has a port that is none"},
		{"https://bücher.example", "has a host that browsers send in another form"},
	} {
		_, err := parseOrigin(c.text)
		var bad *conf.BadValue
		if !errors.As(err, &bad) || !strings.HasSuffix(bad.Text, c.want) || bad.Hint == "" {
			t.Errorf("%q: got %+v, want %q", c.text, err, c.want)
		}
		if _, err := newOrigins([]string{c.text}); err == nil {
			t.Errorf("%q makes a set", c.text)
		}
	}
}

// FuzzEntries: no text breaks the parser, and what it makes of one it reads again as the same.
func FuzzEntries(f *testing.F) {
	for _, s := range []string{"*", "null", "https://a.example", "https://*.a.example:8443", "http://[::1]:1", "https://[", "https://*", "x://:", "https://a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOrigin(text)
		if err != nil {
			return
		}
		again := o.scheme + o.host
		if o.wild {
			again = o.scheme + "*" + o.host
		}
		if p, err := parseOrigin(again); err != nil || p != o {
			t.Errorf("%q is %+v, written %q it is %+v, %v", text, o, again, p, err)
		}
	})
}

// FuzzSentOrigins compares with net/url what a wild entry holds: a host that ends in the suffix, and nothing
// behind it.
func FuzzSentOrigins(f *testing.F) {
	for _, s := range []string{"https://a.example.com", "https://evil-example.com", "https://example.com.evil", "https://evil.com#.example.com", "https://u@a.example.com", "null", "https://a.example.com:1"} {
		f.Add(s)
	}
	s := set(f, "https://*.example.com")
	f.Fuzz(func(t *testing.T, sent string) {
		if !s.has([]byte(sent)) {
			return
		}
		u, err := url.Parse(sent)
		if err != nil || u.Scheme != "https" || !strings.HasSuffix(u.Host, ".example.com") || u.Scheme+"://"+u.Host != sent || u.Port() != "" || u.User != nil {
			t.Errorf("%q is held: %+v, %v", sent, u, err)
		}
	})
}
