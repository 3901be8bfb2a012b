package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"weir/health"

	"weir/internal/conf"
)

// mustParse returns the Config of a text that has no problem.
func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, r := Parse("weir.toml", []byte(text), testOptions())
	if c == nil {
		t.Fatalf("a good config was refused:\n%s\n%s", text, r)
	}
	return c
}

// web is a listener and an upstream for texts that are about something else.
const web = `
[listeners.web]
address = ":8080"
[upstreams.api]
endpoints = ["10.0.0.1:8080"]
`

func TestEveryGoodFileLoadsAndLoadsAgainFromItsEffectiveForm(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no good files (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			c, r := Load(file, testOptions())
			if c == nil || r.Failed() {
				t.Fatalf("a good file was refused:\n%s", r)
			}
			effective := Effective(c)
			base := strings.TrimSuffix(file, ".toml")
			compare(t, base+".golden", []byte(r.String()+Summary(c)+"\n"+string(effective)))
			again, r := Parse("effective.toml", effective, testOptions())
			if !reflect.DeepEqual(c, again) {
				t.Fatalf("the effective form loads to\n%s\nwant\n%s\n%s", Effective(again), effective, r)
			}
			if third := Effective(again); string(third) != string(effective) {
				t.Fatalf("the effective form of the effective form is\n%s\nwant\n%s", third, effective)
			}
		})
	}
}

func TestTheSmallestUsefulFileHasEveryDefault(t *testing.T) {
	c, r := Load("testdata/good/smallest.toml", testOptions())
	if c == nil || r.String() != "" {
		t.Fatalf("refused or warned of: %s", r)
	}
	l, u, rt := c.Listeners["web"], c.Upstreams["api"], c.Routes[0]
	switch {
	case l.Kind != KindHTTP, l.Forwarded != ForwardedX, l.MaxConnections != nil, !l.MaxConnectionsPerClient.IsOff(), l.TLS != nil:
		t.Errorf("the listener is %+v", l)
	case l.Limits.HeaderBytes.Value() != 16<<10, l.Limits.IdleTimeout.Value() != 75*time.Second, l.Limits.MinBodyRate.PerSecond() != 240:
		t.Errorf("its limits are %+v", l.Limits)
	case u.Balance != "ewma", u.Host != HostPreserve, u.Health != nil, u.Endpoints[1].Weight != 1, u.Timeouts.Connect.Value() != time.Second:
		t.Errorf("the upstream is %+v", u)
	case u.Retry.Attempts != 2, len(u.Retry.On) != 6, u.Retry.Budget.Value() != 0.2, u.Retry.Replay.Value() != 64<<10, len(u.Retry.Methods) != 5:
		t.Errorf("its retry is %+v", u.Retry)
	case u.Outliers != health.DefaultOutliers(), u.Hedge != nil, u.Queue != nil, u.Breaker != nil, u.Sticky != nil, u.Discover != nil, !u.MaxInFlight.IsOff(), !u.SlowStart.IsOff():
		t.Errorf("its balancing is %+v", u)
	case !rt.Timeout.IsOff(), rt.Retry != nil, rt.Limits.BodyBytes != nil, rt.Name != "/*", rt.Respond != nil:
		t.Errorf("the route is %+v", rt)
	case c.Admin.Address.String() != "127.0.0.1:9901", !c.AccessLog.Off(), c.Shutdown.Grace.Value() != 30*time.Second, c.Log.Level != "info":
		t.Errorf("the rest is %+v", c)
	}
}

func TestDefaultsLieBelowEveryEntry(t *testing.T) {
	c, r := Load("testdata/good/defaults.toml", testOptions())
	if c == nil {
		t.Fatal(r)
	}
	l, db := c.Listeners["web"], c.Listeners["db"]
	api, dbu := c.Upstreams["api"], c.Upstreams["db"]
	switch {
	case l.Limits.HeaderBytes.Value() != 8<<10, l.Limits.IdleTimeout.Value() != 10*time.Second, l.Forwarded != ForwardedOff:
		t.Errorf("the http listener is %+v", l)
	case db.Limits.IdleTimeout.Value() != 30*time.Second, db.Forwarded != "", db.Limits.HeaderBytes.Value() != 0:
		t.Errorf("the tcp listener has http's defaults: %+v", db)
	case c.Routes[0].Upstream != "api", c.Routes[0].Timeout.Value() != 30*time.Second, len(c.Routes[0].Policies) != 1:
		t.Errorf("the first route is %+v", c.Routes[0])
	case c.Routes[1].Upstream != "", c.Routes[1].Respond == nil, len(c.Routes[1].Policies) != 0, c.Routes[1].Timeout.Value() != time.Second:
		t.Errorf("a route's own action or list does not replace the default's: %+v", c.Routes[1])
	case c.Routes[2].Retry.Attempts != 5, !reflect.DeepEqual(c.Routes[2].Retry.Methods, []string{"GET"}):
		t.Errorf("a route's retry is not over its upstream's: %+v", c.Routes[2].Retry)
	case api.Timeouts.Connect.Value() != 2*time.Second, dbu.Timeouts.Connect.Value() != 3*time.Second:
		t.Errorf("connect timeouts are %v and %v", api.Timeouts.Connect, dbu.Timeouts.Connect)
	case api.Health.HTTP.Path != "/up", dbu.Health.HTTP != nil, dbu.Health.TCP == nil, dbu.Health.Interval.Value() != 5*time.Second:
		t.Errorf("health is %+v and %+v", api.Health, dbu.Health)
	}
}

