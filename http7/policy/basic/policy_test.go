package basic

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

func TestAPasswordSaysWhoItIs(t *testing.T) {
	plain := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, c := range []struct {
		what   string
		fields []string
		want   string
	}{
		{"none", nil, "nobody"},
		{"right", []string{credential("ann", "nna")}, "basic ann in dev,ops"},
		{"right, of nobody's group", []string{credential("eve", "eve")}, "basic eve"},
		{"another case of the scheme", []string{strings.Replace(credential("ann", "nna"), "Basic ", "bAsIc   ", 1)}, "basic ann in dev,ops"},
		{"a colon in the password", []string{credential("b", "b:")}, `401 basic_invalid: the password is not that of "b"`},
		{"another scheme", []string{"Bearer abc"}, "nobody"},
		{"a longer word", []string{"Basically " + credential("ann", "nna")[6:]}, "nobody"},
		{"wrong", []string{credential("ann", "ann")}, `401 basic_invalid: the password is not that of "ann"`},
		{"without a password", []string{credential("ann", "")}, `401 basic_invalid: the password is not that of "ann"`},
		{"nobody of the file", []string{credential("zoe", "eoz")}, "401 basic_invalid: there is no such user"},
		{"no text", []string{"Basic"}, malformed},
		{"no base64", []string{"Basic ?!"}, malformed},
		{"base64 for addresses", []string{"Basic " + base64.URLEncoding.EncodeToString([]byte("ann:\xff\xff\xff"))}, malformed},
		{"base64 without its end", []string{strings.TrimRight(plain("ann:nnaa"), "=")}, malformed},
		{"bits behind the end", []string{"Basic YTpi" + "YR=="}, malformed},
		{"no colon", []string{plain("ann")}, malformed},
		{"no name", []string{plain(":nna")}, malformed},
		{"a control character", []string{plain("ann:nna\n")}, malformed},
		{"a zero byte", []string{plain("ann:nna\x00x")}, malformed},
		{"a long name", []string{credential(strings.Repeat("a", mostName+1), "a")}, malformed},
		{"a long password", []string{credential("ann", strings.Repeat("a", mostPassword+1))}, malformed},
		{"two", []string{credential("ann", "nna"), credential("ann", "nna")}, "401 basic_invalid: the request has more than one Authorization field"},
		{"two, one of another scheme", []string{"Bearer abc", credential("ann", "nna")}, "401 basic_invalid: the request has more than one Authorization field"},
	} {
		steps := standing(t, stored(nil, "ann", "b", "eve"), func(c *Config) {
			c.Groups = map[string][]string{"ops": {"ann", "bob"}, "dev": {"ann", "ann"}}
		})
		x := asked(c.fields...)
		if got := policytest.Who(x, policytest.Pass(x, steps)); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

const malformed = "401 basic_invalid: the credential is not a name and a password in base64"

func TestTheEndpointSeesNoPasswordAndIsToldWhoItIs(t *testing.T) {
	forwarding := func(c *Config) {
		c.Forward, c.Groups = map[string]string{"X-User": "consumer", "X-Groups": "groups"}, map[string][]string{"ops": {"ann"}, "dev": {"ann"}}
	}
	for _, c := range []struct {
		what   string
		change func(*Config)
		fields []string
		want   string
	}{
		{"taken out", nil, []string{credential("ann", "nna")}, ""},
		{"of another scheme", nil, []string{"Bearer a"}, "Authorization: Bearer a\r\n"},
		{"passed", func(c *Config) { c.Pass = true }, []string{"Basic YW5uOm5uYQ=="}, "Authorization: Basic YW5uOm5uYQ==\r\n"},
		{"told", forwarding, []string{credential("ann", "nna")}, "X-Groups: dev,ops\r\nX-User: ann\r\n"},
		{"told of no group", forwarding, []string{credential("bob", "bob")}, "X-User: bob\r\n"},
		{"told of nobody", forwarding, nil, ""},
	} {
		x := asked(c.fields...)
		if c.want != "" && c.change != nil {
			x.Request.AddRaw([]byte("x-user"), []byte("root"))
		}
		if v := policytest.Pass(x, standing(t, stored(nil, "ann", "bob"), c.change)); v.Act != http7.Go {
			t.Errorf("%s: refused", c.what)
		}
		got := string(x.Request.AppendLines(nil, 0))
		if got = strings.ReplaceAll(got, "x-user: root\r\n", ""); got != c.want && sorted(got) != sorted(c.want) {
			t.Errorf("%s: the endpoint gets %q, want %q", c.what, got, c.want)
		}
	}
}

func sorted(lines string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(lines, "\r\n")), "")
}

