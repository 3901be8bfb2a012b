//go:build linux

package e2e

import "fmt"

// storeTales are what is stored and what is not.
var storeTales = []tale{
	{"9111 §3", "HEAD is answered from what GET has stored", "", []step{
		{origin: "200 | " + fresh + ` | ETag: "a" | Content-Type: text/x || 0123456789`},
		{ask: "HEAD", got: `200 | ETag: "a" | Content-Type: text/x | Content-Length: 10`},
	}},
	{"contract", "an answer to HEAD is not stored", "", []step{{ask: "HEAD", origin: "200 | " + fresh, sees: ":method: HEAD"}, {origin: "200 | " + fresh}, {ask: "HEAD"}}},
	{"9111 §3", "an answer to POST is not used for GET", "", []step{{ask: "POST", body: "x", origin: "200 | " + fresh}, {origin: "200"}}},
	{"9111 §3", "POST is not answered from the store", "", []step{{ask: "POST", body: "x", origin: "200 | " + fresh}, {ask: "POST", body: "x", origin: "200 | " + fresh}}},
	{"9111 §3", "an answer to PUT is not used for GET", "", []step{{ask: "PUT", body: "x", origin: "200 | " + fresh}, {origin: "200"}}},
	{"9111 §3", "an answer to DELETE is not used for GET", "", []step{{ask: "DELETE", origin: "200 | " + fresh}, {origin: "200"}}},
	{"9111 §3", "an answer to PATCH is not used for GET", "", []step{{ask: "PATCH", body: "x", origin: "200 | " + fresh}, {origin: "200"}}},
	{"9110 §9.3.7", "answers to OPTIONS are not cacheable", "", []step{{ask: "OPTIONS", origin: "200 | " + fresh}, {ask: "OPTIONS", origin: "200 | " + fresh}, {origin: "200"}}},
	{"9111 §3", "answers to an unknown method are not cacheable", "", []step{{ask: "FROBNICATE", origin: "200 | " + fresh}, {origin: "200"}}},
	{"contract", "GET with content is not looked up nor stored", "", []step{
		{ask: "GET", body: "x", origin: "200 | " + fresh},
		{origin: "200 | " + fresh},
		{ask: "GET", body: "y", origin: "200"},
	}},
	{"9111 §3.5", "an answer to a request with credentials", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | " + fresh}, {origin: "200"}}},
	{"9111 §3.5", "an answer to a request with credentials, for the same", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | " + fresh}, {ask: "GET | Authorization: Basic YTpi", origin: "200"}}},
	{"9111 §3.5", "credentials and Expires", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | Expires: {+1000}"}, {origin: "200"}}},
	{"9111 §3.5", "credentials and public", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | Cache-Control: public, max-age=1000"}, {}}},
	{"9111 §3.5", "credentials and s-maxage", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | Cache-Control: s-maxage=1000"}, {}}},
	{"9111 §3.5", "credentials and must-revalidate", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | Cache-Control: max-age=1000, must-revalidate"}, {}}},
	{"9111 §3.5", "credentials and proxy-revalidate", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | Cache-Control: max-age=1000, proxy-revalidate"}, {origin: "200"}}},
	{"9111 §3.5", "credentials and private", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | Cache-Control: private, max-age=1000"}, {origin: "200"}}},
	{"contract", "an answer that sets a cookie", "", []step{
		{origin: "200 | " + fresh + " | Set-Cookie: a=1", got: "200 | Set-Cookie: a=1"},
		{origin: "200 | " + fresh + " | Set-Cookie: a=2", got: "200 | Set-Cookie: a=2"},
	}},
	{"contract", "an answer that sets a cookie, though it is public", "", []step{
		{origin: "200 | Cache-Control: public, s-maxage=1000 | Set-Cookie: a=1"}, {origin: "200", got: "200 | !Set-Cookie"},
	}},
	{"9111 §3", "a request with a cookie is answered from what is explicitly fresh", "", []step{{ask: "GET | Cookie: a=1", origin: "200 | " + fresh}, {ask: "GET | Cookie: a=2"}}},

	{"9111 §3.1", "fields of the connection are not stored", "", []step{
		{origin: "200 | " + fresh + " | Connection: X-Hop | X-Hop: 1 | Keep-Alive: timeout=5 | X-End: 2", got: "200 | !X-Hop | !Keep-Alive | X-End: 2"},
		{got: "200 | !X-Hop | !Keep-Alive | !Connection | X-End: 2"},
	}},
	{"9111 §3.1", "fields of a proxy's authentication are not stored", "", []step{
		{origin: "200 | " + fresh + ` | Proxy-Authenticate: Basic realm="x" | Proxy-Authentication-Info: a=b`},
		{got: "200 | !Proxy-Authenticate | !Proxy-Authentication-Info"},
	}},
	{"9111 §3.1", "all other fields are stored, known or not", "", []step{
		{origin: `200 | ` + fresh + ` | X-Any: 1 | Content-Type: text/x | Content-Language: de | Link: </a>; rel=next | Content-Security-Policy: default-src 'self' | Server: s | WWW-Authenticate: Basic realm="x"`},
		{got: `200 | X-Any: 1 | Content-Type: text/x | Content-Language: de | Link: </a>; rel=next | Content-Security-Policy: default-src 'self' | Server: s | WWW-Authenticate: Basic realm="x"`},
	}},
	{"9111 §3.1", "fields that repeat keep their order", "", []step{{origin: "200 | " + fresh + " | X-Many: b | X-Many: a | X-Many: c"}, {got: "200 | X-Many: b, a, c"}}},
	{"9111 §3.1", "an empty field", "", []step{{origin: "200 | " + fresh + " | X-Empty:"}, {got: "200 | X-Empty: "}}},
	had("9110 §8.4", "an encoded content stays as it is", "200 | "+fresh+" | Content-Encoding: gzip || \x1f\x8b not really", "GET | Accept-Encoding: gzip", "200 | Content-Encoding: gzip"),

	{"9111 §3.3", "a content shorter than its length", "", []step{{origin: "200 | " + fresh + " | Content-Length: 100 || short", got: "cut"}, {origin: "200 | " + fresh}, {}}},
	{"9111 §3.3", "chunks without an end", "", []step{{origin: "200 | " + fresh + " | Transfer-Encoding: chunked | !End || 0123456789", got: "cut"}, {origin: "200 | " + fresh}, {}}},
	{"9112 §6.3", "two lengths that differ", "", []step{{origin: "200 | " + fresh + " | Content-Length: 5 | Content-Length: 6 | Connection: close || 12345", got: "502"}, {origin: "200 | " + fresh}, {}}},
	{"9111 §3", "chunks are stored without their framing", "", []step{{origin: "200 | " + fresh + " | Transfer-Encoding: chunked || 0123456789"}, {got: "200 | !Transfer-Encoding"}}},
	{"9112 §6.3", "a content that ends with its connection is used whole or not at all", "", []step{{origin: "200 | " + fresh + " | !Length || 0123456789"}, {origin: "?200"}}},
	{"9111 §3", "an empty content", "", []step{{origin: "200 | " + fresh + " | Content-Length: 0 || "}, {got: "200 | Content-Length: 0"}}},
	{"9111 §3", "a large content", "", []step{{origin: "200 | " + fresh + " || *300000"}, {got: "200 | Content-Length: 300000"}, {ask: "HEAD", got: "200 | Content-Length: 300000"}}},
	{"9111 §3", "a large content in chunks", "", []step{{origin: "200 | " + fresh + " | Transfer-Encoding: chunked || *300000"}, {got: "200"}}},
	{"contract", "an object of the largest size", "small", []step{{origin: "200 | " + fresh + " || *1024"}, {}}},
	{"contract", "a content beyond the largest object passes", "small", []step{{origin: "200 | " + fresh + " || *1025"}, {origin: "200 | " + fresh + " || *1025"}}},
	{"contract", "a content beyond the largest object passes in chunks", "small", []step{
		{origin: "200 | " + fresh + " | Transfer-Encoding: chunked || *200000"}, {origin: "200 | " + fresh + " | Transfer-Encoding: chunked || *200000"},
	}},
	{"contract", "more tags than are kept", "", []step{{origin: "200 | " + fresh + " | Surrogate-Key:" + manyTags}, {origin: "200"}}},
	{"contract", "tags don't reach clients", "", []step{{origin: "200 | " + fresh + " | Surrogate-Key: a b", got: "200 | !Surrogate-Key"}, {got: "200 | !Surrogate-Key"}}},
	{"9110 §15.2", "an interim answer is not stored", "", []step{{origin: "103 | Link: </a>; rel=preload >> 200 | " + fresh}, {got: "200 | !Link"}}},
	{"9111 §3", "many at once ask the origin once", "", []step{{origin: "200 | " + fresh, crowd: 20}, {}}},
	{"9111 §3", "many at once, and an answer that is not stored: each asks", "", []step{{origin: "200 | Cache-Control: no-store", then: "200 | Cache-Control: no-store", text: "*", crowd: 10}, {origin: "200"}}},
	{"9111 §3.3", "many at once, and an answer that breaks off: none takes it for whole", "", []step{
		{origin: "200 | " + fresh + " | Content-Length: 100 || short", then: "200 | " + fresh + " | Content-Length: 100 || short", got: "cut", crowd: 10},
		{origin: "200 | " + fresh}, {},
	}},
}

// manyTags are 600 tags.
var manyTags = func() (tags string) {
	for i := range 600 {
		tags += fmt.Sprintf(" t%d", i)
	}
	return tags
}()

// statusTales are statuses that may be stored, and those that may not.
var statusTales = []tale{
	coded("203", ""), coded("204", ""), coded("300", ""), coded("301", " | Location: /x"), coded("302", " | Location: /x"),
	coded("303", " | Location: /x"), coded("307", " | Location: /x"), coded("308", " | Location: /x"), coded("403", ""), coded("404", ""), coded("405", " | Allow: PUT"),
	coded("410", ""), coded("414", ""), coded("451", ""), coded("500", ""), coded("501", ""), coded("503", " | Retry-After: 5"),
	{"9111 §3", "206 that nobody asked for", "", []step{
		{origin: "206 | " + fresh + " | Content-Range: bytes 0-4/10 || 01234"}, {origin: "200 | " + fresh + " || 0123456789"}, {origin: "?200 | " + fresh}, {},
	}},
	{"9111 §5.2.2.3", "must-understand and a status that nobody understands", "", []step{{origin: "299 | Cache-Control: max-age=1000, must-understand"}, {origin: "200"}}},
	reused("9111 §5.2.2.3", "must-understand and a status that is understood", "Cache-Control: max-age=1000, must-understand"),
	{"9111 §5.2.2.3", "must-understand with no-store", "", []step{{origin: "200 | Cache-Control: no-store, max-age=1000, must-understand"}, {origin: "?200"}}},
	{"9111 §3", "404 that says nothing", "", []step{{origin: "404"}, {origin: "404"}}},
	{"9111 §3", "500 that says nothing", "", []step{{origin: "500"}, {origin: "500"}}},
	{"9111 §3", "301 that says nothing", "", []step{{origin: "301 | Location: /x"}, {origin: "301 | Location: /x"}}},
	{"9111 §3", "503 with Expires", "", []step{{origin: "503 | Expires: {+1000}"}, {got: "503"}}},
	{"9111 §3", "a later answer replaces the former", "", []step{{origin: "200 | " + aged}, {origin: "200 | " + fresh}, {}}},
	{"9111 §4.3.3", "an error replaces nothing that it must not", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`},
		{origin: "500 | Cache-Control: no-store"},
		{origin: `304 | ETag: "a" | ` + fresh, sees: `If-None-Match: "a"`, got: "200", text: "1"},
	}},
}

func coded(code, fields string) tale {
	return tale{"9111 §3", code + " with max-age is used again", "", []step{{origin: code + " | " + fresh + fields}, {}}}
}

// keyTales are what requests must share to share an answer.
var keyTales = []tale{
	{"9111 §2", "another query is another resource", "", []step{{ask: "GET ?a=1", origin: "200 | " + fresh}, {ask: "GET ?a=2", origin: "200 | " + fresh}, {ask: "GET ?a=1", text: "1"}}},
	{"9111 §2", "no query is another resource", "", []step{{ask: "GET ?a=1", origin: "200 | " + fresh}, {origin: "200"}}},
	{"9111 §2", "parameters in another order are another query", "", []step{{ask: "GET ?a=1&b=2", origin: "200 | " + fresh}, {ask: "GET ?b=2&a=1", origin: "200"}}},
	{"9111 §2", "another path is another resource", "", []step{{ask: "GET /a", origin: "200 | " + fresh}, {ask: "GET /A", origin: "200"}, {ask: "GET /a/", origin: "200"}}},
	{"9110 §4.2.3", "spellings of one path share an answer", "", []step{{ask: "GET /aA", origin: "200 | " + fresh}, {ask: "GET /a%41"}}},
	{"9110 §4.2.3", "an encoded question mark begins no query", "", []step{{ask: "GET /a%3Fq=1", origin: "200 | " + fresh}, {ask: "GET /a?q=1", origin: "200 | " + fresh}, {ask: "GET /a%3fq=1", text: "1"}}},
	{"9111 §2", "another host is another origin", "", []step{{origin: "200 | " + fresh}, {ask: "GET | Host: localhost:8443", origin: "200 | " + fresh}, {text: "1"}}},
	{"9110 §4.2.3", "hosts are the same in any case", "", []step{{origin: "200 | " + fresh}, {ask: "GET | Host: Weir.TEST:8443"}}},
	{"9110 §4.2.3", "the port of the scheme is no other", "", []step{{ask: "GET | Host: weir.test:443", origin: "200 | " + fresh}, {ask: "GET | Host: weir.test"}}},
	{"9110 §4.2.2", "http and https are two origins", "", []step{{origin: "200 | " + fresh}, {ask: "GET | :scheme: http", origin: "200 | " + fresh}, {text: "1"}}},
	{"contract", "without the host in the key all hosts share", "hostless", []step{{origin: "200 | " + fresh}, {ask: "GET ?a=1 | Host: localhost:8443"}}},
	{"contract", "chosen parameters are the key, the others are not", "key", []step{
		{ask: "GET ?page=1&x=1", origin: "200 | " + fresh}, {ask: "GET ?x=2&page=1"}, {ask: "GET ?page=2&x=1", origin: "200"}, {origin: "200"},
	}},
	{"contract", "a chosen field is part of the key", "key", []step{
		{ask: "GET | X-Lang: de", origin: "200 | " + fresh}, {ask: "GET | X-Lang: en", origin: "200 | " + fresh}, {ask: "GET | X-Lang: de", text: "1"}, {origin: "200"},
	}},
	{"contract", "a chosen cookie is part of the key, the others are not", "key", []step{
		{ask: "GET | Cookie: plan=a; id=1", origin: "200 | " + fresh}, {ask: "GET | Cookie: id=2; plan=a"}, {ask: "GET | Cookie: plan=b", origin: "200 | " + fresh},
	}},
	{"contract", "what would pick another resource does not reach the origin of a stored answer", "", []step{
		{ask: "GET | X-Original-URL: /admin | X-Rewrite-URL: /admin | X-HTTP-Method-Override: DELETE | X-HTTP-Method: PUT | X-Method-Override: PUT", origin: "200 | " + fresh,
			sees: "!X-Original-URL | !X-Rewrite-URL | !X-HTTP-Method-Override | !X-HTTP-Method | !X-Method-Override"}, {},
	}},
	{"contract", "what would name another host does not reach the origin of a stored answer", "", []step{
		{ask: "GET | X-Host: evil.test | X-Forwarded-Host: evil.test | X-Forwarded-Server: evil.test | X-Forwarded-Prefix: /evil | Forwarded: host=evil.test", origin: "200 | " + fresh,
			sees: "!X-Host | X-Forwarded-Host: weir.test:8443 | !X-Forwarded-Server | !X-Forwarded-Prefix | !Forwarded"}, {},
	}},
	{"contract", "conditions and ranges of a client don't reach the origin of a stored answer", "", []step{
		{ask: `GET | If-None-Match: "x" | If-Modified-Since: {-10} | Range: bytes=0-1 | If-Range: "x"`, origin: "200 | " + fresh + " || 0123456789", sees: "!If-None-Match | !If-Modified-Since | !Range | !If-Range", got: "200"}, {},
	}},
}
