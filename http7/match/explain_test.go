package match

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"weir/http7"
)

// judged tells the only candidate of a route in a line.
func judged(t *testing.T, r *http7.Route, x *http7.Exchange) string {
	t.Helper()
	table, _ := Compile([]*http7.Route{r})
	c, more := table.Explain(x, x.Method)
	if len(c) != 1 || more != 0 || c[0].Route != r {
		t.Fatalf("%d candidates and %d more", len(c), more)
	}
	line := fmt.Sprintf("%s wants %q saw %q", c[0].Failed, c[0].Want, c[0].Saw)
	if c[0].Unknown {
		line += " unknown"
	}
	return line
}

func TestExplainTellsWhatAConditionSaw(t *testing.T) {
	x := ask("POST", "Shop.example:80", "/orders")
	for _, f := range [][2]string{
		{"X-Tenant", "acme"}, {"X-Tenant", "other"}, {"Authorization", "Basic c2VjcmV0"}, {"X-Api-Key", "4711"},
		{"Cookie", "uid=7; cohort=a; session_id=4711"}, {"Content-Type", "application/json"},
	} {
		x.Request.AddRaw([]byte(f[0]), []byte(f[1]))
	}
	x.Query, x.Country, x.Client = []byte("version=%31&version=2&token=t"), "DE", netip.MustParseAddr("192.0.2.1")
	x.Conn = &http7.Conn{SNI: "shop.example"}
	x.Claims = []http7.Claim{{Name: "plan", Value: []byte("free")}}
	body := `{"order":{"type":"sale","note":{}},"password":"p"}`
	x.Body = http7.Body{Length: int64(len(body)), Collected: []byte(body), Whole: true}
	long := strings.Repeat("x", 300)
	x.Request.AddRaw([]byte("X-Long"), []byte(long+"\xff"))
	x.Request.AddRaw([]byte("X-Odd"), []byte("a\xffb"))
	for _, c := range []struct {
		route *http7.Route
		want  string
	}{
		{path("/*"), ` wants "" saw ""`},
		{host("other.example"), `hosts wants "other.example" saw "shop.example"`},
		{host("*.other.example"), `hosts wants "*.other.example" saw "shop.example"`},
		{path("/order/{id}"), `path wants "/order/{id}" saw "/orders"`},
		{path("~^/x$"), `path wants "~^/x$" saw "/orders"`},
		{path("/*", "GET", "PUT"), `methods wants "GET, PUT" saw "POST"`},
		{with("/*", when(http7.OnHeader, "x-tenant", "acme")), `headers.x-tenant wants "acme" saw "acme, other"`},
		{with("/*", when(http7.OnHeader, "X-None", "*")), `headers.X-None wants "*" saw ""`},
		{with("/*", when(http7.OnHeader, "X-Tenant", "!")), `headers.X-Tenant wants "!" saw "acme, other"`},
		{with("/*", when(http7.OnHeader, "X-Tenant", "~^a")), `headers.X-Tenant wants "~^a" saw "acme, other"`},
		{with("/*", when(http7.OnHeader, "Authorization", "Basic eA")), `headers.Authorization wants "(masked)" saw "(masked)"`},
		{with("/*", when(http7.OnHeader, "X-Api-Key", "!")), `headers.X-Api-Key wants "!" saw "(masked)"`},
		{with("/*", when(http7.OnHeader, "X-Long", "a")), `headers.X-Long wants "a" saw "` + long[:200] + `…"`},
		{with("/*", when(http7.OnHeader, "X-Odd", "a")), `headers.X-Odd wants "a" saw "a�b"`},
		{with("/*", when(http7.OnQuery, "version", "1")), `query.version wants "1" saw "1, 2"`},
		{with("/*", when(http7.OnQuery, "token", "1")), `query.token wants "(masked)" saw "(masked)"`},
		{with("/*", when(http7.OnCookie, "cohort", "b")), `cookies.cohort wants "b" saw "a"`},
		{with("/*", when(http7.OnCookie, "cohort", "~^B")), `cookies.cohort wants "~^B" saw "a"`},
		{with("/*", when(http7.OnCookie, "session_id", "b")), `cookies.session_id wants "(masked)" saw "(masked)"`},
		{with("/*", when(http7.OnCookie, "none", "b")), `cookies.none wants "b" saw ""`},
		{with("/*", when(http7.OnClaim, "plan", "gold")), `claims.plan wants "gold" saw "free"`},
		{with("/*", countries("FR", "IT")), `country wants "FR, IT" saw "DE"`},
		{with("/*", clients("10.0.0.0/8")), `clients wants "10.0.0.0/8" saw "192.0.2.1"`},
		{with("/*", when(http7.OnSNI, "", "a")), `sni wants "a" saw "shop.example"`},
		{with("/*", when(http7.OnContent, "order.type", "refund")), `body.order.type wants "refund" saw "sale"`},
		{with("/*", when(http7.OnContent, "order.note", "a")), `body.order.note wants "a" saw "(not a plain value)"`},
		{with("/*", when(http7.OnContent, "password", "a")), `body.password wants "(masked)" saw "(masked)"`},
		{with("/*", when(http7.OnContent, "/order", "a")), `body./order wants "a" saw ""`},
		{with("/*", when(http7.OnQuery, "version", "*"), when(http7.OnHeader, "X-None", "1")), `headers.X-None wants "1" saw ""`},
	} {
		if got := judged(t, c.route, x); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestExplainTellsWhatNobodyKnows(t *testing.T) {
	tenant, body := when(http7.OnHeader, "X-Tenant", "acme"), when(http7.OnContent, "a", "1")
	unread := posted("application/json", "{}")
	broken := posted("application/json", "{")
	broken.Body.Collected, broken.Body.Whole = []byte("{"), true
	recorded := posted("application/json", "")
	recorded.Recorded = &http7.Recorded{}
	for _, c := range []struct {
		what string
		x    *http7.Exchange
		r    *http7.Route
		want string
	}{
		{"a body that is not there", unread, with("/*", body), `body.a wants "1" saw "" unknown`},
		{"a header that fails is known", unread, with("/*", body, tenant), `headers.X-Tenant wants "acme" saw ""`},
		{"a broken body", broken, with("/*", body), `body.a wants "1" saw "(broken content)"`},
		{"what the log lacks", recorded, with("/*", tenant), `headers.X-Tenant wants "acme" saw "" unknown`},
		{"another one that fails", recorded, with("/*", tenant, when(http7.OnQuery, "a", "*")), `query.a wants "*" saw ""`},
	} {
		if got := judged(t, c.r, c.x); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if len(recorded.Recorded.Missed) > 0 {
		t.Errorf("Explain notes %q as missed", recorded.Recorded.Missed)
	}
}

// told lists candidates by their routes' names, with what failed.
func told(list []Candidate) string {
	var words []string
	for _, c := range list {
		word := c.Route.Name
		if c.Failed != "" {
			word += ":" + c.Failed
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func called(name string, r *http7.Route) *http7.Route {
	r.Name = name
	return r
}

func TestExplainTellsNearMissesWhereNothingIsTaken(t *testing.T) {
	routes := []*http7.Route{
		called("orders", host("api.test", "/v1/orders/{id}")), called("items", host("api.test", "/v1/items")),
		called("both", host("api.test", "/v2/*")), called("two", &http7.Route{Hosts: []string{"b.test", "a.test"}, Paths: []string{"/v1/orders/*"}}),
		called("put", path("/put", "PUT")), called("expr", path("~^/v1/expr/[0-9]+$")), called("canary", with("/c", when(http7.OnHeader, "X-C", "1"))),
		called("tenant", host("tenant.test", "/*")),
	}
	table, _ := Compile(routes)
	for _, c := range []struct {
		about, method, host, path string
		want                      string
		more                      int
	}{
		{"what is taken needs no near miss", "GET", "api.test", "/v1/items", "items", 7},
		{"a host that is wrong", "GET", "apis.test", "/v1/orders/17", "orders:hosts two:hosts expr:path tenant:hosts canary:path", 3},
		{"a path that is wrong", "GET", "api.test", "/v1/order/17", "items:path orders:path expr:path tenant:hosts both:path canary:path", 2},
		{"a path with a port and capitals", "GET", "API.test:80", "/v1/item", "items:path orders:path expr:path tenant:hosts both:path canary:path", 2},
		{"a number that is none", "GET", "x", "/v1/expr/x", "expr:path tenant:hosts canary:path", 5},
		{"a method that is wrong comes first", "GET", "x", "/put", "put:methods tenant:hosts canary:path expr:path", 4},
		{"a condition that fails comes first", "GET", "x", "/c", "canary:headers.X-C tenant:hosts expr:path", 5},
		{"a host without routes", "GET", "x", "/", "tenant:hosts canary:path expr:path", 5},
		{"no path at all", "OPTIONS", "x", "*", "tenant:hosts canary:path expr:path", 5},
	} {
		x := ask(c.method, c.host, c.path)
		list, more := table.Explain(x, x.Method)
		if got := told(list); got != c.want || more != c.more {
			t.Errorf("%s:\n got %s and %d\nwant %s and %d", c.about, got, more, c.want, c.more)
		}
	}
}

func TestExplainTellsAFewOfManyNearMisses(t *testing.T) {
	var routes []*http7.Route
	for i := range 2000 {
		routes = append(routes, called(fmt.Sprint("svc-", i), host(fmt.Sprintf("h%d.test", i%50), fmt.Sprintf("/svc-%d/*", i))))
	}
	table, _ := Compile(routes)
	x := ask("GET", "h1.test", "/svc-52/x")
	list, more := table.Explain(x, x.Method)
	if len(list) != mostNear || more != 2000-mostNear || list[0].Route.Name != "svc-52" || list[0].Failed != "hosts" || list[0].Want != "h2.test" || list[1].Failed != "path" {
		t.Fatalf("told %s and %d more", told(list), more)
	}
}

func TestExplainTellsTheOneThatIsTakenAmongMany(t *testing.T) {
	for _, c := range []struct {
		about string
		route func(i int) *http7.Route
	}{
		{"values of a header", func(i int) *http7.Route {
			return with("/t/*", when(http7.OnHeader, "X-Tenant", fmt.Sprintf("v%02d", i)))
		}},
		{"regular expressions", func(i int) *http7.Route { r := path(fmt.Sprintf("~^/t/.*%02d$", i)); r.Priority = -i; return r }},
	} {
		var routes []*http7.Route
		for i := range 60 {
			routes = append(routes, called(fmt.Sprint("t", i), c.route(i)))
		}
		table, _ := Compile(append(routes, called("rest", path("/*", "GET"))))
		if c.about == "regular expressions" {
			table, _ = Compile(routes)
		}
		for _, n := range []int{0, 30, 49, 50, 59} {
			x := ask("GET", "h", fmt.Sprintf("/t/x%02d", n))
			x.Request.AddRaw([]byte("X-Tenant"), fmt.Appendf(nil, "v%02d", n))
			list, _ := table.Explain(x, x.Method)
			at := slices.IndexFunc(list, func(c Candidate) bool { return c.Failed == "" })
			if len(list) > MostCandidates || at < 0 || list[at].Route != table.Find(x, x.Method).Route || list[at].Route != routes[n] {
				t.Errorf("%s: t%d is taken, told are %s", c.about, n, told(list))
			}
		}
	}
}

func TestExplainJudgesTheMethodThatIsAskedFor(t *testing.T) {
	r := path("/a", "PUT")
	table, _ := Compile([]*http7.Route{r})
	x := ask("OPTIONS", "h", "/a")
	if c, _ := table.Explain(x, []byte("PUT")); c[0].Failed != "" {
		t.Errorf("failed: %s", c[0].Failed)
	}
	if table.Find(x, []byte("PUT")).Route != r || table.Find(x, x.Method).Route != nil {
		t.Error("Find takes another method than the one asked for")
	}
}