func TestObserveFindsOutTheSameAndChangesNothing(t *testing.T) {
	for _, mode := range []conf.Mode{conf.Enforce, conf.Observe, conf.ModeOff} {
		change := func(c *Config) { c.Mode = mode; c.Forward = map[string]string{"X-User": "consumer"} }
		if mode == conf.ModeOff {
			c := Config{Mode: mode}
			if steps, err := Compile(&c, "edge", nil); steps != nil || err != nil {
				t.Errorf("off has %d steps, %v", len(steps), err)
			}
			continue
		}
		steps := standing(t, stored(nil, "ann"), change)
		for field, want := range map[string]string{credential("ann", "nna"): "basic ann", credential("ann", "x"): `401 basic_invalid: the password is not that of "ann"`} {
			x := asked(field)
			if got := policytest.Who(x, policytest.Pass(x, steps)); got != want {
				t.Errorf("%v: %s, want %s", mode, got, want)
			}
			if mode == conf.Observe && string(x.Request.Get(http7.Authorization)) != field {
				t.Error("observed, and changed")
			}
		}
		if (steps[0].Mode == http7.Observe) != (len(steps) == 1) {
			t.Errorf("%v: %d steps", mode, len(steps))
		}
	}
}

func TestStepsSayWhatTheyDo(t *testing.T) {
	steps := standing(t, stored(nil), func(c *Config) { c.Forward = map[string]string{"X-User": "consumer"}; c.Realm = "egress" })
	s, f := steps[0], steps[1]
	if s.Name != "edge.basic" || s.Stage != http7.Identify || !s.Blocks || !s.Establishes || s.Challenge != `Basic realm="egress", charset="UTF-8"` {
		t.Errorf("got %+v", s)
	}
	if f.Name != "edge.basic.forward" || f.Stage != http7.Rewrite || !slices.Equal(f.Sets, []string{"X-User"}) || !slices.Equal(f.Edits, []http7.Edit{{Name: "x-user"}, {Name: "authorization"}}) {
		t.Errorf("got %+v", f)
	}
	p := s.Request.(*policyOf)
	if p.wrong.Extra != "WWW-Authenticate: Basic realm=\"egress\", charset=\"UTF-8\"\r\n" || p.wrong.GRPC != 16 || p.busy.Status != 503 || p.busy.Extra != "Retry-After: 1\r\n" {
		t.Errorf("got %+v, %+v", p.wrong, p.busy)
	}
	if c := standing(t, stored(nil), nil)[0].Challenge; c != `Basic realm="edge", charset="UTF-8"` {
		t.Errorf("without a realm: %s", c)
	}
}

func TestADryRunVerifiesNothing(t *testing.T) {
	worked := 0
	steps := standing(t, stored(func(string) { worked++ }, "ann"), nil)
	dry := func() *http7.Exchange {
		x := asked(credential("ann", "nna"))
		x.Dry = true
		return x
	}
	x := dry()
	if got := policytest.Who(x, policytest.Pass(x, steps[:1])); got != "nobody" || worked != 0 || !slices.Equal(x.Verdicts, []string{"edge.basic:unknown: would verify a password"}) {
		t.Errorf("%s, %q, worked %d times", got, x.Verdicts, worked)
	}
	policytest.Pass(asked(credential("ann", "nna")), steps)
	x = dry()
	if got := policytest.Who(x, policytest.Pass(x, steps[:1])); got != "basic ann" || worked != 1 {
		t.Errorf("of what is remembered: %s, worked %d times", got, worked)
	}
}