func TestIncludesAreMergedInOrder(t *testing.T) {
	c, r := Load("testdata/good/includes.toml", testOptions())
	if c == nil {
		t.Fatal(r)
	}
	if got := c.UpstreamNames(); !reflect.DeepEqual(got, []string{"api", "site"}) {
		t.Errorf("upstreams are %v", got)
	}
	if c.Routes[0].Upstream != "api" || c.Routes[1].Upstream != "site" || c.Upstreams["site"].Balance != "round_robin" {
		t.Errorf("routes are %+v, %+v", c.Routes[0], c.Routes[1])
	}
	want := []string{"includes.toml", "conf.d/10-api.toml", "conf.d/20-site.toml", "conf.d/deeper/site.toml"}
	for i, f := range r.Files() {
		if f != filepath.Join("testdata/good", want[i]) {
			t.Errorf("file %d is %s, want %s", i, f, want[i])
		}
	}
	if c.Include != nil || c.Defaults != (Defaults{}) {
		t.Error("includes and defaults are kept, though they are merged")
	}
}

func TestAFileThatIsNotThereIsTheOnlyProblem(t *testing.T) {
	c, r := Load("testdata/nosuch.toml", testOptions())
	want := "testdata/nosuch.toml can't be read: no such file or directory\n\n1 problem\n"
	if c != nil || !r.Failed() || r.String() != want {
		t.Errorf("a missing file gave %v\n%s", c, r)
	}
}

func TestFilesAreReadThroughTheOptions(t *testing.T) {
	files := map[string]string{"/etc/weir.toml": `include = "a.toml"` + web + "[[routes]]\nupstream = \"api\"", "/etc/a.toml": "[admin]\ntoken = { file = \"/token\" }", "/token": "0123456789abcdef\n"}
	o := testOptions()
	o.ReadFile = func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("gone")}
	}
	c, r := Load("/etc/weir.toml", o)
	if c == nil || c.Admin.Token.Reveal() != "0123456789abcdef" {
		t.Fatalf("refused: %s", r)
	}
	delete(files, "/token")
	if c, r := Load("/etc/weir.toml", o); c != nil || !strings.Contains(r.String(), "/etc/a.toml:2:9: admin.token: the secret can't be read: gone") {
		t.Errorf("a secret that is gone gave %s", r)
	}
}

func TestEnvironmentVariablesAreReadFromTheProcessByDefault(t *testing.T) {
	t.Setenv("WEIR_TEST_ADDRESS", "127.0.0.1:7070")
	c, r := Parse("x", []byte("[listeners.web]\naddress = \"${WEIR_TEST_ADDRESS}\"\n[[routes]]\nrespond.body = \"\""), Options{})
	if c == nil || c.Listeners["web"].Address[0].String() != "127.0.0.1:7070" {
		t.Errorf("refused: %s", r)
	}
}

func TestASecretWrittenAsOneVariableIsShownAsItsSource(t *testing.T) {
	t.Setenv("WEIR_TEST_TOKEN", "hunter2hunter2hunter2")
	text := "[admin]\ntoken = \"${WEIR_TEST_TOKEN}\"\n" + web + "[[routes]]\nupstream = \"api\""
	c, r := Parse("x", []byte(text), Options{})
	if c == nil || c.Admin.Token.Reveal() != "hunter2hunter2hunter2" {
		t.Fatalf("refused: %s", r)
	}
	effective := string(Effective(c))
	if strings.Contains(effective, "hunter2") || !strings.Contains(effective, `env = "WEIR_TEST_TOKEN"`) {
		t.Errorf("the effective form is\n%s", effective)
	}
	if again, r := Parse("x", []byte(effective), Options{}); !reflect.DeepEqual(c, again) {
		t.Errorf("it does not load again: %s", r)
	}
}

