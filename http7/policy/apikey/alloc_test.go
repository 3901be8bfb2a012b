package apikey

import (
	"fmt"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
)

// again is a pass of one request after another over the same exchange.
func again(t testing.TB, change func(*Config), target, fields string) func() {
	t.Helper()
	steps := compiled(t, change)
	x := asked(t, target, fields)
	method, path, query := x.Method, x.Path, x.Query
	var head http7.Header
	head.CopyFrom(&x.Request)
	lines := make([][2][]byte, 0, head.Len())
	for name, value := range head.All() {
		lines = append(lines, [2][]byte{name, value})
	}
	return func() {
		x.Release()
		x.Arrival, x.Method, x.Path, x.Query, x.Target = noon, method, path, query, []byte(nil)
		for _, l := range lines {
			x.Request.AddRaw(l[0], l[1])
		}
		if v := policytest.Pass(x, steps); v.Act != http7.Go || !x.Identified() {
			t.Fatalf("refused: %v", x.Cause)
		}
	}
}

func TestAnAdmittedRequestAllocatesNothing(t *testing.T) {
	telling := func(c *Config) {
		c.Forward = map[string]string{"X-Consumer": "consumer", "X-Groups": "groups", "X-Plan": "plan"}
	}
	for _, c := range []struct {
		what           string
		change         func(*Config)
		target, fields string
	}{
		{"header", nil, "/", "X-Api-Key: " + shopKey + "\n"},
		{"scheme", bearer, "/", "Authorization: Bearer " + shopKey + "\n"},
		{"query", inQuery, "/a?b=1&key=" + shopKey, ""},
		{"cookie", inCookie, "/", "Cookie: a=b; key=" + shopKey + "; c=d\n"},
		{"told", telling, "/", "X-Api-Key: " + shopKey + "\n"},
	} {
		once := again(t, c.change, c.target, c.fields)
		once()
		if n := testing.AllocsPerRun(1000, once); n != 0 {
			t.Errorf("%s: allocates %v times", c.what, n)
		}
	}
}

// BenchmarkAdmitted is the cost of a request whose key is in a file of so many.
func BenchmarkAdmitted(b *testing.B) {
	for _, keys := range []int{1, 100_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			many := make(ring, keys)
			one, err := parse("keys.toml", []byte(keysFile()))
			if err != nil {
				b.Fatal(err)
			}
			for sum, h := range one {
				many[sum] = h
			}
			for i := range keys {
				many[[32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}] = &holder{}
			}
			steps := compiled(b, nil)
			p := steps[0].Request.(*policyOf)
			p.keys.now.Store(&many)
			x := asked(b, "/", "Accept: */*\nX-Api-Key: "+shopKey+"\n")
			b.ReportAllocs()
			for b.Loop() {
				x.Groups, x.Scopes, x.Claims = x.Groups[:0], x.Scopes[:0], x.Claims[:0]
				if p.Request(x).Act != http7.Go {
					b.Fatal("refused")
				}
			}
		})
	}
}

// FuzzCredentials: whatever stands in a request, keys that are not in the file are nobody's, and the endpoint sees none.
func FuzzCredentials(f *testing.F) {
	f.Add("a", "key=b", "key=c; d=e")
	f.Add(shopKey, "a=b&key="+shopKey, "key="+shopKey)
	f.Add("", "%6bey=%", "key; key=;;=")
	steps := compiled(f, everywhere)
	field, _ := http7.NewName("X-Key")
	f.Fuzz(func(t *testing.T, header, query, cookie string) {
		x := &http7.Exchange{Path: []byte("/"), Query: []byte(query), Target: []byte("/?" + query), Arrival: noon}
		x.Request.AddRaw([]byte("X-Key"), []byte(header))
		x.Request.AddRaw([]byte("Cookie"), []byte(cookie))
		v := policytest.Pass(x, steps)
		if header != shopKey && header != soonKey && v.Act == http7.Go {
			t.Fatalf("%q lets in", header)
		}
		steps[1].Request.Request(x)
		_, rest, _ := strings.Cut(string(x.Out), "?")
		if c := http7.Parameters([]byte(rest), "key"); x.Out != nil && c.Next() {
			t.Fatalf("%q keeps a key as %q", query, x.Out)
		}
		if c := http7.Cookies(&x.Request, "key"); c.Next() {
			t.Fatalf("%q keeps a key", cookie)
		}
		if _, there := x.Request.First(field); there {
			t.Fatal("the header is there")
		}
	})
}
