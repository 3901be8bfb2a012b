//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// routed is a config of one listener whose routes say their name; rules are theirs, without the action, by name; of
// those that are equally specific the first decides.
func routed(rules ...string) string {
	text := "[access_log]\npath = \"{dir}/access.log\"\n[listeners.web]\naddress = \"{ip}:8080\"\n"
	for i := 0; i+1 < len(rules); i += 2 {
		text += fmt.Sprintf("[[routes]]\nname = %q\npriority = %d\nmatch = { %s }\nrespond = { body = %q }\n", rules[i], -i, rules[i+1], rules[i])
	}
	return text
}

// outcome is an answer, in short: its status, and who answered or which fault it was.
func (c *child) outcome(t *testing.T, w **wire, request string) (status int, said string) {
	t.Helper()
	if *w == nil {
		*w = dial(t, c.at(8080))
	}
	(*w).send(request)
	res, body := (*w).answer()
	if res.Close {
		(*w).Close()
		*w = nil
	}
	return res.StatusCode, body
}

// found asks for each request who answers: a route's name, or a status and the fault of the access log.
func (c *child) found(t *testing.T, cases [][2]string) {
	t.Helper()
	var w *wire
	statuses := make([]int, len(cases))
	for i, k := range cases {
		status, said := c.outcome(t, &w, k[0])
		statuses[i] = status
		if status == 200 && said != k[1] {
			t.Errorf("%.200q came to %s, want %s", k[0], said, k[1])
		}
	}
	for i, r := range c.inOrder(t, len(cases)) {
		if got := fmt.Sprintf("%d %s", r.Status, r.Fault); statuses[i] != 200 && got != cases[i][1] || r.Status != statuses[i] {
			t.Errorf("%.200q was answered %d and logged %q, want %s", cases[i][0], statuses[i], got, cases[i][1])
		}
	}
}

// inOrder returns the lines of the access log by their time of arrival.
func (c *child) inOrder(t *testing.T, n int) (records []record) {
	t.Helper()
	for _, line := range logLines(t, filepath.Join(c.dir, "access.log"), n) {
		records = append(records, parseRecord(t, line))
	}
	slices.SortStableFunc(records, func(a, b record) int { return int(a.TS - b.TS) })
	return records
}

