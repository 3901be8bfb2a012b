package admin

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mirrored is a gateway with two mirrors, one of which has found n differences.
func mirrored(n int) Gateway {
	g := (&stub{}).gateway()
	g.Mirrors = func() []Mirror {
		live, other := "1", "confidential"
		list := make([]Difference, n)
		for i := range list {
			list[i] = Difference{At: time.Unix(1700000000, 0).UTC(), Method: "GET", Target: "/a", Where: "body v", Live: &live, Mirror: &other, More: i}
		}
		return []Mirror{
			{Route: "a b", Upstream: "next", Sent: 3, Dropped: map[string]uint64{"full": 1}, Compared: map[string]uint64{"different": 2}, Differences: list},
			{Route: "idle", Upstream: "next"},
		}
	}
	return g
}

func TestMirrorsTellWhatTheyHaveComeTo(t *testing.T) {
	const token = "a token of some length"
	socket := "unix:" + filepath.Join(t.TempDir(), "s")
	for _, c := range []struct {
		address, token, query string
		mirrors, differences  int
		values                bool
	}{
		{"127.0.0.1:0", token, "", 2, 10, true},
		{"127.0.0.1:0", token, "?route=a%20b", 1, 100, true},
		{"127.0.0.1:0", token, "?route=idle", 1, 0, true},
		{"127.0.0.1:0", "", "?route=a+b", 1, 100, false},
		{socket, "", "?route=a+b", 1, 100, true},
	} {
		s := serve(t, config(t, c.address, c.token), mirrored(100))
		res, body := ask(t, s.Addr(), "GET /mirrors"+c.query+" HTTP/1.1\nHost: localhost\nAuthorization: Bearer "+c.token+"\nConnection: close\n\n")
		var a MirrorsAnswer
		if err := json.Unmarshal([]byte(body), &a); err != nil || res.StatusCode != 200 || len(a.Mirrors) != c.mirrors {
			t.Errorf("%+v: %d %v\n%s", c, res.StatusCode, err, body)
			continue
		}
		if n := len(a.Mirrors[0].Differences); n != c.differences || a.Hidden == c.values || n > 0 && c.values != strings.Contains(body, "confidential") {
			t.Errorf("%+v: %d differences, hidden %v\n%s", c, n, a.Hidden, body)
		}
	}
}

func TestMirrorsAreAskedForWithTheTokenAndByAName(t *testing.T) {
	s := serve(t, config(t, "127.0.0.1:0", "a token of some length"), mirrored(1))
	res, body := ask(t, s.Addr(), "GET /mirrors HTTP/1.1\nHost: localhost\nConnection: close\n\n")
	wantProblem(t, "without the token", res, body, 401, "send the admin token")
	s = serve(t, config(t, "127.0.0.1:0", ""), mirrored(1))
	res, body = ask(t, s.Addr(), "GET /mirrors?route=none HTTP/1.1\nHost: localhost\nConnection: close\n\n")
	wantProblem(t, "another route", res, body, 404, "no route none has a mirror")
}