func TestConfigsThatCannotWorkAreRefused(t *testing.T) {
	for _, c := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.UsersFile = "" }, "users_file: there is no file of users"},
		{func(c *Config) { c.UsersFile = "/nowhere" }, `users_file: "/nowhere" can't be read: no such file or directory`},
		{func(c *Config) { c.Realm = `a"` }, `realm: "a\"" can't stand in a header`},
		{func(c *Config) { c.Cache = conf.Dur(0) }, `cache: "0s" is no time at all`},
		{func(c *Config) { c.Timeout = conf.OffDuration }, "timeout: requests may not wait for ever"},
		{func(c *Config) { c.Parallel = conf.OffLimit }, "parallel: there must be a limit"},
		{func(c *Config) { c.Parallel = conf.AtMost(5000) }, "parallel: 5000 is out of range"},
		{func(c *Config) { c.Groups = map[string][]string{"a b": {"bcrypt"}} }, `groups."a b": "a b" can't be told in a list`},
		{func(c *Config) { c.Groups = map[string][]string{"ops": {"bcrypt", "ann"}} }, `groups.ops[1]: "ann" is not in FILE`},
		{func(c *Config) { c.Forward = map[string]string{"Cookie": "consumer"} }, `forward.Cookie: "Cookie" has another meaning`},
		{func(c *Config) { c.Forward = map[string]string{"a:": "groups"} }, `forward."a:": "a:" is not a field name`},
		{func(c *Config) { c.Forward = map[string]string{"X-A": "password"} }, `forward.X-A: "password" is not told of a user`},
	} {
		p, cfg := conf.NewProblems(), configured(t, usersFile, c.change)
		cfg.Check(p)
		if l := p.List(); len(l) != 1 || strings.ReplaceAll(l[0].Path.String()+": "+l[0].Text, cfg.UsersFile, "FILE") != strings.ReplaceAll(c.want, cfg.UsersFile, "FILE") {
			t.Errorf("got %+v, want %s", l, c.want)
		}
		_, err := Compile(cfg, "edge", nil)
		if ofFile := strings.Contains(c.want, "can't be read") || strings.Contains(c.want, "is not in"); (err == nil) != ofFile {
			t.Errorf("%s: compiled: %v", c.want, err)
		}
	}
	p := conf.NewProblems()
	bad := configured(t, "ann:secret\n", nil)
	if bad.Check(p); len(p.List()) != 1 || !strings.HasPrefix(p.List()[0].Text, bad.UsersFile+`: line 1: "ann": the hash is not one`) {
		t.Errorf("got %+v", p.List())
	}
	if _, err := Compile(bad, "edge", policytest.Needs(t)); err == nil || !strings.Contains(err.Error(), "users_file") {
		t.Errorf("got %v", err)
	}
}

func TestAFileIsTakenAsItChanges(t *testing.T) {
	needs, c := policytest.Needs(t), configured(t, usersFile, nil)
	steps, err := Compile(c, "edge", needs)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []struct{ text, password, want string }{
		{usersFile, "pw", "basic bcrypt"},
		{"bcrypt:{SHA}x\n", "pw", "basic bcrypt"},
		{strings.Replace(usersFile, "bcrypt:", "other:", 1), "pw", "401 basic_invalid: there is no such user"},
		{"bcrypt:" + sha256Line() + "\n", "pw", `401 basic_invalid: the password is not that of "bcrypt"`},
		{"bcrypt:" + sha256Line() + "\n#", "secret-5", "basic bcrypt"},
	} {
		policytest.Write(t, c.UsersFile, to.text)
		needs.Files.Look()
		needs.Files.Look() // it has stood still
		x := asked(credential("bcrypt", to.password))
		x.Arrival = time.Now()
		if got := policytest.Who(x, policytest.Pass(x, steps)); got != to.want {
			t.Errorf("with %.40q: %s, want %s", to.text, got, to.want)
		}
	}
}

func sha256Line() string {
	users, _ := parse([]byte(usersFile), nil)
	return users["sha256"].hash
}

func TestUsersLiveOverReloads(t *testing.T) {
	needs, c := policytest.Needs(t), configured(t, usersFile, nil)
	seen := map[*accounts]int{}
	for _, change := range []func(){func() {}, func() { c.Realm = "other" }, func() { c.Parallel = conf.AtMost(3) }} {
		change()
		steps, err := Compile(c, "edge", needs)
		if err != nil {
			t.Fatal(err)
		}
		seen[steps[0].Request.(*policyOf).accounts]++
	}
	if got := slices.Sorted(maps.Values(seen)); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("got %v", got)
	}
}
