//go:build linux

package e2e

// older is an answer that is fresh for another 500 s.
const older = `200 | Cache-Control: max-age=1000 | Age: 500 | ETag: "a"`

// wanting is a tale of a stored answer and directives of a request that it satisfies, or not.
func wanting(section, name, answer, directives string, satisfied bool) tale {
	second := step{ask: "GET | " + directives}
	if !satisfied {
		second.origin = "200 | " + fresh
	}
	return tale{section, name, "", []step{{origin: answer}, second}}
}

const mildlyStale = `200 | Cache-Control: max-age=1000 | Age: 2000 | ETag: "a"`

// requestTales are what clients want of a cache.
var requestTales = []tale{
	wanting("9111 §5.2.1.4", "no-cache", older, "Cache-Control: no-cache", false),
	wanting("9111 §5.2.1.4", "no-cache in capitals", older, "Cache-Control: NO-CACHE", false),
	wanting("9111 §5.2.1.4", "no-cache behind an extension", older, `Cache-Control: foo="bar", no-cache`, false),
	wanting("9111 §5.2.1.4", "no-cache on the second line", older, "Cache-Control: foo | Cache-Control: no-cache", false),
	wanting("9111 §5.2", "no-cache inside quotes is none", older, `Cache-Control: foo="no-cache"`, true),
	wanting("9111 §5.2.1.1", "max-age of 0", older, "Cache-Control: max-age=0", false),
	wanting("9111 §5.2.1.1", "max-age of 0 in quotes", older, `Cache-Control: max-age="0"`, false),
	wanting("9111 §5.2.1.1", "max-age below the answer's age", older, "Cache-Control: max-age=400", false),
	wanting("9111 §5.2.1.1", "max-age above the answer's age", older, "Cache-Control: max-age=900", true),
	wanting("9111 §5.2.1.1", "max-age is not leave to use what is stale", mildlyStale, "Cache-Control: max-age=9000", false),
	wanting("9111 §5.2.1.2", "max-stale", mildlyStale, "Cache-Control: max-stale", true),
	wanting("9111 §5.2.1.2", "max-stale of more than it is", mildlyStale, "Cache-Control: max-stale=5000", true),
	wanting("9111 §5.2.1.2", "max-stale of less than it is", mildlyStale, "Cache-Control: max-stale=500", false),
	wanting("9111 §5.2.1.2", "max-stale of 0", mildlyStale, "Cache-Control: max-stale=0", false),
	wanting("9111 §5.2.1.2", "max-stale that is no number", mildlyStale, "Cache-Control: max-stale=abc", false),
	wanting("9111 §5.2.1.2", "max-stale of a fresh answer", older, "Cache-Control: max-stale", true),
	wanting("9111 §5.2.2.2", "must-revalidate outranks max-stale", `200 | Cache-Control: max-age=1000, must-revalidate | Age: 2000 | ETag: "a"`, "Cache-Control: max-stale", false),
	wanting("9111 §5.2.2.8", "proxy-revalidate outranks max-stale", `200 | Cache-Control: max-age=1000, proxy-revalidate | Age: 2000 | ETag: "a"`, "Cache-Control: max-stale", false),
	wanting("9111 §5.2.2.10", "s-maxage outranks max-stale", `200 | Cache-Control: s-maxage=1000 | Age: 2000 | ETag: "a"`, "Cache-Control: max-stale", false),
	wanting("9111 §5.2.2.4", "no-cache of the answer outranks max-stale", `200 | Cache-Control: no-cache | ETag: "a"`, "Cache-Control: max-stale", false),
	wanting("9111 §5.2.1.3", "min-fresh of less than is left", older, "Cache-Control: min-fresh=100", true),
	wanting("9111 §5.2.1.3", "min-fresh of more than is left", older, "Cache-Control: min-fresh=900", false),
	wanting("9111 §5.2.1.6", "no-transform", older, "Cache-Control: no-transform", true),
	wanting("9111 §5.2.3", "an extension that nobody knows", older, "Cache-Control: foo=bar", true),
	wanting("9111 §5.2.1.7", "only-if-cached of what is fresh", older, "Cache-Control: only-if-cached", true),
	wanting("9111 §5.2.1.7", "only-if-cached with max-stale of what is stale", mildlyStale, "Cache-Control: only-if-cached, max-stale", true),
	wanting("9111 §5.4", "Pragma: no-cache", older, "Pragma: no-cache", false),
	wanting("9111 §5.4", "Pragma of another kind", older, "Pragma: foo", true),
	{"9111 §5.2.1.7", "only-if-cached of what is not stored", "", []step{{ask: "GET | Cache-Control: only-if-cached", got: "504"}, {origin: "200"}}},
	{"9111 §5.2.1.7", "only-if-cached of what is stale", "", []step{{origin: mildlyStale}, {ask: "GET | Cache-Control: only-if-cached", got: "504"}}},
	{"9111 §5.2.1.7", "only-if-cached of another variant", "", []step{{ask: "GET | X-A: 1", origin: older + " | Vary: X-A"}, {ask: "GET | X-A: 2 | Cache-Control: only-if-cached", got: "504"}}},
	{"9111 §5.2.1.7", "only-if-cached of HEAD", "", []step{{ask: "HEAD | Cache-Control: only-if-cached", got: "504"}}},
	{"9111 §5.2.1.5", "no-store: the answer is not stored", "", []step{{ask: "GET | Cache-Control: no-store", origin: "200 | " + fresh}, {origin: "200 | " + fresh}, {}}},
	{"9111 §5.2.1.5", "no-store leaves what is stored", "", []step{{origin: older}, {ask: "GET | Cache-Control: no-store", origin: "?200 | " + fresh}, {text: "1"}}},
	{"9111 §5.2.1.4", "no-cache validates with what is stored", "", []step{{origin: older}, {ask: "GET | Cache-Control: no-cache", origin: notModified, sees: `If-None-Match: "a"`, got: "200 | !Age"}, {got: "200 | Age: 0..100"}}},
	{"9111 §5.2.1.1", "max-age of 0 validates with what is stored", "", []step{{origin: older}, {ask: "GET | Cache-Control: max-age=0", origin: notModified, sees: `If-None-Match: "a"`, got: "200"}}},
	{"9111 §5.2.1.4", "what no-cache brings is stored", "", []step{{origin: older}, {ask: "GET | Cache-Control: no-cache", origin: "200 | " + fresh}, {text: "2"}}},
	{"9111 §5.2.1.4", "what no-cache brings is stored for HEAD too", "", []step{{ask: "GET | Cache-Control: no-cache", origin: "200 | " + fresh}, {ask: "HEAD"}}},
	{"9111 §5.2.1.2", "what max-stale gets says its age", "", []step{{origin: mildlyStale}, {ask: "GET | Cache-Control: max-stale", got: "200 | Age: 2000..2100 | Cache-Status: ~ttl=-"}}},
}

