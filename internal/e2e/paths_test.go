//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// behind is a config of one listener whose route's endpoint answers with the request as it came; lines belong to the
// listener, and rules to the route.
func behind(lines, rules string) string {
	return "[access_log]\npath = \"{dir}/access.log\"\n[listeners.web]\naddress = \"{ip}:8080\"\n" + lines +
		"\n[[routes]]\nname = \"all\"\nupstream = \"shower\"\n" + rules + "\n[upstreams.shower]\nendpoints = \"{shower}\"\n"
}

// arrives asks for each target and compares what the endpoint is asked for, or the status and the fault of the log.
func (c *child) arrives(t *testing.T, cases [][2]string) {
	t.Helper()
	var w *wire
	got := make([]string, len(cases))
	for i, k := range cases {
		status, said := c.outcome(t, &w, req("a", k[0]))
		if _, target, ok := strings.Cut(said, " "); ok && status == 200 {
			got[i], _, _ = strings.Cut(target, " ")
		}
	}
	for i, r := range c.inOrder(t, len(cases)) {
		if got[i] == "" {
			got[i] = fmt.Sprintf("%d %s", r.Status, r.Fault)
		}
		if got[i] != cases[i][1] {
			t.Errorf("%q arrives as %s, want %s", cases[i][0], got[i], cases[i][1])
		}
		if r.Target != cases[i][0] && !strings.HasSuffix(cases[i][1], "bad_target") {
			t.Errorf("%q is logged as %q", cases[i][0], r.Target)
		}
	}
}

const ambiguous = "400 ambiguous_path"

func TestPathsAreForwardedAsTheyAreMatched(t *testing.T) {
	t.Parallel()
	c := start(t, behind("", ""), "shower", newShower(t))
	c.arrives(t, [][2]string{
		{"/", "/"}, {"/a/b", "/a/b"}, {"/a/", "/a/"}, {"/a?", "/a?"}, {"/a?b=%2e%2E//..", "/a?b=%2e%2E//.."}, {"/%61/%7euser?x=%61", "/a/~user?x=%61"},
		{"/a%20b/%c3%a4", "/a%20b/%C3%A4"}, {"/a[1]|", "/a%5B1%5D%7C"}, {"/%2561", "/%2561"}, {"/a%3bb", "/a%3Bb"}, {"/%40%2b:@+", "/@+:@+"}, {"/...", "/..."}, {"/a/.b", "/a/.b"},
		{"/a/../b", ambiguous}, {"/..", ambiguous}, {"/a/.", ambiguous}, {"/./a", ambiguous}, {"/%2e%2E/a", ambiguous}, {"/a/.%2e", ambiguous},
		{"/a//b", ambiguous}, {"//", ambiguous}, {"/a/b//", ambiguous}, {"//a", ambiguous}, {"/a%2Fb", ambiguous}, {"/a%2fb", ambiguous}, {"/a%5Cb", ambiguous}, {"/a%5c..%5cb", ambiguous},
		{"/a;v=1/b", ambiguous}, {"/a/..;/b", ambiguous}, {"/;", ambiguous}, {"/a%00", ambiguous}, {"/a%0d%0aX:y", ambiguous}, {"/a%7F", ambiguous}, {"/a%1f", ambiguous},
		{"/a%FF", ambiguous}, {"/%c0%af", ambiguous}, {"/%c3", ambiguous}, {"/%ed%a0%80", ambiguous}, {"/%f5%80%80%80", ambiguous},
		{"/a%", "400 bad_target"}, {"/a%4", "400 bad_target"}, {"/a%zz", "400 bad_target"}, {"/\xff", "400 bad_target"}, {"/\xc3\xa4", "400 bad_target"}, {"/a\\b", "400 bad_target"},
		{"/a\x00", "400 bad_target"}, {"/a\x7f", "400 bad_target"}, {"/a\"b", "400 bad_target"}, {"/a#b", "400 bad_target"}, {"a", "400 bad_target"},
	})
}

func TestPathsOfAListenerThatIsLessStrict(t *testing.T) {
	t.Parallel()
	shower := newShower(t)
	for name, test := range map[string]struct {
		rules string
		cases [][2]string
	}{
		"merge": {`empty_segments = "merge"`, [][2]string{{"/a//b", "/a/b"}, {"//", "/"}, {"///a//?b//c", "/a/?b//c"}, {"/a//../b", ambiguous}, {"/a%2F/b", ambiguous}}},
		"keep":  {`empty_segments = "keep"`, [][2]string{{"/a//b", "/a//b"}, {"//a", "//a"}, {"/a/./b", ambiguous}}},
		"resolve": {`dot_segments = "resolve"`, [][2]string{{"/a/../b", "/b"}, {"/a/./b/.", "/a/b/"}, {"/a/b/..", "/a/"}, {"/a/%2e%2E/b", "/b"}, {"/..", ambiguous}, {"/a/../../b", ambiguous},
			{"/a//../b", ambiguous}, {"/a%2f..%2fb", ambiguous}}},
		"both":       {`dot_segments = "resolve", empty_segments = "merge"`, [][2]string{{"/a//./b", "/a/b"}, {"/a//../../b", ambiguous}}},
		"slash":      {`encoded_slash = "keep"`, [][2]string{{"/a%2fb", "/a%2Fb"}, {"/a%2F..%2Fb", ambiguous}, {"/a%5Cb", ambiguous}}},
		"parameters": {`parameters = "keep"`, [][2]string{{"/a;v=1/b;", "/a;v=1/b;"}, {"/a/..;/b", ambiguous}, {"/a/.;x", ambiguous}}},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, behind("paths = { "+test.rules+" }", ""), "shower", shower).arrives(t, test.cases)
		})
	}
}

