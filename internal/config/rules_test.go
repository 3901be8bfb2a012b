package config

import (
	"strings"
	"testing"
)

// rule is a piece of config and what is said about it: "" if nothing is wrong, otherwise the key
// and the trouble, as in the report.
type rule struct {
	text string
	want string
}

// follow puts each rule's text at the place of %s in a frame, loads it and compares.
func follow(t *testing.T, frame string, rules []rule) {
	t.Helper()
	followWith(t, frame, testOptions(), rules)
}

func followWith(t *testing.T, frame string, o Options, rules []rule) {
	t.Helper()
	for _, r := range rules {
		text := strings.Replace(frame, "%s", r.text, 1)
		c, report := Parse("x", []byte(text), o)
		got := report.String()
		switch {
		case r.want == "" && (c == nil || got != ""):
			t.Errorf("%s is refused:\n%s", r.text, got)
		case r.want != "" && !strings.Contains(got, ": "+r.want):
			t.Errorf("%s gave\n%s\nwant %s", r.text, got, r.want)
		case r.want != "" && c != nil && !strings.Contains(got, "warning: "):
			t.Errorf("%s gave a Config in spite of\n%s", r.text, got)
		}
	}
}

const listenerFrame = `
[listeners.web]
%s
[[routes]]
respond.body = "ok"
`

func TestRulesOfListeners(t *testing.T) {
	follow(t, listenerFrame, []rule{
		{text: `address = ":80"`},
		{text: `address = "0.0.0.0:80"`},
		{text: `address = ["0.0.0.0:80", "[::]:80"]`},
		{text: `address = ":0"`},
		{text: `address = [":0", ":0"]`},
		{text: `address = "unix:/run/x"`},
		{text: `address = ["unix:/run/x", "unix:/run/y"]`},
		{text: `address = []`, want: `listeners.web.address: the listener has no address`},
		{text: `kind = "http"`, want: `listeners.web.address: the listener has no address`},
		{text: `address = ""`, want: `listeners.web.address[0]: "" is not an address`},
		{text: `address = "off"`, want: `listeners.web.address[0]: "off" is not an address to listen on`},
		{text: `address = "localhost:80"`, want: `listeners.web.address[0]: "localhost" is a name; listeners bind IP addresses`},
		{text: `address = ["unix:/run/x", "unix:/run/x"]`, want: `listeners.web.address[1]: "unix:/run/x" is taken by listeners.web`},
		{text: `address = "127.0.0.1:9901"`, want: `listeners.web.address[0]: "127.0.0.1:9901" is taken by the admin server`},
		{text: `address = ":9901"`, want: `listeners.web.address[0]: ":9901" is taken by the admin server`},
		{text: `address = "[::1]:9901"`},
		{text: "address = \":80\"\nkind = \"forward\"", want: `listeners.web.kind: "forward" is not a kind of listener`},
		{text: "address = \":80\"\nmax_connections = 1"},
		{text: "address = \":80\"\nmax_connections = \"off\""},
		{text: "address = \":80\"\nmax_connections = 0", want: `listeners.web.max_connections: 0 would let nobody in`},
		{text: "address = \":80\"\nmax_connections = -1", want: `listeners.web.max_connections: "-1" is not a limit`},
		{text: "address = \":80\"\nmax_connections_per_client = 1"},
		{text: "address = \":80\"\nmax_connections_per_client = 0", want: `listeners.web.max_connections_per_client: 0 would let nobody in`},
		{text: "address = \":80\"\nforwarded = \"rfc7239\""},
		{text: "address = \":80\"\nforwarded = \"\"", want: `listeners.web.forwarded: "" is not a way to forward`},
		{text: "address = \":80\"\ntrusted_proxies = []"},
		{text: "address = \":80\"\ntrusted_proxies = \"::/0\"", want: `warning: listeners.web.trusted_proxies[0]: every client is trusted`},
		{text: "address = \":80\"\nupstream = \"x\"", want: `listeners.web.upstream: an http listener has routes, not an upstream`},
		{text: "address = \":80\"\ntls = {}", want: `listeners.web.tls.certificates: tls has no certificate`},
	})
}

func TestRulesOfLimits(t *testing.T) {
	follow(t, strings.Replace(listenerFrame, "%s", "address = \":80\"\n[listeners.web.limits]\n%s", 1), []rule{
		{text: `header_bytes = "1KiB"`},
		{text: `header_bytes = "1MiB"`},
		{text: `header_bytes = "1023B"`, want: `listeners.web.limits.header_bytes: "1023B" is out of range`},
		{text: `header_bytes = "2MiB"`, want: `listeners.web.limits.header_bytes: "2MiB" is out of range`},
		{text: `header_bytes = "off"`, want: `listeners.web.limits.header_bytes: "off" is out of range`},
		{text: `header_count = 1`},
		{text: `header_count = 10000`},
		{text: `header_count = 0`, want: `listeners.web.limits.header_count: 0 is out of range`},
		{text: `header_count = 10001`, want: `listeners.web.limits.header_count: 10001 is out of range`},
		{text: `header_count = "off"`, want: `listeners.web.limits.header_count: off is out of range`},
		{text: `body_bytes = "0B"`},
		{text: `body_bytes = "off"`},
		{text: `header_timeout = "off"`},
		{text: `header_timeout = "0s"`, want: `listeners.web.limits.header_timeout: "0s" is no time at all`},
		{text: `idle_timeout = "off"`},
		{text: `idle_timeout = "0s"`, want: `listeners.web.limits.idle_timeout: "0s" is no time at all`},
		{text: `write_stall = "off"`},
		{text: `write_stall = "0s"`, want: `listeners.web.limits.write_stall: "0s" is no time at all`},
		{text: `min_body_rate = "off"`},
		{text: `min_body_rate = "0B/s"`},
		{text: `min_body_rate = 240`, want: `listeners.web.limits.min_body_rate: 240 is not a rate of bytes`},
		{text: `h2_streams = 1`},
		{text: `h2_streams = 100000`},
		{text: `h2_streams = 0`, want: `listeners.web.limits.h2_streams: 0 is out of range`},
		{text: `h2_streams = 100001`, want: `listeners.web.limits.h2_streams: 100001 is out of range`},
		{text: `h2_streams = "off"`, want: `listeners.web.limits.h2_streams: off is out of range`},
	})
}

