package config

import (
	"strings"
	"testing"
)

func TestWhatIsAllowedAndHardlyMeantIsWarnedOf(t *testing.T) {
	const frame = "[upstreams]\nu.endpoints = \"a:1\"\nv.endpoints = \"a:2\"\n[policies]\nwide.cors.origins = \"https://a.test\"\nseen.cors = { origins = \"https://a.test\", mode = \"observe\" }\n" +
		"own.cors.origins = \"https://b.test\"\nplain.headers.request.remove = \"X\"\n" +
		"[listeners.web]\naddress = \":1\"\npolicies = [\"wide\", \"plain\"]\n[listeners.bare]\naddress = \":2\"\npolicies = \"seen\"\n" +
		"[listeners.use]\naddress = \":3\"\n[[routes]]\nlisteners = \"use\"\nmatch.path = \"/use\"\nupstream = \"v\"\npolicies = \"own\"\n[[routes]]\n"
	for _, c := range []struct{ route, want string }{
		{"upstream = \"u\"", ""},
		{"upstream = \"u\"\nmirror.upstream = \"v\"", ""},
		{"upstream = \"u\"\nmirror.upstream = \"u\"", `routes[1].mirror.upstream: the mirror is the route's own upstream`},
		{"upstream = \"u\"\npolicies = \"own\"", `routes[1].policies[0]: the cors of "own" has no effect on listener web: the one of its policy "wide" decides`},
		{"upstream = \"u\"\npolicies = \"own\"\nwithout = \"wide\"", ""},
		{"upstream = \"u\"\npolicies = \"own\"\nlisteners = [\"bare\", \"use\"]", ""},
		{"upstream = \"u\"\npolicies = \"plain\"", ""},
		{"upstream = \"u\"\nmatch.sni = \"x.test\"", `routes[1].match.sni: no listener of this route has tls`},
		{"upstream = \"u\"\nmatch.sni = \"!\"", ""},
		{"upstream = \"u\"\nmatch.path = \"/u/:id/x\"", `routes[1].match.path[0]: ":id" is a text, colon and all`},
		{"upstream = \"u\"\nmatch.path = [\"/u/a:b\", \"/:\", \"~^/:id\"]", ""},
	} {
		cfg, r := Parse("x", []byte(frame+c.route+"\n[[routes]]\nmatch.path = \"/other\"\nupstream = \"u\"\n"), testOptions())
		var got []string
		for _, f := range r.Findings() {
			got = append(got, f.Key+": "+f.Text)
		}
		if cfg == nil || (c.want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", c.route, got, c.want)
		}
	}
}
