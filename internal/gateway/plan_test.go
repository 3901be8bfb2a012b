package gateway

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"weir/internal/admin"
	"weir/internal/plan"
)

// planOf plans from one text to another with a log.
func planOf(t *testing.T, old, next, log string) *plan.Report {
	t.Helper()
	a, report := compile(t, old)
	if a == nil {
		t.Fatal(report)
	}
	b, report := compile(t, next)
	if b == nil {
		t.Fatal(report)
	}
	r, err := Plan(a, b, strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// line is a line of an access log of a request for a target on listener web.
func line(target, match string) string {
	return `{"ts":1763700000000000,"client":"192.0.2.1","listener":"web","proto":"HTTP/1.1","method":"GET","host":"a.example","target":"` + target +
		`","route":"a","upstream":"","endpoint":"","status":200,"fault":"","bytes_in":0,"bytes_out":1,"dur_us":1,"first_byte_us":1,"attempts":0,"consumer":"","verdicts":[],"match":[` + match + `]}` + "\n"
}

const plain = web + "[[routes]]\nname = \"a\"\nmatch.path = \"/a/*\"\nrespond.body = \"a\"\n"

func TestAPlanSaysWhichRequestsChange(t *testing.T) {
	next := plain + "[[routes]]\nname = \"b\"\nmatch.path = \"/a/b\"\nredirect.to = \"/b\"\n"
	r := planOf(t, plain, next, line("/a/a", "")+line("/a/b?x", "")+line("/%61/b", "")+line("/c", ""))
	if len(r.Changes.Routes) != 1 || r.Changes.Routes[0].Kind != plan.Added {
		t.Errorf("routes: %+v", r.Changes.Routes)
	}
	l := r.Log
	if l.Requests != 4 || l.Same != 2 || l.Changed != 2 || l.Undecidable != 0 || len(l.Groups) != 1 {
		t.Fatalf("log: %+v", l)
	}
	if g := l.Groups[0]; g.From.Route != "a" || g.From.Status != 200 || g.To.Route != "b" || g.To.Status != 308 {
		t.Errorf("from %+v to %+v", g.From, g.To)
	}
}

func TestAPlanNamesTheRoutesWhoseRequestsLeaveOtherwise(t *testing.T) {
	head := web + "[upstreams.u]\nendpoints = \"127.0.0.1:1\"\n[policies.p]\nheaders.response.set = { X-A = \"1\" }\n"
	route := "[[routes]]\nname = \"a\"\nmatch.path = \"/a/*\"\nupstream = \"u\"\npolicies = \"p\"\nrewrite.prefix = \"/x\"\n"
	next := strings.NewReplacer("/x", "/y", `X-A = "1"`, `X-A = "2"`).Replace(head + route)
	l := planOf(t, head+route, next, line("/a/a", "")+line("/a/b", "")+line("/b", "")).Log
	want := []plan.Otherwise{{Route: "a", Sections: []string{"p.headers", "rewrite"}, Requests: 2}}
	if l.Same != 3 || !reflect.DeepEqual(l.Otherwise, want) {
		t.Errorf("got %+v", l)
	}
}

func TestAPlanSaysWhichRoutesAreShadowed(t *testing.T) {
	next := plain + "[[routes]]\nname = \"again\"\nmatch.path = \"/a/*\"\npriority = -1\nrespond = {}\n"
	r := planOf(t, plain, next, "")
	if s := r.Changes.Shadowed; len(s) != 1 || s[0].Route != "again" || s[0].By != "a" || !s[0].New {
		t.Errorf("shadowed: %+v", s)
	}
}

func TestRecordsThatLackAFieldAreUndecidable(t *testing.T) {
	tenants := plain + "[[routes]]\nname = \"t\"\nmatch = { path = \"/a/t\", headers = { X-Tenant = \"acme\" } }\nrespond = { status = 201 }\n"
	both := tenants + "[[routes]]\nname = \"u\"\nmatch = { path = \"/a/u\", headers = { X-User = \"*\" } }\nrespond = { status = 202 }\n"
	log := line("/a/t", `["header:x-tenant","acme"]`) + line("/a/t", "") + line("/a/u", "") + line("/a/x", "")
	l := planOf(t, tenants, both, log).Log
	if l.Same != 3 || l.Changed != 0 || l.Undecidable != 1 || len(l.Missing) != 1 || l.Missing[0].Selector != "header:x-user" {
		t.Errorf("log: %+v", l)
	}
	// The old config reads nothing, the log has the field all the same.
	l = planOf(t, plain, tenants, log).Log
	if l.Changed != 1 || l.Undecidable != 1 || l.Same != 2 {
		t.Errorf("log: %+v", l)
	}
}

// What a log hides can be compared by those who have its key, and with nothing but what was written.
func TestAPlanComparesWhatTheLogHides(t *testing.T) {
	state := t.TempDir()
	routes := func(uid string) string {
		return "[[routes]]\nname = \"u\"\nmatch = { path = \"/a\", cookies = { uid = \"" + uid + "\" } }\nrespond = { status = 201 }\n" +
			"[[routes]]\nname = \"a\"\nmatch.path = \"/a\"\nrespond = {}\n"
	}
	head := "state_dir = \"" + state + "\"\naccess_log.path = \"-\"\n"
	r := start(t, head+web0+routes("7"))
	r.tell(asked{path: "/a", header: map[string]string{"Cookie": "uid=7"}, status: 201})
	r.tell(asked{path: "/a", header: map[string]string{"Cookie": "uid=8"}, status: 200})
	r.tell(asked{path: "/a", status: 200})
	until(t, "three lines are written", func() bool { return strings.Count(r.access.String(), "\n") == 3 })
	log := r.access.String()
	for _, c := range []struct {
		uid                        string
		same, changed, undecidable int64
	}{
		{"7", 3, 0, 0},
		{"8", 1, 2, 0},
		{"*", 2, 1, 0},
		{"!", 1, 2, 0},
		{"~^7$", 1, 0, 2},
	} {
		l := planOf(t, head+web+routes("7"), head+web+routes(c.uid), log).Log
		if l.Same != c.same || l.Changed != c.changed || l.Undecidable != c.undecidable {
			t.Errorf("uid = %q: %d same, %d changed, %d undecidable; want %+v", c.uid, l.Same, l.Changed, l.Undecidable, c)
		}
	}
	if err := os.Remove(filepath.Join(state, logKeyFile)); err != nil {
		t.Fatal(err)
	}
	if l := planOf(t, head+web+routes("7"), head+web+routes("8"), log).Log; l.Undecidable != 2 {
		t.Errorf("without the key: %+v", l)
	}
}

func TestARunningWeirPlans(t *testing.T) {
	r := start(t, web0+"[[routes]]\nname = \"a\"\nmatch.path = \"/a/*\"\nrespond.body = \"a\"\n")
	a, err := r.g.Plan(t.Context(), admin.PlanQuestion{Name: "new.toml", Config: plain + "[[routes]]\nrespond.body = \"rest\"\n", Log: line("/a/x", "") + line("/x", "")})
	if err != nil || !a.OK || a.Report.Log.Same != 1 || a.Report.Log.Changed != 1 || a.Report.New != "new.toml" {
		t.Fatalf("%+v, %v", a, err)
	}
	a, err = r.g.Plan(t.Context(), admin.PlanQuestion{Name: "new.toml", Config: "nonsense = 1"})
	if err != nil || a.OK || len(a.Problems) == 0 || !strings.HasPrefix(a.Problems[0].Where, "new.toml:1:1") {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err = r.g.Plan(t.Context(), admin.PlanQuestion{Name: "new.toml", Config: plain, Log: "no log\n"}); err == nil {
		t.Error("what is no log was read")
	}
	r.tell(asked{path: "/a/x", status: 200, says: "a"})
}

// A log need not tell which name a client's TLS asked for, and what a certificate covers is no part of a config.
func TestAPlanOverTheAdminAPIDoesNotTakeCertificatesForChanges(t *testing.T) {
	first, _ := pair(t, "first.test")
	table, roots := pair(t, "web.test")
	config := "access_log.path = \"-\"\n[listeners.web]\n" + any0 + "tls.certificates = [" + first + ", " + table + "]\n[[routes]]\nrespond.body = \"ok\"\n"
	r := start(t, config)
	if got := fetched(speaker(t, "h2", roots, "web.test"), "https://"+r.g.Addr("web").String()+"/", "web.test"); got != "HTTP/2.0 ok" {
		t.Fatal(got)
	}
	until(t, "a line", func() bool { return strings.Contains(r.access.String(), `"status":200`) })
	a, err := r.g.Plan(t.Context(), admin.PlanQuestion{Config: config, Log: r.access.String()})
	if err != nil || !a.OK {
		t.Fatalf("%+v, %v", a, err)
	}
	if l := a.Report.Log; l.Requests != 1 || l.Same != 1 {
		t.Errorf("of one request the plan says %+v", l)
	}
}