func TestRulesOfTCPListeners(t *testing.T) {
	frame := "[listeners.db]\naddress = \":5432\"\nkind = \"tcp\"\n%s\n[upstreams.db]\nendpoints = \"a:1\"\n"
	follow(t, frame, []rule{
		{text: `upstream = "db"`},
		{text: "upstream = \"db\"\nlimits.idle_timeout = \"off\""},
		{text: "upstream = \"db\"\nmax_connections = 10"},
		{text: "upstream = \"db\"\nmax_connections_per_client = 10"},
		{text: ``, want: `listeners.db.upstream: a tcp listener needs an upstream`},
		{text: `upstream = "dp"`, want: `listeners.db.upstream: there is no upstream "dp"`},
		{text: "upstream = \"db\"\npolicies = []"},
		{text: "upstream = \"db\"\npolicies = \"office\"\n[policies.office]\nip_filter = { deny = \"203.0.113.0/24\" }"},
		{text: "upstream = \"db\"\npolicies = \"office\"", want: `listeners.db.policies[0]: there is no policy "office"`},
		{text: "upstream = \"db\"\npolicies = \"office\"\n[policies.office]\nip_filter = { deny = \"203.0.113.0/24\" }\nquota = { key = \"client\", limit = 5, per = \"day\" }\ncors = { origins = \"https://a.example\" }",
			want: `listeners.db.policies[0]: the policy "office" has quota and cors, and sessions have neither requests nor answers`},
		{text: "upstream = \"db\"\nforwarded = \"x\"", want: `listeners.db.forwarded: a tcp listener has no forwarded`},
		{text: "upstream = \"db\"\ntrusted_proxies = []", want: `listeners.db.trusted_proxies: a tcp listener has no trusted_proxies`},
		{text: "upstream = \"db\"\ntls = {}", want: `listeners.db.tls.certificates: tls has no certificate`},
		{text: "upstream = \"db\"\nlimits.body_bytes = \"1KiB\"", want: `listeners.db.limits.body_bytes: a tcp listener has no body_bytes`},
		{text: "upstream = \"db\"\nlimits.header_count = 5", want: `listeners.db.limits.header_count: a tcp listener has no header_count`},
		{text: "upstream = \"db\"\nlimits.idle_timeout = \"0s\"", want: `listeners.db.limits.idle_timeout: "0s" is no time at all`},
		{text: "upstream = \"db\"\nlimits.nope = 1", want: `listeners.db.limits.nope: there is no key "nope"`},
	})
}

const routeFrame = `
[listeners.web]
address = ":80"
policies = "edge"
[listeners.db]
address = ":81"
kind = "tcp"
upstream = "api"
[policies.edge]
[policies.own]
[upstreams.api]
endpoints = "a:1"
[[routes]]
policies = "own"
match.path = "/other"
upstream = "api"
[[routes]]
%s
`

func TestRulesOfRoutes(t *testing.T) {
	follow(t, routeFrame, []rule{
		{text: `upstream = "api"`},
		{text: `handler = "echo"`},
		{text: `respond = {}`},
		{text: `handler = "eco"`, want: `routes[1].handler: there is no handler "eco"`},
		{text: `upstream = "api2"`, want: `routes[1].upstream: there is no upstream "api2"`},
		{text: `name = "x"`, want: `routes[1]: the route does not say who answers`},
		{text: "upstream = \"api\"\nhandler = \"echo\"", want: `routes[1].handler: the route has upstream and handler`},
		{text: "upstream = \"api\"\nhandler = \"echo\"\nrespond = {}", want: `routes[1].handler: the route has upstream, respond and handler`},
		{text: "upstream = \"api\"\nlisteners = \"web\""},
		{text: "upstream = \"api\"\nlisteners = \"wep\"", want: `routes[1].listeners[0]: there is no listener "wep"`},
		{text: "upstream = \"api\"\nlisteners = [\"web\", \"web\"]", want: `routes[1].listeners[1]: "web" is written twice`},
		{text: "upstream = \"api\"\nlisteners = \"db\"", want: `routes[1].listeners[0]: listeners.db is not an http listener`},
		{text: "upstream = \"api\"\npolicies = [\"own\", \"own\"]", want: `routes[1].policies[1]: "own" is written twice`},
		{text: "upstream = \"api\"\npolicies = \"owm\"", want: `routes[1].policies[0]: there is no policy "owm"`},
		{text: "upstream = \"api\"\nwithout = \"edge\""},
		{text: "upstream = \"api\"\nwithout = \"own\"", want: `warning: routes[1].without[0]: no listener of this route has the policy "own"`},
		{text: "upstream = \"api\"\nwithout = \"egde\"", want: `routes[1].without[0]: there is no policy "egde"`},
		{text: "upstream = \"api\"\ntimeout = \"off\""},
		{text: "upstream = \"api\"\ntimeout = \"0s\"", want: `routes[1].timeout: "0s" is no time at all`},
		{text: "upstream = \"api\"\nlimits.body_bytes = \"off\""},
		{text: "upstream = \"api\"\nlimits.header_bytes = \"1KiB\"", want: `routes[1].limits.header_bytes: there is no key`},
		{text: "upstream = \"api\"\npriority = -5"},
		{text: "upstream = \"api\"\npriority = 9223372036854775808", want: `routes[1].priority: 9223372036854775808 is not a number`},
		{text: "upstream = \"api\"\nretry.attempts = 0"},
		{text: "upstream = \"api\"\nretry.attempts = 11", want: `routes[1].retry.attempts: 11 is out of range`},
		{text: "respond = {}\nretry.attempts = 1", want: `routes[1].retry: there is nothing to retry without an upstream`},
		{text: "upstream = \"api\"\nname = \"a\\nb\"", want: `routes[1].name: this is not a name`},
		{text: "upstream = \"api\"\nname = \"" + strings.Repeat("x", 201) + "\"", want: `routes[1].name: this is not a name`},
		{text: "upstream = \"api\"\nname = \"/other\"", want: ``},
	})
}

