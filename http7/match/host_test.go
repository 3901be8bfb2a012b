package match

import (
	"strings"
	"testing"
)

func TestHostPatternsComeInTheFormInWhichTheyAreCompared(t *testing.T) {
	for _, c := range []struct{ pattern, want, wrong string }{
		{"api.example.com", "api.example.com", ""},
		{"API.Example.COM.", "api.example.com", ""},
		{"*.Example.com", "*.example.com", ""},
		{"localhost", "localhost", ""},
		{"my_service.internal", "my_service.internal", ""},
		{"10.0.0.1", "10.0.0.1", ""},
		{"[2001:DB8::1]", "[2001:db8::1]", ""},
		{"[2001:0db8:0::0:1]", "[2001:db8::1]", ""},
		{"[10.0.0.1]", "", `"[10.0.0.1]" is not a host`},
		{"bücher.example", "xn--bcher-kva.example", ""},
		{"BÜCHER.example", "xn--bcher-kva.example", ""},
		{"*.bücher.example", "*.xn--bcher-kva.example", ""},
		{"XN--BCHER-KVA.example", "xn--bcher-kva.example", ""},
		{"straße.example", "xn--strae-oqa.example", ""},
		{"例え.テスト", "xn--r8jz45g.xn--zckzah", ""},
		{"*", "", `"*" is not a host`},
		{"", "", `"" is not a host`},
		{"https://a.example", "", `"https://a.example" is a URL, not a host`},
		{"*.*.example", "", `"*.*.example" has a * that is not its first label`},
		{"a*.example", "", `"a*.example" has a * that is not its first label`},
		{"a.example:80", "", `"a.example:80" has a port`},
		{"[::1]:80", "", `"[::1]:80" is not a host`},
		{"[::1%eth0]", "", `"[::1%eth0]" is not a host`},
		{"*.[::1]", "", `"*.[::1]" has a port`},
		{"a..b", "", `"a..b" is not a host`},
		{"*.", "", `"*." is not a host`},
		{"a b", "", `"a b" is not a host`},
		{"a/b", "", `"a/b" is not a host`},
		{"xn--a.example", "", `"xn--a.example" is not an international host name`},
		{"a\u200db.example", "", "\"a\\u200db.example\" is not an international host name"},
		{strings.Repeat("a", 64) + ".example", "", `"` + strings.Repeat("a", 64) + `.example" is not a host`},
		{strings.Repeat("a.", 127) + "a", "", `"` + strings.Repeat("a.", 127) + `a" is not a host`},
	} {
		got, err := Host(c.pattern)
		if err == nil {
			if got != c.want || c.wrong != "" {
				t.Errorf("%q is %q, want %q %s", c.pattern, got, c.want, c.wrong)
			}
			continue
		}
		if m := err.(*Mistake); m.What != c.wrong || m.Hint == "" {
			t.Errorf("%q: %q, want %q and a hint", c.pattern, m.What, c.wrong)
		}
	}
}

func TestAnInternationalHostIsFoundByItsASCIIForm(t *testing.T) {
	for _, pattern := range []string{"bücher.example", "*.bücher.example"} {
		h := strings.Replace("*.xn--bcher-kva.example:443", "*", "shop", 1)
		if pattern[0] != '*' {
			h = "XN--bcher-kva.example"
		}
		if got := found(t, ask("GET", h, "/"), host(pattern)); got == "none" {
			t.Errorf("%q does not take %q", pattern, h)
		}
	}
}

func TestAnIPv6HostHasOneFormHoweverItIsWritten(t *testing.T) {
	spellings := []string{"[2001:db8::1]", "[2001:DB8::1]", "[2001:db8:0::1]", "[2001:db8:0:0:0:0:0:1]", "[2001:0db8::0001]", "[2001:db8::0.0.0.1]"}
	for _, pattern := range spellings {
		for _, h := range spellings {
			if got := found(t, ask("GET", h+":80", "/"), host(pattern)); got == "none" {
				t.Errorf("%q does not take %q", pattern, h)
			}
		}
		for _, h := range []string{"[2001:db8::2]", "2001:db8::1", "[2001:db8::1", "[2001:db8::1%25eth0]"} {
			if got := found(t, ask("GET", h, "/"), host(pattern)); got != "none" {
				t.Errorf("%q takes %q", pattern, h)
			}
		}
	}
}

func FuzzHost(f *testing.F) {
	for _, s := range []string{"a.b", "*.a", "A.b.", "bücher", "xn--a", "[::1]", "a:1", "*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		got, err := Host(pattern)
		if err != nil {
			return
		}
		if again, err := Host(got); err != nil || again != got {
			t.Fatalf("%q becomes %q, that %q, %v", pattern, got, again, err)
		}
		h := strings.Replace(got, "*", "a", 1)
		table, _ := Compile(hostRoutes(pattern))
		if x := ask("GET", strings.ToUpper(h)+":80", "/"); isASCII(h) && len(h) <= maxHost && table.Find(x, x.Method).Route == nil {
			t.Fatalf("%q does not take %q", pattern, h)
		}
	})
}