// req is a GET with further lines of a head.
func req(host, target string, lines ...string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

func TestRoutesByHost(t *testing.T) {
	t.Parallel()
	c := start(t, routed("exact", `hosts = "API.example.com"`, "below", `hosts = "*.example.com"`, "further", `hosts = "*.api.example.com"`,
		"idna", `hosts = "bücher.example"`, "address", `hosts = "[::1]"`, "any", `path = "/*"`))
	c.found(t, [][2]string{
		{req("api.example.com", "/"), "exact"}, {req("aPi.Example.COM", "/"), "exact"}, {req("api.example.com:8080", "/"), "exact"},
		{req("api.example.com.", "/"), "exact"}, {req("api.example.com.:80", "/"), "exact"},
		{req("www.example.com", "/"), "below"}, {req("a.b.example.com", "/"), "below"}, {req("x.api.example.com", "/"), "further"},
		{req("example.com", "/"), "any"}, {req("badexample.com", "/"), "any"}, {req("api.example.com.evil.test", "/"), "any"},
		{req("xn--bcher-kva.example", "/"), "idna"}, {req("XN--BCHER-KVA.example", "/"), "idna"}, {req("[::1]:8080", "/"), "address"}, {req("127.0.0.1", "/"), "any"},
		{"GET http://api.example.com/a HTTP/1.1\r\nHost: www.example.com\r\n\r\n", "exact"}, // RFC 9112 §3.2.2
		{req("api%2Eexample.com", "/"), "400 ambiguous_host"}, {req("%61pi.example.com", "/"), "400 ambiguous_host"},
		{"GET / HTTP/1.1\r\n\r\n", "400 bad_host"}, {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "400 bad_host"},
		{req("a b", "/"), "400 bad_host"}, {req("api.example.com/x", "/"), "400 bad_host"}, {req("me@api.example.com", "/"), "400 bad_host"},
	})
}

func TestRoutesByPath(t *testing.T) {
	t.Parallel()
	c := start(t, routed("one", `path = "/a"`, "below", `path = "/a/*"`, "name", `path = "/a/{id}"`, "named", `path = "/a/{id}/b"`,
		"literal", `path = "/a/b/b"`, "rest", `path = "/a/{id}/b/*"`, "digits", `path = '~^/n/\d+$'`, "longer", `path = '~^/n/12\d+$'`, "several", `path = ["/x", "/y/*"]`,
		"escaped", `path = "/%C3%a4%20b"`, "slash", `path = "/s/"`))
	c.found(t, [][2]string{
		{req("a", "/a"), "one"}, {req("a", "/a?b"), "one"}, {req("a", "/a/"), "below"}, {req("a", "/a/b"), "name"}, {req("a", "/a/b/"), "below"},
		{req("a", "/a/c/b"), "named"}, {req("a", "/a/b/b"), "literal"}, {req("a", "/a/c/b/"), "rest"}, {req("a", "/a/c/b/d/e"), "rest"}, {req("a", "/a/c/d"), "below"},
		{req("a", "/n/7"), "digits"}, {req("a", "/n/127"), "longer"}, {req("a", "/n/x"), "404 no_route"}, {req("a", "/n/7/"), "404 no_route"},
		{req("a", "/x"), "several"}, {req("a", "/x/"), "404 no_route"}, {req("a", "/y"), "several"}, {req("a", "/y/z"), "several"}, {req("a", "/yz"), "404 no_route"},
		{req("a", "/%C3%A4%20b"), "escaped"}, {req("a", "/%c3%a4%20b"), "escaped"}, {req("a", "/%61"), "one"}, {req("a", "/A"), "404 no_route"},
		{req("a", "/s/"), "slash"}, {req("a", "/s"), "404 no_route"}, {req("a", "/"), "404 no_route"},
		{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "404 no_route"},
	})
}

func TestRoutesByConditions(t *testing.T) {
	t.Parallel()
	c := start(t, routed("tenant", `path = "/h", headers = { X-Tenant = "acme" }`, "no-tenant", `path = "/h", headers = { X-Tenant = "!" }`,
		"some", `path = "/h", headers = { X-Tenant = "~^[a-m]" }`, "two", `path = "/h", headers = { X-Tenant = "acme", X-Beta = "*" }`,
		"version", `path = "/q", query = { version = "2" }`, "blank", `path = "/q", query = { "a b" = "c&d" }`,
		"cohort", `path = "/c", cookies = { cohort = "b" }`,
		"post", `path = "/m", methods = ["POST", "PURGE"]`, "other", `path = "/m"`,
		"near", `path = "/n", clients = ["127.0.0.0/8", "192.0.2.0/24"]`))
	h := func(lines ...string) string { return req("a", "/h", lines...) }
	c.found(t, [][2]string{
		{h("X-Tenant: acme", "x-beta:"), "two"}, {h(), "no-tenant"}, {h("X-Tenant: zebra"), "404 no_route"}, {h("X-Tenant: mouse"), "some"},
		{h("X-Tenant: acme", "X-Tenant: zebra"), "404 no_route"}, {h("X-Tenant: mouse", "x-TENANT: bee"), "some"},
		{req("a", "/q?version=2"), "version"}, {req("a", "/q?version=%32"), "version"}, {req("a", "/q?version=2&version=3"), "404 no_route"},
		{req("a", "/q?Version=2"), "404 no_route"}, {req("a", "/q?a+b=c%26d"), "blank"}, {req("a", "/q?a%20b=c&d"), "404 no_route"}, {req("a", "/q"), "404 no_route"},
		{req("a", "/c", "Cookie: a=1; cohort=b"), "cohort"}, {req("a", "/c", "Cookie: cohort=b", "Cookie: cohort=a"), "404 no_route"}, {req("a", "/c", "Cookie: xcohort=b"), "404 no_route"},
		{strings.Replace(req("a", "/m"), "GET", "PURGE", 1), "post"}, {req("a", "/m"), "other"}, {strings.Replace(req("a", "/m"), "GET", "post", 1), "other"},
		{req("a", "/n"), "near"},
	})
}

// posts is a POST of a content.
func posts(target, mediaType, content string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", target, mediaType, len(content), content)
}

func TestRoutesByContent(t *testing.T) {
	t.Parallel()
	rules := routed("refund", `path = "/o", body = { "order.type" = "refund" }`, "any-s", `path = "/o", body = { "items.*.sku" = "~^s" }, headers = { X-Items = "*" }`,
		"xml", `path = "/o", body = { "/order/@type" = "refund" }, query = { xml = "*" }`, "rest", `path = "/o"`, "none", `path = "/none"`)
	c := start(t, strings.Replace(rules, "[[routes]]", "[[routes]]\nlimits.body_bytes = \"2MiB\"", 1))
	const js = "application/json"
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	begin := time.Now()
	c.found(t, [][2]string{
		{posts("/o", js, `{"order":{"type":"refund"}}`), "refund"}, {posts("/o", "application/vnd.x+json; charset=utf-8", `{"order":{"type":"refund"}}`), "refund"},
		{posts("/o", js, `{"order":{"type":"re\u0066und"}}`), "refund"}, {posts("/o", js, `{"order":{"type":"sale"}}`), "rest"}, {posts("/o", js, `{"order":{"type":"refund"},"order":{"type":"sale"}}`), "rest"},
		{posts("/o", "text/plain", `{"order":{"type":"refund"}}`), "rest"}, {posts("/o", "text/plain", `{"order`), "rest"}, {posts("/none", js, `{"order`), "none"},
		{posts("/o?xml", "text/xml", `<order type="refund"/>`), "xml"}, {posts("/o?xml", "application/xml", `<order type="sale"><type/></order>`), "rest"},
		{"POST /o HTTP/1.1\r\nHost: a\r\nContent-Type: " + js + "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1a\r\n\"order\":{\"type\":\"refund\"}}\r\n0\r\n\r\n", "refund"},
		{posts("/o", js, `{"order":`), "400 bad_content"}, {posts("/o", js, `{"order":{"type":"refund"}} x`), "400 bad_content"}, {posts("/o", js, "{\"a\":\"\xff\"}"), "400 bad_content"},
		{posts("/o", js, deep(64)), "rest"}, {posts("/o", js, deep(65)), "400 bad_content"}, {posts("/o", js, strings.Repeat("[", 1<<20)), "400 bad_content"},
		{posts("/o", js, strings.Repeat(`{"order":`, 100000)), "400 bad_content"}, {posts("/o?xml", "text/xml", strings.Repeat("<a>", 150000)), "400 bad_content"},
		{posts("/o?xml", "text/xml", `<!DOCTYPE a [<!ENTITY b "refund">]><order type="&b;"/>`), "400 bad_content"},
		{posts("/o", js, strings.Repeat(" ", 1<<20)+"{}"), "413 body_too_large"}, {req("a", "/o"), "rest"},
	})
	if took := time.Since(begin); took > patience { // of a second at most
		t.Errorf("it took %v", took)
	}
}

// Thousands of parameters, cookies and fields are read in bounded time, and what is too long is refused by rule.
func TestRequestsWithThousandsOfEverything(t *testing.T) {
	t.Parallel()
	rules := routed("last", `path = "/q", query = { last = "2" }`, "cookie", `path = "/c", cookies = { c4999 = "4999" }`, "field", `path = "/f", headers = { X-F4999 = "4999" }`,
		"long", `path = '~^/x(/y)*/z$'`)
	c := start(t, strings.Replace(rules, "address = \"{ip}:8080\"", "address = \"{ip}:8080\"\nlimits = { header_bytes = \"256KiB\", header_count = 10000 }", 1))
	var cookies, fields []string
	for i := range 5000 {
		cookies, fields = append(cookies, fmt.Sprintf("c%d=%d", i, i)), append(fields, fmt.Sprintf("X-F%d: %d", i, i))
	}
	query, path := "/q?"+strings.Repeat("a&", 40000)+"last=2", "/x"+strings.Repeat("/y", 60000)
	cases := [][2]string{
		{req("a", query), "last"}, {req("a", query+"&last=0"), "404 no_route"}, {req("a", "/c", "Cookie: "+strings.Join(cookies, "; ")), "cookie"},
		{req("a", "/f", fields...), "field"}, {req("a", path+"/z"), "long"}, {req("a", path), "404 no_route"},
		{req("a", "/"+strings.Repeat("y", 300<<10)), "414 target_too_long"},
		{req("a", "/f", "X-Long: "+strings.Repeat("y", 256<<10)), "431 head_too_large"}, {req("a", "/f", append(fields, append(fields, "X: y")...)...), "431 head_too_large"},
	}
	begin := time.Now()
	c.found(t, cases)
	if took := time.Since(begin); took > patience { // of a second at most
		t.Errorf("%d requests took %v", len(cases), took)
	}
}

func TestRedirectsAndAnswersOfRoutes(t *testing.T) {
	t.Parallel()
	c := prepare(t, `
[listeners.web]
address = "{ip}:8080"
[[routes]]
match = { path = "/old/*" }
redirect = { to = "https://www.example.com/new/{rest}" }
[[routes]]
match = { path = "/user/{id}" }
redirect = { to = "/profiles?id={path.id}&{query}", status = 302 }
[[routes]]
match = { path = "/host/*" }
redirect = { to = "https://{host}/x{path}", status = 301 }
[[routes]]
match = { path = "/shop/{shop}" }
redirect = { to = "https://{query.shop}.example.com/", status = 307 }
[[routes]]
match = { path = "/page" }
respond = { status = 203, file = "{dir}/page.html" }
[[routes]]
match = { path = "/gone" }
respond = { status = 410, body = "gone", type = "text/x-gone" }
`)
	if err := os.WriteFile(filepath.Join(c.dir, "page.html"), []byte("<p>page"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	var w *wire
	for _, k := range []struct {
		request  string
		status   int
		location string
	}{
		{req("a", "/old/a/b?c=d"), 308, "https://www.example.com/new/a/b?c=d"}, {req("a", "/old"), 308, "https://www.example.com/new/"},
		{req("a", "/old/%0d%0aX:y"), 400, ""}, {req("a", "/old//evil.example"), 400, ""}, {req("a", "/old/%41%20b"), 308, "https://www.example.com/new/A%20b"},
		{req("a", "/user/17?x=1"), 302, "/profiles?id=17&x=1"}, {req("a", "/user/%26admin=1"), 302, "/profiles?id=%26admin%3D1"},
		{req("B.example:8080", "/host/a"), 301, "https://b.example/x/host/a"},
		{req("a", "/shop/a?shop=s1"), 307, "https://s1.example.com/?shop=s1"}, {req("a", "/shop/a?shop=evil.test/"), 400, ""}, {req("a", "/shop/a?shop="), 400, ""},
	} {
		if w == nil {
			w = dial(t, c.at(8080))
		}
		w.send(k.request)
		res, body := w.answer()
		if res.StatusCode != k.status || res.Header.Get("Location") != k.location {
			t.Errorf("%q: %d to %q, want %d to %q; %s", k.request, res.StatusCode, res.Header.Get("Location"), k.status, k.location, body)
		}
		if res.Close {
			w = nil
		}
	}
	for path, want := range map[string]string{"/page": "203 text/html; charset=utf-8 <p>page", "/gone": "410 text/x-gone gone"} {
		w := dial(t, c.at(8080))
		w.send(req("a", path))
		res, body := w.answer()
		if got := fmt.Sprintf("%d %s %s", res.StatusCode, res.Header.Get("Content-Type"), body); got != want {
			t.Errorf("%s answers %q, want %q", path, got, want)
		}
		w.send(strings.Replace(req("a", path), "GET", "HEAD", 1))
		head, err := http.ReadResponse(w.r, &http.Request{Method: "HEAD"})
		if err != nil || head.ContentLength != res.ContentLength {
			t.Errorf("HEAD of %s: %+v, %v", path, head, err)
		}
	}
}