func TestRulesOfActions(t *testing.T) {
	follow(t, routeFrame+"[upstreams.next]\nendpoints = \"127.0.0.1:2\"\n[[routes]]\nmatch.path = \"/next\"\nupstream = \"next\"\n", []rule{
		{text: "split = [{ upstream = \"api\", weight = 95 }, { upstream = \"next\", weight = 5 }]\nsplit_by = \"cookie:uid\""},
		{text: "split = [{ upstream = \"api\" }, { upstream = \"next\" }]"},
		{text: "split = { upstream = \"next\", weight = 1 }\nsplit_by = [\"client\", \"header:X-User\"]"},
		{text: "split = []", want: `routes[1].split: an empty list sends nobody anywhere`},
		{text: "split = [{ weight = 1 }]", want: `routes[1].split[0].upstream: the side has no upstream`},
		{text: "split = [{ upstream = \"nxt\", weight = 1 }]", want: `routes[1].split[0].upstream: there is no upstream "nxt"`},
		{text: "split = [{ upstream = \"next\", weight = -1 }]", want: `routes[1].split[0].weight: -1 is out of range`},
		{text: "split = [{ upstream = \"next\", weight = 1000001 }]", want: `routes[1].split[0].weight: 1000001 is out of range`},
		{text: "split = [{ upstream = \"next\", weight = 0 }]", want: `routes[1].split: no side has a weight`},
		{text: "split = [{ upstream = \"next\" }, { upstream = \"next\" }]", want: `routes[1].split[1].upstream: "next" is a side already`},
		{text: "split = [{ upstream = \"next\" }]\nupstream = \"api\"", want: `routes[1].split: the route has upstream and split`},
		{text: "split = [{ upstream = \"next\" }]\nretry.attempts = 1", want: `routes[1].retry: the sides of a split have their upstreams' own`},
		{text: "split = [{ upstream = \"next\" }]\nhedge = {}", want: `routes[1].hedge: the sides of a split have their upstreams' own`},
		{text: "upstream = \"api\"\nsplit_by = \"client\"", want: `routes[1].split_by: there is nothing to split`},
		{text: "split = [{ upstream = \"next\" }]\nsplit_by = \"claim:sub\"", want: `routes[1].split_by: "claim:sub" needs a policy that finds out who the client is`},
		{text: "upstream = \"api\"\nmirror = { upstream = \"next\", sample = \"10%\", compare = true }"},
		{text: "upstream = \"api\"\nmirror = { upstream = \"nxt\" }", want: `routes[1].mirror.upstream: there is no upstream "nxt"`},
		{text: "upstream = \"api\"\nmirror = {}", want: `routes[1].mirror.upstream: a mirror needs an upstream`},
		{text: "respond = {}\nmirror = { upstream = \"next\" }", want: `routes[1].mirror: there is nothing to mirror without an upstream`},
		{text: "upstream = \"api\"\nerror_pages = { \"5xx\" = \"/5.html\" }"},
		{text: "upstream = \"api\"\nerror_pages = { \"5xx\" = [\"/5.html\", \"/none.json\"] }", want: `routes[1].error_pages.5xx[1]: "/none.json" can't be read: no such file or directory`},
		{text: "upstream = \"api\"\nerror_pages = { \"sorry\" = \"/5.html\" }", want: `routes[1].error_pages.sorry: "sorry" is not`},
		{text: "redirect = { to = \"https://www.example.com/new/{path}\" }"},
		{text: "redirect = { to = \"https://www.example.com/{path}\", status = 301 }"},
		{text: "redirect = { to = \"/new\", status = 200 }", want: `routes[1].redirect.status: `},
		{text: "redirect = {}", want: `routes[1].redirect.to: the redirect leads nowhere`},
		{text: "redirect = { to = \"/new\" }\nupstream = \"api\"", want: `routes[1].redirect: the route has upstream and redirect`},
		{text: "redirect = { to = \"/new\" }\nrewrite = { prefix = \"/v2\" }", want: `routes[1].rewrite: there is nothing to rewrite without an upstream`},
		{text: "upstream = \"api\"\nrewrite = { strip_prefix = \"/site\", prefix = \"/v2\", regex = \"^/(.*)\\\\.php$\", to = \"/$1\" }"},
	})
}

