package replay

import (
	"strings"
	"testing"
	"time"
)

// utc is a moment of the tests' day.
func utc(hour, minute, second int) time.Time {
	return time.Date(2026, 3, 9, hour, minute, second, 0, time.UTC)
}

func TestLinesOfTheCombinedLogAreRead(t *testing.T) {
	const head = `10.0.0.1 - - [09/Mar/2026:10:00:01 +0000] `
	for _, c := range []struct {
		line string
		want record
	}{
		{head + `"GET /a?b=c HTTP/1.1" 200 12`, record{method: "GET", target: "/a?b=c", status: 200}},
		{head + `"GET /a HTTP/1.1" 304 -`, record{method: "GET", target: "/a", status: 304}},
		{head + `"POST /a HTTP/2.0" 201 0 "-" "-"`, record{method: "POST", target: "/a", status: 201}},
		{head + `"GET /a HTTP/1.1" 200 12 "http://x/" "curl/8"`, record{method: "GET", target: "/a", status: 200, referer: "http://x/", agent: "curl/8"}},
		{head + `"GET /\x22q\x5C HTTP/1.1" 200 12 "-" "a \x22b\x22 \xC3\xA9"`, record{method: "GET", target: `/"q\`, status: 200, agent: `a "b" é`}},
		{head + `"GET /\"q\\ HTTP/1.1" 200 12 "-" "a\tb \q \x4"`, record{method: "GET", target: `/"q\`, status: 200, agent: "a\tb \\q \\x4"}},
		{head + `"GET / HTTP/1.1" 200 12 "-" "two\nlines"`, record{method: "GET", target: "/", status: 200}},
		{head + `"GET / HTTP/1.1" 200 12 "-" "x" 0.250`, record{method: "GET", target: "/", status: 200, agent: "x", took: 250 * time.Millisecond, timed: true, atEnd: true}},
		{head + `"GET / HTTP/1.1" 200 12 "-" "x" "10.1.1.1" rt=12.003 7`, record{method: "GET", target: "/", status: 200, agent: "x", took: 12003 * time.Millisecond, timed: true, atEnd: true}},
		{head + `"GET / HTTP/1.1" 200 12 "-" "x" 1234`, record{method: "GET", target: "/", status: 200, agent: "x"}},
		{head + `"GET / HTTP/1.1" 200 12 1.2.3.4`, record{method: "GET", target: "/", status: 200}},
		{head + `"GET http://x.example:81/a?b HTTP/1.1" 200 12`, record{method: "GET", host: "x.example:81", target: "/a?b", status: 200}},
		{head + `"GET http://x.example HTTP/1.1" 200 12`, record{method: "GET", host: "x.example", target: "/", status: 200}},
		{head + `"GET http://x.example?a HTTP/1.1" 200 12`, record{method: "GET", host: "x.example", target: "/?a", status: 200}},
		{head + `"OPTIONS * HTTP/1.1" 200 12`, record{method: "OPTIONS", target: "*", status: 200}},
		{head + `"CONNECT x:443 HTTP/1.1" 200 12`, record{method: "CONNECT", target: "x:443", status: 200, left: tunnel}},
		{head + `"GET /ws HTTP/1.1" 101 12`, record{method: "GET", target: "/ws", status: 101, left: tunnel}},
		{head + `"-" 408 0 "-" "-"`, record{status: 408, left: noRequest}},
		{head + `"\x16\x03\x01\x00" 400 150 "-" "-"`, record{status: 400, left: noRequest}},
		{`::1 - frank miller [09/Mar/2026:12:00:01 +0200] "GET / HTTP/1.0" 200 12`, record{method: "GET", target: "/", status: 200}},
	} {
		var p parsers
		var got record
		err := p.parse(combined, c.line, &got)
		if !got.at.Equal(utc(10, 0, 1)) {
			t.Errorf("%s\n  time %v", c.line, got.at)
		}
		got.at = time.Time{}
		if err != nil || got != c.want {
			t.Errorf("%s\n  gave %+v (%v)\n  want %+v", c.line, got, err, c.want)
		}
	}
}

func TestLinesThatAreNotOfTheCombinedLogSaySo(t *testing.T) {
	const head = `10.0.0.1 - - [09/Mar/2026:10:00:01 +0000] `
	for _, c := range []struct{ line, want string }{
		{"hello", `no [time] "request"`},
		{`10.0.0.1 - - [09/Mar/2026:10:00:01 +0000] GET / HTTP/1.1 200 12`, `no [time] "request"`},
		{`10.0.0.1 - - [2026-03-09T10:00:01] "GET / HTTP/1.1" 200 12`, "is no time"},
		{`10.0.0.1 - - [] "GET / HTTP/1.1" 200 12`, "is no time"},
		{`10.0.0.1 - - [09/Mar/0001:10:00:01 +0000] "GET / HTTP/1.1" 200 12`, "is no time"},
		{head + `"GET / HTTP/1.1`, "request: its quote is not closed"},
		{head + `"GET / HTTP/1.1\" 200 12`, "request: its quote is not closed"},
		{head + `"GET / HTTP/1.1"`, `status "" is none`},
		{head + `"GET / HTTP/1.1" OK 12`, `status "OK" is none`},
		{head + `"GET / HTTP/1.1" 200 many`, `size "many" is none`},
		{head + `"GET / HTTP/1.1" 200 12 "http://x`, "referer: its quote is not closed"},
		{head + `"GET / HTTP/1.1" 200 12 "-" "x`, "user agent: its quote is not closed"},
		{head + `"nothing" 200 12`, `"nothing" is no request`},
		{head + `"GET /a b HTTP/1.1" 200 12`, `target "/a b" has a ' ' in it`},
		{head + `"GET /a\x01 HTTP/1.1" 200 12`, `has a '\x01' in it`},
		{head + `"GET a HTTP/1.1" 200 12`, `target "a" does not begin with /`},
		{head + `"GET * HTTP/1.1" 200 12`, `target "*" does not begin with /`},
	} {
		var p parsers
		var r record
		if err := p.parse(combined, c.line, &r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n  error %v, want %s", c.line, err, c.want)
		}
	}
}

func TestLinesOfWeirsLogAreRead(t *testing.T) {
	const begin = `{"ts":1773050401000250,"proto":"HTTP/1.1","dur_us":1500,`
	for _, c := range []struct {
		line string
		want record
	}{
		{begin + `"method":"GET","host":"a.example","target":"/x?y","status":200}`, record{method: "GET", host: "a.example", target: "/x?y", status: 200}},
		{begin + `"method":"PUT","host":"","target":"/","status":0,"bytes_in":5}`, record{method: "PUT", target: "/", body: true}},
		{begin + `"method":"GET","host":"a","target":"/","status":200,"unknown":[{"x":1}],"match":[["header:X-Tenant","acme"],["cookie:c","v"],["header:Host","h"],["header:Authorization","hash"],["header:X-Bad","a\nb"],["query:q","1"],["header:X-More","2"]]}`,
			record{method: "GET", host: "a", target: "/", status: 200, extra: "X-Tenant: acme\r\nX-More: 2\r\n"}},
		{begin + `"method":"GET","host":"a b","target":"/\u00e9","status":200}`, record{method: "GET", target: "/é", status: 200}},
		{begin + `"method":"","host":"","target":"","status":400}`, record{status: 400, left: noRequest}},
		{begin + `"method":"GET","host":"","target":"/","status":101}`, record{method: "GET", target: "/", status: 101, left: tunnel}},
		{`{"ts":1773050401000250,"proto":"tcp","dur_us":1500,"bytes_in":7}`, record{body: true, left: session}},
	} {
		var p parsers
		var got record
		err := p.parse(weirJSON, c.line, &got)
		if want := time.Date(2026, 3, 9, 10, 0, 1, 250_000, time.UTC); !got.at.Equal(want) || got.took != 1500*time.Microsecond || !got.timed {
			t.Errorf("%s\n  at %v for %v", c.line, got.at.UTC(), got.took)
		}
		got.at, got.took, got.timed = time.Time{}, 0, false
		if err != nil || got != c.want {
			t.Errorf("%s\n  gave %+v (%v)\n  want %+v", c.line, got, err, c.want)
		}
	}
}

func TestLinesThatAreNotOfWeirsLogSaySo(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"ts":1,`, "not a line of JSON"},
		{`{}`, "no ts or dur_us"},
		{`{"ts":1}`, "no ts or dur_us"},
		{`{"ts":"2026-03-09T10:00:01Z","dur_us":1}`, "not a line of JSON"},
		{`{"ts":-1,"dur_us":1}`, "ts -1 is no time"},
		{`{"ts":9000000000000001,"dur_us":1}`, "is no time"},
		{`{"ts":1,"dur_us":-1}`, "dur_us -1 is no time"},
		{`{"ts":1,"dur_us":1,"method":"G T","target":"/"}`, `method "G T" is none`},
		{`{"ts":1,"dur_us":1,"method":"GET","target":""}`, `target "" does not begin with /`},
		{`{"ts":1,"dur_us":1,"method":"GET","target":"/\u0000"}`, `has a '\x00' in it`},
	} {
		var p parsers
		var r record
		if err := p.parse(weirJSON, c.line, &r); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s\n  error %v, want %s", c.line, err, c.want)
		}
	}
}
