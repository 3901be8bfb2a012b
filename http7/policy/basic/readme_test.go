package basic_test

import (
	"strings"
	"testing"

	"weir/http7/policy/basic"
	"weir/http7/policy/policytest"
	"weir/internal/config"
	"weir/internal/testkit"
)

// users has bob, whose password is "pw", and ann.
const users = "bob:$2y$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW\nann:$5$abcdefgh$.xGPgjRtLPofjU7pJZleagjqc4/ZZO6zARVMZnRfr.9\n"

func TestTheExamplesOfTheReadmeDoWhatTheySay(t *testing.T) {
	wants := []struct{ told, challenge string }{
		{"", `Basic realm="staff", charset="UTF-8"`},
		{"X-Groups: dev,ops\nX-User: bob\n", `Basic realm="staff", charset="UTF-8"`},
	}
	read := func(string) ([]byte, error) { return []byte(users), nil }
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{ReadFile: read}) {
		section := c.Policies["staff"].Basic
		section.UsersFile = policytest.File(t, "htpasswd", users)
		steps, err := basic.Compile(section, "staff", policytest.Needs(t))
		if err != nil {
			t.Fatal(err)
		}
		const request = "GET /a HTTP/1.1\nHost: h\nAuthorization: Basic "
		r := testkit.Policy(t, steps, request+"Ym9iOnB3\n\n", "") // bob:pw
		if r.Consumer != "bob" || r.Request != "Host: h\n"+wants[i].told {
			t.Errorf("example %d: %s, and the endpoint gets %q, want %q", i+1, r.Consumer, r.Request, wants[i].told)
		}
		bad := testkit.Policy(t, steps, request+"Ym9iOm5v\n\n", "") // bob:no
		if bad.Status != 401 || !strings.Contains(bad.Answer, "WWW-Authenticate: "+wants[i].challenge+"\n") || !strings.Contains(bad.Body, `"fault":"basic_invalid"`) || strings.Contains(bad.Body+bad.Answer, "Ym9iOm5v") {
			t.Errorf("example %d: a wrong password: %d %q %q", i+1, bad.Status, bad.Answer, bad.Body)
		}
	}
}
