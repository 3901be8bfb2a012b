//go:build linux

package e2e

import "strings"

// varied is a tale of an answer with the given Vary to a request with the fields one, and whether a request with the
// fields two gets it.
func varied(section, name, vary, one, two string, same bool) tale {
	second := step{ask: with(two)}
	if !same {
		second.origin = "200 | " + fresh
	}
	return tale{section, name, "", []step{{ask: with(one), origin: "200 | " + fresh + " | " + vary}, second}}
}

// with is a GET with the given fields.
func with(fields string) string {
	if fields == "" {
		return "GET"
	}
	return "GET | " + fields
}

// varyTales are which of the answers of one resource a request may have.
var varyTales = []tale{
	varied("9111 §4.1", "the same value", "Vary: X-A", "X-A: 1", "X-A: 1", true),
	varied("9111 §4.1", "another value", "Vary: X-A", "X-A: 1", "X-A: 2", false),
	varied("9111 §4.1", "no value where there was one", "Vary: X-A", "X-A: 1", "", false),
	varied("9111 §4.1", "a value where there was none", "Vary: X-A", "", "X-A: 1", false),
	varied("9111 §4.1", "no value twice", "Vary: X-A", "", "", true),
	varied("9111 §4.1", "an empty value is not none", "Vary: X-A", "X-A:", "", false),
	varied("9111 §4.1", "fields that Vary does not name", "Vary: X-A", "X-A: 1 | X-B: 1", "X-A: 1 | X-B: 2", true),
	varied("9111 §4.1", "two fields that match", "Vary: X-A, X-B", "X-A: 1 | X-B: 2", "X-B: 2 | X-A: 1", true),
	varied("9111 §4.1", "two fields of which one differs", "Vary: X-A, X-B", "X-A: 1 | X-B: 2", "X-A: 1 | X-B: 3", false),
	varied("9111 §4.1", "two fields with their values exchanged", "Vary: X-A, X-B", "X-A: 1 | X-B: 2", "X-A: 2 | X-B: 1", false),
	varied("9111 §4.1", "two fields of which one is gone", "Vary: X-A, X-B", "X-A: 1 | X-B: 2", "X-A: 1", false),
	varied("9111 §4.1", "three fields, one never there", "Vary: X-A, X-B, X-C", "X-A: 1 | X-C: 3", "X-A: 1 | X-C: 3", true),
	varied("9111 §4.1", "names on two lines that match", "Vary: X-A | Vary: X-B", "X-A: 1 | X-B: 2", "X-A: 1 | X-B: 2", true),
	varied("9111 §4.1", "names on two lines, the second differs", "Vary: X-A | Vary: X-B", "X-A: 1 | X-B: 2", "X-A: 1 | X-B: 3", false),
	varied("9110 §5.1", "names in any case", "Vary: x-a", "X-A: 1", "X-A: 1", true),
	varied("9110 §5.1", "names in any case, another value", "Vary: x-a", "X-A: 1", "X-A: 2", false),
	varied("9110 §12.5.5", "values have their case", "Vary: X-A", "X-A: a", "X-A: A", false),
	varied("9111 §4.1", "Vary: *", "Vary: *", "", "", false),
	varied("9111 §4.1", "Vary: *, *", "Vary: *, *", "", "", false),
	varied("9111 §4.1", "Vary: * on the second line", "Vary: X-A | Vary: *", "X-A: 1", "X-A: 1", false),
	varied("9111 §4.1", "Vary: * behind an empty element", "Vary: , *", "", "", false),
	varied("9111 §4.1", "Vary: * before a name", "Vary: *, X-A", "X-A: 1", "X-A: 1", false),
	varied("9111 §4.1", "Vary: * behind a name", "Vary: X-A, *", "X-A: 1", "X-A: 1", false),
	varied("9110 §5.6.1", "empty elements of Vary", "Vary: , X-A,,", "X-A: 1", "X-A: 1", true),
	varied("9111 §4.1", "an empty Vary", "Vary:", "X-A: 1", "X-A: 2", true),
	varied("9110 §12.5.5", "a Vary that is no list of names", "Vary: X-A X-B", "X-A: 1", "X-A: 2", false),
	varied("9111 §4.1", "Vary: Cookie, the same", "Vary: Cookie", "Cookie: a=1", "Cookie: a=1", true),
	varied("9111 §4.1", "Vary: Cookie, another", "Vary: Cookie", "Cookie: a=1", "Cookie: a=2", false),
	varied("9111 §4.1", "Vary: Origin", "Vary: Origin", "Origin: https://a.test", "Origin: https://b.test", false),
	varied("9111 §4.1", "Vary: User-Agent", "Vary: User-Agent", "User-Agent: a", "User-Agent: b", false),
	varied("9111 §4.1", "Vary: Authorization", "Cache-Control: public | Vary: Authorization", "Authorization: Basic YTpi", "Authorization: Basic Yzpk", false),
	varied("9111 §4.1", "Accept-Encoding with other blanks", "Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: gzip,br", true),
	varied("9110 §8.4.1", "codings in any case", "Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: GZIP", true),
	varied("9110 §12.5.3", "a coding that is refused is not accepted", "Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: gzip;q=0", false),
	varied("9110 §12.5.3", "no Accept-Encoding is not an empty one", "Vary: Accept-Encoding", "", "Accept-Encoding:", false),
	varied("9110 §12.5.3", "identity that is refused", "Vary: Accept-Encoding", "Accept-Encoding: br", "Accept-Encoding: br, identity;q=0", false),
	varied("9110 §12.5.4", "another language", "Vary: Accept-Language", "Accept-Language: de", "Accept-Language: en", false),
	varied("9110 §12.5.4", "the same languages with other weights", "Vary: Accept-Language", "Accept-Language: en;q=0.5, de", "Accept-Language: en, de;q=0.5", false),
	varied("9110 §12.5.4", "Accept-Language with other blanks", "Vary: Accept-Language", "Accept-Language: de, en;q=0.5", "Accept-Language: de,en;q=0.5", true),
	varied("9110 §12.5.1", "another media type", "Vary: Accept", "Accept: text/html", "Accept: application/json", false),
	varied("9110 §12.5.1", "parameters of media types count", "Vary: Accept", "Accept: text/html;level=1", "Accept: text/html;level=2", false),
	varied("contract", "an enormous Vary is never wrong", "Vary: "+strings.Repeat("X-Filler, ", 300)+"X-A", "X-A: 1", "X-A: 2", false),
	varied("contract", "a Vary of many names is never wrong", "Vary: "+manyNames+"X-A", "X-A: 1", "X-A: 2", false),

	{"9111 §4.1", "answers for several values are kept side by side", "", []step{
		{ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A"}, {ask: "GET | X-A: 2", origin: "200 | " + fresh + " | Vary: X-A"},
		{ask: "GET | X-A: 1", text: "1"}, {ask: "GET | X-A: 2", text: "2"}, {ask: "HEAD | X-A: 1", got: "200 | Vary: X-A"},
	}},
	{"9111 §4.1", "Vary itself is passed on", "", []step{{origin: "200 | " + fresh + " | Vary: X-A"}, {got: "200 | Vary: X-A"}}},
	{"9111 §4.1", "a condition is judged by the answer that is selected", "", []step{
		{ask: "GET | X-A: 1", origin: `200 | ` + fresh + ` | Vary: X-A | ETag: "1"`}, {ask: "GET | X-A: 2", origin: `200 | ` + fresh + ` | Vary: X-A | ETag: "2"`},
		{ask: `GET | X-A: 1 | If-None-Match: "1"`, got: "304"}, {ask: `GET | X-A: 2 | If-None-Match: "1"`, got: "200", text: "2"},
	}},
	{"9111 §4.3.1", "what is selected is what is validated", "", []step{
		{ask: "GET | X-A: 1", origin: `200 | ` + aged + ` | Vary: X-A | ETag: "1"`}, {ask: "GET | X-A: 2", origin: `200 | ` + aged + ` | Vary: X-A | ETag: "2"`},
		{ask: "GET | X-A: 1", origin: `304 | ETag: "1" | Vary: X-A | ` + fresh, sees: `If-None-Match: ~"1" | X-A: 1`, got: "200", text: "1"},
		{ask: "GET | X-A: 1", text: "1"},
	}},
	{"9111 §4.1", "an answer whose Vary has other names is found by them", "", []step{
		{ask: "GET | X-A: 1 | X-B: 1", origin: "200 | " + fresh + " | Vary: X-A"},
		{ask: "GET | X-A: 2 | X-B: 1", origin: "200 | " + fresh + " | Vary: X-A, X-B"},
		{ask: "GET | X-A: 2 | X-B: 2", origin: "200 | " + fresh + " | Vary: X-A, X-B"},
		{ask: "GET | X-A: 2 | X-B: 1", text: "2"},
	}},
	{"9111 §4.1", "an answer without Vary after one with it", "", []step{
		{ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A"}, {ask: "GET | X-A: 2", origin: "200 | " + fresh}, {ask: "GET | X-A: 3", text: "2"},
	}},
	{"9111 §4.1", "many at once of two kinds are two requests at most", "", []step{
		{ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A", crowd: 10}, {ask: "GET | X-A: 2", origin: "200 | " + fresh + " | Vary: X-A", crowd: 10},
	}},
}

// manyNames are names for a Vary.
var manyNames = func() (names string) {
	for i := range 300 {
		names += "X-" + strings.Repeat("a", 1+i%20) + strings.Repeat("b", i/20) + ", "
	}
	return names
}()
