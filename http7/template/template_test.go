package template

import (
	"crypto/tls"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/internal/conf"
)

// asked returns an exchange with a value for every variable.
func asked() *http7.Exchange {
	x := &http7.Exchange{
		Conn: &http7.Conn{
			Listener: "web", SNI: "tls.example.com", TLS: true, Version: tls.VersionTLS13, Cipher: tls.TLS_AES_128_GCM_SHA256,
			ClientNames: &http7.ClientNames{Subject: `CN=app,O=Example\, Inc.`, CommonName: "app", AltNames: "DNS:app.example.com,URI:spiffe://example.com/app", Fingerprint: "0a1b"},
		},
		Method: []byte("GET"), Authority: []byte("API.Example.com:8443"), Path: []byte("/v1/users/7/a/b"), Query: []byte("q=a+b%26c&q=2&e="),
		Client: netip.MustParseAddr("::ffff:192.0.2.7"), Secure: true,
		Route: &http7.Route{Name: "users"}, Consumer: "shop", RequestID: []byte("r-1"),
		Claims: []http7.Claim{{Name: "sub", Value: []byte("alice")}, {Name: "a.b", Value: []byte("dotted")}},
	}
	for _, f := range []string{"X-Tenant: acme", "x-tenant: other", "Cookie: uid=1; lang=en", "X-Empty: "} {
		name, value, _ := strings.Cut(f, ": ")
		x.Request.AddRaw([]byte(name), []byte(value))
	}
	x.Captures.Reset([]string{"id", "rest"})
	x.Captures.Set(0, []byte("7"))
	x.Captures.Set(1, []byte("a/b"))
	return x
}

