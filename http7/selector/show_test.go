package selector

import (
	"net/netip"
	"testing"

	"weir/http7"
)

func TestASelectionIsShownWithoutSecrets(t *testing.T) {
	x := &http7.Exchange{
		Client: netip.MustParseAddr("::ffff:192.0.2.7"), Method: []byte("GET"), Authority: []byte("A.example:80"), Path: []byte("/a"),
		Query: []byte("q=1&q=b%20c&session=s"), Consumer: "me", Route: &http7.Route{Name: "r"},
	}
	x.Request.AddRaw([]byte("X-User"), []byte("u"))
	x.Request.AddRaw([]byte("X-Api-Key"), []byte("k"))
	x.Request.AddRaw([]byte("Cookie"), []byte("uid=7"))
	x.Claims = []http7.Claim{{Name: "sub", Value: []byte("u7")}, {Name: "session_id", Value: []byte("s")}}
	for _, c := range []struct {
		texts []string
		want  string
	}{
		{[]string{"client"}, "192.0.2.7"},
		{[]string{"consumer"}, "me"},
		{[]string{"host"}, "a.example"},
		{[]string{"path", "method", "route"}, "/a, GET, r"},
		{[]string{"header:X-User"}, "u"},
		{[]string{"header:X-Api-Key"}, "(masked)"},
		{[]string{"header:X-None"}, ""},
		{[]string{"header:X-User", "header:X-None"}, ""},
		{[]string{"cookie:uid", "header:X-User"}, "(masked), u"},
		{[]string{"query:q"}, "1, b c"},
		{[]string{"query:session"}, "(masked)"},
		{[]string{"claim:sub", "claim:session_id"}, "u7, (masked)"},
	} {
		if got := compiled(t, c.texts...).Show(x); got != c.want {
			t.Errorf("%q is shown as %q, want %q", c.texts, got, c.want)
		}
	}
}