func TestRewritesAsTheEndpointSeesThem(t *testing.T) {
	t.Parallel()
	shower := newShower(t)
	for name, test := range map[string]struct {
		rules string
		cases [][2]string
	}{
		"prefixes": {`match = { path = ["/site/*", "/sites"] }` + "\n" + `rewrite = { strip_prefix = "/site", prefix = "/v2" }`,
			[][2]string{{"/site/a?b=c", "/v2/a?b=c"}, {"/site", "/v2/"}, {"/site/", "/v2/"}, {"/sites", "/v2/sites"}, {"/site/%61%20", "/v2/a%20"}}},
		"expression": {`rewrite = { regex = '^/shop/(?P<shop>\d+)/(\w+)\.php$', to = "/$2?shop=$shop&{query}" }`,
			[][2]string{{"/shop/7/list.php?x=1", "/list?shop=7&x=1"}, {"/shop/x/list.php?x=1", "/shop/x/list.php?x=1"}}},
		"captures": {`match = { path = "/user/{id}/*" }` + "\n" + `rewrite = { regex = '^.*$', to = "/{path.id}/{header.X-A}/{rest}" }`,
			[][2]string{{"/user/a%20b/c/d", ambiguous}, {"/user/7/", ambiguous}}},
		"values": {`rewrite = { regex = '^/by/', to = "/of-{query.a}/" }`, [][2]string{{"/by/x?a=1/2", ambiguous}, {"/by/x?a=1%202", "/of-1%202/x?a=1%202"}, {"/by/x?a=%2e%2e", "/of-../x?a=%2e%2e"}}},
		"dots":   {`rewrite = { regex = '^/by/', to = "/{query.a}/" }`, [][2]string{{"/by/x?a=..", ambiguous}, {"/by/x", ambiguous}, {"/by/x?a=b", "/b/x?a=b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			start(t, behind("", test.rules), "shower", shower).arrives(t, test.cases)
		})
	}
}

// What conditions read stands in the access log, secrets as keyed hashes that a restart does not change.
func TestTheAccessLogHasWhatConditionsRead(t *testing.T) {
	t.Parallel()
	rules := strings.Replace(routed("tenant", `path = "/h", headers = { X-Tenant = "acme" }`, "key", `path = "/k", headers = { X-Api-Key = "k1" }`,
		"cohort", `path = "/c", cookies = { cohort = "b" }`, "q", `path = "/q", query = { a = "b" }`, "rest", `path = "/*"`), "[access_log]", "state_dir = \"{dir}/state\"\n[access_log]", 1)
	c := start(t, rules)
	request := req("a", "/x", "x-tenant: other", "X-TENANT: \"two\"", "X-Api-Key: k1", "Cookie: cohort=a; lang=en; cohort=b", "X-Other: 1")
	seen := func(n int) string {
		t.Helper()
		var w *wire
		if _, said := c.outcome(t, &w, request); said != "rest" {
			t.Errorf("%q answered", said)
		}
		var text string
		for _, m := range c.inOrder(t, n)[n-1].Match {
			text += m[0] + "=" + m[1] + " "
		}
		return text
	}
	first := seen(1)
	const hash = `hmac:[0-9a-f]{32}`
	for _, want := range []string{`header:x-tenant=other header:x-tenant="two" `, `header:x-api-key=` + hash + ` `, `cookie:cohort=` + hash + ` cookie:cohort=` + hash + ` `} {
		if !regexp.MustCompile(want).MatchString(first) {
			t.Errorf("no %s in %s", want, first)
		}
	}
	if strings.Contains(first, "lang") || strings.Contains(first, "other:") || strings.Count(first, "=") != 5 {
		t.Errorf("the match is %s", first)
	}
	c.mustReload()
	if again := seen(2); again != first {
		t.Errorf("after a reload it is %s, was %s", again, first)
	}
	c.cmd.Process.Kill() // the line is written
	<-c.exited
	c.launch(binary, "run", "-c", c.file)
	c.awaitReady()
	if again := seen(3); again != first {
		t.Errorf("after a restart it is %s, was %s", again, first)
	}
}
