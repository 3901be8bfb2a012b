package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A client that ip_filter keeps out could have passwords worked on all the same, and keep the turns of others.
func TestNoPasswordIsWorkedOnForABannedClient(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(users, []byte("bob:$6$abcdefgh$Y8X4fK8dzckng/fIjIaMbhSI.0pb8jFFSN/J/PpH0DRCfCv16PIDicIrPVJ7EyzvvLxpGoKT/B4/my3gDKmFj0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, strings.ReplaceAll(`
[listeners.web]
address = "127.0.0.1:0"
policies = ["ban", "staff"]
[[routes]]
match.path = "/a"
respond.body = "a"
[[routes]]
match.path = "/b"
respond.body = "b"
without = "ban"
[policies.ban]
ip_filter = { deny = "127.0.0.0/8" }
[policies.staff]
basic = { users_file = "{users}" }
`, "{users}", users))
	for _, c := range []struct {
		path   string
		status int
		worked bool // so far
	}{
		{"/a", 403, false}, {"/nowhere", 403, false}, {"/b", 401, true},
	} {
		if res, body := r.knock("GET", c.path, "Authorization: Basic Ym9iOndyb25n"); res.StatusCode != c.status {
			t.Errorf("%s: %d %s, want %d", c.path, res.StatusCode, body, c.status)
		}
		if worked := strings.Contains(r.metrics(), `weir_policy_events_total{policy="staff.basic",event="verified"} 1`); worked != c.worked {
			t.Errorf("%s: worked on %t, want %t", c.path, worked, c.worked)
		}
	}
}
