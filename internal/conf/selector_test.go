package conf

import (
	"errors"
	"strings"
	"testing"
)

func TestSelectorsAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Selector) }, []reading{
		{text: "client", again: "client"},
		{text: "consumer", again: "consumer"},
		{text: "host", again: "host"},
		{text: "path", again: "path"},
		{text: "method", again: "method"},
		{text: "route", again: "route"},
		{text: "header:X-User", again: "header:X-User"},
		{text: "cookie:__Host-uid", again: "cookie:__Host-uid"},
		{text: "query:page", again: "query:page"},
		{text: "query:a:b", again: "query:a:b"}, // only the first colon separates
		{text: "query:größe", again: "query:größe"},
		{text: "claim:realm.plan", again: "claim:realm.plan"},
		{text: "claim:https://example.com/plan", again: "claim:https://example.com/plan"},
		{text: "", wrong: `"" is not a selector`},
		{text: "header", wrong: "the name of the header is missing"},
		{text: "header:", wrong: "the name of the header is missing"},
		{text: "header:X User", wrong: `"X User" can't be the name of a header`},
		{text: "header:X:User", wrong: `can't be the name of a header`},
		{text: "header:Größe", wrong: `can't be the name of a header`},
		{text: "cookie:a=b", wrong: `can't be the name of a cookie`},
		{text: "cookie:a;b", wrong: `can't be the name of a cookie`},
		{text: "query:a\nb", wrong: "holds a control character"},
		{text: "client:1", wrong: "client has no name behind it"},
		{text: "host:", wrong: "host has no name behind it"},
		{text: "Client", wrong: `"Client" is not a selector`},
		{text: " client", wrong: `" client" is not a selector`},
		{text: "client,host", wrong: "is not a selector"},
		{text: "ip", wrong: `"ip" is not a selector`},
	})
}

func TestAMisspeltSelectorIsRecognised(t *testing.T) {
	for text, hint := range map[string]string{
		"clinet":       `did you mean "client"? `,
		"Header:X-U":   `did you mean "header:X-U"? `,
		"headers:X-U":  `did you mean "header:X-U"? `,
		"cookies":      `did you mean "cookie:uid"? `,
		"path:":        `write "path"`,
		"header":       `write it behind a colon, such as "header:X-User"`,
		"no idea":      `write "client", `,
		"queri:a:b":    `did you mean "query:a:b"? `,
		"x_forwarded_": `write "client", `,
	} {
		var s Selector
		var bad *BadValue
		if err := s.UnmarshalText([]byte(text)); !errors.As(err, &bad) || !strings.HasPrefix(bad.Hint, hint) {
			t.Errorf("%q gave %+v, want a hint that begins %q", text, bad, hint)
		}
	}
}

func TestASelectorHasItsPartAndName(t *testing.T) {
	for _, c := range []struct {
		text string
		part Part
		name string
	}{
		{"client", PartClient, ""},
		{"route", PartRoute, ""},
		{"header:X-User", PartHeader, "X-User"},
		{"claim:sub", PartClaim, "sub"},
	} {
		var s Selector
		read(t, &s, c.text)
		if s.Part() != c.part || s.Name() != c.name || s.IsZero() {
			t.Errorf("%q is %s with name %q", c.text, s.Part(), s.Name())
		}
	}
	if !(Selector{}).IsZero() || (Selector{}).String() != "" || Part(99).String() != "part(99)" {
		t.Error("the zero Selector or a part beyond the last is not as it should be")
	}
}

func selectors(t *testing.T, texts ...string) Selectors {
	t.Helper()
	list := make(Selectors, len(texts))
	for i, text := range texts {
		read(t, &list[i], text)
	}
	return list
}

func TestWhatIsWrongWithSelectorsIsNotedAtItsPlace(t *testing.T) {
	for _, c := range []struct {
		list []string
		want string // path and trouble
	}{
		{list: nil},
		{list: []string{"client"}},
		{list: []string{"host", "path", "header:A", "header:B"}},
		{list: []string{"host", "path", "host"}, want: `u.hash_on[2]: "host" is written twice`},
		{list: []string{"consumer"}, want: `u.hash_on: "consumer" needs a policy that finds out who the client is; there is none yet`},
		{list: []string{"host", "claim:sub"}, want: `u.hash_on[1]: "claim:sub" needs a policy that finds out who the client is; there is none yet`},
	} {
		p := NewProblems()
		selectors(t, c.list...).Check(p.In("u"), "hash_on")
		got := ""
		for _, problem := range p.List() {
			got += problem.Path.String() + ": " + problem.Text
			if problem.Hint == "" {
				t.Errorf("%s has no hint", got)
			}
		}
		if got != c.want {
			t.Errorf("%v gave %q, want %q", c.list, got, c.want)
		}
	}
}

func TestOnlyTheClientIsKnownOfASession(t *testing.T) {
	for _, c := range []struct {
		list []string
		text string
		want bool
	}{
		{nil, "", true},
		{[]string{"client"}, "client", true},
		{[]string{"host"}, "host", false},
		{[]string{"client", "header:A"}, `"client", "header:A"`, false},
	} {
		l := selectors(t, c.list...)
		if l.OfSession() != c.want || l.String() != c.text {
			t.Errorf("%v is of a session: %v, written %s", c.list, l.OfSession(), l)
		}
	}
}
