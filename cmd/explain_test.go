package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/explain"
	"weir/internal/plan"
)

// shop is a config for questions; nothing of it is ever bound.
const shop = `
[listeners.web]
address = ":8080"
trusted_proxies = "10.0.0.0/8"
[listeners.other]
address = ":8081"
[[routes]]
name = "post"
match = { path = "/a/*", methods = "POST", headers = { X-Tenant = "acme" } }
upstream = "api"
limits.body_bytes = "10B"
[[routes]]
name = "all"
upstream = "api"
[upstreams.api]
endpoints = ["127.0.0.1:1", "127.0.0.1:2"]
`

// explained runs weir explain on shop and reads its JSON.
func explained(t *testing.T, args ...string) (*explain.Report, result) {
	t.Helper()
	got := inProcess(nil, append([]string{"explain", "-c", file(t, shop), "--json"}, args...)...)
	r := &explain.Report{}
	if got.code == Fine {
		if err := json.Unmarshal([]byte(got.out), r); err != nil {
			t.Fatalf("%v in %s", err, got.out)
		}
	}
	return r, got
}

func TestExplainAsksWhatTheCommandLineSays(t *testing.T) {
	content := filepath.Join(t.TempDir(), "body")
	write(t, content, "hello")
	for _, c := range []struct {
		args  string
		route string
		check func(*explain.Report) bool
	}{
		{"GET http://h:8080/a/b?c=d", "all", func(r *explain.Report) bool { return r.Request.Query == "c=d" && r.Listener == "web" }},
		{"http://h:8080/x", "all", func(r *explain.Report) bool { return r.Request.Method == "GET" }},
		{"http://h:8080/a/b --data hello -H X-Tenant:acme", "post", func(r *explain.Report) bool { return r.Request.Method == "POST" && r.Request.Body == 5 }},
		{"POST http://h:8080/a/b --data @" + content + " -H X-Tenant:acme", "post", func(r *explain.Report) bool { return r.Request.Body == 5 }},
		{"POST http://h:8080/a/b --data 0123456789x -H X-Tenant:acme", "post", func(r *explain.Report) bool { return r.Action == explain.Refused && r.Answer.Status == 413 }},
		{"http://h:8081/", "all", func(r *explain.Report) bool { return r.Listener == "other" }},
		{"http://h:8081/ --listener web", "all", func(r *explain.Report) bool { return r.Listener == "web" }},
		{"http://h:8080/ --from 192.0.2.7 -H X-Forwarded-For:198.51.100.1", "all", func(r *explain.Report) bool { return r.Request.Client == "192.0.2.7" }},
		{"http://h:8080/ --from 10.0.0.1 -H X-Forwarded-For:198.51.100.1", "all", func(r *explain.Report) bool { return r.Request.Client == "198.51.100.1" }},
	} {
		r, got := explained(t, strings.Fields(c.args)...)
		if got.code != Fine || r.Route == nil || r.Route.Name != c.route || !c.check(r) {
			t.Errorf("weir explain %s: code %d, %s%s; want route %s", c.args, got.code, got.out, got.err, c.route)
		}
	}
}

