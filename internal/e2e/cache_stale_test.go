//go:build linux

package e2e

// invalidationTales are what unsafe requests make of what is stored.
var invalidationTales = []tale{
	invalidating("PUT", "200"), invalidating("POST", "200"), invalidating("DELETE", "204"), invalidating("PATCH", "200"),
	invalidating("POST", "201"), invalidating("POST", "303 | Location: /elsewhere"), invalidating("FROBNICATE", "200"),
	sparing("PUT", "500"), sparing("POST", "404"), sparing("DELETE", "403"), sparing("OPTIONS", "200"),
	{"9111 §4.4", "HEAD invalidates nothing", "", []step{{origin: "200 | " + fresh}, {ask: "HEAD"}, {}}},
	{"9111 §4.4", "all variants go", "", []step{
		{ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A"}, {ask: "GET | X-A: 2", origin: "200 | " + fresh + " | Vary: X-A"}, {ask: "POST", body: "x", origin: "200"},
		{ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A"}, {ask: "GET | X-A: 2", origin: "200 | " + fresh + " | Vary: X-A"},
	}},
	{"9111 §4.4", "another query stays", "", []step{{ask: "GET ?a=1", origin: "200 | " + fresh}, {ask: "POST ?a=2", body: "x", origin: "200"}, {ask: "GET ?a=1", text: "1"}}},
	{"9111 §4.4", "another path stays", "", []step{{ask: "GET /a", origin: "200 | " + fresh}, {ask: "POST /a/b", body: "x", origin: "200"}, {ask: "GET /a", text: "1"}}},
	{"9111 §4.4", "another host stays", "", []step{{origin: "200 | " + fresh}, {ask: "POST | Host: localhost:8443", body: "x", origin: "200"}, {text: "1"}}},
	{"9111 §4.4", "Location of the same origin goes", "", []step{
		{ask: "GET /b", origin: "200 | " + fresh}, {ask: "POST /a", body: "x", origin: "201 | Location: {url}/b"}, {ask: "GET /b", origin: "200"},
	}},
	{"9111 §4.4", "Location with the whole URL goes", "", []step{
		{ask: "GET /b?q=1", origin: "200 | " + fresh}, {ask: "POST /a", body: "x", origin: "201 | Location: https://weir.test:8443{url}/b?q=1"}, {ask: "GET /b?q=1", origin: "200"},
	}},
	{"9111 §4.4", "a relative Location goes", "", []step{
		{ask: "GET /c/b", origin: "200 | " + fresh}, {ask: "POST /c/a", body: "x", origin: "201 | Location: b"}, {ask: "GET /c/b", origin: "200"},
	}},
	{"9111 §4.4", "Content-Location of the same origin goes", "", []step{
		{ask: "GET /b", origin: "200 | " + fresh}, {ask: "PUT /a", body: "x", origin: "200 | Content-Location: {url}/b"}, {ask: "GET /b", origin: "200"},
	}},
	{"9111 §4.4", "Location of another origin stays", "", []step{
		{ask: "GET /b", origin: "200 | " + fresh}, {ask: "POST /a", body: "x", origin: "201 | Location: https://localhost:8443{url}/b"}, {ask: "GET /b", text: "1"},
		{ask: "POST /a", body: "x", origin: "201 | Location: http://weir.test:8443{url}/b"}, {ask: "GET /b", text: "1"},
	}},
	{"9111 §4.4", "Location of a request that failed stays", "", []step{
		{ask: "GET /b", origin: "200 | " + fresh}, {ask: "POST /a", body: "x", origin: "400 | Location: {url}/b"}, {ask: "GET /b", text: "1"},
	}},
	{"9111 §4.4", "what is fetched afterwards is stored again", "", []step{{origin: "200 | " + fresh}, {ask: "DELETE", origin: "204"}, {origin: "200 | " + fresh}, {}}},
	{"9111 §4.4", "what is stored under chosen parameters goes", "key", []step{{ask: "GET ?page=1&x=1", origin: "200 | " + fresh}, {ask: "POST ?page=1&x=9", body: "x", origin: "200"}, {ask: "GET ?page=1", origin: "200"}}},
}

// invalidating is a tale of a method and an answer that make what is stored unusable.
func invalidating(method, answer string) tale {
	return tale{"9111 §4.4", method + " answered with " + answer[:3], "", []step{{origin: "200 | " + fresh}, {ask: method, body: "x", origin: answer}, {origin: "200 | " + fresh}, {}}}
}

// sparing is a tale of those that do not.
func sparing(method, answer string) tale {
	return tale{"9111 §4.4", method + " answered with " + answer[:3] + " spares", "", []step{{origin: "200 | " + fresh}, {ask: method, origin: answer}, {got: "200", text: "1"}}}
}

const (
	forgiving = "Cache-Control: max-age=1000, stale-if-error=5000 | Age: 2000"
	lazy      = `Cache-Control: max-age=1000, stale-while-revalidate=5000 | Age: 2000 | ETag: "a"`
)

// staleTales are answers that are used although they are stale.
var staleTales = []tale{
	forgiven("9111 §4.2.4", "without leave, a stale answer is not used on 500", "", "200 | "+aged, "500", "500"),
	forgiven("9111 §4.2.4", "without leave, a stale answer is not used without an answer", "", "200 | "+aged, "die", "502"),
	forgiven("5861 §4", "stale-if-error and 500", "", "200 | "+forgiving, "500", "200"),
	forgiven("5861 §4", "stale-if-error and 502", "", "200 | "+forgiving, "502", "200"),
	forgiven("5861 §4", "stale-if-error and 503", "", "200 | "+forgiving, "503", "200"),
	forgiven("5861 §4", "stale-if-error and 504", "", "200 | "+forgiving, "504", "200"),
	forgiven("5861 §4", "stale-if-error and no answer", "", "200 | "+forgiving, "die", "200"),
	forgiven("5861 §4", "404 is no error", "", "200 | "+forgiving, "404", "404"),
	forgiven("5861 §4", "501 is no error", "", "200 | "+forgiving, "501", "501"),
	forgiven("5861 §4", "stale for longer than stale-if-error", "", "200 | Cache-Control: max-age=1000, stale-if-error=500 | Age: 2000", "500", "500"),
	forgiven("5861 §4", "a quoted argument", "", `200 | Cache-Control: max-age=1000, stale-if-error="5000" | Age: 2000`, "500", "200"),
	forgiven("5861 §4", "an argument that is no number", "", `200 | Cache-Control: max-age=1000, stale-if-error=abc | Age: 2000`, "500", "500"),
	forgiven("9111 §5.2.2.2", "must-revalidate outranks stale-if-error", "", "200 | Cache-Control: max-age=1000, stale-if-error=5000, must-revalidate | Age: 2000", "500", "500,504"),
	forgiven("9111 §5.2.2.2", "must-revalidate and no answer", "", "200 | Cache-Control: max-age=1000, stale-if-error=5000, must-revalidate | Age: 2000", "die", "502,504"),
	forgiven("9111 §5.2.2.8", "proxy-revalidate outranks stale-if-error", "", "200 | Cache-Control: max-age=1000, stale-if-error=5000, proxy-revalidate | Age: 2000", "500", "500,504"),
	forgiven("9111 §4.2.4", "no-cache outranks stale-if-error", "", "200 | Cache-Control: no-cache, stale-if-error=5000", "500", "500,504"),
	forgiven("contract", "a configured leave", "stale", "200 | "+aged, "503", "200"),
	forgiven("contract", "a configured leave and no answer", "stale", "200 | "+aged, "die", "200"),
	forgiven("contract", "a configured leave yields to the origin's", "stale", "200 | Cache-Control: max-age=1000, stale-if-error=0 | Age: 2000", "503", "503"),
	forgiven("9111 §5.2.2.2", "a configured leave yields to must-revalidate", "stale", "200 | Cache-Control: max-age=1000, must-revalidate | Age: 2000", "503", "503,504"),
	forgiven("9111 §5.2.2.8", "a configured leave yields to proxy-revalidate", "stale", "200 | Cache-Control: max-age=1000, proxy-revalidate | Age: 2000", "503", "503,504"),
	forgiven("9111 §5.2.2.10", "a configured leave yields to s-maxage", "stale", "200 | Cache-Control: s-maxage=1000 | Age: 2000", "503", "503,504"),
	{"5861 §4", "an answer used on an error says its age", "", []step{{origin: "200 | " + forgiving}, {origin: "500", got: "200 | Age: 2000..2100 | Cache-Status: ~ttl=-", text: "1"}}},
	{"5861 §4", "the next request asks again", "", []step{{origin: "200 | " + forgiving}, {origin: "500", got: "200 | Cache-Status: ~weir", text: "1"}, {origin: "200 | " + fresh}, {}}},
	{"5861 §4", "a condition on an answer used on an error", "", []step{{origin: "200 | " + forgiving + ` | ETag: "a"`}, {ask: `GET | If-None-Match: "a"`, origin: "500", got: "304 | Cache-Status: ~weir"}}},
	{"5861 §4", "HEAD of an answer used on an error", "", []step{{origin: "200 | " + forgiving}, {ask: "HEAD", origin: "500", got: "200 | Cache-Status: ~weir"}}},
	{"5861 §4", "many at once and an error", "", []step{{origin: "200 | " + forgiving}, {origin: "503", then: "503", got: "200", text: "1", crowd: 10}}},

	{"5861 §3", "stale-while-revalidate answers at once and validates behind", "", []step{
		{origin: "200 | " + lazy}, {origin: notModified, sees: `If-None-Match: "a"`, got: "200 | Age: 2000..2100", behind: true}, {got: "200 | Age: 0..100", until: true},
	}},
	{"5861 §3", "what comes behind replaces it", "", []step{
		{origin: "200 | " + lazy}, {origin: "200 | " + fresh, behind: true}, {got: "200 | Age: 0..100", until: true},
	}},
	{"5861 §3", "stale for longer than stale-while-revalidate", "", []step{
		{origin: `200 | Cache-Control: max-age=1000, stale-while-revalidate=500 | Age: 2000 | ETag: "a"`}, {origin: "200 | " + fresh}, {},
	}},
	{"5861 §3", "an argument that is no number, while revalidating", "", []step{
		{origin: `200 | Cache-Control: max-age=1000, stale-while-revalidate=abc | Age: 2000 | ETag: "a"`}, {origin: "200 | " + fresh}, {},
	}},
	{"9111 §5.2.2.2", "must-revalidate outranks stale-while-revalidate", "", []step{
		{origin: `200 | Cache-Control: max-age=1000, stale-while-revalidate=5000, must-revalidate | Age: 2000 | ETag: "a"`}, {origin: "200 | " + fresh}, {},
	}},
	{"9111 §5.2.2.4", "no-cache outranks stale-while-revalidate", "", []step{
		{origin: `200 | Cache-Control: no-cache, stale-while-revalidate=5000 | ETag: "a"`}, {origin: "200 | " + fresh}, {},
	}},
	{"9111 §5.2.1.4", "a request's no-cache outranks stale-while-revalidate", "", []step{{origin: "200 | " + lazy}, {ask: "GET | Cache-Control: no-cache", origin: "200 | " + fresh}, {}}},
	{"5861 §3", "HEAD of what is revalidated behind", "", []step{{origin: "200 | " + lazy}, {ask: "HEAD", origin: "?" + notModified, got: "200 | Age: 2000..2100 | Cache-Status: ~hit"}}},
	{"5861 §3", "a range of what is revalidated behind", "", []step{
		{origin: "200 | " + lazy + digit}, {ask: "GET | Range: bytes=2-3", origin: notModified, sees: "!Range", got: "206 | Content-Range: bytes 2-3/10", behind: true}, {got: "200 | Age: 0..100", until: true},
	}},
	{"5861 §3", "a condition on what is revalidated behind", "", []step{
		{origin: "200 | " + lazy}, {ask: `GET | If-None-Match: "x"`, origin: notModified, sees: `If-None-Match: "a"`, got: "200", behind: true}, {got: "200 | Age: 0..100", until: true},
	}},
	{"5861 §3", "a condition that holds on what is revalidated behind", "", []step{
		{origin: "200 | " + lazy}, {ask: `GET | If-None-Match: "a"`, origin: notModified, sees: `If-None-Match: "a"`, got: "304", behind: true}, {got: "200 | Age: 0..100", until: true},
	}},
	{"9111 §5.2.1.3", "min-fresh outranks stale-while-revalidate", "", []step{{origin: "200 | " + lazy}, {ask: "GET | Cache-Control: min-fresh=10", origin: "200 | " + fresh}}},
	{"9111 §5.2.1.1", "a request's max-age outranks stale-while-revalidate", "", []step{{origin: "200 | " + lazy}, {ask: "GET | Cache-Control: max-age=100", origin: "200 | " + fresh}}},
	{"5861 §3", "an answer for one alone that comes behind is not for others", "", []step{
		{origin: "200 | " + lazy}, {origin: "200 | Cache-Control: private", got: "200", text: "1", behind: true}, {origin: "?200 | Cache-Control: private", then: "?200 | Cache-Control: private", got: "200", text: "*"},
	}},
	{"5861 §3", "an error behind leaves the answer", "", []step{
		{origin: "200 | " + lazy}, {origin: "500", got: "200", behind: true}, {origin: notModified, got: "200 | Age: 0..100", until: true, text: "1"},
	}},
	{"5861 §3", "no answer behind leaves the answer", "", []step{
		{origin: "200 | " + lazy}, {origin: "die", got: "200", behind: true}, {origin: notModified, got: "200 | Age: 0..100", until: true, text: "1"},
	}},
	{"contract", "configured leave to revalidate behind", "swr", []step{
		{origin: "200 | " + aged + ` | ETag: "a"`}, {origin: notModified, got: "200", behind: true}, {got: "200 | Age: 0..100", until: true},
	}},
	{"9111 §5.2.2.2", "configured leave to revalidate behind yields to must-revalidate", "swr", []step{
		{origin: `200 | Cache-Control: max-age=1000, must-revalidate | Age: 2000 | ETag: "a"`}, {origin: notModified, got: "200"},
	}},
	{"9111 §5.2.2.10", "configured leave to revalidate behind yields to s-maxage", "swr", []step{
		{origin: `200 | Cache-Control: s-maxage=1000 | Age: 2000 | ETag: "a"`}, {origin: notModified, got: "200"},
	}},
	{"contract", "configured leave to revalidate behind yields to the origin's", "swr", []step{
		{origin: `200 | Cache-Control: max-age=1000, stale-while-revalidate=0 | Age: 2000 | ETag: "a"`}, {origin: notModified, got: "200"},
	}},
}

// forgiven is a tale of a stored answer and a failure, and what status a client gets then.
func forgiven(section, name, on, answer, failure, got string) tale {
	second := step{origin: failure, got: got}
	if got == "200" {
		second.got, second.text = "200 | Cache-Status: ~weir", "1"
	}
	return tale{section, name, on, []step{{origin: answer}, second}}
}
