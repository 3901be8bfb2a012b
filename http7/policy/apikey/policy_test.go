package apikey

import (
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
	"weir/internal/filewatch"
)

const shop = "api_key shop in partners,eu may orders.read,orders.write"

func TestAKeySaysWhoItIs(t *testing.T) {
	for _, c := range []struct {
		what           string
		change         func(*Config)
		target, fields string
		want           string
	}{
		{"none", nil, "/", "", "nobody"},
		{"right", nil, "/", "X-Api-Key: " + shopKey + "\n", shop},
		{"another case of the field", nil, "/", "x-api-key: " + shopKey + "\n", shop},
		{"wrong", nil, "/", "X-Api-Key: no\n", "401 api_key_invalid: the key is not in the file"},
		{"empty", nil, "/", "X-Api-Key:\n", "401 api_key_invalid: the key is not in the file"},
		{"the hash for the key", nil, "/", "X-Api-Key: " + Hash(shopKey) + "\n", "401 api_key_invalid: the key is not in the file"},
		{"too long", nil, "/", "X-Api-Key: " + strings.Repeat("a", MaxKey+1) + "\n", "401 api_key_invalid: the key is longer than any"},
		{"two, the same", nil, "/", "X-Api-Key: " + shopKey + "\nX-Api-Key: " + shopKey + "\n", "401 api_key_invalid: the request has more than one key"},
		{"expired", nil, "/", "X-Api-Key: " + lateKey + "\n", "401 api_key_expired: the key of late has expired at 2026-01-01T00:00:00Z"},
		{"in its last second", nil, "/", "X-Api-Key: " + soonKey + "\n", "api_key soon"},
		{"in a place that is not asked", nil, "/?X-Api-Key=" + shopKey, "Cookie: X-Api-Key=" + shopKey + "\n", "nobody"},

		{"behind its scheme", bearer, "/", "Authorization: bearer   " + shopKey + "\n", shop},
		{"behind another scheme", bearer, "/", "Authorization: Basic " + shopKey + "\n", "nobody"},
		{"behind a longer word", bearer, "/", "Authorization: Bearer" + shopKey + "\n", "nobody"},
		{"a scheme without a key", bearer, "/", "Authorization: Bearer\n", "401 api_key_invalid: the key is not in the file"},
		{"two schemes, one ours", bearer, "/", "Authorization: Basic a\nAuthorization: Bearer " + shopKey + "\n", "401 api_key_invalid: the request has more than one key"},

		{"in the query", inQuery, "/a?b=1&key=" + shopKey, "", shop},
		{"in the query, escaped", inQuery, "/a?%6bey=%77eir_0123456789abcdef0123456789abcdef", "", shop},
		{"twice in the query", inQuery, "/a?key=" + shopKey + "&key=" + shopKey, "", "401 api_key_invalid: the request has more than one key"},
		{"in the query, without a value", inQuery, "/a?key", "", "401 api_key_invalid: the key is not in the file"},
		{"in the usual header where the query is meant", inQuery, "/a", "X-Api-Key: " + shopKey + "\n", "nobody"},

		{"in a cookie", inCookie, "/", "Cookie: a=b; key=" + shopKey + "; c=d\n", shop},
		{"in a split cookie", inCookie, "/", "Cookie: a=b\nCookie: key=" + shopKey + "\n", shop},
		{"in two cookies", inCookie, "/", "Cookie: key=" + shopKey + "; key=x\n", "401 api_key_invalid: the request has more than one key"},

		{"in two places", everywhere, "/?key=" + shopKey, "X-Key: " + shopKey + "\n", "401 api_key_invalid: the request has more than one key"},
		{"in one of three", everywhere, "/", "Cookie: key=" + shopKey + "\n", shop},
	} {
		x := asked(t, c.target, c.fields)
		if got := policytest.Who(x, policytest.Pass(x, compiled(t, c.change)[:1])); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func bearer(c *Config)     { c.Header = "Authorization" }
func inQuery(c *Config)    { c.Query = "key" }
func inCookie(c *Config)   { c.Cookie = "key" }
func everywhere(c *Config) { c.Header, c.Query, c.Cookie = "X-Key", "key", "key" }

func TestTheMomentAtWhichAKeyEndsIsNotItsOwn(t *testing.T) {
	steps := compiled(t, nil)
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{0, "api_key soon"},
		{time.Second - 1, "api_key soon"},
		{time.Second, "401 api_key_expired: the key of soon has expired at 2026-11-21T12:00:00Z"},
	} {
		x := asked(t, "/", "X-Api-Key: "+soonKey+"\n")
		x.Arrival = noon.Add(c.after)
		if got := policytest.Who(x, policytest.Pass(x, steps)); got != c.want {
			t.Errorf("after %v: %s, want %s", c.after, got, c.want)
		}
	}
	x := asked(t, "/", "X-Api-Key: "+lateKey+"\n")
	x.Arrival = time.Time{} // it is now
	if got := policytest.Who(x, policytest.Pass(x, steps)); !strings.HasPrefix(got, "401 api_key_expired") {
		t.Errorf("without a time of arrival: %s", got)
	}
}

func TestTheFactsOfAKeyAreClaims(t *testing.T) {
	x := asked(t, "/", "X-Api-Key: "+shopKey+"\n")
	policytest.Pass(x, compiled(t, nil))
	for name, want := range map[string]string{"rate": "100/s", "burst": "200", "plan": "gold"} {
		if got, _ := x.Claim(name); string(got) != want {
			t.Errorf("claim %s is %q, want %q", name, got, want)
		}
	}
}

func TestTheEndpointSeesNoKeyAndIsToldWhoItIs(t *testing.T) {
	forwarding := func(c *Config) {
		c.Forward = map[string]string{"X-Consumer": "consumer", "X-Groups": "groups", "X-Plan": "plan", "X-Scopes": "scopes", "X-None": "none"}
	}
	all := "X-Consumer: shop|X-Groups: partners,eu|X-Plan: gold|X-Scopes: orders.read orders.write"
	for _, c := range []struct {
		what           string
		change         func(*Config)
		target, fields string
		want           string
	}{
		{"a header", nil, "/", "A: 1\nX-Api-Key: " + shopKey + "\nB: 2\n", "A: 1|B: 2"},
		{"its own scheme", bearer, "/", "A: 1\nAuthorization: Bearer " + shopKey + "\n", "A: 1"},
		{"and no other", bearer, "/", "Authorization: Basic a\n", "Authorization: Basic a"},
		{"a parameter", inQuery, "/a?b=1&key=" + shopKey + "&c=%20", "", "/a?b=1&c=%20"},
		{"the first parameter", inQuery, "/a?key=" + shopKey + "&c", "", "/a?c"},
		{"the only parameter", inQuery, "/a?key=" + shopKey, "", "/a"},
		{"no parameter", inQuery, "/a?b=1", "", ""},
		{"a cookie", inCookie, "/", "Cookie: a=b;key=" + shopKey + "; c=\"d\" ;; e\n", "Cookie: a=b; c=\"d\"; e"},
		{"the only cookie", inCookie, "/", "Cookie: key=" + shopKey + "\n", ""},
		{"a split cookie", inCookie, "/", "Cookie: a=b\nCookie: key=" + shopKey + "\nCookie: c=d\n", "Cookie: a=b; c=d"},
		{"no cookie", inCookie, "/", "Cookie: a=b;c=d\n", "Cookie: a=b;c=d"},
		{"passed", func(c *Config) { c.Pass = true }, "/", "X-Api-Key: " + shopKey + "\n", "X-Api-Key: " + shopKey},
		{"told", forwarding, "/", "X-Api-Key: " + shopKey + "\n", all},
		{"told and passed", func(c *Config) { forwarding(c); c.Pass = true }, "/", "X-Api-Key: " + shopKey + "\n", "X-Api-Key: " + shopKey + "|" + all},
		{"told in place of what was said", forwarding, "/", "X-Consumer: root\nX-None: 1\nX-Api-Key: " + shopKey + "\n", all},
		{"what another policy has told stays", forwarding, "/", "X-Consumer: bob\n", "X-Consumer: bob"},
		{"of little, little is told", forwarding, "/", "X-Api-Key: " + soonKey + "\n", "X-Consumer: soon"},
	} {
		x := asked(t, c.target, c.fields)
		if v := policytest.Pass(x, compiled(t, c.change)); v.Act != http7.Go {
			t.Errorf("%s: refused", c.what)
		}
		if got := sent(x); got != c.want {
			t.Errorf("%s: the endpoint gets %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAParameterIsTakenOutOfWhatARewriteHasMade(t *testing.T) {
	x := asked(t, "/a?key="+shopKey, "")
	x.Out = []byte("/new?b=1&key=" + shopKey)
	policytest.Pass(x, compiled(t, inQuery))
	if got := sent(x); got != "/new?b=1" {
		t.Errorf("the endpoint gets %q", got)
	}
}

func TestARefusalSaysWhatIsWanted(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{nil, `ApiKey realm="edge", in="header", name="X-Api-Key"`},
		{inQuery, `ApiKey realm="edge", in="query", name="key"`},
		{func(c *Config) { c.Query = `a"b\` }, `ApiKey realm="edge", in="query", name="ab"`},
		{inCookie, `ApiKey realm="edge", in="cookie", name="key"`},
		{func(c *Config) { bearer(c); c.Realm = "partners" }, `Bearer realm="partners"`},
	} {
		step := compiled(t, c.change)[0]
		p := step.Request.(*policyOf)
		for _, f := range []*http7.Fault{p.unknown, p.late} {
			if f.Extra != "WWW-Authenticate: "+c.want+"\r\n" || f.Status != 401 || f.GRPC != 16 {
				t.Errorf("%s: %d, %q, want %q", f.Name, f.Status, f.Extra, c.want)
			}
		}
		if step.Challenge != c.want || !step.Establishes || step.Blocks {
			t.Errorf("the step says %+v", step)
		}
	}
}

func TestObserveFindsOutTheSameAndChangesNothing(t *testing.T) {
	for _, mode := range []conf.Mode{conf.Enforce, conf.Observe} {
		steps := compiled(t, func(c *Config) { c.Mode = mode; c.Forward = map[string]string{"X-Consumer": "consumer"} })
		for fields, want := range map[string]string{
			"X-Api-Key: " + shopKey + "\n": shop, "X-Api-Key: no\n": "401 api_key_invalid: the key is not in the file", "": "nobody",
		} {
			x := asked(t, "/", fields)
			if got := policytest.Who(x, policytest.Pass(x, steps)); got != want {
				t.Errorf("%v: %s, want %s", mode, got, want)
			}
			if mode == conf.Observe && sent(x) != strings.TrimSpace(fields) {
				t.Errorf("observed, and sent %q", sent(x))
			}
		}
		observed := mode == conf.Observe
		if (steps[0].Mode == http7.Observe) != observed || (len(steps) == 1) != observed {
			t.Errorf("%v: %d steps, mode %v", mode, len(steps), steps[0].Mode)
		}
	}
}

func TestStepsSayWhatTheyDo(t *testing.T) {
	steps := compiled(t, func(c *Config) { everywhere(c); c.Forward = map[string]string{"X-B": "groups", "X-A": "consumer"} })
	if got := steps[1].Sets; !slices.Equal(got, []string{"X-A", "X-B"}) {
		t.Errorf("sets %q", got)
	}
	want := []http7.Edit{{Name: "x-a"}, {Name: "x-b"}, {Name: "x-key", Fixed: true}, {Name: "cookie"}}
	if !slices.Equal(steps[1].Edits, want) {
		t.Errorf("edits %v, want %v", steps[1].Edits, want)
	}
	names := ""
	for _, s := range steps {
		names += s.Name + " " + s.Stage.String() + "|"
	}
	if names != "edge.api_key identify|edge.api_key.forward rewrite|" {
		t.Errorf("the steps are %s", names)
	}
	if got := steps[0].Hides; !slices.Equal(got, []string{"key"}) {
		t.Errorf("hides %q", got)
	}
	if n := len(compiled(t, func(c *Config) { c.Mode = conf.ModeOff })); n != 0 {
		t.Errorf("off has %d steps", n)
	}
	if n := len(compiled(t, func(c *Config) { c.Pass = true })); n != 1 {
		t.Errorf("passed and nothing told has %d steps", n)
	}
}

func TestAChangedFileIsTakenIfAllOfItIsGood(t *testing.T) {
	c, n := configured(t, nil), policytest.Needs(t)
	steps, err := Compile(c, "edge", n)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []struct{ text, key, want string }{
		{keysFile(), shopKey, "api_key shop"},
		{"[[keys]]\nhash = \"" + Hash("new") + "\"\nconsumer = \"next\"\n", shopKey, "401"},
		{"[[keys]]\nhash = \"" + Hash("new") + "\"\nconsumer = \"next\"\n# \n", "new", "api_key next"},
		{"[[keys]]\nhash = \"sha256:\"\nconsumer = \"bad\"\n", "new", "api_key next"},
		{"", "new", "401"},
	} {
		policytest.Write(t, c.KeysFile, to.text)
		n.Files.Look()
		n.Files.Look() // it has stood still
		x := asked(t, "/", "X-Api-Key: "+to.key+"\n")
		if got := policytest.Who(x, policytest.Pass(x, steps)); !strings.HasPrefix(got, to.want) {
			t.Errorf("with %q: %s, want %s", to.text, got, to.want)
		}
	}
}

func TestAFileThatWentBadIsALevel(t *testing.T) {
	c, n := configured(t, nil), policytest.Needs(t)
	var level func() float64
	ended := false
	n.Gauged = func(name, what string, read func() float64) func() {
		if name != "edge.api_key" || what != "failed_files" {
			t.Errorf("%s %s", name, what)
		}
		level = read
		return func() { ended = true }
	}
	if _, err := Compile(c, "edge", n); err != nil {
		t.Fatal(err)
	}
	for _, to := range []struct {
		text string
		want float64
	}{{keysFile(), 0}, {"[[keys]]\nhash = \"sha256:\"\n", 1}, {keysFile() + "# good again\n", 0}} {
		policytest.Write(t, c.KeysFile, to.text)
		n.Files.Look()
		n.Files.Look() // it has stood still
		if got := level(); got != to.want {
			t.Errorf("with %q: %v, want %v", to.text, got, to.want)
		}
	}
	n.Turn.End()
	if !ended {
		t.Error("the level outlives the keys")
	}
}

func TestKeysLiveOverReloadsAndEndWithTheLast(t *testing.T) {
	c, kept := configured(t, nil), policy.NewKept()
	n := policy.Needs{Files: filewatch.New(nil)}
	var rings []*keyring
	turns := []*policy.Turn{kept.Begin(), kept.Begin()}
	for i := range turns {
		n.Turn = turns[i]
		steps, err := Compile(c, "edge", &n)
		if err != nil {
			t.Fatal(err)
		}
		rings = append(rings, steps[0].Request.(*policyOf).keys)
	}
	if rings[0] != rings[1] {
		t.Error("a reload has keys of its own")
	}
	policytest.Write(t, c.KeysFile, "")
	n.Turn = turns[1]
	if _, err := Compile(c, "edge", &n); err != nil || len(*rings[0].now.Load()) != 0 {
		t.Errorf("what a reload finds is not taken at once: %v", err)
	}
	policytest.Write(t, c.KeysFile, "keys")
	if _, err := Compile(c, "edge", &n); err == nil {
		t.Error("a reload takes garbage")
	}
	policytest.Write(t, c.KeysFile, keysFile())
	turns[0].End()
	turns[1].End()
	if n.Turn = kept.Begin(); true {
		steps, err := Compile(c, "edge", &n)
		if err != nil || steps[0].Request.(*policyOf).keys == rings[0] {
			t.Errorf("keys that nobody served any more are served: %v", err)
		}
	}
}

func TestOfACheckNothingIsOpened(t *testing.T) {
	steps, err := Compile(&Config{KeysFile: "/nowhere/keys.toml"}, "edge", nil)
	if err != nil || len(steps) != 2 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	if _, err := Compile(&Config{KeysFile: "/nowhere/keys.toml"}, "edge", policytest.Needs(t)); err == nil ||
		err.Error() != "edge.api_key: keys_file: /nowhere/keys.toml: no such file or directory" {
		t.Errorf("got %v", err)
	}
}
