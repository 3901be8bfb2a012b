package gateway

import (
	"strings"
	"testing"
)

func TestATieOfRoutesOnDifferentListenersSaysWhereTheyMeet(t *testing.T) {
	route := func(name, listeners string) string {
		if listeners != "" {
			listeners = "listeners = " + listeners + "\n"
		}
		return "[[routes]]\nname = \"" + name + "\"\n" + listeners + "match = { path = \"/a/*\" }\nrespond = {}\n"
	}
	for _, c := range []struct {
		about, one, two string
		want, hint      string // "" is no tie
	}{
		{"on the same", "", "", `requests for host * and path /a/*`, "or give one a higher priority\n"},
		{"on the same in another order", `["web", "adm"]`, `["adm", "web"]`, `requests for host * and path /a/*`, "or give one a higher priority\n"},
		{"on all and on one", "", `"adm"`, `requests on listener adm for host * and path /a/*`, `or keep "one" off adm by its listeners`},
		{"on one and on all", `"web"`, "", `requests on listener web for host * and path /a/*`, `or keep "two" off web by its listeners`},
		{"on one and on two", `"web"`, `["adm", "web"]`, `requests on listener web for host * and path /a/*`, `or keep "two" off web by its listeners`},
		{"on different ones", `"web"`, `"adm"`, "", ""},
	} {
		_, report := compile(t, web+"[listeners.adm]\naddress = \":8081\"\n"+route("one", c.one)+route("two", c.two))
		got := report.String()
		if c.want == "" && strings.Contains(got, "neither") || !strings.Contains(got, c.want) || !strings.Contains(got, c.hint) {
			t.Errorf("%s: got\n%s\nwant %q and %q", c.about, got, c.want, c.hint)
		}
	}
}
