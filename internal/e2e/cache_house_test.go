//go:build linux

package e2e

// tableHouse are routes whose cache has company.
const tableHouse = `
[[routes]]
name = "beta"
match = { path = "/c/*", headers = { X-Beta = "1" } }
policies = "c"
[[routes]]
name = "compressed"
match.path = "/compressed/*"
policies = "compressed"
[policies.compressed]
cache = {}
compress = { algorithms = ["gzip"], types = ["text/*"], min_bytes = "100B" }
[[routes]]
name = "cors"
match.path = "/cors/*"
policies = "cors"
[policies.cors]
cache = {}
cors = { origins = ["https://a.test", "https://b.test"] }
[[routes]]
name = "edited"
match.path = "/edited/*"
policies = "edited"
[policies.edited]
cache = {}
headers.request = { set = { X-Tier = "{header.X-Plan}", X-Const = "1" }, remove = ["X-Gone"] }
headers.response = { set = { X-Who = "{header.X-Plan}" } }
[[routes]]
name = "moved"
match.path = "/moved/*"
policies = "c"
rewrite = { strip_prefix = "/moved", prefix = "/c" }
`

const hypertext = ` | Content-Type: text/html || *2000`

// houseTales are what a cache owes to the rest of the house.
var houseTales = []tale{
	{"contract", "an unsafe request amid a fill: what came before it is not used", "", []step{
		{origin: "200 | " + fresh, then: "200", amid: "PUT", text: "1"}, {origin: "200 | " + fresh}, {},
	}},
	{"contract", "an unsafe request amid a validation", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {origin: notModified, then: "204", amid: "DELETE", got: "200", text: "1"}, {origin: "200 | " + fresh}, {},
	}},
	{"contract", "an unsafe request amid a fill for a variant", "", []step{
		{ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A"},
		{ask: "GET | X-A: 2", origin: "200 | " + fresh + " | Vary: X-A", then: "200", amid: "POST", text: "2"},
		{ask: "GET | X-A: 2", origin: "200 | " + fresh + " | Vary: X-A"}, {ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A"},
	}},
	{"9111 §4", "what another asks for amid a fill of another URL", "", []step{{ask: "GET /a", origin: "200 | " + fresh, then: "200 | " + fresh, amid: "GET /b", text: "1"}, {ask: "GET /b", text: "2"}}},
	{"9111 §4.3", "a client that wants the origin's word amid a fill asks for itself", "", []step{{origin: "200 | " + fresh, then: "200 | " + fresh, amid: "GET | Cache-Control: no-cache", text: "1"}, {text: "*", got: "200"}}},
	{"9110 §6.5", "trailers reach who has fetched", "", []step{{origin: "200 | " + fresh + " | Transfer-Encoding: chunked | Trailer: X-Sum | +X-Sum: 1", got: "200 | +X-Sum: 1"}, {}}},
	{"9110 §6.5", "trailers of a large content", "", []step{{origin: "200 | " + fresh + " | Transfer-Encoding: chunked | Trailer: X-Sum | +X-Sum: 1 || *300000", got: "200 | +X-Sum: 1"}, {}}},

	{"contract", "routes of one URL have answers of their own", "", []step{
		{origin: "200 | " + fresh}, {ask: "GET | X-Beta: 1", origin: "200 | " + fresh}, {text: "1"}, {ask: "GET | X-Beta: 1", text: "2"},
	}},
	{"9111 §4.4", "an unsafe request goes for all routes of its URL", "", []step{
		{origin: "200 | " + fresh}, {ask: "GET | X-Beta: 1", origin: "200 | " + fresh}, {ask: "DELETE", origin: "204"}, {origin: "200 | " + fresh}, {ask: "GET | X-Beta: 1", origin: "200 | " + fresh},
	}},
	{"contract", "a rewritten path: the client's is the key", "", []step{{ask: "GET /a", origin: "200 | " + fresh}, {ask: "GET /a"}}},

	{"contract", "what is stored is compressed for who takes it", "compressed", []step{
		{origin: `200 | ` + fresh + ` | ETag: "a"` + hypertext, got: "200 | !Content-Encoding | Vary: Accept-Encoding"},
		{ask: "GET | Accept-Encoding: gzip", got: `200 | Content-Encoding: gzip | ETag: W/"a" | Vary: Accept-Encoding`, text: "*"},
		{ask: "GET | Accept-Encoding: gzip, identity", got: `200 | Content-Encoding: gzip | Cache-Status: ~hit`, text: "*"},
		{got: `200 | !Content-Encoding | ETag: "a"`},
	}},
	{"contract", "who was given something compressed validates it", "compressed", []step{
		{ask: "GET | Accept-Encoding: gzip", origin: `200 | ` + fresh + ` | ETag: "a"` + hypertext, got: `200 | Content-Encoding: gzip`, text: "*"},
		{ask: `GET | Accept-Encoding: gzip | If-None-Match: W/"a"`, got: "304"},
	}},
	{"contract", "parts are not compressed", "compressed", []step{
		{origin: `200 | ` + fresh + ` | ETag: "a"` + hypertext}, {ask: "GET | Accept-Encoding: gzip | Range: bytes=100-1099", got: "206 | !Content-Encoding | Content-Range: bytes 100-1099/2000"},
	}},
	{"contract", "permissions for scripts are each origin's own", "cors", []step{
		{ask: "GET | Origin: https://a.test", origin: "200 | " + fresh, got: "200 | Access-Control-Allow-Origin: https://a.test"},
		{ask: "GET | Origin: https://b.test", got: "200 | Access-Control-Allow-Origin: https://b.test"},
		{ask: "GET | Origin: https://evil.test", got: "200 | !Access-Control-Allow-Origin"},
	}},
	{"contract", "fields that the house adds to answers are not stored", "edited", []step{
		{ask: "GET | X-Plan: a", origin: "200 | " + fresh, got: "200 | X-Who: a"}, {ask: "GET | X-Plan: b", got: "200 | X-Who: b"},
	}},
	{"9111 §4.1", "a Vary by what the house makes of a request", "edited", []step{
		{ask: "GET | X-Plan: a", origin: "200 | " + fresh + " | Vary: X-Tier", sees: "X-Tier: a"}, {ask: "GET | X-Plan: b", origin: "200 | " + fresh + " | Vary: X-Tier", sees: "X-Tier: b"},
	}},
	{"9111 §4.1", "a Vary by what the house sets for all", "edited", []step{
		{ask: "GET | X-Const: 5", origin: "200 | " + fresh + " | Vary: X-Const", sees: "X-Const: 1"}, {ask: "GET | X-Const: 6"},
	}},
	{"9111 §4.1", "a Vary by what the house removes", "edited", []step{
		{ask: "GET | X-Gone: 5", origin: "200 | " + fresh + " | Vary: X-Gone", sees: "!X-Gone"}, {ask: "GET | X-Gone: 6"},
	}},
	{"9111 §4.1", "a Vary by the client's address", "", []step{
		{ask: "GET | :scheme: http", origin: "200 | " + fresh + " | Vary: X-Forwarded-For"}, {ask: "GET | :client: other", origin: "200 | " + fresh + " | Vary: X-Forwarded-For"},
	}},
	{"9111 §4.1", "a Vary by the host where it is not in the key", "hostless", []step{
		{origin: "200 | " + fresh + " | Vary: Host"}, {ask: "GET | Host: localhost:8443", origin: "200 | " + fresh + " | Vary: Host"},
	}},
	{"9111 §4.1", "a Vary by the forwarded host where it is not in the key", "hostless", []step{
		{origin: "200 | " + fresh + " | Vary: X-Forwarded-Host"}, {ask: "GET | Host: localhost:8443", origin: "200 | " + fresh + " | Vary: X-Forwarded-Host"},
	}},
	{"9111 §4.1", "a Vary by Host where it is in the key", "", []step{{origin: "200 | " + fresh + " | Vary: Host"}, {origin: "?200"}}},
	{"contract", "more fields that would name another host or scheme", "", []step{
		{ask: "GET | X-Original-Host: evil.test | X-Forwarded-Port: 1 | X-Forwarded-Scheme: nothttps | X-Forwarded-Proto: nothttps | X-HTTP-Host-Override: evil.test", origin: "200 | " + fresh,
			sees: "!X-Original-Host | !X-Forwarded-Scheme | X-Forwarded-Proto: https | !X-HTTP-Host-Override"}, {},
	}},
	{"contract", "a request that is not looked up keeps its fields", "", []step{
		{ask: "POST | X-HTTP-Method-Override: PUT", body: "x", origin: "200", sees: "X-HTTP-Method-Override: PUT"},
	}},
	{"contract", "after an answer that is not stored, ranges go to the origin", "", []step{
		{origin: "200 | Cache-Control: private"},
		{ask: "GET | Range: bytes=0-1", origin: "?206 | Cache-Control: private | Content-Range: bytes 0-1/10 || 01", got: "206"},
	}},
	{"contract", "HEAD that may freshen what is stored goes out as a fill does", "", []step{
		{origin: `200 | ` + fresh + ` | ETag: "a"`},
		{ask: "HEAD | Cache-Control: no-cache | X-Original-URL: /evil | X-Forwarded-Prefix: /evil", origin: `200 | ` + fresh + ` | ETag: "a"`, sees: "!X-Original-URL | !X-Forwarded-Prefix"}, {text: "1"},
	}},
	{"9111 §3.5", "a validation with credentials takes nothing from others", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {ask: "GET | Authorization: Basic YTpi", origin: notModified, got: "200", text: "1"}, {origin: notModified, sees: `If-None-Match: "a"`, got: "200", text: "1"}, {text: "1"},
	}},
	{"9111 §3.5", "an answer to credentials replaces nothing for others", "", []step{
		{origin: `200 | ` + aged + ` | ETag: "a"`}, {ask: "GET | Authorization: Basic YTpi", origin: "200 | " + fresh}, {origin: notModified, sees: `If-None-Match: "a"`, got: "200", text: "1"},
	}},
	{"contract", "what a configured ttl keeps is not for requests with a cookie", "ttl", []step{{origin: "200"}, {ask: "GET | Cookie: a=1", origin: "200"}, {text: "1"}}},
	{"9111 §5.2.2.7", "a field of private as a token", "", []step{{origin: `200 | Cache-Control: max-age=1000, private=X-Secret | X-Secret: a`, got: "200 | X-Secret: a"}, {origin: "?200", got: "200 | !X-Secret"}}},
	{"9213 §2.2", "fields of private in a targeted field", "", []step{{origin: `200 | CDN-Cache-Control: max-age=1000, private="X-Secret" | X-Secret: a`, got: "200 | X-Secret: a"}, {origin: "?200", got: "200 | !X-Secret"}}},
	{"9111 §5.2.1.4", "a client's no-cache is not met by what is stored when the origin fails", "", []step{
		{origin: "200 | Cache-Control: max-age=1000, stale-if-error=5000"}, {ask: "GET | Cache-Control: no-cache", origin: "500", got: "500"}, {got: "200", text: "1"},
	}},
	{"9110 §8.8.2.2", "If-Range with a date that is not strong", "", []step{{origin: "200 | " + fresh + " | Last-Modified: {+0} | Date: {+0}" + digit}, {ask: "GET | Range: bytes=0-1 | If-Range: {+0}", got: "200"}}},
	{"9110 §13.1.2", "If-None-Match of what is not stored, the answer being for this client alone", "", []step{{ask: `GET | If-None-Match: "b"`, origin: `200 | Cache-Control: private | ETag: "a"`, got: "200"}}},
	{"contract", "what the origin has compressed is not compressed again", "compressed", []step{
		{ask: "GET | Accept-Encoding: gzip", origin: "200 | " + fresh + " | Content-Encoding: gzip | Vary: Accept-Encoding" + hypertext, got: "200 | Content-Encoding: gzip | Vary: Accept-Encoding"},
		{ask: "GET | Accept-Encoding: gzip", got: "200 | Content-Encoding: gzip | Vary: Accept-Encoding"},
		{origin: "200 | " + fresh + " | Vary: Accept-Encoding" + hypertext, got: "200 | !Content-Encoding"}, {ask: "GET | Accept-Encoding: gzip", text: "1"},
	}},
}
