package gateway

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/explain"
	"weir/internal/plan"
)

// rehearsed compiles a text for dry runs.
func rehearsed(t *testing.T, text string) *Compiled {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, report := Rehearse(path, handlers())
	if c == nil {
		t.Fatal(report)
	}
	t.Cleanup(c.endTurn)
	return c
}

// foreseen plans from one text to another with a log, as weir plan does.
func foreseen(t *testing.T, old, next, log string) *plan.Log {
	t.Helper()
	r, err := Plan(rehearsed(t, old), rehearsed(t, next), strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	return r.Log
}

// of is a line of a request of a consumer, "" for nobody's.
func of(consumer, target, match string) string {
	return strings.Replace(line(target, match), `"consumer":""`, `"consumer":"`+consumer+`"`, 1)
}

func TestAPlanTakesWhoAsksFromTheLog(t *testing.T) {
	head := web + "[policies.p]\napi_key.keys_file = \"" + keysOf(t, map[string]string{"ann": "the-key-of-ann"}) + "\"\n"
	route := "[[routes]]\nname = \"a\"\nmatch.path = \"/a/*\"\nrespond.body = \"a\"\n"
	guarded := route + "policies = \"p\"\n"
	log := of("ann", "/a/1", "") + of("bob", "/a/2", "") + of("", "/a/3", "")
	l := foreseen(t, head+route, head+guarded, log)
	if l.Same != 2 || l.Changed != 1 || l.Undecidable != 0 || len(l.Groups) != 1 || l.Groups[0].To.Fault != "identity_required" || l.Groups[0].To.Status != 401 {
		t.Errorf("who has no identity is refused: %+v", l)
	}
	rules := head + "authorise = [{ require = \"consumer:ann\" }]\n" + guarded
	if l := foreseen(t, head+guarded, rules, log); l.Same != 2 || l.Changed != 1 || l.Undecidable != 0 {
		t.Errorf("who is not ann is refused: %+v", l)
	}
	scopes := head + "authorise = [{ require = \"scope:read\" }]\n" + guarded
	if l := foreseen(t, head+guarded, scopes, of("ann", "/a/1", "")); l.Undecidable != 1 {
		t.Errorf("scopes stand only in logs of configs that ask for them: %+v", l)
	}
}

// Groups and scopes stood in no log: plan took every rule over them for one that nobody meets.
func TestAPlanTakesGroupsAndScopesFromTheLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.toml")
	var keys string
	for consumer, groups := range map[string]string{"ann": `"staff", "partners"`, "bob": `"partners"`} {
		sum := sha256.Sum256([]byte("the-key-of-" + consumer))
		keys += fmt.Sprintf("[[keys]]\nconsumer = %q\ngroups = [%s]\nscopes = [\"of-%s\"]\nhash = \"sha256:%x\"\n", consumer, groups, consumer, sum)
	}
	if err := os.WriteFile(path, []byte(keys), 0o600); err != nil {
		t.Fatal(err)
	}
	config := func(require string) string {
		return web0 + "[[routes]]\nname = \"a\"\nmatch.path = \"/a/*\"\nrespond.body = \"a\"\npolicies = \"p\"\n[policies.p]\napi_key.keys_file = \"" + path +
			"\"\nauthorise = [{ require = '" + require + "' }]\n"
	}
	old := config("group:staff || scope:of-bob")
	r := start(t, "access_log.path = \"-\"\n"+old)
	for i, consumer := range []string{"ann", "bob", "cem"} {
		r.knock("GET", fmt.Sprintf("/a/%d", i), "X-Api-Key: the-key-of-"+consumer)
	}
	until(t, "three lines", func() bool { return strings.Count(r.access.String(), "\n") == 3 })
	log := r.access.String()
	for _, c := range []struct {
		require       string
		same, changed int64
	}{
		{"group:staff || scope:of-bob", 3, 0},
		{"group:partners", 3, 0},
		{"group:staff", 2, 1},
		{"scope:of-ann", 2, 1},
		{"group:none", 1, 2},
		{`any(groups, # startsWith "st")`, 2, 1},
	} {
		if l := foreseen(t, old, config(c.require), log); l.Same != c.same || l.Changed != c.changed || l.Undecidable != 0 {
			t.Errorf("%s: %d same, %d changed, %d undecidable; want %d, %d, 0\n%s", c.require, l.Same, l.Changed, l.Undecidable, c.same, c.changed, log)
		}
	}
}

