//go:build linux

package e2e

import (
	"fmt"
	"net/http"
	"path"
	"strings"
	"testing"
)

// twins is a route whose requests all go to a second upstream as well.
const twins = `
[listeners.web]
address = "{ip}:8080"
[[routes]]
name = "site"
upstream = "live"
mirror = { upstream = "next", compare = true, headers = ["Content-Type", "Location", "Cache-Control"], ignore = ["meta.at", "items.*.trace"] }
[upstreams.live]
endpoints = "{live}"
[upstreams.next]
endpoints = "{next}"
`

// reply is what an endpoint answers.
type reply struct {
	status int
	fields map[string]string
	body   string
}

// document is a JSON answer to the request n; odd is how the second endpoint writes the same.
func document(n int, odd bool) reply {
	r := reply{200, map[string]string{"Content-Type": "application/json", "Cache-Control": "max-age=60"}, fmt.Sprintf(
		`{"id":%d,"name":"näme","price":12.5,"meta":{"at":"10:00","version":1},"items":[{"sku":"a","trace":"x1"},{"sku":"b","trace":"x2"}]}`, n)}
	if odd {
		r.fields["X-Served-By"] = "next"
		r.body = fmt.Sprintf(
			`{ "items": [ {"trace":"y1", "sku":"a"}, {"sku":"b"} ], "price": 1.25e1, "name": "n\u00e4me", "meta": {"version":1.0,"at":"11:00"}, "id": %d }`, n)
	}
	return r
}

// seeded are the differences that an answer of the second endpoint may have.
var seeded = []func(r *reply){
	func(r *reply) { r.status = 500 },
	func(r *reply) { r.status = 201 },
	func(r *reply) { r.fields["Content-Type"] = "text/plain" },
	func(r *reply) { delete(r.fields, "Cache-Control") },
	func(r *reply) { r.fields["Location"] = "/elsewhere" },
	func(r *reply) { r.body = strings.Replace(r.body, `"price": 1.25e1`, `"price": 1.26e1`, 1) },
	func(r *reply) { r.body = strings.Replace(r.body, `"price": 1.25e1`, `"price": "12.5"`, 1) },
	func(r *reply) { r.body = strings.Replace(r.body, `"sku":"b"`, `"sku":"c"`, 1) },
	func(r *reply) { r.body = strings.Replace(r.body, `{"sku":"b"}`, `{}`, 1) },
	func(r *reply) { r.body = strings.Replace(r.body, `"version":1.0`, `"version":null`, 1) },
	func(r *reply) { r.body = strings.Replace(r.body, `"id": `, `"id": 1`, 1) },
	func(r *reply) { r.body = r.body[:len(r.body)-2] },
	func(r *reply) { r.body = "" },
}

// newReplier starts an endpoint that answers a path that ends in /n as answer says.
func newReplier(t *testing.T, answer func(n int) reply) string {
	t.Helper()
	return serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscan(path.Base(r.URL.Path), &n) // the tests write it
		a := answer(n)
		for name, value := range a.fields {
			w.Header().Set(name, value)
		}
		w.WriteHeader(a.status)
		_, _ = fmt.Fprint(w, a.body) // a client that left shows elsewhere
	})
}

// mirrored makes n requests, each of its own path, and waits until every copy has been compared.
func (c *child) mirrored(t *testing.T, n int) scrape {
	t.Helper()
	w := dial(t, c.at(8080))
	for i := range n {
		if i%1000 == 999 {
			w.Close()
			w = dial(t, c.at(8080)) // a wire lasts for a minute
		}
		w.get(fmt.Sprintf("/%d", i))
		if i%100 == 99 { // no more than the mirror has room for
			c.compared(t, i+1)
		}
	}
	return c.compared(t, n)
}

func (c *child) compared(t *testing.T, n int) (m scrape) {
	t.Helper()
	eventuallyIn(t, 3*patience, fmt.Sprintf("%d answers are compared", n), func() bool {
		m = c.metrics()
		return m.sum("weir_mirror_compared_total")+m.sum("weir_mirror_dropped_total")+m.sum("weir_mirror_failed_total") >= float64(n)
	})
	return m
}

func TestAMirrorFindsWhatIsDifferent(t *testing.T) {
	t.Parallel()
	const requests, differences = 500, 50
	next := newReplier(t, func(n int) reply {
		r := document(n, true)
		if n%10 == 3 {
			seeded[n/10%len(seeded)](&r)
		}
		return r
	})
	c := start(t, twins, "live", newReplier(t, func(n int) reply { return document(n, false) }), "next", next)
	m := c.mirrored(t, requests)
	different, equal := m.sum("weir_mirror_compared_total", `result="different"`), m.sum("weir_mirror_compared_total", `result="equal"`)
	if different < 48 || different > differences || equal < requests-differences-10 {
		t.Errorf("of %d requests %v are different and %v equal, want %d different; %v were not compared, %v dropped, %v failed", requests, different, equal, differences,
			m.sum("weir_mirror_compared_total", `result="unequalled"`), m.sum("weir_mirror_dropped_total"), m.sum("weir_mirror_failed_total"))
	}
	if lines := c.stderr.lines("mirror", "site"); len(lines) == 0 || strings.Contains(strings.Join(lines, ""), "näme") {
		t.Errorf("the log says %q", lines)
	}
}

func TestAMirrorFindsNothingWhereNothingIsDifferent(t *testing.T) {
	t.Parallel()
	identicalTwins(t, 1000)
}

func identicalTwins(t *testing.T, requests int) {
	c := start(t, twins, "live", newReplier(t, func(n int) reply { return document(n, false) }), "next", newReplier(t, func(n int) reply { return document(n, true) }))
	m := c.mirrored(t, requests)
	if different, equal := m.sum("weir_mirror_compared_total", `result="different"`), m.sum("weir_mirror_compared_total", `result="equal"`); different != 0 || equal < 0.98*float64(requests) {
		t.Errorf("of %d requests %v are different and %v equal: %q", requests, different, equal, c.stderr.lines("mirror"))
	}
}

// Clients notice nothing of a mirror that hangs, refuses or is not there.
func TestClientsNoticeNothingOfTheirMirror(t *testing.T) {
	t.Parallel()
	hung := listen(t) // nobody accepts
	defer hung.Close()
	for name, next := range map[string]string{"hangs": endpointOf(hung), "fails": failing(t, 500), "is not there": "127.0.0.1:1"} {
		t.Run(name, func(t *testing.T) {
			c := start(t, twins, "live", newReplier(t, func(n int) reply { return document(n, false) }), "next", next)
			load := newLoad(t)
			load.gets(4, c.at(8080), "/1")
			load.await(t, 2000)
			load.stop()
			load.clean(t)
			if status, _ := get(t, c.at(8080), "/1"); status != 200 {
				t.Errorf("status %d", status)
			}
		})
	}
}