// A path that one listener of the route lets through is fine.
func TestPathsThatAListenerAllowsMayBeMatched(t *testing.T) {
	follow(t, "[listeners.web]\naddress = \":80\"\n[listeners.old]\naddress = \":81\"\n"+
		"paths = { encoded_slash = \"keep\", empty_segments = \"merge\", parameters = \"keep\" }\n[[routes]]\nrespond = {}\n%s", []rule{
		{text: `match.path = ["/a%2Fb", "/a;v=1/{id}"]`},
		{text: "listeners = \"web\"\nmatch.path = \"/a%2Fb\"", want: `routes[0].match.path[0]: no listener of this route lets "/a%2Fb" through`},
		{text: `match.path = "/a//b"`, want: `routes[0].match.path[0]: no listener of this route lets "/a//b" through`},
	})
}

func TestRulesOfPathsOfListeners(t *testing.T) {
	follow(t, listenerFrame, []rule{
		{text: "address = \":80\"\npaths = { empty_segments = \"merge\", dot_segments = \"resolve\", encoded_slash = \"keep\", parameters = \"keep\" }"},
		{text: "address = \":80\"\npaths.dot_segments = \"keep\"", want: `listeners.web.paths.dot_segments: "keep" is not a rule for paths`},
		{text: "address = \":80\"\npaths.slashes = \"keep\"", want: `listeners.web.paths.slashes: there is no key "slashes"`},
		{text: "address = \":80\"\nkind = \"tcp\"\npaths.parameters = \"keep\"", want: `listeners.web.paths: a tcp listener has no paths`},
	})
}

func TestRulesOfMatching(t *testing.T) {
	follow(t, strings.Replace(routeFrame, "%s", "upstream = \"api\"\n[routes.match]\n%s", 1), []rule{
		{text: ``},
		{text: `hosts = "a.example"`},
		{text: `hosts = ["A.Example", "*.a.example", "localhost", "10.0.0.1", "[::1]"]`},
		{text: `hosts = "*"`, want: `routes[1].match.hosts[0]: "*" is not a host`},
		{text: `hosts = ""`, want: `routes[1].match.hosts[0]: "" is not a host`},
		{text: `hosts = "*.*.example"`, want: `routes[1].match.hosts[0]: "*.*.example" has a * that is not its first label`},
		{text: `hosts = "a*.example"`, want: `routes[1].match.hosts[0]: "a*.example" has a * that is not its first label`},
		{text: `hosts = "a.example:80"`, want: `routes[1].match.hosts[0]: "a.example:80" has a port`},
		{text: `hosts = "https://a.example"`, want: `routes[1].match.hosts[0]: "https://a.example" is a URL`},
		{text: `hosts = ["a.example", "A.example"]`, want: `routes[1].match.hosts[1]: "a.example" is written twice`},
		{text: `path = "/"`},
		{text: `path = "/*"`},
		{text: `path = ["/a", "/a/", "/a/*", "/%20", "/a.b/..c", "/~a"]`},
		{text: `path = ["/{id}", "/a/{id}/b/{name}/*", "~^/a/(?P<id>\\d+)$"]`},
		{text: `path = "/a/{id}/{id}"`, want: `routes[1].match.path[0]: "/a/{id}/{id}" names {id} twice`},
		{text: `path = "/a-{id}"`, want: `routes[1].match.path[0]: "/a-{id}" has braces that are not a whole segment`},
		{text: `path = "~^/a("`, want: `routes[1].match.path[0]: "~^/a(" is not a regular expression`},
		{text: `path = "/%2F"`, want: `routes[1].match.path[0]: no listener of this route lets "/%2F" through`},
		{text: `path = "/a//{id}"`, want: `routes[1].match.path[0]: no listener of this route lets "/a//{id}" through`},
		{text: `path = "/a;v=1/*"`, want: `routes[1].match.path[0]: no listener of this route lets "/a;v=1/*" through`},
		{text: `path = "*"`, want: `routes[1].match.path[0]: "*" does not begin with /`},
		{text: `path = ""`, want: `routes[1].match.path[0]: "" does not begin with /`},
		{text: `path = "/a/*/b"`, want: `routes[1].match.path[0]: "/a/*/b" has a * that is not its end`},
		{text: `path = "/a/**"`, want: `routes[1].match.path[0]: "/a/**" has a * that is not its end`},
		{text: `path = "/a/../b"`, want: `routes[1].match.path[0]: "/a/../b" is not a path that requests come with`},
		{text: `path = "/a/."`, want: `routes[1].match.path[0]: "/a/." is not a path that requests come with`},
		{text: `path = "/a b"`, want: `routes[1].match.path[0]: "/a b" has characters that no path has`},
		{text: `path = "/a#b"`, want: `routes[1].match.path[0]: "/a#b" has more than a path`},
		{text: `path = []`, want: `routes[1].match.path: an empty list matches nothing`},
		{text: `methods = ["GET", "M-SEARCH"]`},
		{text: `methods = "Get"`, want: `routes[1].match.methods[0]: "Get" is not a method`},
		{text: `methods = ""`, want: `routes[1].match.methods[0]: "" is not a method`},
		{text: `methods = "CONNECT"`, want: `routes[1].match.methods[0]: CONNECT is refused before any route is looked for`},
		{text: `methods = ["GET", "GET"]`, want: `routes[1].match.methods[1]: "GET" is written twice`},
		{text: `headers = { X-A = "1", X-B = "*", X-C = "!", X-D = "~^a+$", X-E = "" }`},
		{text: `headers = { X-A = "1", x-a = "2" }`, want: `routes[1].match.headers.x-a: "x-a" and "X-A" are the same field`},
		{text: `headers = { host = "a" }`, want: `routes[1].match.headers.host: the Host field is not matched as a header`},
		{text: `headers = { Cookie = "a" }`, want: `routes[1].match.headers.Cookie: the Cookie field is not matched as a header`},
		{text: `headers = { "X A" = "1" }`, want: `routes[1].match.headers."X A": "X A" can't be the name of a header`},
		{text: `headers = { X-A = ["1"] }`, want: `routes[1].match.headers.X-A: a list is not a text`},
		{text: `headers = "X-A"`, want: `routes[1].match.headers: "X-A" is not a table`},
		{text: `query = { version = "2", "a b" = "!" }`},
		{text: `query = { "" = "2" }`, want: `routes[1].match.query."": the name is empty`},
		{text: `cookies = { cohort = "b" }`},
		{text: `cookies = { "a=b" = "c" }`, want: `routes[1].match.cookies."a=b": "a=b" can't be the name of a cookie`},
		{text: `claims = { plan = "gold" }`, want: `routes[1].match.claims: no policy of listener web finds out who a client is`},
		{text: `country = ["DE", "FR"]`, want: `routes[1].match.country: no policy of listener web finds out where a client is`},
		{text: `continent = "EU"`, want: `routes[1].match.continent: no policy of listener web finds out where a client is`},
		{text: `continent = ["EU", "eu", "EU"]`, want: `routes[1].match.continent[1]: "eu" is not a continent`},
		{text: `continent = ["EU", "EU"]`, want: `routes[1].match.continent[1]: "EU" is written twice`},
		{text: `country = "de"`, want: `routes[1].match.country[0]: "de" is not a country`},
		{text: `country = "DEU"`, want: `routes[1].match.country[0]: "DEU" is not a country`},
		{text: `clients = ["192.0.2.0/24", "2001:db8::1"]`},
		{text: `clients = []`, want: `routes[1].match.clients: an empty list matches nothing`},
		{text: `clients = "192.0.2.1/24"`, want: `routes[1].match.clients[0]: "192.0.2.1/24" is not a block of IP addresses`},
		{text: `sni = "api.example.com"`, want: `warning: routes[1].match.sni: no listener of this route has tls`},
		{text: `sni = "*"`, want: `warning: routes[1].match.sni: no listener`},
		{text: `sni = "*.example.com"`, want: `routes[1].match.sni: "*.example.com" is compared as it stands`},
		{text: `body = { "order.type" = "refund", "/order/@type" = "!" }`},
		{text: `haeders = {}`, want: `routes[1].match.haeders: there is no key "haeders"`},
	})
}