// reportTales are what Cache-Status says.
var reportTales = []tale{
	reporting("9211 §2.1", "a hit", []step{{origin: "200 | " + fresh}, {got: "200 | Cache-Status: ~weir; hit"}}),
	reporting("9211 §2.4", "what is left of the lifetime", []step{{origin: older}, {got: "200 | Cache-Status: ~ttl="}}),
	reporting("9211 §2.2", "a miss is of the URI", []step{{origin: "200 | " + fresh, got: "200 | Cache-Status: ~fwd=uri-miss"}}),
	reporting("9211 §2.5", "a miss that is stored says so", []step{{origin: "200 | " + fresh, got: "200 | Cache-Status: ~; stored"}}),
	reporting("9211 §2.5", "a miss that is not stored does not", []step{{origin: "200 | Cache-Control: no-store", got: "200 | Cache-Status: ~fwd=uri-miss | Cache-Status: !~stored"}}),
	reporting("9211 §2.2", "another variant is missed", []step{{ask: "GET | X-A: 1", origin: "200 | " + fresh + " | Vary: X-A"}, {ask: "GET | X-A: 2", origin: "200 | " + fresh + " | Vary: X-A", got: "200 | Cache-Status: ~fwd=vary-miss"}}),
	reporting("9211 §2.2", "a stale answer sends it on", []step{{origin: mildlyStale}, {origin: "200 | " + fresh, got: "200 | Cache-Status: ~fwd=stale"}}),
	reporting("9211 §2.3", "the status of a validation", []step{{origin: mildlyStale}, {origin: notModified, got: "200 | Cache-Status: ~fwd-status=304"}}),
	reporting("9211 §2.2", "the request wanted more than a fresh answer", []step{{origin: older}, {ask: "GET | Cache-Control: no-cache", origin: "200 | " + fresh, got: "200 | Cache-Status: ~fwd=request"}}),
	reporting("9211 §2.2", "the method is no cache's", []step{{ask: "POST", body: "x", origin: "200", got: "200 | Cache-Status: ~fwd=method"}}),
	reporting("9211 §2.2", "what is not looked at is bypassed", []step{{ask: `GET | If-Match: "a"`, origin: "200", got: "200 | Cache-Status: ~fwd=bypass"}}),
	reporting("9211 §2.1", "304 from the store is a hit", []step{{origin: older}, {ask: `GET | If-None-Match: "a"`, got: "304 | Cache-Status: ~weir; hit"}}),
	reporting("9211 §2.1", "206 from the store is a hit", []step{{origin: older}, {ask: `GET | Range: bytes=0-1`, got: "206 | Cache-Status: ~weir; hit"}}),
	reporting("9211 §2.1", "HEAD from the store is a hit", []step{{origin: older}, {ask: "HEAD", got: "200 | Cache-Status: ~weir; hit"}}),
	reporting("9211 §2", "what nearer caches said stays before", []step{
		{origin: "200 | " + fresh + " | Cache-Status: Origin; hit; ttl=5", got: "200 | Cache-Status: ~Origin; hit; ttl=5, weir; fwd=uri-miss"}, {got: "200 | Cache-Status: ~Origin; hit; ttl=5, weir; hit"},
	}),
	reporting("9211 §2", "its own word is not stored", []step{{origin: "200 | " + fresh}, {got: "200 | !X-Nothing"}, {got: "200 | !X-Nothing"}}),
	reporting("9211 §2.1", "stale and used at once is a hit", []step{{origin: "200 | " + lazy}, {origin: notModified, got: "200 | Cache-Status: ~weir; hit; ttl=-", behind: true}}),
	reporting("9211 §2.2", "what no request may use is bypassed or missed again", []step{{origin: "200 | Cache-Control: private"}, {origin: "200 | Cache-Control: private", got: "200 | Cache-Status: ~fwd="}}),
}

