package plan

import (
	"fmt"
	"strings"
	"testing"

	"weir/internal/term"
)

func TestALongListIsToldInPart(t *testing.T) {
	r := &Report{Old: "a", New: "b"}
	for i := range mostEntries + 5 {
		r.Changes.Routes = append(r.Changes.Routes, Change{Kind: Added, Name: fmt.Sprintf("r%d", i)})
		r.Changes.Shadowed = append(r.Changes.Shadowed, Shadowed{Route: fmt.Sprintf("s%d", i), By: "all", New: true})
	}
	text := r.Text(term.Paint{})
	if strings.Count(text, "  and 5 others; --json has them all\n") != 2 || !strings.Contains(text, "ROUTES  205 added\n") || !strings.Contains(text, fmt.Sprintf("+ r%d\n", mostEntries-1)) ||
		strings.Contains(text, fmt.Sprintf("+ r%d\n", mostEntries)) {
		t.Errorf("got %s", text)
	}
}

func TestWhatKeysHaveBecomeIsWrittenShortly(t *testing.T) {
	for _, c := range []struct {
		key  Key
		want string
	}{
		{Key{"timeout", "5s", "2s"}, "timeout  5s → 2s"},
		{Key{"timeout", "", "2s"}, "timeout  + 2s"},
		{Key{"timeout", "5s", ""}, "timeout  - 5s"},
		{Key{"token", "", ""}, "token  is another one"},
		{Key{"deny", strings.Repeat("a", 500), "b"}, "deny  " + strings.Repeat("a", shown) + "… → b"},
	} {
		text := (&Report{Changes: Changes{Settings: []Key{c.key}}}).Text(term.Paint{})
		if !strings.Contains(text, "  "+c.want+"\n") {
			t.Errorf("%+v is written as %s, want %q", c.key, text, c.want)
		}
	}
}

func TestMeetingsAreSaidInWords(t *testing.T) {
	for want, m := range map[string]Meeting{
		"no route":                              {},
		"route a, upstream u or v":              {Route: "a", Upstreams: []string{"u", "v"}},
		"refused 403 Forbidden (denied), by p":  {Status: 403, Fault: "denied", By: "p", Upstreams: []string{"u"}},
		"refused (no_listener)":                 {Fault: NoListener},
		"answered 308 Permanent Redirect, by p": {Status: 308, By: "p"},
		"answered 299, route a":                 {Status: 299, Route: "a"},
	} {
		if got := m.String(); got != want {
			t.Errorf("%+v is %q, want %q", m, got, want)
		}
	}
}

func TestShadowedRoutesThatWereSoBeforeAreNoDifference(t *testing.T) {
	c := Changes{Shadowed: []Shadowed{{Route: "a", By: "b"}}}
	if text := (&Report{Changes: c}).Text(term.Paint{}); !c.None() || !strings.Contains(text, "No difference") || !strings.Contains(text, "a  by b  as before") {
		t.Errorf("got %s", text)
	}
	if c.Shadowed[0].New = true; c.None() {
		t.Error("a new one is a difference")
	}
}