func TestASecretInTheTextIsMaskedAndItsMaskRefused(t *testing.T) {
	c := mustParse(t, "[admin]\ntoken = \"hunter2hunter2hunter2\"\n"+web+"[[routes]]\nupstream = \"api\"")
	effective := Effective(c)
	if strings.Contains(string(effective), "hunter2") || strings.Contains(Summary(c), "hunter2") {
		t.Errorf("a secret is shown:\n%s", effective)
	}
	if again, r := Parse("x", effective, testOptions()); again != nil || !strings.Contains(r.String(), "stands for a secret that was not printed") {
		t.Errorf("the mask was taken for a secret: %s", r)
	}
}

func TestTheEffectiveFormDoesNotExpandTwice(t *testing.T) {
	c := mustParse(t, web+"[[routes]]\nrespond.body = \"$${PORT} and ${NONE:-$}{X}\"")
	if got := c.Routes[0].Respond.Body; got != "${PORT} and ${X}" {
		t.Fatalf("the body is %q", got)
	}
	if again := mustParse(t, string(Effective(c))); !reflect.DeepEqual(c, again) {
		t.Errorf("the body became %q", again.Routes[0].Respond.Body)
	}
}

func TestRoutesGetNamesFromWhatTheyMatch(t *testing.T) {
	text := web
	for _, match := range []string{
		`{}`, `{ path = "/a" }`, `{ hosts = "A.example", path = ["/a/*", "/b"] }`, `{ hosts = "a.example" }`,
		`{ methods = ["GET", "HEAD"], path = "/a" }`, `{ path = "/a", methods = "POST" }`, `{ path = ["/a", "/c"] }`,
	} {
		text += "[[routes]]\nmatch = " + match + "\nupstream = \"api\"\n"
	}
	want := []string{"/*", "/a", "a.example/a/*", "a.example/*", "GET,HEAD /a", "POST /a", "/a#2"}
	for i, r := range mustParse(t, text).Routes {
		if r.Name != want[i] {
			t.Errorf("route %d is named %q, want %q", i, r.Name, want[i])
		}
	}
}

func TestANameThatWasGivenIsNotTakenByAnother(t *testing.T) {
	c := mustParse(t, web+"[[routes]]\nupstream = \"api\"\nmatch.path = \"/a\"\n[[routes]]\nname = \"/a\"\nmatch.path = \"/b\"\nupstream = \"api\"\n")
	if c.Routes[0].Name != "/a#2" || c.Routes[1].Name != "/a" {
		t.Errorf("names are %q and %q", c.Routes[0].Name, c.Routes[1].Name)
	}
}

func TestNamesAreGivenInOrder(t *testing.T) {
	c := mustParse(t, web+"[[routes]]\nupstream = \"api\"\n[listeners.b]\naddress = \":1\"\n[listeners.a]\naddress = \":2\"\n[policies.y]\n[policies.x]\n[upstreams.a]\nendpoints = \"a:1\"")
	for _, got := range []struct{ names, want []string }{
		{c.ListenerNames(), []string{"a", "b", "web"}},
		{c.PolicyNames(), []string{"x", "y"}},
		{c.UpstreamNames(), []string{"a", "api"}},
	} {
		if !reflect.DeepEqual(got.names, got.want) {
			t.Errorf("names are %v, want %v", got.names, got.want)
		}
	}
}

func TestEveryEntryKnowsItsPath(t *testing.T) {
	c := mustParse(t, web+"[policies.p]\n[[routes]]\nupstream = \"api\"\n[[routes]]\nmatch.path = \"/x\"\nupstream = \"api\"")
	for want, got := range map[string]conf.Path{
		"listeners.web": c.Listeners["web"].Path, "policies.p": c.Policies["p"].Path,
		"upstreams.api": c.Upstreams["api"].Path, "routes[1]": c.Routes[1].Path,
	} {
		if got.String() != want {
			t.Errorf("the path is %s, want %s", got, want)
		}
	}
}

// FuzzLoad: no text makes loading panic; there is a Config exactly if nothing failed; and its
// effective form loads to an equal one.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.toml", "testdata/bad/*.toml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	o := testOptions()
	o.ReadFile = func(path string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, r := Parse("x", text, o)
		if (c == nil) != r.Failed() {
			t.Fatalf("config %v, report\n%s", c, r)
		}
		r.JSON()
		if c == nil || !c.Admin.Token.IsZero() {
			return
		}
		again, r := Parse("x", Effective(c), o)
		if !reflect.DeepEqual(c, again) {
			t.Fatalf("%q\nhas the effective form\n%s\nwhich loads to %+v\n%s", text, Effective(c), again, r)
		}
	})
}
