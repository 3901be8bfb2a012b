package acme

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"

	"github.com/mholt/acmez/v3/acme"
)

// asked is a challenge as an authority sets it.
func asked(host string) acme.Challenge {
	return acme.Challenge{Token: "tok", KeyAuthorization: "tok.print", Identifier: acme.Identifier{Type: "dns", Value: host}}
}

func TestAnswersAreForTheirHostAndPathWhileTheyAreShown(t *testing.T) {
	var a answers
	s, c := byHTTP{&a}, asked("Api.Example.com")
	if err := s.Present(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	at := wellKnown + "tok"
	for where, want := range map[place]bool{
		{"api.example.com", at}:                  true,
		{"API.example.com.:80", at}:              true,
		{"api.example.com:8080", at}:             true,
		{"api.example.com", at + "/"}:            false,
		{"api.example.com", wellKnown}:           false,
		{"api.example.com", wellKnown + "other"}: false,
		{"other.example.com", at}:                false,
		{"", at}:                                 false,
		{"[::1]", at}:                            false,
		{"api.example.com", "/tok"}:              false,
	} {
		if body, ok := a.body(where.host, where.path); ok != want || ok && body != "tok.print" {
			t.Errorf("%v: %q, %v", where, body, ok)
		}
	}
	if err := s.CleanUp(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if _, ok := a.body("api.example.com", at); ok || a.open.Load() != 0 {
		t.Error("it is still shown")
	}
}

func TestOnlyAnAuthorityThatChecksGetsAChallengesCertificate(t *testing.T) {
	k := &Keeper{config: &Config{}}
	k.hosts.Store(&hosts{})
	s, c := byALPN{&k.answers}, asked("api.example.com")
	if err := s.Present(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	hello := func(name string, protocols ...string) *tls.ClientHelloInfo {
		return &tls.ClientHelloInfo{ServerName: name, SupportedProtos: protocols}
	}
	for _, tc := range []struct {
		hello *tls.ClientHelloInfo
		want  bool
	}{
		{hello("api.example.com", Protocol), true},
		{hello("API.example.com", Protocol), true},
		{hello("other.example.com", Protocol), false},
		{hello("", Protocol), false},
		{hello("api.example.com", "h2", Protocol), false},
		{hello("api.example.com", "h2"), false},
		{hello("api.example.com"), false},
	} {
		got := k.Challenged(tc.hello)
		if (got != nil) != tc.want {
			t.Errorf("%q %q: %v", tc.hello.ServerName, tc.hello.SupportedProtos, got)
		}
		if got != nil && (got.NextProtos[0] != Protocol || !got.SessionTicketsDisabled || got.Certificates[0].PrivateKey == nil) {
			t.Errorf("the config is %+v", got)
		}
	}
	if err := s.CleanUp(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if k.Challenged(hello("api.example.com", Protocol)) != nil {
		t.Error("it is still shown")
	}
}

func TestAChallengeForNoNameIsAnError(t *testing.T) {
	var a answers
	if err := (byALPN{&a}).Present(context.Background(), acme.Challenge{Identifier: acme.Identifier{Type: "email", Value: "x"}}); err == nil {
		t.Error("no error")
	}
}

func TestWhoeverDoesNotCheckCostsNothing(t *testing.T) {
	var a answers
	a.showBody(place{"api.example.com", wellKnown + "tok"}, "tok.print")
	for _, path := range []string{"/", wellKnown + "tok"} {
		if n := testing.AllocsPerRun(1000, func() { a.body("api.example.com:80", path) }); n != 0 {
			t.Errorf("%s allocates %v times", path, n)
		}
	}
}

func BenchmarkARequestThatIsNoChallenge(b *testing.B) {
	var a answers
	a.showBody(place{"api.example.com", wellKnown + "tok"}, "tok.print")
	b.ReportAllocs()
	for b.Loop() {
		a.body("api.example.com", "/v1/orders/17")
	}
}

func FuzzChallenge(f *testing.F) {
	f.Add("api.example.com", wellKnown+"tok")
	f.Add("[::1]:80", wellKnown)
	f.Add(":", "")
	f.Add("API.EXAMPLE.COM.:x:y", wellKnown+"tok\x00")
	var a answers
	a.showBody(place{"api.example.com", wellKnown + "tok"}, "tok.print")
	f.Fuzz(func(t *testing.T, host, path string) {
		body, ok := a.body(host, path)
		if ok != (body != "") {
			t.Fatalf("%q, %v", body, ok)
		}
		if ok && (path != wellKnown+"tok" || !strings.HasPrefix(strings.ToLower(host), "api.example.com")) {
			t.Fatalf("%q %q is answered", host, path)
		}
	})
}
