package serve

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"weir/http7"
)

func TestTheLogHasWhatConditionsRead(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{7}, 32)
	hash := func(value string) string { return string(NewReads(nil, key).hide(nil, []byte(value))) }
	selectors := []string{
		"header:x-tenant", "header:x-api-key", "header:authorization", "cookie:uid", "claim:plan", "country", "sni",
		"query:a", "client", "body", "header:not a name",
	}
	edits := &scripted{request: func(x *http7.Exchange) http7.Verdict { // what policies edit later is not what was read
		x.Request.Set(tenantField, []byte("edited"))
		return http7.Continue
	}}
	identify := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		x.Claims = append(x.Claims, http7.Claim{Name: "plan", Value: []byte("gold")}, http7.Claim{Name: "other", Value: []byte("x")})
		x.Country = "DE"
		return http7.Continue
	}}
	for _, c := range []struct {
		name, request string
		reads         bool
		want          [][2]string
	}{
		{"all of it", "GET /a?a=1 HTTP/1.1|Host: a|X-Tenant: acme|Cookie: uid=u; b=c; uid=v|Authorization: Bearer x|X-API-Key: k||", true, [][2]string{
			{"header:x-tenant", "acme"}, {"header:x-api-key", hash("k")}, {"header:authorization", hash("Bearer x")},
			{"cookie:uid", hash("u")}, {"cookie:uid", hash("v")}, {"claim:plan", "gold"}, {"country", "DE"},
		}},
		{"a field that comes twice", "GET /a HTTP/1.1|Host: a|X-Tenant: a|X-Tenant: b||", true, [][2]string{
			{"header:x-tenant", "a"}, {"header:x-tenant", "b"}, {"claim:plan", "gold"}, {"country", "DE"},
		}},
		{"no route", "GET /none HTTP/1.1|Host: a|X-Tenant: acme||", true, [][2]string{
			{"header:x-tenant", "acme"}, {"claim:plan", "gold"}, {"country", "DE"},
		}},
		{"a request that does not come to the match", "GET /../a HTTP/1.1|Host: a|X-Tenant: acme||", true, [][2]string{{"header:x-tenant", "acme"}}},
		{"a head that was refused", "GET /a HTTP/1.1|Host: a|X-Tenant: acme|no colon||", true, [][2]string{}},
		{"a listener that reads nothing", "GET /a HTTP/1.1|Host: a|X-Tenant: acme||", false, [][2]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			stop := func() {}
			r := newRigWith(t, func(r *rig) {
				stop = logging(r, &out)
				r.route.Paths = []string{"/a"}
				r.route.Steps = []http7.Step{edits.step("p.edit")}
				r.site.Early = []http7.Step{identify.step("p.identify")}
				if c.reads {
					r.site.Reads = NewReads(selectors, key)
				}
			}, saying(t, hello))
			r.say(strings.Replace(crlf(c.request), "Host: a", "Host: a\r\nConnection: close", 1))
			r.settled()
			stop()
			var line struct{ Match [][2]string }
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || !reflect.DeepEqual(line.Match, c.want) {
				t.Errorf("%v: match is %q, want %q", err, line.Match, c.want)
			}
		})
	}
}

var tenantField, _ = http7.NewName("X-Tenant")

func TestAHiddenValueHangsOnTheKeyAndTheValueAlone(t *testing.T) {
	one, other := NewReads(nil, []byte("one")), NewReads(nil, []byte("other"))
	a := string(one.hide(nil, []byte("a")))
	if len(a) != hidden || !strings.HasPrefix(a, "hmac:") {
		t.Errorf("hidden as %q", a)
	}
	if again := string(one.hide(nil, []byte("a"))); again != a {
		t.Errorf("%q, then %q", a, again)
	}
	for _, b := range [][]byte{one.hide(nil, []byte("b")), other.hide(nil, []byte("a"))} {
		if string(b) == a {
			t.Errorf("another value or key has the same hash %q", b)
		}
	}
}

func BenchmarkWhatIsLoggedOfConditions(b *testing.B) {
	r := NewReads([]string{"header:x-tenant", "cookie:uid"}, []byte("key"))
	x := &exchange{}
	for b.Loop() {
		x.Request.AddRaw([]byte("X-Tenant"), []byte("acme"))
		x.Request.AddRaw([]byte("Cookie"), []byte("uid=1"))
		x.sights = r.note(x.sights[:0], x)
		x.matched = r.record(x.matched[:0], x)
		x.Release()
	}
}

