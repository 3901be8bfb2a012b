//go:build linux

package e2e

const notModified = `304 | ETag: "a" | ` + fresh

// validationTales are how a stale answer is made good.
var validationTales = []tale{
	{"9111 §4.3.1", "an entity tag is sent, and 304 makes the answer good", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: notModified, sees: `If-None-Match: "a" | !If-Modified-Since`, got: "200"}, {},
	}},
	{"9111 §4.3.1", "a weak entity tag is sent as such", "", []step{
		{origin: `200 | ` + aged + ` | ETag: W/"a"`}, {origin: `304 | ETag: W/"a" | ` + fresh, sees: `If-None-Match: W/"a"`, got: "200"}, {},
	}},
	{"9111 §4.3.1", "a modification date is sent as it was", "", []step{
		{origin: `200 | ` + aged + ` | Last-Modified: {-5000}`}, {origin: `304 | Last-Modified: {-5000} | ` + fresh, sees: `If-Modified-Since: {-5000} | !If-None-Match`, got: "200"}, {},
	}},
	{"9111 §4.3.1", "both are sent", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a" | Last-Modified: {-5000}`}, {origin: notModified, sees: `If-Modified-Since: {-5000} | If-None-Match: "a"`, got: "200"}, {},
	}},
	{"9111 §4.3.1", "without a validator it is fetched anew", "", []step{{origin: "200 | " + aged}, {origin: "200 | " + fresh, sees: "!If-None-Match | !If-Modified-Since"}, {}}},
	{"9111 §4.3.1", "no-cache is validated each time", "", []step{
		{origin: `200 | Cache-Control: no-cache | ETag: "a"`}, {origin: `304 | Cache-Control: no-cache | ETag: "a"`, sees: `If-None-Match: "a"`, got: "200"},
		{origin: `304 | Cache-Control: no-cache | ETag: "a"`, sees: `If-None-Match: "a"`, got: "200"},
	}},
	{"9111 §4.3.1", "no-store is not validated", "", []step{{origin: `200 | Cache-Control: no-store | ETag: "a"`}, {origin: "200", sees: "!If-None-Match"}}},
	{"9111 §4.3.1", "must-revalidate is validated when stale", "", []step{
		{origin: `200 | Cache-Control: max-age=1000, must-revalidate | Age: 2000 | ETag: "a"`}, {origin: notModified, sees: `If-None-Match: "a"`, got: "200"}, {},
	}},
	{"9111 §4.3.1", "Expires that is past is validated", "", []step{{origin: `200 | Expires: {-1000} | ETag: "a"`}, {origin: notModified, sees: `If-None-Match: "a"`, got: "200"}, {}}},
	{"9111 §4.3.1", "the client's own condition is not what is sent", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {ask: `GET | If-None-Match: "x"`, origin: notModified, sees: `If-None-Match: "a"`, got: "200"},
	}},
	{"9111 §4.3.2", "a client whose condition holds after validation", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {ask: `GET | If-None-Match: "a"`, origin: notModified, got: `304 | ETag: "a"`}, {},
	}},
	{"9111 §4.3.2", "a client that has what validation brings", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {ask: `GET | If-None-Match: "b"`, origin: `200 | ` + fresh + ` | ETag: "b"`, got: `304 | ETag: "b"`}, {text: "2"},
	}},
	{"9111 §4.3.2", "a client's condition on a miss is judged by what comes", "", []step{
		{ask: `GET | If-None-Match: "a"`, origin: `200 | ` + fresh + ` | ETag: "a"`, sees: "!If-None-Match", got: "304"}, {},
	}},
	{"9111 §4.3.2", "a client's date on a miss is judged by what comes", "", []step{
		{ask: `GET | If-Modified-Since: {-1000}`, origin: `200 | ` + fresh + ` | Last-Modified: {-2000}`, sees: "!If-Modified-Since", got: "304"}, {},
	}},
	{"9111 §4.3.2", "a condition on a miss whose answer can't be kept", "", []step{
		{ask: `GET | If-None-Match: "a"`, origin: `200 | Cache-Control: no-store | ETag: "a"`, got: "200,304"}, {origin: "200"},
	}},
	{"9111 §4.3.3", "a whole answer to a validation replaces what is stored", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: `200 | ` + fresh + ` | ETag: "b"`, sees: `If-None-Match: "a"`, got: `200 | ETag: "b"`}, {got: `200 | ETag: "b"`},
	}},
	{"9111 §4.3.3", "a whole answer that is not to be stored", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: `200 | Cache-Control: no-store | ETag: "b"`}, {origin: "200 | " + fresh}, {origin: "?200 | " + fresh}, {},
	}},
	{"9111 §4.3.3", "an error to a validation is passed on", "", []step{{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: "503", got: "503"}}},
	{"9111 §4.3.3", "404 to a validation is passed on", "", []step{{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: "404", got: "404"}}},
	{"9111 §4.2.4", "no answer to a validation is no reason to use what is stale", "", []step{{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: "die", got: "502"}}},
	{"9111 §4.3.4", "304 with another strong tag selects nothing: nobody gets it, nothing is updated", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`},
		{origin: `304 | ETag: "b" | ` + fresh, then: `?200 | Cache-Control: no-store | ETag: "b"`, got: "200,502", text: "*"},
		{origin: `200 | ` + fresh + ` | ETag: "b"`},
	}},
	{"9111 §4.3.1", "what has no validator is fetched whole when no-cache wants it", "", []step{
		{origin: "200 | " + fresh}, {ask: "GET | Cache-Control: no-cache", origin: "200 | " + fresh, sees: "!If-None-Match"}, {text: "2"},
	}},
	{"9111 §4.3", "many at once validate once", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: notModified, got: "200", crowd: 15}, {},
	}},
	{"9111 §4.3", "a large content is validated, not fetched", "", []step{{origin: `200 | ` + aged + ` | ETag: "a" || *200000`}, {origin: notModified, got: "200 | Content-Length: 200000"}, {}}},
	{"9111 §4.3.5", "HEAD of what is stale asks, and leaves it to be validated", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {ask: "HEAD", origin: `200 | ` + fresh + ` | ETag: "a"`, got: `200 | ETag: "a"`}, {origin: "?" + notModified, sees: `If-None-Match: "a"`, got: "200", text: "1"},
	}},
	{"9111 §4.3.5", "HEAD that shows another tag makes the stored answer stale", "", []step{
		{origin: `200 | ` + fresh + ` | ETag: "a"`}, {ask: "HEAD | Cache-Control: no-cache", origin: `200 | ` + fresh + ` | ETag: "b" || other than before`}, {origin: `200 | ` + fresh + ` | ETag: "b"`},
	}},
	{"9111 §4.3.5", "HEAD that shows another length makes the stored answer stale", "", []step{
		{origin: `200 | ` + fresh + ` || 0123456789`}, {ask: "HEAD | Cache-Control: no-cache", origin: `200 | ` + fresh + ` || 01234`}, {origin: `200 | ` + fresh},
	}},
	{"9111 §4.3.5", "HEAD that shows another date makes the stored answer stale", "", []step{
		{origin: `200 | ` + fresh + ` | Last-Modified: {-5000} || 0123456789`}, {ask: "HEAD | Cache-Control: no-cache", origin: `200 | ` + fresh + ` | Last-Modified: {-100} || 0123456789`}, {origin: `200 | ` + fresh},
	}},
	{"9111 §4.3.5", "HEAD that shows the same leaves the stored answer", "", []step{
		{origin: `200 | ` + fresh + ` | ETag: "a" || 0123456789`}, {ask: "HEAD | Cache-Control: no-cache", origin: `200 | ` + fresh + ` | ETag: "a" || 0123456789`}, {text: "1"},
	}},
	{"9111 §4.3.1", "a modification date that is none is not sent", "", []step{
		{origin: "200 | " + aged + " | Last-Modified: yesterday"}, {origin: "200 | " + fresh, sees: "!If-Modified-Since | !If-None-Match"}, {},
	}},
	{"9111 §4.3.1", "If-Match of what is stale is sent without the stored tag", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {ask: `GET | If-Match: "b"`, origin: "412", sees: `If-Match: "b" | !If-None-Match`},
	}},
	{"9111 §4.3.3", "If-Range of what has changed meanwhile", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"` + digit}, {ask: `GET | Range: bytes=0-1 | If-Range: "a"`, origin: `200 | ` + fresh + ` | ETag: "b" || abcdefghij`, sees: "!If-Range | !Range", got: `200 | ETag: "b"`}, {text: "2"},
	}},
	{"9111 §4.3.4", "If-Range of what is still the same", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"` + digit}, {ask: `GET | Range: bytes=0-1 | If-Range: "a"`, origin: notModified, got: "206 | Content-Range: bytes 0-1/10"},
	}},
	{"9111 §4.3.1", "a tag that is none is still sent or left out, and 304 is understood", "", []step{
		{origin: `200 | ` + aged + ` | ETag: abc`}, {origin: "200 | " + fresh, got: "200"}, {},
	}},
}