func compiled(t testing.TB, text string, names ...string) *Template {
	t.Helper()
	tmpl, err := Compile(text, names...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return tmpl
}

func TestEveryVariableIsWhatItIsOfTheRequest(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""}, {"plain", "plain"}, {"{client}", "192.0.2.7"}, {"{host}", "api.example.com"}, {"{method}", "GET"},
		{"{path}", "/v1/users/7/a/b"}, {"{query}", "q=a+b%26c&q=2&e="}, {"{rest}", "a/b"}, {"{scheme}", "https"},
		{"{listener}", "web"}, {"{route}", "users"}, {"{request_id}", "r-1"}, {"{consumer}", "shop"},
		{"{path.id}", "7"}, {"{path.rest}", "a/b"}, {"{header.X-Tenant}", "acme"}, {"{header.x-TENANT}", "acme"}, {"{cookie.lang}", "en"},
		{"{query.q}", "a b&c"}, {"{query.e}", ""}, {"{tls.sni}", "tls.example.com"}, {"{jwt.sub}", "alice"}, {"{claim.sub}", "alice"}, {"{jwt.a.b}", "dotted"},
		{"{tls.version} {tls.cipher}", "1.3 TLS_AES_128_GCM_SHA256"}, {"{tls.client.subject}", `CN=app,O=Example\, Inc.`}, {"{tls.client.cn}", "app"},
		{"{tls.client.san}", "DNS:app.example.com,URI:spiffe://example.com/app"}, {"{tls.client.fingerprint}", "0a1b"},
		{"a{client}b{method}{scheme}c", "a192.0.2.7bGEThttpsc"},
		{"{path.none}{header.X-None}{cookie.none}{query.none}{jwt.none}{header.X-Empty}", ""},
		{"{{client}", "{client}"}, {"{{{method}}", "{GET}"}, {"{", "{"}, {"{}", "{}"}, {"{ a}", "{ a}"}, {"{1}", "{1}"}, {"}", "}"}, {"$1 $ $$", "$1 $ $$"},
		{"grüße {method}", "grüße GET"}, {" {method} ", "GET"}, {`{"id":"{path.id}"}`, `{"id":"7"}`},
	} {
		if got := string(compiled(t, c.text).Append(nil, asked())); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWhatIsAbsentIsEmpty(t *testing.T) {
	all := "{client}{host}{method}{path}{query}{rest}{listener}{route}{request_id}{consumer}{path.id}{header.X}{cookie.x}{query.x}{tls.sni}{tls.version}{tls.cipher}{tls.client.subject}{tls.client.cn}{tls.client.san}{tls.client.fingerprint}{jwt.sub}{claim.sub}"
	if got := compiled(t, all).Append(nil, &http7.Exchange{}); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if got := string(compiled(t, "{scheme}").Append(nil, &http7.Exchange{})); got != "http" {
		t.Errorf("got %q", got)
	}
}

func TestNothingIsSaidOfAClientThatHasShownNoCertificate(t *testing.T) {
	x := asked()
	x.Conn = &http7.Conn{Listener: "web", TLS: true, Version: tls.VersionTLS12, Cipher: tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
	const text = "{tls.version} {tls.cipher}{tls.client.subject}{tls.client.cn}{tls.client.san}{tls.client.fingerprint}"
	if got, want := string(compiled(t, text).Append(nil, x)), "1.2 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHostsLoseTheirPortAndCase(t *testing.T) {
	for _, c := range []struct{ authority, want string }{
		{"A.example:80", "a.example"}, {"a.example.", "a.example"}, {"a.example.:80", "a.example"}, {"a.example:", "a.example"}, {"[::1]:80", "[::1]"},
		{"[2001:DB8::1]", "[2001:db8::1]"}, {"192.0.2.1:1", "192.0.2.1"}, {".", "."}, {"", ""},
	} {
		x := &http7.Exchange{Authority: []byte(c.authority)}
		if got := string(compiled(t, "{host}").Append(nil, x)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.authority, got, c.want)
		}
	}
}

func TestNoValueEndsALine(t *testing.T) {
	x := asked()
	x.Query = []byte("q=a%0d%0aSet-Cookie:%20x%00%7f%09b&r=%20%20a%0A&s=%0a")
	x.Claims = []http7.Claim{{Name: "sub", Value: []byte("\r\nb\tc")}}
	x.Consumer = "a\nb"
	for _, c := range []struct{ text, want string }{
		{"{query.q}", "a  Set-Cookie: x   b"}, {"<{query.r}>", "<  a >"}, {"{query.r}", "a"}, {"{query.s}", ""}, {"{jwt.sub}", "b c"}, {"{consumer}", "a b"},
	} {
		got := compiled(t, c.text).Append([]byte("kept "), x)
		if want := "kept " + c.want; string(got) != want || !http7.IsFieldValue(got[len("kept "):]) {
			t.Errorf("%s: got %q, want %q", c.text, got, want)
		}
	}
}

func FuzzValuesOfFields(f *testing.F) {
	f.Add("{query.a}{cookie.b} {jwt.c}", "a=%0d%0a", "b=\x7f", "\r\n")
	f.Add("{path.a}{", "a", "b", "c")
	f.Fuzz(func(t *testing.T, text, query, cookie, claim string) {
		tmpl, err := Compile(text)
		if err != nil {
			return
		}
		x := asked()
		x.Query, x.Claims[0].Value = []byte(query), []byte(claim)
		x.Request.AddRaw([]byte("Cookie"), []byte(cookie))
		if got := tmpl.Append(nil, x); !http7.IsFieldValue(got) {
			t.Fatalf("%q makes %q", text, got)
		}
	})
}

// wrong is a text that does not compile.
type wrong struct{ text, problem, hint string }

func demandProblem(t *testing.T, w wrong, err error) {
	t.Helper()
	var bad *conf.BadValue
	if !errors.As(err, &bad) || bad.Text != w.problem || bad.Hint != w.hint {
		t.Errorf("%s: got %+v, want\n  %s\n  hint: %s", w.text, bad, w.problem, w.hint)
	}
}

func TestWrongTextsSayWhatWasMeant(t *testing.T) {
	const (
		all = `there are {client}, {host}, {method}, {path}, {query}, {rest}, {scheme}, {listener}, {route}, {request_id}, {consumer}, {tls.sni}, {tls.version}, {tls.cipher}, {tls.client.subject}, {tls.client.cn}, {tls.client.san}, {tls.client.fingerprint}, ` +
			`{path.NAME}, {header.NAME}, {cookie.NAME}, {query.NAME}, {jwt.NAME}; "{{" is a brace`
		captures = "it captures {path.id}, {path.shop}"
	)
	for _, w := range []wrong{
		{"{clinet}", "{clinet} is not a variable", "did you mean {client}? " + all},
		{"{request-id}", "{request-id} is not a variable", "did you mean {request_id}? " + all},
		{"{Host}", "{Host} is not a variable", "did you mean {host}? " + all},
		{"{sni}", "{sni} is not a variable", "did you mean {tls.sni}? " + all},
		{"{cn}", "{cn} is not a variable", "did you mean {tls.client.cn}? " + all},
		{"{tls.clint.cn}", "{tls.clint.cn} is not a variable", "did you mean {tls.client.cn}? " + all},
		{"{headers.X-A}", "{headers.X-A} is not a variable", "did you mean {header.X-A}? " + all},
		{"{header.}", "{header.} is not a variable", all},
		{"{id}", "{id} is not a variable", "did you mean {path.id}? " + all},
		{"{xyzzyxyzzy}", "{xyzzyxyzzy} is not a variable", all},
		{"{path.ib}", `the route's path captures no "ib"`, "did you mean {path.id}? " + captures},
		{"{path.other}", `the route's path captures no "other"`, captures},
		{"{rest}", `{rest} is what "/*" leaves, and the route's path does not end in one`, captures},
		{"{header.a b}", `{header.a b}: "a b" is not a field name`, "a name has letters, digits and hyphens"},
		{"a{client", `"{client" begins a variable and has no end`, `write "}" behind its name, or "{{" for a brace`},
		{"a\nb", `the text holds a line end or another control character, '\n'`, "write it in one line"},
		{"\x7f", `the text holds a line end or another control character, '\x7f'`, "write it in one line"},
	} {
		_, err := Compile(w.text, "id", "shop")
		demandProblem(t, w, err)
	}
	none := []string{}
	_, err := Compile("{path.id}", none...)
	demandProblem(t, wrong{"{path.id}", `the route's path captures no "id"`, `write a path that captures, such as "/users/{id}"`}, err)
	if _, err := Compile("{rest}", "rest"); err != nil {
		t.Error(err)
	}
	_, err = Compile("{path.rust}", "rest")
	demandProblem(t, wrong{"{path.rust}", `the route's path captures no "rust"`, "did you mean {rest}? it captures {rest}"}, err)
}

func TestReadsAreWhatTheLogMustHold(t *testing.T) {
	tmpl := compiled(t, "{client}{header.X-B}{jwt.sub}{header.x-b}{cookie.UID}{claim.sub}{tls.sni}{query.a}{path.id}{consumer}{tls.client.cn}{tls.version}{tls.client.cn}")
	if want := []string{"header:x-b", "claim:sub", "cookie:UID", "sni", "tls.client.cn", "tls.version"}; !slices.Equal(tmpl.Reads(), want) {
		t.Errorf("got %q, want %q", tmpl.Reads(), want)
	}
	for text, want := range map[string]bool{"": true, "a{{b}": true, "{client}": false, "a{path.x}": false} {
		if got := compiled(t, text); got.Constant() != want || want && got.Reads() != nil {
			t.Errorf("%q: constant is %v, reads %q", text, got.Constant(), got.Reads())
		}
	}
}

func TestAppendingAllocatesNothing(t *testing.T) {
	x, dst := asked(), make([]byte, 0, 512)
	tmpl := compiled(t, "a {client} {host} {path} {path.id} {header.X-Tenant} {cookie.lang} {query.q} {jwt.sub} {scheme} {consumer} {tls.sni} {tls.version} {tls.cipher} {tls.client.subject}")
	if n := testing.AllocsPerRun(1000, func() { _ = tmpl.Append(dst, x) }); n != 0 {
		t.Fatalf("allocates %v times", n)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, text := range []string{"max-age=31536000", "{client}", "{request_id}", "{path.id}-{header.X-Tenant}", "{query.q}"} {
		b.Run(text, func(b *testing.B) {
			x, dst, tmpl := asked(), make([]byte, 0, 512), compiled(b, text)
			b.ReportAllocs()
			for b.Loop() {
				_ = tmpl.Append(dst, x)
			}
		})
	}
}
