package cors_test

import (
	"strings"
	"testing"

	"weir/http7/policy/policytest"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	wants := []struct{ bundle, answer, remark string }{
		{"edge", allowsApp + credential + "Access-Control-Allow-Methods: GET, POST\nAccess-Control-Allow-Headers: Content-Type\nAccess-Control-Max-Age: 3600\n" + variesAll, ""},
		{"open", allowsAll + "Access-Control-Allow-Methods: GET, HEAD, POST, DELETE\nAccess-Control-Allow-Headers: *, Authorization\nAccess-Control-Max-Age: 600\n" + variesAll, ""},
		{"preview", "Server: s\nContent-Length: 0\n", "edge.cors:would refuse the preflight"},
	}
	for i, c := range policytest.Examples(t, len(wants), policytest.Site, config.Parse, config.Options{}) {
		r := pass(t, compile(t, c.Policies[wants[i].bundle].CORS), preflight(""), answer)
		if r.Answer != wants[i].answer || strings.Join(r.Remarks, "") != wants[i].remark {
			t.Errorf("example %d: got\n%s%q, want\n%s%q", i+1, r.Answer, r.Remarks, wants[i].answer, wants[i].remark)
		}
	}
}