func TestRulesOfAnswersFromHere(t *testing.T) {
	follow(t, strings.Replace(routeFrame, "%s", "respond = { %s }", 1), []rule{
		{text: `status = 200`},
		{text: `status = 599`},
		{text: `status = 204`},
		{text: `status = 404, body = "no\n", type = "text/plain"`},
		{text: `file = "testdata/good/token"`},
		{text: `status = 199`, want: `routes[1].respond.status: 199 is out of range`},
		{text: `status = 600`, want: `routes[1].respond.status: 600 is out of range`},
		{text: `status = "200"`, want: `routes[1].respond.status: "200" is not a whole number`},
		{text: `status = 304, body = "x"`, want: `routes[1].respond.status: an answer with status 304 has no content`},
		{text: `status = 205, file = "testdata/good/token"`, want: `routes[1].respond.status: an answer with status 205 has no content`},
		{text: `body = "x", file = "testdata/good/token"`, want: `routes[1].respond.file: an answer has a body or a file`},
		{text: `file = "testdata"`, want: `routes[1].respond.file: "testdata" can't be read: is a directory`},
		{text: `file = "testdata/none"`, want: `routes[1].respond.file: "testdata/none" can't be read`},
		{text: `type = "a\nb"`, want: `routes[1].respond.type: "a\nb" is not a media type`},
	})
}

const upstreamFrame = `
[listeners.web]
address = ":80"
[[routes]]
upstream = "api"
[upstreams.api]
%s
`