func TestExplainAndPlanEndWithTheCodesOfTheHouse(t *testing.T) {
	good, bad, none := file(t, shop), file(t, manyWrong), filepath.Join(t.TempDir(), "none")
	foreign := filepath.Join(t.TempDir(), "foreign.log")
	write(t, foreign, "1.2.3.4 - -\n")
	for _, c := range []struct {
		args []string
		code int
		word string // in stderr
	}{
		{[]string{"explain", "-c", good, "GET", "http://h:8080/a/../b"}, Fine, ""},
		{[]string{"explain", "-c", bad, "/"}, Bad, bad + ":2:"},
		{[]string{"explain", "-c", none, "/"}, Bad, none},
		{[]string{"explain", "-c", good}, WrongUsage, "accepts between 1 and 2"},
		{[]string{"explain", "-c", good, "/"}, WrongUsage, "--listener NAME"},
		{[]string{"explain", "-c", good, "/", "--listener", "wbe"}, WrongUsage, `no http listener is called "wbe"`},
		{[]string{"explain", "-c", good, "ftp://h/"}, WrongUsage, "neither http nor https"},
		{[]string{"explain", "-c", good, "/", "-H", "X-Tenant"}, WrongUsage, "want 'Name: value'"},
		{[]string{"explain", "-c", good, "/", "--from", "h"}, WrongUsage, "want an IP address"},
		{[]string{"explain", "-c", good, "/", "--data", "@" + none}, CouldNotRun, "no such file"},
		{[]string{"explain", "--admin", "127.0.0.1:1", "/"}, CouldNotRun, "is Weir running"},
		{[]string{"plan", good}, WrongUsage, "accepts 2 arg(s)"},
		{[]string{"plan", good, good}, Fine, ""},
		{[]string{"plan", bad, good}, Bad, bad + ":2:"},
		{[]string{"plan", good, bad}, Bad, bad + ":2:"},
		{[]string{"plan", good, none}, Bad, none},
		{[]string{"plan", good, good, "--log", none}, CouldNotRun, "no such file"},
		{[]string{"plan", good, good, "--log", foreign}, CouldNotRun, "none of 1 lines"},
		{[]string{"plan", good, good, "--log", os.DevNull}, Fine, ""},
	} {
		got := inProcess(nil, c.args...)
		if got.code != c.code || !strings.Contains(got.err, c.word) || (got.code == Fine) != (got.out != "") {
			t.Errorf("weir %q: %+v; want code %d and %q", c.args, got, c.code, c.word)
		}
	}
}

func TestAContentThatIsTooLongIsRefusedBeforeItIsAsked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long")
	write(t, path, strings.Repeat("x", maxContent+1))
	if _, got := explained(t, "http://h/", "--data", "@"+path); got.code != WrongUsage || !strings.Contains(got.err, "more than 1048576 bytes") {
		t.Errorf("%+v", got)
	}
}

func TestPlanTellsOfBothConfigsAndOfTheLog(t *testing.T) {
	old, changed := file(t, shop), file(t, strings.Replace(shop, "10B", "3B", 1))
	log := filepath.Join(t.TempDir(), "access.log")
	write(t, log, `{"ts":1,"client":"192.0.2.7","listener":"web","proto":"HTTP/1.1","method":"POST","host":"h","target":"/a/b","route":"post","upstream":"api","status":200,"bytes_in":5,"attempts":1,"match":[["header:x-tenant","acme"]]}`+"\n")
	got := inProcess(nil, "plan", old, changed, "--log", log, "--json")
	var r plan.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != Fine {
		t.Fatalf("%+v, %v", got, err)
	}
	if len(r.Changes.Routes) != 1 || r.Changes.Routes[0].Keys[0] != (plan.Key{Key: "limits.body_bytes", Old: "10B", New: "3B"}) {
		t.Errorf("routes %+v", r.Changes.Routes)
	}
	if l := r.Log; l == nil || l.Requests != 1 || l.Changed != 1 || len(l.Hits) != 1 || l.Hits[0].Limit != "body_bytes" {
		t.Errorf("log %+v", r.Log)
	}
	if r.Old != old || r.New != changed {
		t.Errorf("%s and %s, want the files' names", r.Old, r.New)
	}
}

// A running Weir answers by what it knows: here that an endpoint is out for maintenance.
func TestExplainAsksARunningWeir(t *testing.T) {
	s := run(t, answers("x")+"[[routes]]\nmatch = { path = \"/api\" }\nupstream = \"api\"\n[upstreams.api]\nendpoints = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\n")
	address := "unix:" + filepath.Join(filepath.Dir(s.path), "a.sock")
	if got := inProcess(nil, "drain", "api", "127.0.0.1:1", "--maintenance", "--admin", address); got.code != Fine {
		t.Fatalf("%+v", got)
	}
	got := inProcess(nil, "explain", "--admin", address, "/api", "--json")
	var r explain.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	chances := map[string]float64{}
	for _, u := range r.Upstreams {
		for _, e := range u.Endpoints {
			chances[e.Address] = e.Chance
		}
	}
	if r.Action != explain.Forwarded || chances["127.0.0.1:1"] != 0 || chances["127.0.0.1:2"] != 1 {
		t.Errorf("%s, %v: %s", r.Action, chances, got.out)
	}
	if got := inProcess(nil, "explain", "--admin", address, "/api", "--listener", "none"); got.code != CouldNotRun || !strings.Contains(got.err, "none") {
		t.Errorf("%+v", got)
	}
}
