//go:build linux

package e2e

const (
	tagged = `200 | Cache-Control: max-age=1000 | ETag: "a" | Last-Modified: {-5000}`
	weakly = `200 | Cache-Control: max-age=1000 | ETag: W/"a"`
	dated  = `200 | Cache-Control: max-age=1000 | Last-Modified: {-5000}`
	digit  = ` | Content-Type: text/x || 0123456789`
)

// conditionTales are a client's conditions on what is stored.
var conditionTales = []tale{
	had("9110 §13.1.2", "If-None-Match with the tag", tagged, `GET | If-None-Match: "a"`, `304 | ETag: "a"`),
	had("9110 §13.1.2", "If-None-Match with another tag", tagged, `GET | If-None-Match: "b"`, "200"),
	had("9110 §13.1.2", "If-None-Match: *", tagged, "GET | If-None-Match: *", "304"),
	had("9110 §13.1.2", "If-None-Match: * of an answer without a tag", "200 | "+fresh, "GET | If-None-Match: *", "304"),
	had("9110 §13.1.2", "the first of several tags", tagged, `GET | If-None-Match: "a", "b", "c"`, "304"),
	had("9110 §13.1.2", "one amid several tags", tagged, `GET | If-None-Match: "b", "a", "c"`, "304"),
	had("9110 §13.1.2", "the last of several tags", tagged, `GET | If-None-Match: "b", "c", "a"`, "304"),
	had("9110 §13.1.2", "none of several tags", tagged, `GET | If-None-Match: "b", "c"`, "200"),
	had("9110 §13.1.2", "tags on two lines", tagged, `GET | If-None-Match: "b" | If-None-Match: "a"`, "304"),
	had("9110 §13.1.2", "tags without blanks between", tagged, `GET | If-None-Match: "b","a"`, "304"),
	had("9110 §13.1.2", "a weak tag of the client's matches a strong one", tagged, `GET | If-None-Match: W/"a"`, "304"),
	had("9110 §13.1.2", "a weak tag matches itself", weakly, `GET | If-None-Match: W/"a"`, `304 | ETag: W/"a"`),
	had("9110 §13.1.2", "a strong tag of the client's matches a weak one", weakly, `GET | If-None-Match: "a"`, "304"),
	had("9110 §8.8.3", "a tag with a comma", `200 | `+fresh+` | ETag: "a,b"`, `GET | If-None-Match: "a,b"`, "304"),
	had("9110 §8.8.3", "part of a tag with a comma", `200 | `+fresh+` | ETag: "a,b"`, `GET | If-None-Match: "a", "b"`, "200"),
	had("9110 §8.8.3", "a tag with a backslash", `200 | `+fresh+` | ETag: "a\b"`, `GET | If-None-Match: "a\b"`, "304"),
	had("9110 §8.8.3", "an empty tag", `200 | `+fresh+` | ETag: ""`, `GET | If-None-Match: ""`, "304"),
	had("9110 §8.8.3", "tags have their case", tagged, `GET | If-None-Match: "A"`, "200"),
	had("9110 §8.8.3", "a weakness in lower case is no tag", weakly, `GET | If-None-Match: w/"b"`, "200"),
	had("9110 §8.8.3", "no quotes, no match", tagged, `GET | If-None-Match: a`, "200"),
	had("9110 §13.1.2", "a tag of an answer that has none", "200 | "+fresh, `GET | If-None-Match: "a"`, "200"),
	had("9110 §13.1.2", "HEAD with the tag", tagged, `HEAD | If-None-Match: "a"`, "304"),
	had("9110 §13.1.2", "HEAD with another tag", tagged, `HEAD | If-None-Match: "b"`, "200"),
	had("9110 §13.1.3", "the modification date itself", dated, "GET | If-Modified-Since: {-5000}", "304 | Last-Modified: {-5000}"),
	had("9110 §13.1.3", "a later date", dated, "GET | If-Modified-Since: {-100}", "304"),
	had("9110 §13.1.3", "an earlier date", dated, "GET | If-Modified-Since: {-5001}", "200"),
	had("9110 §13.1.3", "a date in the form of RFC 850", dated, "GET | If-Modified-Since: {850-100}", "304"),
	had("9110 §13.1.3", "a date in the form of asctime", dated, "GET | If-Modified-Since: {asc-100}", "304"),
	had("9110 §13.1.3", "an earlier date in the form of asctime", dated, "GET | If-Modified-Since: {asc-9000}", "200"),
	had("9110 §13.1.3", "a date that is none", dated, "GET | If-Modified-Since: yesterday", "200"),
	had("9110 §13.1.3", "two dates", dated, "GET | If-Modified-Since: {-100} | If-Modified-Since: {-100}", "200"),
	had("9110 §13.1.3", "HEAD with a date", dated, "HEAD | If-Modified-Since: {-5000}", "304"),
	had("9111 §4.3.2", "without a modification date that of the answer counts", "200 | "+fresh+" | Date: {-500}", "GET | If-Modified-Since: {-100}", "304"),
	had("9111 §4.3.2", "a date before that of the answer", "200 | "+fresh+" | Date: {-500}", "GET | If-Modified-Since: {-900}", "200"),
	had("9110 §13.2.2", "another tag outranks a date that holds", tagged, `GET | If-None-Match: "b" | If-Modified-Since: {-100}`, "200"),
	had("9110 §13.2.2", "the tag outranks a date that does not hold", tagged, `GET | If-None-Match: "a" | If-Modified-Since: {-9000}`, "304"),
	had("9110 §15.4.5", "304 has the fields that caches need", tagged+" | Expires: {+1000} | Vary: X-A | Content-Location: /c", `GET | If-None-Match: "a"`,
		`304 | Cache-Control: max-age=1000 | ETag: "a" | Expires: {+1000} | Vary: X-A | Content-Location: /c | Date: ~GMT | Age: 0..100`),
	had("9110 §13.2.1", "conditions on a stored 404", `404 | `+fresh+` | ETag: "a"`, `GET | If-None-Match: "a"`, "404"),
	had("9110 §13.2.1", "conditions on a stored 301", `301 | `+fresh+` | ETag: "a" | Location: /x`, `GET | If-None-Match: "a"`, "301"),
	{"9111 §4.3.2", "If-Match is the origin's to judge", "", []step{{origin: tagged}, {ask: `GET | If-Match: "a"`, origin: tagged, sees: `If-Match: "a"`}}},
	{"9111 §4.3.2", "If-Match that fails at the origin", "", []step{{origin: tagged}, {ask: `GET | If-Match: "b"`, origin: "412", sees: `If-Match: "b"`, got: "412"}, {text: "1", got: "200"}}},
	{"9111 §4.3.2", "If-Unmodified-Since is the origin's to judge", "", []step{{origin: tagged}, {ask: "GET | If-Unmodified-Since: {-9000}", origin: "412", sees: "If-Unmodified-Since: {-9000}", got: "412"}}},
	{"9110 §13.1.2", "conditions of unsafe methods are the origin's to judge", "", []step{{origin: tagged}, {ask: `PUT | If-None-Match: *`, body: "x", origin: "412", sees: "If-None-Match: *", got: "412"}, {text: "1", got: "200"}}},
	{"9111 §4.3.2", "a condition that fails is answered whole, and one that holds after it", "", []step{
		{origin: tagged}, {ask: `GET | If-None-Match: "b"`, got: "200"}, {ask: `GET | If-None-Match: "a"`, got: "304"}, {got: "200"},
	}},
}