func TestRulesOfEndpoints(t *testing.T) {
	follow(t, upstreamFrame, []rule{
		{text: `endpoints = "a:1"`},
		{text: `endpoints = { address = "a:1" }`},
		{text: `endpoints = ["a:1", "a:2", "b:1", "[::1]:1", "unix:/run/a"]`},
		{text: `endpoints = { address = "a:1", weight = 1000 }`},
		{text: `balance = "ewma"`, want: `upstreams.api.endpoints: the upstream has no endpoint`},
		{text: `endpoints = { address = "a:1", weight = 0 }`, want: `upstreams.api.endpoints[0].weight: 0 is out of range`},
		{text: `endpoints = { address = "a:1", weight = 1001 }`, want: `upstreams.api.endpoints[0].weight: 1001 is out of range`},
		{text: `endpoints = { weight = 1 }`, want: `upstreams.api.endpoints[0]: the endpoint has no address`},
		{text: `endpoints = "off"`, want: `upstreams.api.endpoints[0].address: "off" is not an endpoint`},
		{text: `endpoints = ":1"`, want: `upstreams.api.endpoints[0].address: ":1" does not say which host`},
		{text: `endpoints = "0.0.0.0:1"`, want: `upstreams.api.endpoints[0].address: "0.0.0.0:1" can be listened on, not connected to`},
		{text: `endpoints = "[::]:1"`, want: `upstreams.api.endpoints[0].address: "[::]:1" can be listened on, not connected to`},
		{text: `endpoints = "a:0"`, want: `upstreams.api.endpoints[0].address: "a:0" has port 0`},
		{text: `endpoints = ["a:1", "A:1"]`, want: `upstreams.api.endpoints[1]: endpoint "a:1" is written twice`},
		{text: `endpoints = { address = "a:1", weight = -1 }`, want: `upstreams.api.endpoints[0].weight: -1 is out of range`},
		{text: `endpoints = ["a:1", { address = "b:1", backup = true }]` + "\nhealth.tcp = {}"},
		{text: `endpoints = { address = "a:1", backup = true }`, want: `upstreams.api.endpoints: every endpoint is a backup`},
		{text: `endpoints = { address = "a:1", zone = "a b" }`, want: `upstreams.api.endpoints[0].zone: "a b" is not a zone`},
		{text: `endpoints = { address = "a:1", zone = "eu" }`, want: `warning: upstreams.api.endpoints[0].zone: this node has no zone`},
		{text: "endpoints = \"a:1\"\nhost = \"endpoint\""},
		{text: "endpoints = \"a:1\"\nhost = \"a.example\""},
		{text: "endpoints = \"a:1\"\nhost = \"a.example:8080\""},
		{text: "endpoints = \"a:1\"\nhost = \"[::1]\""},
		{text: "endpoints = \"a:1\"\nhost = \"\"", want: `upstreams.api.host: "" is not a host`},
		{text: "endpoints = \"a:1\"\nhost = \"a/b\"", want: `upstreams.api.host: "a/b" is not a host`},
		{text: "endpoints = \"a:1\"\nhost = \"endpoints\"", want: `warning: upstreams.api.host: "endpoints" is sent as the name`},
	})
}

func TestRulesOfForwarding(t *testing.T) {
	follow(t, strings.Replace(upstreamFrame, "%s", "endpoints = \"a:1\"\n%s", 1), []rule{
		{text: `timeouts.connect = "1ms"`},
		{text: `timeouts.connect = "off"`, want: `upstreams.api.timeouts.connect: "off" would wait for ever`},
		{text: `timeouts.connect = "0s"`, want: `upstreams.api.timeouts.connect: "0s" is no time at all`},
		{text: `timeouts.response = "off"`},
		{text: `timeouts.response = "0s"`, want: `upstreams.api.timeouts.response: "0s" is no time at all`},
		{text: `timeouts.between_reads = "off"`},
		{text: `timeouts.between_reads = "0s"`, want: `upstreams.api.timeouts.between_reads: "0s" is no time at all`},
		{text: `timeouts.tunnel_idle = "10m"`},
		{text: `timeouts.tunnel_idle = "off"`},
		{text: `timeouts.tunnel_idle = "0s"`, want: `upstreams.api.timeouts.tunnel_idle: "0s" is no time at all`},
		{text: `connections.idle = 0`},
		{text: `connections.idle = "off"`},
		{text: `connections.keep_alive = "off"`},
		{text: `connections.keep_alive = "0s"`, want: `upstreams.api.connections.keep_alive: "0s" is no time at all`},
		{text: `connections.max_age = "0s"`, want: `upstreams.api.connections.max_age: "0s" is no time at all`},
		{text: `retry.attempts = 0`},
		{text: `retry.attempts = 10`},
		{text: `retry.attempts = -1`, want: `upstreams.api.retry.attempts: -1 is out of range`},
		{text: `retry.on = []`},
		{text: `retry.on = ["502", "503", "504"]`},
		{text: `retry.on = 502`, want: `upstreams.api.retry.on[0]: 502 is not a text`},
		{text: `retry.on = "500"`, want: `upstreams.api.retry.on[0]: "500" is not a failure that can be retried`},
		{text: `retry.on = ["reset", "reset"]`, want: `upstreams.api.retry.on[1]: "reset" is written twice`},
		{text: `retry.methods = []`},
		{text: `retry.methods = "PATCH"`},
		{text: `retry.methods = "patch"`, want: `upstreams.api.retry.methods[0]: "patch" is not a method`},
		{text: `retry.methods = ""`, want: `upstreams.api.retry.methods[0]: "" is not a method`},
		{text: `retry.replay = "64MiB"`},
		{text: `retry.replay = "off"`},
		{text: `retry.replay = "65MiB"`, want: `upstreams.api.retry.replay: "65MiB" would be held in memory`},
		{text: `retry.budget = "100%"`},
		{text: `retry.budget = "off"`},
		{text: `retry.budget = "101%"`, want: `upstreams.api.retry.budget: "101%" is not a share`},
		{text: `retry.backoff = "off"`},
		{text: `retry.backoff = "11s"`, want: `upstreams.api.retry.backoff: "11s" is longer than any client waits`},
		{text: `hedge = {}`},
		{text: `hedge.after = "p99.9"`},
		{text: `hedge.after = "20ms"`},
		{text: `hedge.after = "p100"`, want: `upstreams.api.hedge.after: "p100" is not a time to hedge after`},
		{text: `hedge.after = "0s"`, want: `upstreams.api.hedge.after: "0s" would send every request twice`},
		{text: `hedge.budget = "off"`, want: `upstreams.api.hedge.budget: no request may be hedged`},
		{text: `protocol = "h2c"`},
		{text: "protocol = \"h2\"\ntls = {}"},
		{text: "protocol = \"auto\"\ntls = { server_name = \"orders.internal\" }"},
		{text: `protocol = "h2"`, want: `upstreams.api.protocol: "h2" is HTTP/2 over TLS, and the upstream has no tls`},
		{text: "protocol = \"h2c\"\ntls = {}", want: `upstreams.api.protocol: "h2c" is HTTP/2 without TLS, and the upstream has tls`},
		{text: `protocol = "GRPC"`, want: `upstreams.api.protocol: "GRPC" is not a protocol for endpoints`},
		{text: `protocol = "h3"`, want: `upstreams.api.protocol: "h3" is not a protocol for endpoints`},
		{text: `send_proxy_protocol = "v2"`},
		{text: `send_proxy_protocol = "v3"`, want: `upstreams.api.send_proxy_protocol: "v3" is not a version of the PROXY protocol`},
		{text: `send_proxy_protocol = true`, want: `upstreams.api.send_proxy_protocol`},
		{text: "send_proxy_protocol = \"v1\"\nprotocol = \"h2c\"", want: `upstreams.api.send_proxy_protocol: a connection of h2c serves many clients`},
		{text: `tls = { ca = "/none.pem" }`, want: `upstreams.api.tls.ca: "/none.pem" can't be read`},
		{text: `tls = { cert = "/none.pem" }`, want: `upstreams.api.tls.cert: cert is nothing without its key`},
		{text: `tls = { key = "/none.pem" }`, want: `upstreams.api.tls.key: key is nothing without its cert`},
		{text: `tls = { server_name = "https://a" }`, want: `upstreams.api.tls.server_name: "https://a" is not a name`},
		{text: `tls = { insecure = true }`},
		{text: `tls = { insecure = "yes" }`, want: `upstreams.api.tls.insecure`},
	})
}