// updated is a tale of a field that a 304 brings: its answer has it, and later ones too.
func updated(name, before, field, want string) tale {
	return tale{"9111 §3.2", name, "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a" | ` + before},
		{origin: notModified + ` | ` + field, got: "200 | " + want},
		{got: "200 | " + want},
	}}
}

// updateTales are what a 304 changes of what is stored.
var updateTales = []tale{
	updated("a field of the stored answer that 304 leaves out stays", "X-Keep: 1", "X-Other: 2", "X-Keep: 1"),
	updated("a field of 304 replaces the stored one", "X-A: 1", "X-A: 2", "X-A: 2"),
	updated("a field of 304 replaces all stored ones of its name", "X-A: 1 | X-A: 2 | X-A: 3", "X-A: 4", "X-A: 4"),
	updated("several fields of 304 replace one", "X-A: 1", "X-A: 2 | X-A: 3", "X-A: 2, 3"),
	updated("a new field of 304 is added", "X-A: 1", "X-B: 2", "X-B: 2"),
	updated("Content-Security-Policy is replaced", "Content-Security-Policy: default-src 'self'", "Content-Security-Policy: default-src 'none'", "Content-Security-Policy: default-src 'none'"),
	updated("X-Frame-Options is replaced", "X-Frame-Options: deny", "X-Frame-Options: sameorigin", "X-Frame-Options: sameorigin"),
	updated("Content-Location is replaced", "Content-Location: /a", "Content-Location: /b", "Content-Location: /b"),
	updated("Content-Foo is replaced", "Content-Foo: 1", "Content-Foo: 2", "Content-Foo: 2"),
	updated("Content-Length is not", "X-A: 1", "Content-Length: 3", "X-A: 1"),
	updated("Content-Encoding and Content-Range leave the content alone", "X-A: 1", "Content-Range: bytes 0-0/1", "X-A: 1"),
	updated("fields of the connection are not stored", "X-A: 1", "Connection: X-Hop | X-Hop: 1 | Keep-Alive: timeout=9", "!X-Hop | !Keep-Alive"),
	updated("fields of a proxy's authentication are not stored", "X-A: 1", `Proxy-Authenticate: Basic realm="x"`, "!Proxy-Authenticate"),
	updated("Date is the later one", "Date: {-3000}", "Date: {-10}", "Date: {-10}"),
	updated("Expires is replaced", "Expires: {-100}", "Expires: {+3000}", "Expires: {+3000}"),
	{"9111 §4.3.4", "Age starts anew", "", []step{{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: notModified, got: "200"}, {got: "200 | Age: 0..100"}}},
	{"9111 §4.3.4", "Age starts where 304 says", "", []step{{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: notModified + " | Age: 300", got: "200"}, {got: "200 | Age: 300..400"}}},
	{"9111 §4.3.4", "304 that repeats nothing of freshness leaves the stored lifetime", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: `304 | ETag: "a"`, got: "200"}, {got: "200 | Age: 0..100"},
	}},
	{"9111 §4.3.4", "304 shortens the lifetime", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: `304 | ETag: "a" | Cache-Control: max-age=0`, got: "200"}, {origin: notModified, got: "200"},
	}},
	{"9111 §3.2", "304 that says no-store: the answer is not kept beyond it", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: `304 | ETag: "a" | Cache-Control: no-store`, got: "200"}, {origin: "200"},
	}},
	{"contract", "304 that sets a cookie: it is not stored", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: notModified + ` | Set-Cookie: a=1`, got: "200"}, {origin: "?200", got: "200 | !Set-Cookie"},
	}},
	{"9111 §3.2", "a client's 304 has the updated fields", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a" | Vary: X-A`}, {origin: notModified, got: "200"}, {ask: `GET | If-None-Match: "a"`, got: `304 | ` + fresh + ` | Vary: X-A`},
	}},
}
