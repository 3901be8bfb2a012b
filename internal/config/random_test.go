package config

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// writer makes up good configs: each draws from every table and key, with values of every kind.
type writer struct {
	*rand.Rand
	b strings.Builder
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// maybe writes the line half of the time.
func (w *writer) maybe(format string, args ...any) {
	if w.IntN(2) == 0 {
		w.line(format, args...)
	}
}

func (w *writer) pick(from ...string) string { return from[w.IntN(len(from))] }

func (w *writer) duration() string {
	return w.pick(`"1ms"`, `"1500ms"`, `"2.5s"`, `"90s"`, `"1h30m"`, `"7d"`, `"off"`)
}

func (w *writer) span() string { return w.pick(`"10ms"`, `"1500ms"`, `"75s"`, `"1d"`) }

func (w *writer) size() string {
	return w.pick(`"0B"`, `"1B"`, `"1000B"`, `"64KiB"`, `"1MiB"`, `"off"`)
}

func (w *writer) text() string {
	return w.pick(`""`, `"plain"`, `"ü\t\"\\\n"`, `'''$${X} and $x'''`, `"${NONE:-instead}"`, `"""
  two
  lines"""`)
}

func (w *writer) top() {
	if w.IntN(2) == 0 {
		w.line("[admin]\naddress = %s", w.pick(`"off"`, `"unix:/run/x"`, `"[::1]:1"`, `"127.0.0.1:2"`))
	}
	if w.IntN(2) == 0 {
		w.line("[log]")
		w.maybe("level = %s", w.pick(`"debug"`, `"warn"`))
		w.maybe("format = \"text\"")
	}
	if w.IntN(2) == 0 {
		w.line("[access_log]")
		w.maybe("path = %s", w.pick(`"-"`, `""`, `"/var/log/x"`))
		w.maybe("sample = %s", w.pick(`"0%"`, `"12.5%"`, `"off"`))
		w.maybe("always = { status = %s, slower_than = %s }", w.pick(`"5xx"`, `404`, `"200-250,3xx"`), w.duration())
	}
	if w.IntN(2) == 0 {
		w.line("[shutdown]\ndelay = %s", w.span())
	}
	if w.IntN(2) == 0 {
		w.line("[defaults.listeners]\nlimits.idle_timeout = %s\nforwarded = \"off\"", w.span())
		w.line("[defaults.upstreams]\ntimeouts.response = %s\nretry.methods = [\"GET\"]", w.duration())
	}
}

func (w *writer) listener(i int) {
	w.line("[listeners.l%d]\naddress = %s", i, fmt.Sprintf(w.pick(`":%d"`, `["0.0.0.0:%d"]`, `["[::]:%[1]d", "unix:/run/%[1]d"]`), 10000+i))
	w.maybe("max_connections = %s", w.pick("5", `"off"`, `"77"`))
	w.maybe("max_connections_per_client = %s", w.pick("5", `"off"`))
	w.maybe("limits.idle_timeout = %s", w.span())
	if w.IntN(3) == 0 {
		w.line("kind = \"tcp\"\nupstream = \"u0\"")
		return
	}
	w.maybe("policies = %s", w.pick(`[]`, `"p0"`, `["p0", "p1"]`))
	w.maybe("trusted_proxies = %s", w.pick(`[]`, `"10.0.0.0/8"`, `["::1", "2001:db8::/32"]`))
	w.maybe("forwarded = %s", w.pick(`"x"`, `"both"`, `"rfc7239"`, `"off"`))
	w.maybe("paths = { empty_segments = %s, parameters = %s }", w.pick(`"keep"`, `"merge"`), w.pick(`"keep"`, `"refuse"`))
	w.maybe("limits.header_bytes = %s", w.pick(`"1KiB"`, `"1MiB"`))
	w.maybe("limits.body_bytes = %s", w.size())
	w.maybe("limits.min_body_rate = %s", w.pick(`"240B/s"`, `"1KiB/m"`, `"off"`, `"0B/h"`))
	w.maybe("limits.write_stall = %s", w.duration())
}

func (w *writer) route(i int) {
	w.line("[[routes]]\nmatch = { path = [\"/r%d\", \"/r%d/*\"]%s%s }", i, i, w.pick("", `, hosts = "*.A.example"`, `, methods = ["GET", "PUT"]`), w.condition())
	w.maybe("timeout = %s", w.duration())
	w.maybe("priority = %d", w.IntN(9)-4)
	w.maybe("policies = %s", w.pick(`[]`, `"p1"`))
	w.maybe("limits.body_bytes = %s", w.size())
	w.maybe("error_pages = %s", w.pick(`{}`, `{ "5xx" = "/a.html" }`, `{ "500-504" = ["/a.html", "/b.json"], 404 = "/c.txt" }`))
	switch w.IntN(5) {
	case 3:
		w.line("split = %s", w.pick(`{ upstream = "u0" }`, `[{ upstream = "u0", weight = 0 }, { upstream = "u1", weight = 7 }]`))
		w.maybe("split_by = %s", w.pick(`"client"`, `["cookie:a", "header:X-A"]`, `[]`))
		w.shape()
	case 4:
		w.line("redirect = { to = %s%s }", w.pick(`"/x"`, `"https://www.example.com{path}?{query}"`), w.pick("", ", status = 301"))
	case 0:
		w.line("handler = \"hello\"")
	case 1:
		w.line("respond = { body = %s, status = %d }", w.pick(`"x"`, `"$${X}\n"`), 400+w.IntN(100))
	case 2:
		w.line("upstream = \"u%d\"", w.IntN(2))
		w.maybe("retry = { attempts = %d, on = %s }", w.IntN(11), w.pick(`[]`, `"reset"`, `["connect", "502"]`))
		w.shape()
	}
}

// condition is a condition of a route, or none.
func (w *writer) condition() string {
	value := w.pick(`"a"`, `""`, `"*"`, `"!"`, `"~^(a|b)$"`)
	return w.pick("", ", headers = { X-A = "+value+" }", ", query = { \"a b\" = "+value+" }", ", cookies = { c = "+value+" }",
		`, clients = ["10.0.0.0/8", "::1"]`, `, sni = "A.example"`, ", body = { \"a.0.b\" = "+value+", \"/x/@y\" = \"*\" }")
}

// shape is what is done to requests on their way to an endpoint.
func (w *writer) shape() {
	w.maybe("rewrite = %s", w.pick(`{ strip_prefix = "/r0" }`, `{ prefix = "/v2", mode = "observe" }`, `{ regex = "^/(.)", to = "/$1x" }`))
	w.maybe("mirror = { upstream = \"u1\", sample = %s, compare = %s, max_body = %s }", w.pick(`"1%"`, `"100%"`), w.pick("true", "false"), w.pick(`"1B"`, `"1MiB"`))
}

func (w *writer) upstream(i int) {
	w.line("[upstreams.u%d]", i)
	w.line("endpoints = %s", w.pick(`"a:1"`, `["a:1", "[::1]:2", "unix:/x"]`, `[{ address = "a:1", weight = 7 }, "b:1"]`, `{ address = "c:1" }`))
	w.maybe("balance = %s", w.pick(`"ewma"`, `"round_robin"`, `"least_requests"`))
	w.maybe("host = %s", w.pick(`"endpoint"`, `"x.example:1"`))
	w.maybe("timeouts.between_reads = %s", w.duration())
	w.maybe("connections = { idle = %s, max_age = %s }", w.pick(`0`, `7`, `"off"`), w.duration())
	w.maybe("retry.replay = %s", w.size())
	if w.IntN(2) == 0 {
		w.line("[upstreams.u%d.health]\ninterval = %s", i, w.span())
		w.maybe("jitter = %s", w.pick(`"off"`, `"3.25%"`))
		w.maybe("initial = \"ready\"")
		w.line("%s", w.pick(
			`tcp = {}`, `tcp = { send = "a\r\n", expect = "ü" }`, `http = {}`,
			`http = { path = "/x?y", status = 204, headers = { A = "b", c = "" }, body = "$${Z}" }`,
		))
	}
}

func (w *writer) policy(i int) {
	w.line("[policies.p%d]", i)
	w.maybe("headers.request = { set = { X-A = %s }, mode = %s }", w.pick(`"b"`, `""`, `"$${client}"`, `"{path.a}{{"`), w.pick(`"observe"`, `"off"`, `"enforce"`))
	w.maybe("request_id = %s", w.pick(`{}`, `{ trust = true, header = "X-Id" }`))
	w.maybe("cors = { origins = %s, max_age = %s }", w.pick(`"*"`, `["https://a.example", "https://*.b.example"]`), w.pick(`"off"`, `"10s"`))
	if i == 0 { // a route has one
		w.maybe("cache = %s", w.pick(`{}`, `{ mode = "off" }`, `{ ttl = "60s", negative_ttl = "5s", key = ["path", "query:a", "header:X-A", "cookie:c"], max_object = "64KiB", stale_if_error = "10m", wait = "0s", tags_header = "off" }`))
	}
	w.maybe("compress = %s", w.pick(`{}`, `{ types = ["text/*"], min_bytes = "0B", algorithms = "br", level = "fast" }`))
	w.maybe("headers.response = { add = { X-B = %s }, remove = %s }", w.pick(`"b"`, `["b", "c"]`, `[]`), w.pick(`[]`, `"Server"`))
}

// random makes up one config.
func random(seed uint64) string {
	w := &writer{Rand: rand.New(rand.NewPCG(seed, 1))}
	w.top()
	w.line("[listeners.main]\naddress = \":9\"")
	for i := range 1 + w.IntN(3) {
		w.listener(i)
	}
	for i := range 2 {
		w.policy(i)
		w.upstream(i)
	}
	w.line("[[routes]]\nname = \"first\"\nrespond.body = %s", w.text())
	for i := range w.IntN(5) {
		w.route(i)
	}
	return w.b.String()
}

func TestConfigsThatAreMadeUpAreGoodAndLoadAgainFromTheirEffectiveForm(t *testing.T) {
	for seed := range uint64(150) {
		text := random(seed)
		c, r := Parse("x", []byte(text), testOptions())
		if c == nil {
			t.Fatalf("seed %d:\n%s\nis refused:\n%s", seed, text, r)
		}
		effective := Effective(c)
		again, r := Parse("x", effective, testOptions())
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("seed %d:\n%s\nhas the effective form\n%s\nwhich loads to another Config\n%s", seed, text, effective, r)
		}
	}
}

func TestConfigsThatAreDamagedAreRefusedOrGood(t *testing.T) {
	// One byte of a good file is dropped, doubled or changed: there is a Config exactly if the
	// report has no problem, and every finding has a place in the file.
	w := rand.New(rand.NewPCG(1, 2))
	for seed := range uint64(150) {
		text := []byte(random(seed % 20))
		at := w.IntN(len(text))
		switch w.IntN(3) {
		case 0:
			text = append(text[:at], text[at+1:]...)
		case 1:
			text = append(text[:at+1], text[at:]...)
		case 2:
			text[at] = "\"[]{}=.,\n#x0 "[w.IntN(13)]
		}
		c, r := Parse("x", text, testOptions())
		if (c == nil) != r.Failed() {
			t.Fatalf("%s\ngave %v and\n%s", text, c, r)
		}
		for _, f := range r.Findings() {
			line, column := f.At.Position()
			if line < 1 || column < 1 || line > strings.Count(string(text), "\n")+1 || f.Text == "" {
				t.Fatalf("%s\nhas the finding %+v at %d:%d", text, f, line, column)
			}
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	text := []byte(random(7))
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if c, r := Parse("x", text, testOptions()); c == nil {
			b.Fatal(r)
		}
	}
}