func TestRulesOfProbes(t *testing.T) {
	follow(t, strings.Replace(upstreamFrame, "%s", "endpoints = \"a:1\"\n[upstreams.api.health]\n%s", 1), []rule{
		{text: `tcp = {}`},
		{text: `http = {}`},
		{text: ``, want: `upstreams.api.health: health does not say what to probe`},
		{text: "http = {}\ntcp = {}", want: `upstreams.api.health.tcp: an upstream has one kind of probe`},
		{text: "grpc = {}\n[upstreams.api.tls]"},
		{text: "grpc.service = \"orders\"\n[upstreams.api.tls]"},
		{text: "grpc = {}\nhttp = {}", want: `upstreams.api.health.grpc: an upstream has one kind of probe`},
		{text: `http.path = "http://a/healthz"`, want: `upstreams.api.health.http.path: "http://a/healthz" is not a request target`},
		{text: "tcp = {}\ntls = {}"},
		{text: "tcp = {}\ntls.ca = \"testdata/nope\"", want: `upstreams.api.health.tls.ca: "testdata/nope" can't be read`},
		{text: `http.path = "/a?b=c"`},
		{text: `http.path = "a"`, want: `upstreams.api.health.http.path: "a" is not a request target`},
		{text: `http.path = ""`, want: `upstreams.api.health.http.path: "" is not a request target`},
		{text: `http.path = "/a b"`, want: `upstreams.api.health.http.path: "/a b" is not a request target`},
		{text: `http.status = 200`},
		{text: `http.status = "2xx,3xx"`},
		{text: `http.status = 99`, want: `upstreams.api.health.http.status: "99" is not a set of statuses`},
		{text: `http.host = "a.example:80"`},
		{text: `http.host = "http://a"`, want: `upstreams.api.health.http.host: "http://a" is not a host`},
		{text: `http.port = 65535`},
		{text: `http.port = 65536`, want: `upstreams.api.health.http.port: 65536 is out of range`},
		{text: `http.headers = { X-A = "b" }`},
		{text: `http.headers = { "X A" = "b" }`, want: `upstreams.api.health.http.headers."X A": "X A" is not a field name`},
		{text: `http.headers = { X-A = "b\n" }`, want: `upstreams.api.health.http.headers.X-A: a field value holds no line ends`},
		{text: "tcp = {}\ninterval = \"10ms\""},
		{text: "tcp = {}\ninterval = \"9ms\"", want: `upstreams.api.health.interval: "9ms" is too short`},
		{text: "tcp = {}\ninterval = \"off\"", want: `upstreams.api.health.interval: "off" is not possible here`},
		{text: "tcp = {}\ntimeout = \"1m\""},
		{text: "tcp = {}\ntimeout = \"0s\"", want: `upstreams.api.health.timeout: "0s" is too short`},
		{text: "tcp = {}\nrise = 0", want: `upstreams.api.health.rise: 0 is out of range`},
		{text: "tcp = {}\nfall = 1001", want: `upstreams.api.health.fall: 1001 is out of range`},
		{text: "tcp = {}\njitter = \"101%\"", want: `upstreams.api.health.jitter: "101%" is not a share`},
		{text: "tcp = {}\ninitial = \"reddy\"", want: `upstreams.api.health.initial: "reddy" is not a state`},
	})
}