// rangeTales are parts of what is stored.
var rangeTales = []tale{
	ranged("the first bytes", "bytes=0-1", "206 | Content-Range: bytes 0-1/10 | Content-Length: 2 | Content-Type: text/x"),
	ranged("one byte", "bytes=0-0", "206 | Content-Range: bytes 0-0/10 | Content-Length: 1"),
	ranged("the last byte", "bytes=9-9", "206 | Content-Range: bytes 9-9/10"),
	ranged("from a byte on", "bytes=5-", "206 | Content-Range: bytes 5-9/10"),
	ranged("all from the first byte on", "bytes=0-", "206 | Content-Range: bytes 0-9/10"),
	ranged("the last bytes", "bytes=-3", "206 | Content-Range: bytes 7-9/10"),
	ranged("more last bytes than there are", "bytes=-100", "206 | Content-Range: bytes 0-9/10"),
	ranged("beyond the end", "bytes=5-100", "206 | Content-Range: bytes 5-9/10"),
	ranged("an end of more digits than 64 bits hold", "bytes=5-99999999999999999999999", "200,206"),
	ranged("from behind the end on", "bytes=10-", "416 | Content-Range: bytes */10"),
	ranged("wholly behind the end", "bytes=20-30", "416 | Content-Range: bytes */10"),
	ranged("no last bytes", "bytes=-0", "416 | Content-Range: bytes */10"),
	ranged("an end before its begin", "bytes=5-2", "200 | !Content-Range"),
	ranged("another unit", "items=0-1", "200"),
	ranged("a unit in capitals", "BYTES=0-1", "206 | Content-Range: bytes 0-1/10"),
	ranged("no ranges", "bytes=", "200"),
	ranged("no numbers", "bytes=-", "200"),
	ranged("letters", "bytes=a-b", "200"),
	ranged("no equals sign", "bytes 0-1", "200"),
	ranged("a sign", "bytes=+0-1", "200"),
	ranged("one bad range spoils all", "bytes=0-1,a", "200"),
	ranged("one with an end before its begin spoils all", "bytes=0-1,5-2", "200"),
	parts("blanks around commas", "bytes=0-1 , 400-401", "bytes 0-1/1000, bytes 400-401/1000"),
	parts("two ranges", "bytes=0-1,400-401", "bytes 0-1/1000, bytes 400-401/1000"),
	parts("two ranges, the later first", "bytes=800-999,0-9", "bytes 800-999/1000, bytes 0-9/1000"),
	parts("a range and the last bytes", "bytes=0-0,-1", "bytes 0-0/1000, bytes 999-999/1000"),
	ranged("a gap too small for two parts", "bytes=0-1,4-5", "206"),
	ranged("two ranges that overlap", "bytes=0-5,2-8", "200,206"),
	ranged("two ranges that touch", "bytes=0-4,5-9", "200,206"),
	ranged("one of two is behind the end", "bytes=0-1,20-30", "206"),
	ranged("both of two are behind the end", "bytes=20-30,40-", "416 | Content-Range: bytes */10"),
	ranged("a thousand ranges", "bytes="+manyRanges, "200"),
	had("9110 §14.2", "a range on two lines is ignored or taken as one list", tagged+digit, "GET | Range: bytes=0-1 | Range: bytes=4-5", "200,206"),
	had("9110 §14.2", "HEAD has no ranges", tagged+digit, "HEAD | Range: bytes=0-1", "200 | !Content-Range | Content-Length: 10"),
	had("9110 §14.2", "a stored 404 has no ranges", "404 | "+fresh+digit, "GET | Range: bytes=0-1", "404 | !Content-Range"),
	had("9110 §15.3.7", "206 has the fields that caches need", tagged+" | Expires: {+1000} | Vary: X-A | Content-Location: /c"+digit, "GET | Range: bytes=0-1",
		`206 | Cache-Control: max-age=1000 | ETag: "a" | Expires: {+1000} | Vary: X-A | Content-Location: /c | Date: ~GMT | Age: 0..100`),
	had("9110 §15.3.7.2", "parts as a whole have neither the content's type nor a range", tagged+` | Content-Type: text/x || *1000`, "GET | Range: bytes=0-1,400-401", "206 | !Content-Range | Content-Type: ~multipart/byteranges; boundary="),
	had("9110 §13.2.2", "a condition that holds outranks a range", tagged+digit, `GET | Range: bytes=0-1 | If-None-Match: "a"`, "304"),
	had("9110 §13.2.2", "a range with a condition that fails", tagged+digit, `GET | Range: bytes=0-1 | If-None-Match: "b"`, "206 | Content-Range: bytes 0-1/10"),
	had("9110 §14.2", "a range across the pieces of a large content", `200 | `+fresh+` || *300000`, "GET | Range: bytes=65530-131080", "206 | Content-Range: bytes 65530-131080/300000"),
	had("9110 §14.2", "the end of a large content", `200 | `+fresh+` || *300000`, "GET | Range: bytes=-70000", "206 | Content-Length: 70000"),
	had("9110 §14.2", "several parts of a large content", `200 | `+fresh+` || *300000`, "GET | Range: bytes=0-9,65530-65545,299990-", "206 | X-Parts: bytes 0-9/300000, bytes 65530-65545/300000, bytes 299990-299999/300000"),
	had("9110 §13.1.5", "If-Range with the tag", tagged+digit, `GET | Range: bytes=0-1 | If-Range: "a"`, "206 | Content-Range: bytes 0-1/10"),
	had("9110 §13.1.5", "If-Range with another tag", tagged+digit, `GET | Range: bytes=0-1 | If-Range: "b"`, "200 | !Content-Range"),
	had("9110 §13.1.5", "If-Range with a weak tag", weakly+digit, `GET | Range: bytes=0-1 | If-Range: W/"a"`, "200"),
	had("9110 §13.1.5", "If-Range with a strong tag of a weak one", weakly+digit, `GET | Range: bytes=0-1 | If-Range: "a"`, "200"),
	had("9110 §13.1.5", "If-Range with the date", dated+digit, "GET | Range: bytes=0-1 | If-Range: {-5000}", "206"),
	had("9110 §13.1.5", "If-Range with an earlier date", dated+digit, "GET | Range: bytes=0-1 | If-Range: {-5001}", "200"),
	had("9110 §13.1.5", "If-Range with a later date", dated+digit, "GET | Range: bytes=0-1 | If-Range: {-4999}", "200"),
	had("9110 §13.1.5", "If-Range with what is neither", tagged+digit, "GET | Range: bytes=0-1 | If-Range: a", "200"),
	had("9110 §13.1.5", "If-Range of an answer without validators", "200 | "+fresh+digit, `GET | Range: bytes=0-1 | If-Range: "a"`, "200"),
	had("9110 §13.1.5", "If-Range without a range", tagged+digit, `GET | If-Range: "b"`, "200"),
	had("9110 §13.1.5", "If-Range that fails, of a range behind the end", tagged+digit, `GET | Range: bytes=20- | If-Range: "b"`, "200"),
	{"9111 §3.4", "a range on a miss fetches the whole", "", []step{
		{ask: "GET | Range: bytes=2-3", origin: tagged + digit, sees: "!Range", got: "206 | Content-Range: bytes 2-3/10"}, {got: "200"}, {ask: "GET | Range: bytes=-1", got: "206"},
	}},
	{"9111 §3.4", "a range behind the end on a miss", "", []step{{ask: "GET | Range: bytes=20-", origin: tagged + digit, sees: "!Range", got: "416"}, {got: "200"}}},
	{"9111 §3.4", "a range on a miss that can't be kept", "", []step{{ask: "GET | Range: bytes=2-3", origin: "200 | Cache-Control: no-store" + digit, got: "200,206"}, {origin: "200"}}},
	{"9111 §3.4", "a range of what is stale", "", []step{{origin: `200 | ` + aged + ` | ETag: "a"` + digit}, {ask: "GET | Range: bytes=2-3", origin: notModified, sees: "!Range", got: "206 | Content-Range: bytes 2-3/10"}}},
	{"9111 §3.4", "a part that the origin sends is not passed off as whole", "", []step{
		{ask: "GET | Range: bytes=0-4", origin: "206 | " + fresh + " | Content-Range: bytes 0-4/10 || 01234", got: "206"}, {origin: tagged + digit, got: "200"},
	}},
}

// ranged is a tale of a range of ten stored bytes.
func ranged(name, value, got string) tale {
	return had("9110 §14.1.2", name, tagged+digit, "GET | Range: "+value, got)
}

// parts is a tale of several ranges of a thousand stored bytes.
func parts(name, value, want string) tale {
	return had("9110 §14.2", name, tagged+" | Content-Type: text/x || *1000", "GET | Range: "+value, "206 | Content-Type: ~multipart/byteranges; boundary= | X-Parts: "+want)
}

// manyRanges are more than anybody needs.
var manyRanges = func() (list string) {
	for range 1000 {
		list += "0-0,2-2,"
	}
	return list + "4-4"
}()
