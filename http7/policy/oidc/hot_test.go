package oidc

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"weir/http7"
)

// made is a site that needs no provider, and the cookie of a session of it.
func made(t testing.TB, claims string) (*site, []http7.Step, string) {
	t.Helper()
	r := &rig{t: t}
	c := Default()
	c.Issuer, c.ClientID, c.CookieKey = "https://id.example.com", "weir", secrets(rand.Text())
	c.Claims, c.Forward = []string{"roles"}, map[string]string{"X-User": "sub", "X-Groups": "groups"}
	steps, err := Compile(&c, "edge", r.needs(newTurn()))
	if err != nil {
		t.Fatal(err)
	}
	p := steps[1].Request.(reader).site
	s, err := p.newSession(&record{ID: "1", Subject: "ann", Claims: []byte(claims), End: time.Now().Add(time.Hour).Unix(), Scopes: "read"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.sealed(s)
	if err != nil {
		t.Fatal(err)
	}
	return p, steps, text
}

// cookieLine returns the Cookie field of a session's text.
func cookieLine(t testing.TB, p *site, text string) []byte {
	set, err := p.jar.set(&http7.Exchange{}, text, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, line := range set {
		pair, _, _ := strings.Cut(string(line), ";")
		pairs = append(pairs, pair)
	}
	return []byte("theme=dark; " + strings.Join(pairs, "; "))
}

var cookieText, pathText, getText = []byte("Cookie"), []byte("/app"), []byte("GET")

// admit passes a request with a session through the steps.
func admit(t testing.TB, x *http7.Exchange, steps []http7.Step, line []byte) {
	x.Release()
	x.Method, x.Path = getText, pathText
	x.Request.AddRaw(cookieText, line)
	for i := range steps {
		if v := steps[i].Request.Request(x); v.Act != http7.Go {
			t.Fatalf("%s: got %+v", steps[i].Name, v)
		}
	}
	if x.Consumer != "ann" {
		t.Fatalf("it is %q", x.Consumer)
	}
}

const (
	short = `{"sub":"ann","groups":["staff","ops"]}`
	long  = `{"sub":"ann","groups":["staff","ops"],"roles":"`
)

func BenchmarkAdmitted(b *testing.B) {
	for what, claims := range map[string]string{"cookies=1": short, "cookies=3": long + strings.Repeat("a", 8000) + `"}`} {
		b.Run(what, func(b *testing.B) {
			p, steps, text := made(b, claims)
			x, line := &http7.Exchange{}, cookieLine(b, p, text)
			b.ReportAllocs()
			for b.Loop() {
				admit(b, x, steps, line)
			}
		})
	}
}

// BenchmarkFirstSight is a session whose cookie is read for the first time.
func BenchmarkFirstSight(b *testing.B) {
	p, _, text := made(b, short)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.open([]byte(text)); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzCookies: whatever a browser sends, only what was sealed here is a session, and what goes on to the endpoint has none of
// our cookies and all of the others.
func FuzzCookies(f *testing.F) {
	p, steps, text := made(f, short)
	f.Add("theme=dark; __Host-weir_oidc=1GOOD", "") // GOOD stands for the text, which no two processes have in common
	f.Add("__Host-weir_oidc=2abc; __Host-weir_oidc_1=def", "a=b")
	f.Add("__Host-weir_oidc=4; =; ;;", "__Host-weir_oidc_login0=x; c")
	f.Add("__Host-weir_oidc=1GOODA", "__Host-weir_oidc=GOOD; __Host-weir_oidc=1GOOD")
	f.Fuzz(func(t *testing.T, one, two string) {
		x := &http7.Exchange{Method: getText, Path: pathText}
		one, two = strings.ReplaceAll(one, "GOOD", text), strings.ReplaceAll(two, "GOOD", text)
		for _, line := range []string{one, two} {
			if !http7.IsFieldValue([]byte(line)) {
				return
			}
			x.Request.AddRaw(cookieText, []byte(line))
		}
		honest := strings.Contains(one+two, text)
		for i := range steps {
			if v := steps[i].Request.Request(x); v.Act != http7.Go {
				t.Fatalf("%s: got %+v", steps[i].Name, v)
			}
		}
		if x.Identified() && !honest {
			t.Fatalf("%q, %q is %s", one, two, x.Consumer)
		}
		for value := range x.Request.Each(http7.Known(http7.Cookie)) {
			for pair := range strings.SplitSeq(string(value), ";") {
				name, _, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
				if p.jar.own([]byte(strings.TrimRight(name, " \t"))) {
					t.Fatalf("%q goes to the endpoint", value)
				}
			}
		}
	})
}

// FuzzCallback: whatever a browser comes back with that did not leave from here, it is refused, without asking anybody.
func FuzzCallback(f *testing.F) {
	p, steps, text := made(f, short)
	f.Add("state=0abc&code=def", "__Host-weir_oidc_login0=abc")
	f.Add("state=3%41&error=x&iss=y", "__Host-weir_oidc_login3="+text)
	f.Add("code=a", "")
	f.Fuzz(func(t *testing.T, query, cookie string) {
		if !http7.IsFieldValue([]byte(cookie)) {
			return
		}
		x := &http7.Exchange{Method: getText, Path: []byte(p.callback), Query: []byte(query)}
		x.Request.AddRaw(cookieText, []byte(cookie))
		if v := steps[0].Request.Request(x); v.Fault != p.stale {
			t.Fatalf("got %+v", v)
		}
	})
}
