package config

import (
	"strings"
	"testing"
)

// passes is a listener whose entries are written "sni,sni;alpn,alpn" and go to upstreams called by their numbers.
func passes(entries ...string) *Listener {
	l := &Listener{}
	list := func(s string) []string {
		if s == "" {
			return nil
		}
		return strings.Split(s, ",")
	}
	for i, e := range entries {
		names, protocols, _ := strings.Cut(e, ";")
		l.Passthrough = append(l.Passthrough, Passthrough{SNI: list(names), ALPN: list(protocols), Upstream: string(rune('0' + i))})
	}
	return l
}

func TestTheMostExactEntryTakesAConnection(t *testing.T) {
	l := passes("db.test", "*.test", "*.raw.test", ";postgresql", "db.test;h2", "Upper.test.", "*.test;h2")
	for _, c := range []struct{ sni, alpn, want string }{
		{"db.test", "", "0"}, {"db.test", "h2", "4"}, {"db.test", "postgresql", "0"}, {"db.test", "http/1.1", "0"},
		{"a.test", "", "1"}, {"a.b.test", "", "1"}, {"a.raw.test", "", "2"}, {"a.raw.test", "h2", "2"}, {"raw.test", "", "1"}, {"a.test", "h2", "6"},
		{"test", "", ""}, {"", "", ""}, {"", "postgresql", "3"}, {"else.example", "postgresql", "3"}, {"else.example", "h2", ""},
		{"upper.test", "", "5"},
	} {
		var offers []string
		if c.alpn != "" {
			offers = []string{c.alpn}
		}
		got, ok := l.Passes(c.sni, offers...)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%q with %q goes to %q, want %q", c.sni, c.alpn, got, c.want)
		}
	}
}

func TestNamesThatHTTPIsPassedThroughBy(t *testing.T) {
	l := &Listener{Passthrough: []Passthrough{
		{SNI: []string{"Partner.test", "*.raw.test"}}, {SNI: []string{"db.test"}, ALPN: []string{"postgresql"}},
		{SNI: []string{"old.test"}, ALPN: []string{"http/1.1"}}, {ALPN: []string{"h2"}},
	}}
	for name, want := range map[string]bool{
		"partner.test": true, "a.raw.test": true, "raw.test": false, "db.test": false, "old.test": true, "web.test": false, "": false,
	} {
		if got := l.PassesHTTP(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}