func reporting(section, name string, steps []step) tale { return tale{section, name, "", steps} }

// targetedTales are answers that speak to shared caches alone.
var targetedTales = []tale{
	reused("9213 §3.1", "CDN-Cache-Control alone", "CDN-Cache-Control: max-age=1000"),
	reused("9213 §2.2", "it outranks max-age of 0", "CDN-Cache-Control: max-age=1000 | Cache-Control: max-age=0"),
	reused("9213 §2.2", "it outranks no-store", "CDN-Cache-Control: max-age=1000 | Cache-Control: no-store"),
	reused("9213 §2.2", "it outranks private", "CDN-Cache-Control: max-age=1000 | Cache-Control: private"),
	reused("9213 §2.2", "it outranks no-cache", "CDN-Cache-Control: max-age=1000 | Cache-Control: no-cache"),
	reused("9213 §2.2", "it outranks s-maxage", "CDN-Cache-Control: max-age=1000 | Cache-Control: s-maxage=0"),
	reused("9213 §2.2", "it outranks Expires", "CDN-Cache-Control: max-age=1000 | Expires: {-1000}"),
	renewed("9213 §2.2", "its max-age of 0 outranks Cache-Control", "CDN-Cache-Control: max-age=0 | "+fresh),
	renewed("9213 §2.2", "its max-age of 0 outranks Expires", "CDN-Cache-Control: max-age=0 | Expires: {+1000}"),
	renewed("9213 §2.2", "its no-store outranks Cache-Control", "CDN-Cache-Control: no-store | "+fresh),
	renewed("9213 §2.2", "its private outranks Cache-Control", "CDN-Cache-Control: private | "+fresh),
	renewed("9213 §2.2", "its no-cache outranks Cache-Control", "CDN-Cache-Control: no-cache | "+fresh),
	renewed("9213 §2.2", "without freshness in it, Cache-Control is not asked", "CDN-Cache-Control: must-revalidate | "+fresh),
	renewed("9213 §2.2", "without freshness in it, Expires is not asked", "CDN-Cache-Control: must-revalidate | Expires: {+1000}"),
	reused("9213 §2.1", "empty, it is as if it were not there", "CDN-Cache-Control: | "+fresh),
	reused("9213 §2.1", "not a dictionary, it is ignored", "CDN-Cache-Control: max-age=0, &&& | "+fresh),
	renewed("9213 §2.1", "not a dictionary, Cache-Control rules", "CDN-Cache-Control: max-age=1000, &&& | Cache-Control: no-store"),
	renewed("9213 §2.1", "a comma at its end is no dictionary", "CDN-Cache-Control: max-age=1000, | Cache-Control: no-store"),
	renewed("9213 §2.1", "keys are in lower case", "CDN-Cache-Control: Max-Age=1000 | Cache-Control: no-store"),
	renewed("9213 §2.1", "a string is no integer", `CDN-Cache-Control: max-age="1000" | Cache-Control: no-store`),
	renewed("9213 §2.1", "a decimal is no integer", "CDN-Cache-Control: max-age=1000.5 | Cache-Control: no-store"),
	renewed("9213 §2.1", "below zero", "CDN-Cache-Control: max-age=-1000"),
	renewed("9213 §2.1", "a blank before the equals sign", "CDN-Cache-Control: max-age =1000 | Cache-Control: no-store"),
	reused("9213 §2.1", "parameters of a directive are ignored", "CDN-Cache-Control: max-age=1000;foo=bar"),
	reused("9213 §2.1", "extensions", `CDN-Cache-Control: foo, bar="a, no-store", max-age=1000`),
	reused("9213 §2.1", "on two lines", "CDN-Cache-Control: public | CDN-Cache-Control: max-age=1000"),
	reused("9213 §3.1", "s-maxage in it", "CDN-Cache-Control: s-maxage=1000"),
	renewed("9213 §3.1", "s-maxage of 0 in it outranks its max-age", "CDN-Cache-Control: max-age=1000, s-maxage=0"),
	renewed("9213 §3.1", "Age counts", "CDN-Cache-Control: max-age=1000 | Age: 2000"),
	{"9213 §3.1", "credentials and public in it", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | CDN-Cache-Control: max-age=1000, public"}, {}}},
	{"9213 §3.1", "credentials and max-age in it", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | CDN-Cache-Control: max-age=1000"}, {origin: "200"}}},
	{"9213 §3.1", "credentials, and public not in it", "", []step{{ask: "GET | Authorization: Basic YTpi", origin: "200 | CDN-Cache-Control: max-age=1000 | Cache-Control: public"}, {origin: "200"}}},
	forgiven("9213 §3.1", "stale-if-error in it", "", "200 | CDN-Cache-Control: max-age=1000, stale-if-error=5000 | Age: 2000", "500", "200"),
	forgiven("9213 §3.1", "must-revalidate in it outranks stale-if-error", "", "200 | CDN-Cache-Control: max-age=1000, stale-if-error=5000, must-revalidate | Age: 2000", "500", "500,504"),
	forgiven("9213 §2.2", "stale-if-error beside it does not count", "", "200 | CDN-Cache-Control: max-age=1000 | Cache-Control: max-age=1000, stale-if-error=5000 | Age: 2000", "500", "500"),
	{"9213 §2.2", "Cache-Control is passed on all the same", "", []step{{origin: "200 | CDN-Cache-Control: max-age=1000 | Cache-Control: max-age=5"}, {got: "200 | Cache-Control: max-age=5"}}},
	{"9213 §3.1", "304 brings a new one", "", []step{
		{origin: `200 | CDN-Cache-Control: max-age=1000 | Age: 2000 | ETag: "a"`}, {origin: `304 | ETag: "a" | CDN-Cache-Control: max-age=9000`, got: "200"}, {},
	}},
	renewed("9213 §2.2", "a configured ttl yields to it", "CDN-Cache-Control: max-age=0").by("ttl"),
	{"9213 §2.1", "Surrogate-Control is not heard", "", []step{{origin: "200 | Surrogate-Control: max-age=1000"}, {origin: "200"}}},
}
