package ipfilter_test

import (
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/ipfilter"
	"weir/internal/conf"
	"weir/internal/testkit"
)

// request is one of testkit, whose client is 192.0.2.7.
const request = "GET / HTTP/1.1\nHost: h\nX-Forwarded-For: 10.0.0.1\n\n"

func TestARefusalSaysNothingOfTheLists(t *testing.T) {
	r := testkit.Policy(t, compile(t, ipfilter.Config{Deny: blocks("192.0.2.0/24")}), request, "")
	want := `{"title":"Forbidden","status":403,"detail":"Requests from this address are not served.","fault":"address_refused"}` + "\n"
	if r.Status != 403 || r.Body != want || strings.Join(r.Verdicts, "|") != "edge.ip_filter: reply address_refused" {
		t.Errorf("got %d %s %q", r.Status, r.Body, r.Verdicts)
	}
}

func TestWhatAClientSaysOfItselfChangesNothing(t *testing.T) {
	steps := compile(t, ipfilter.Config{Allow: blocks("10.0.0.1")})
	for _, line := range []string{"X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Real-IP: 10.0.0.1", "X-Forwarded-For: 10.0.0.1, 10.0.0.1\nTrue-Client-IP: 10.0.0.1"} {
		if r := testkit.Policy(t, steps, "GET / HTTP/1.1\nHost: h\n"+line+"\n\n", ""); r.Status != 403 {
			t.Errorf("%q got status %d", line, r.Status)
		}
	}
}

func TestTheLogLearnsWhy(t *testing.T) {
	for want, c := range map[string]ipfilter.Config{
		"the address is in a denied network":     {Deny: blocks("192.0.2.0/24")},
		"the address is in no allowed network":   {Allow: blocks("10.0.0.0/8"), Deny: blocks("192.0.2.7")},
		"the address is in a denied network (2)": {Allow: blocks("0.0.0.0/0"), Deny: blocks("192.0.2.7")},
	} {
		x := &http7.Exchange{Client: address("192.0.2.7")}
		v := compile(t, c)[0].Request.Request(x)
		if v.Fault != ipfilter.Refused || x.Cause == nil || !strings.HasPrefix(want, x.Cause.Error()) {
			t.Errorf("got %v because of %v, want %s", v.Fault, x.Cause, want)
		}
	}
}

func TestModes(t *testing.T) {
	c := ipfilter.Config{Deny: blocks("192.0.2.0/24")}
	for mode, want := range map[conf.Mode]http7.Mode{conf.Enforce: http7.Enforce, conf.Observe: http7.Observe} {
		c.Mode = mode
		steps := compile(t, c)
		if len(steps) != 1 || steps[0].Mode != want || steps[0].Stage != http7.Guard || steps[0].Name != "edge.ip_filter" || steps[0].Bundle != "edge" {
			t.Errorf("%v compiles to %+v", mode, steps)
		}
	}
	c.Mode = conf.ModeOff
	if steps := compile(t, c); steps != nil {
		t.Errorf("off compiles to %+v", steps)
	}
}

// Observed, a policy judges as it does enforced: the hall makes remarks of the refusals.
func TestObservedItJudgesAlike(t *testing.T) {
	c := ipfilter.Config{Deny: blocks("10.0.0.0/9", "2001:db8::/33")}
	enforced := compile(t, c)[0].Request
	c.Mode = conf.Observe
	observed := compile(t, c)[0].Request
	refused := 0
	for i := range 256 {
		client := "10." + string(rune('0'+i%10)) + ".0.1"
		if i%3 == 0 {
			client = "10.200.0.1"
		}
		x, y := &http7.Exchange{Client: address(client)}, &http7.Exchange{Client: address(client), Dry: true}
		a, b := enforced.Request(x), observed.Request(y)
		if a != b {
			t.Fatalf("%s: %v and %v", client, a, b)
		}
		if a.Fault != nil {
			refused++
		}
	}
	if refused != 170 {
		t.Errorf("%d of 256 are refused, want 170", refused)
	}
}

func TestALineOfALogIsJudgedWithoutAFieldOfTheRequest(t *testing.T) {
	x := &http7.Exchange{Client: address("192.0.2.7"), Recorded: &http7.Recorded{}}
	v := compile(t, ipfilter.Config{Deny: blocks("192.0.2.7")})[0].Request.Request(x)
	if v.Fault != ipfilter.Refused || len(x.Recorded.Missed) != 0 {
		t.Errorf("got %v, missed %q", v, x.Recorded.Missed)
	}
}