func TestAPlanTakesClaimsFromTheLog(t *testing.T) {
	head := strings.Replace(web, "\n", "\npolicies = \"p\"\n", 1) + "[policies.p]\napi_key.keys_file = \"" + keysOf(t, map[string]string{"ann": "the-key-of-ann"}) + "\"\n"
	gold := "[[routes]]\nname = \"gold\"\nmatch = { path = \"/a/*\", claims = { plan = \"gold\" } }\nrespond.body = \"gold\"\n"
	route := "[[routes]]\nname = \"a\"\nmatch.path = \"/a/*\"\nrespond.body = \"a\"\n"
	log := of("ann", "/a/1", `["claim:plan","gold"]`) + of("ann", "/a/2", `["claim:plan","tin"]`)
	if l := foreseen(t, head+route+gold, head+route+strings.ReplaceAll(gold, `plan = "gold"`, `plan = "tin"`), log); l.Changed != 2 || l.Undecidable != 0 {
		t.Errorf("%+v", l)
	}
}

func TestAPlanSaysWhatAnAddressFilterWouldRefuse(t *testing.T) {
	route := "[[routes]]\nname = \"a\"\nmatch.path = \"/a/*\"\npolicies = \"p\"\nrespond.body = \"a\"\n[policies.p]\nheaders.response.set = { X-A = \"1\" }\n"
	list := filepath.Join(t.TempDir(), "deny.txt")
	if err := os.WriteFile(list, []byte("192.0.2.0/24\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	filter := "ip_filter = { deny_file = \"" + list + "\" }\n"
	if l := foreseen(t, web+route, web+route+filter, line("/a/1", "")); l.Changed != 1 || l.Groups[0].To.Fault != "address_refused" || len(l.Hits) != 1 {
		t.Errorf("%+v", l)
	}
	observed := strings.Replace(filter, " }", ", mode = \"observe\" }", 1)
	if l := foreseen(t, web+route, web+route+observed, line("/a/1", "")); l.Changed != 0 || len(l.Hits) != 1 {
		t.Errorf("%+v", l)
	}
}

func TestAPostedConfigIsJudgedByThePoliciesThatServe(t *testing.T) {
	head := "policies = \"p\"\n"
	config := func(deny, extra string) string {
		return strings.Replace(web0, "\n", "\n"+head, 1) + "[[routes]]\nname = \"a\"\nrespond = {}\n" + extra + "[policies.p]\nip_filter.deny = \"" + deny + "\"\n"
	}
	r := start(t, config("192.0.2.0/24", ""))
	ok, said := r.planWith(config("192.0.2.0/24", "priority = 1\n"), line("/", ""))
	if !ok || !strings.Contains(said, `"undecidable":0`) {
		t.Errorf("the same policy: %s", said)
	}
	ok, said = r.planWith(config("198.51.100.0/24", ""), line("/", ""))
	if !ok || !strings.Contains(said, `"undecidable":1`) || !strings.Contains(said, "policy:p.ip_filter") {
		t.Errorf("another policy, which runs nowhere: %s", said)
	}
}

func TestExplainTellsWhatGuardsSay(t *testing.T) {
	text := strings.Replace(web, "\n", "\npolicies = \"edge\"\n", 1) +
		"[policies.edge]\napi_key = { keys_file = \"" + keysOf(t, map[string]string{"ann": "the-key-of-ann"}) + "\" }\nip_filter.deny = \"192.0.2.0/24\"\n" +
		"[policies.own]\nauthorise = [{ require = \"consumer:ann\" }]\nrate_limit = [{ key = \"consumer\", rate = \"1/h\" }]\n" +
		"[[routes]]\nname = \"a\"\npolicies = \"own\"\nrespond = {}\n"
	o, err := NewOffline(rehearsed(t, text))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		from, key string
		fault     string
		verdicts  string
	}{
		{"198.51.100.1", "the-key-of-ann", "", "edge.ip_filter continue, edge.api_key continue, own.authorise continue, own.rate_limit continue"},
		{"198.51.100.1", "the-key-of-ann", "", "own.rate_limit continue"}, // nothing was taken
		{"198.51.100.1", "", "identity_required", "own.authorise refuse rule 1 of authorise is not met: consumer:ann, own.rate_limit not reached"},
		{"192.0.2.1", "", "address_refused", "edge.ip_filter refuse the address is in a denied network"},
		{"198.51.100.1", "guess", "api_key_invalid", "edge.api_key refuse the key is not in the file"},
	} {
		q := explain.Question{Method: "GET", URL: "http://a.example/", From: netip.MustParseAddr(tc.from)}
		if tc.key != "" {
			q.Header = append(q.Header, explain.Field{Name: "X-Api-Key", Value: tc.key})
		}
		r := ask(t, o, q)
		var said []string
		for _, p := range r.Policies {
			said = append(said, strings.TrimSpace(p.Name+" "+string(p.Verdict)+" "+p.Why))
		}
		if all := strings.Join(said, ", "); !strings.Contains(all, tc.verdicts) {
			t.Errorf("%+v: %s, want %s", tc, all, tc.verdicts)
		}
		if fault := faultOf(r); fault != tc.fault {
			t.Errorf("%+v: fault %q", tc, fault)
		}
	}
}

func faultOf(r *explain.Report) string {
	if r.Answer == nil {
		return ""
	}
	return r.Answer.Fault
}

// What is observed counts what enforcing would have refused, on the same requests.
func TestObservingCountsWhatEnforcingRefuses(t *testing.T) {
	t.Run("on a route", func(t *testing.T) { observingCounts(t, "", "policies = \"p\"\n", 6) })
	t.Run("on a listener", func(t *testing.T) { observingCounts(t, "policies = \"p\"\n", "", 5) }) // an identity is not required there
}

func observingCounts(t *testing.T, ofListener, ofRoute string, least int) {
	keys := keysOf(t, map[string]string{"ann": "the-key-of-ann", "bob": "the-key-of-bob"})
	config := func(mode string) string {
		return web0 + "trusted_proxies = \"127.0.0.0/8\"\n" + ofListener + "[[routes]]\nname = \"a\"\n" + ofRoute + "respond = {}\n" + strings.ReplaceAll(`
[policies.p]
ip_filter = { deny = "192.0.2.0/24", mode = "M" }
api_key = { keys_file = "`+keys+`", mode = "M" }
authorise = [{ methods = ["GET"], require = "consumer:ann", mode = "M" }]
rate_limit = [{ key = "header:X-Tenant", rate = "1/d", burst = 3, mode = "M" }]
quota = { key = "header:X-Other", limit = 5, mode = "M" }
`, "M", mode)
	}
	refused := func(mode string) map[string]string {
		r := start(t, "state_dir = \""+t.TempDir()+"\"\naccess_log.path = \"-\"\n"+config(mode))
		draw := rand.New(rand.NewPCG(1, 2)) // the same requests for both
		for range 300 {
			fields := []string{"X-Forwarded-For: 198.51.100.1", "X-Api-Key: the-key-of-ann", "X-Tenant: t", "X-Other: o"}
			fields[2], fields[3] = fmt.Sprintf("X-Tenant: %d", draw.IntN(1<<30)), fmt.Sprintf("X-Other: %d", draw.IntN(1<<30))
			for range draw.IntN(4) { // flaws, of which enforcing sees the first
				switch draw.IntN(6) {
				case 0:
					fields[0] = "X-Forwarded-For: 192.0.2.9"
				case 1:
					fields[1] = "X-Api-Key: guess"
				case 2:
					fields[1] = "X-Api-Key: the-key-of-bob"
				case 3:
					fields[1] = "X-None: of them"
				case 4:
					fields[2] = fmt.Sprintf("X-Tenant: %d", draw.IntN(4))
				case 5:
					fields[3] = fmt.Sprintf("X-Other: %d", draw.IntN(4))
				}
			}
			res, _ := r.knock("GET", "/", fields...)
			if mode == "observe" && res.StatusCode != 200 {
				t.Fatalf("observing answers %d", res.StatusCode)
			}
		}
		counts := map[string]string{}
		until(t, "all are counted, and logged behind that", func() bool { return strings.Count(r.access.String(), "\n") == 300 })
		for l := range strings.Lines(r.metrics()) {
			if series, n, ok := strings.Cut(strings.TrimSpace(l), "} "); ok && strings.HasPrefix(series, "weir_policy_refusals_total{") {
				counts[strings.NewReplacer(`mode="observe"`, "", `mode="enforce"`, "").Replace(series)] = n
			}
		}
		return counts
	}
	enforced, observed := refused("enforce"), refused("observe")
	if !maps.Equal(enforced, observed) || len(enforced) < least {
		t.Errorf("%v enforced, %v observed", enforced, observed)
	}
}