func TestRulesOfHeaderPolicies(t *testing.T) {
	frame := "[listeners.web]\naddress = \":80\"\npolicies = \"p\"\n[[routes]]\nrespond = {}\n[policies.p.headers]\n%s\n"
	follow(t, frame, []rule{
		{text: ``},
		{text: `request.set = { X-A = "b" }`},
		{text: `request.add = { X-A = ["b", "c"] }`},
		{text: `response.remove = "Server"`},
		{text: `response = { mode = "off", remove = ["Server"] }`},
		{text: `request = {}`, want: `warning: policies.p.headers.request: the section edits nothing`},
		{text: `request = { mode = "on" }`, want: `policies.p.headers.request.mode: "on" is not a mode`},
		{text: `request.set = { Host = "a" }`, want: `policies.p.headers.request.set.Host: the Host field is not edited`},
		{text: `request.add = { Transfer-Encoding = "chunked" }`, want: `policies.p.headers.request.add.Transfer-Encoding: "Transfer-Encoding" belongs to`},
		{text: `request.remove = "content-length"`, want: `policies.p.headers.request.remove[0]: "content-length" belongs to`},
		{text: `request.set = { "a b" = "c" }`, want: `policies.p.headers.request.set."a b": "a b" is not a field name`},
		{text: `request.set = { "" = "c" }`, want: `policies.p.headers.request.set."": "" is not a field name`},
		{text: `request.set = { A = "b\u0000" }`, want: `policies.p.headers.request.set.A: a field value holds no line ends`},
		{text: `request.set = { A = " b" }`, want: `policies.p.headers.request.set.A: a field value neither begins nor ends with a space`},
		{text: `request.set = { A = 5 }`, want: `policies.p.headers.request.set.A: 5 is not a text`},
		{text: `trailer.set = {}`, want: `policies.p.headers.trailer: there is no key "trailer"`},
	})
}

func TestRulesOfTheRest(t *testing.T) {
	frame := "[listeners.web]\naddress = \":80\"\n[[routes]]\nrespond = {}\n%s\n"
	follow(t, frame, []rule{
		{text: "[admin]\naddress = \"off\""},
		{text: "[admin]\naddress = \"unix:/run/weir.sock\""},
		{text: "[admin]\naddress = \"[::1]:1\""},
		{text: "[admin]\naddress = \"0.0.0.0:1\"", want: `admin.address: "0.0.0.0:1" can be reached from outside, and there is no token`},
		{text: "[admin]\naddress = \"10.0.0.1:1\"\ntoken = \"0123456789abcdef\""},
		{text: "[admin]\ntoken = \"0123456789abcde\"", want: `admin.token: the token is short enough to be guessed`},
		{text: "[admin]\ntoken = \"\"", want: `admin.token: the secret is empty`},
		{text: "[admin]\naddress = \"\"", want: `admin.address: "" is not an address`},
		{text: "[admin]\naddress = \"localhost:1\"", want: `admin.address: "localhost" is a name`},
		{text: "[log]\nlevel = \"debug\"\nformat = \"text\""},
		{text: "[log]\nlevel = \"trace\"", want: `log.level: "trace" is not a level`},
		{text: "[log]\nformat = \"xml\"", want: `log.format: "xml" is not a format`},
		{text: "[access_log]\npath = \"\""},
		{text: "[access_log]\nformat = \"combined\"", want: `access_log.format: "combined" is not a format`},
		{text: "[access_log]\nalways.status = 500"},
		{text: "[access_log]\nalways.status = 700", want: `access_log.always.status: "700" is not a set of statuses`},
		{text: "[access_log]\nsample = \"0%\""},
		{text: "[shutdown]\ndelay = \"0s\"\ngrace = \"0s\""},
		{text: "[shutdown]\ndelay = \"off\"", want: `shutdown.delay: "off" is not possible here`},
		{text: "[shutdown]\ngrace = \"off\"", want: `shutdown.grace: one stuck client`},
		{text: "[tracing]\notlp = \"x\"", want: `tracing: there is no key "tracing" here`},
		{text: "[shared]\nredis = \"redis://127.0.0.1\""},
		{text: "[shared]", want: `shared.redis: `},
		{text: "[audit_log]\npath = \"-\"\n[access_log]\npath = \"-\""},
		{text: "[audit_log]\npath = \"/a\"\n[access_log]\npath = \"/a\"", want: `audit_log.path: "/a" is the access log's`},
		{text: "[audit_log]\nformat = \"text\"", want: `audit_log.format: "text" is not a format`},
		{text: "state_dir = \"/x\"", want: `routes[0].state_dir: there is no key "state_dir"`}, // its place is the top
		{text: "[upstreams.\"a b\"]\nendpoints = \"a:1\"", want: `upstreams."a b": "a b" is not a name`},
		{text: "[policies.\"" + strings.Repeat("x", 65) + "\"]", want: `policies.` + strings.Repeat("x", 65) + `: "xxx`},
		{text: "[upstreams.unused]\nendpoints = \"a:1\"", want: `warning: upstreams.unused: no route and no listener uses this upstream`},
		{text: "[policies.unused]", want: `warning: policies.unused: no route and no listener uses this policy`},
	})
}

func TestWithoutHandlersNoneIsKnown(t *testing.T) {
	_, r := Parse("x", []byte("[listeners.web]\naddress = \":80\"\n[[routes]]\nhandler = \"hello\"\n"), Options{})
	if !strings.Contains(r.String(), "hint: this program has no handler compiled in") {
		t.Errorf("the report is\n%s", r)
	}
}