// A cookie that was sent 1,900 times stood in the log as often, each time hashed.
func TestAClientDoesNotMakeLinesLongByRepeatingItself(t *testing.T) {
	reads := NewReads([]string{"cookie:uid", "header:x-tenant", "claim:plan"}, []byte("key"))
	hash := string(reads.hide(nil, []byte("1")))
	one := func(n int) string { return strings.Repeat("1", n) }
	for _, c := range []struct {
		values string // one digit each
		n      int
		last   string
	}{
		{"1", 1, hash},
		{"11", 2, hash},
		{one(32), 32, hash},
		{one(1900), 32, hash}, // nothing else follows: whoever compares sees what was sent
		{one(32) + "2", 33, "hmac:more"},
		{one(1000) + "21", 33, "hmac:more"},
		{strings.Repeat("12", 950), 33, "hmac:more"},
	} {
		x := &exchange{}
		cookie := ""
		for _, v := range c.values {
			cookie += "uid=" + string(v) + "; "
			x.Request.AddRaw([]byte("X-Tenant"), []byte(string(v)))
			x.Claims = append(x.Claims, http7.Claim{Name: "plan", Value: []byte(string(v))})
		}
		x.Request.AddRaw([]byte("Cookie"), []byte(strings.TrimSuffix(cookie, "; ")))
		x.sights = reads.note(nil, x)
		got := reads.record(nil, x)
		if len(got) != 3*c.n || string(got[c.n-1].Value) != c.last {
			t.Errorf("%.40q: %d values, the last %q; want 3 times %d, %q", c.values, len(got), got[c.n-1].Value, c.n, c.last)
			continue
		}
		for _, m := range []int{2*c.n - 1, 3*c.n - 1} {
			if want := strings.Replace(c.last, hash, "1", 1); string(got[m].Value) != want {
				t.Errorf("%.40q: the last of %s is %q, want %q", c.values, got[m].Selector, got[m].Value, want)
			}
		}
	}
}

// What a policy of the route finds out about who asks, behind the match, stood in no line, and plan took that for nobody's.
func TestTheLogHasWhatAPolicyOfTheRouteFindsOutAboutWhoAsks(t *testing.T) {
	t.Parallel()
	selectors := []string{"claim:plan", "groups", "header:x-tenant", "scopes"}
	identify := &scripted{request: func(x *http7.Exchange) http7.Verdict {
		x.Establish(http7.Identity{Consumer: "ann", Groups: []string{"staff", "partners"}, Scopes: []string{"orders.read"}})
		x.Claims = append(x.Claims, http7.Claim{Name: "plan", Value: []byte("gold")}, http7.Claim{Name: "other", Value: []byte("x")})
		return http7.Continue
	}}
	refuse := &scripted{request: func(*http7.Exchange) http7.Verdict { return http7.Refuse(http7.NoRoute) }}
	for _, c := range []struct {
		name   string
		behind *scripted
		want   [][2]string
	}{
		{"let through", nil, [][2]string{{"claim:plan", "gold"}, {"groups", "staff"}, {"groups", "partners"}, {"header:x-tenant", "acme"}, {"scopes", "orders.read"}}},
		{"refused", refuse, [][2]string{{"claim:plan", "gold"}, {"groups", "staff"}, {"groups", "partners"}, {"header:x-tenant", "acme"}, {"scopes", "orders.read"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			stop := func() {}
			r := newRigWith(t, func(r *rig) {
				stop = logging(r, &out)
				r.route.Steps = []http7.Step{identify.step("p.identify")}
				if c.behind != nil {
					r.route.Steps = append(r.route.Steps, c.behind.step("p.refuse"))
				}
				r.site.Reads = NewReads(selectors, []byte("key"))
			}, saying(t, hello))
			r.say(strings.Replace(crlf("GET /a HTTP/1.1|Host: a|X-Tenant: acme||"), "Host: a", "Host: a\r\nConnection: close", 1))
			r.settled()
			stop()
			var line struct{ Match [][2]string }
			if err := json.Unmarshal(out.Bytes(), &line); err != nil || !reflect.DeepEqual(line.Match, c.want) {
				t.Errorf("%v: match is %q, want %q", err, line.Match, c.want)
			}
		})
	}
}

// An identity of many groups does not make lines long, and says that it has more.
func TestTheLogTellsSoManyGroups(t *testing.T) {
	reads := NewReads([]string{"groups"}, []byte("key"))
	x := &exchange{}
	for i := range 40 {
		x.Groups = append(x.Groups, strings.Repeat("g", i+1))
	}
	x.sights = reads.note(nil, x)
	got := reads.record(nil, x)
	if len(got) != 33 || string(got[31].Value) != strings.Repeat("g", 32) || string(got[32].Value) != "hmac:more" {
		t.Errorf("%d values, %q", len(got), got)
	}
}
