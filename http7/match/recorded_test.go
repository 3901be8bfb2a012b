package match

import (
	"fmt"
	"testing"

	"weir/http7"
)

// TestAConditionThatTheLogLeavesOpen asks routes for a request of which the log has known fields alone.
func TestAConditionThatTheLogLeavesOpen(t *testing.T) {
	tenant, cohort := when(http7.OnHeader, "X-Tenant", "acme"), when(http7.OnCookie, "cohort", "b")
	body := when(http7.OnContent, "a", "1")
	for _, c := range []struct {
		what   string
		route  *http7.Route
		known  []string
		tenant string
		body   int64
		want   string
	}{
		{"known and met", with("/p", tenant), []string{"header:x-tenant"}, "acme", 0, "found []"},
		{"known and not met", with("/p", tenant), []string{"header:x-tenant"}, "other", 0, "none []"},
		{"known not to be there", with("/p", tenant), []string{"header:x-tenant"}, "", 0, "none []"},
		{"unknown", with("/p", tenant), nil, "", 0, "undecided [header:x-tenant]"},
		{"one unknown, one not met", with("/p", tenant, cohort), []string{"header:x-tenant"}, "other", 0, "none []"},
		{"one unknown, one met", with("/p", tenant, cohort), []string{"header:x-tenant"}, "acme", 0, "undecided [cookie:cohort]"},
		{"two unknown", with("/p", tenant, cohort), nil, "", 0, "undecided [header:x-tenant cookie:cohort]"},
		{"unknown of another path", with("/q", tenant), nil, "", 0, "none []"},
		{"what every line has", with("/p", when(http7.OnQuery, "a", "!")), nil, "", 0, "found []"},
		{"a body that was not logged", with("/p", body), nil, "", 7, "undecided [body]"},
		{"no body", with("/p", body), nil, "", 0, "none []"},
		{"a server name", with("/p", when(http7.OnSNI, "", "*")), nil, "", 0, "undecided [sni]"},
		{"a country", with("/p", when(http7.OnCountry, "", "!")), nil, "", 0, "undecided [country]"},
		{"a claim", with("/p", when(http7.OnClaim, "Plan", "!")), nil, "", 0, "undecided [claim:Plan]"},
	} {
		x := ask("GET", "h", "/p")
		x.Recorded = &http7.Recorded{Fields: map[string]bool{}}
		x.Body.Length = c.body
		for _, k := range c.known {
			x.Recorded.Fields[k] = true
		}
		if c.tenant != "" {
			x.Request.AddRaw([]byte("X-Tenant"), []byte(c.tenant))
		}
		table, _ := Compile([]*http7.Route{c.route})
		f := table.Find(x, x.Method)
		got := "none"
		switch {
		case f.Undecided:
			got = "undecided"
		case f.Route != nil:
			got = "found"
		}
		if got = fmt.Sprint(got, " ", x.Recorded.Missed); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestABetterRouteThatIsOpenLeavesTheRequestUndecided(t *testing.T) {
	better, other := with("/p", when(http7.OnHeader, "X-A", "1")), path("/*")
	table, _ := Compile([]*http7.Route{better, other})
	x := ask("GET", "h", "/p")
	x.Recorded = &http7.Recorded{}
	if f := table.Find(x, x.Method); !f.Undecided || f.Route != nil {
		t.Fatalf("%+v", f)
	}
	x = ask("PUT", "h", "/q")
	x.Recorded = &http7.Recorded{}
	if f := table.Find(x, x.Method); f.Route != other || len(x.Recorded.Missed) != 0 {
		t.Fatalf("%+v, missed %q", f, x.Recorded.Missed)
	}
}

func TestTheSelectorsThatConditionsRead(t *testing.T) {
	table, _ := Compile([]*http7.Route{
		with("/a", when(http7.OnHeader, "X-Tenant", "a"), when(http7.OnSNI, "", "*")),
		with("/b", when(http7.OnHeader, "x-tenant", "b"), when(http7.OnCookie, "Uid", "*"), when(http7.OnQuery, "q", "*")),
		with("/c", when(http7.OnClaim, "plan", "a"), when(http7.OnCountry, "", "DE"), when(http7.OnContent, "a", "b")),
	})
	if got := fmt.Sprint(table.Reads()); got != "[claim:plan cookie:Uid country header:x-tenant sni]" {
		t.Fatalf("reads %s", got)
	}
}
