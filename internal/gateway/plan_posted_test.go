package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/internal/admin"
)

// plan returns what a plan for a config answers, and all that it says.
func (r *rig) plan(config string) (ok bool, said string) {
	r.t.Helper()
	return r.planWith(config, "")
}

// planWith is plan with an access log.
func (r *rig) planWith(config, log string) (ok bool, said string) {
	r.t.Helper()
	a, err := r.g.Plan(r.t.Context(), admin.PlanQuestion{Name: "new.toml", Config: config, Log: log})
	if err != nil {
		return a.OK, err.Error()
	}
	text, err := json.Marshal(a)
	if err != nil {
		r.t.Fatal(err)
	}
	return a.OK, string(text)
}

// Who may ask for a plan must not learn by it what he could not read: a config that is sent could include any file, and
// put any variable where the plan or a problem tells it.
func TestAPostedConfigGetsOnlyTheFilesAndVariablesOfTheServingOne(t *testing.T) {
	t.Setenv("WEIR_TEST_USED", "used")
	t.Setenv("WEIR_TEST_OTHER", "confidential")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	foreign, token, page := file("foreign", "root:confidential:1:\n"), file("token", "confidential0123456789\n"), file("page.html", "sorry")
	r := start(t, web0+"[[routes]]\nrespond.body = \"${WEIR_TEST_USED}\"\n")
	beside := func(name, text string) {
		if err := os.WriteFile(filepath.Join(filepath.Dir(r.path), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	beside("more.toml", "zone = \"a\"\n")
	beside("d1.toml", "")
	serving := "include = [\"more.toml\", \"d*.toml\"]\nadmin = { address = \"off\", token = { file = \"" + token + "\" } }\n" + web0 +
		"[[routes]]\nrespond = { status = 200, file = \"" + page + "\" }\n[[routes]]\nmatch.path = \"/${WEIR_TEST_USED}\"\nerror_pages = { 404 = \"" + page + "\" }\nrespond = {}\n# WEIR_TEST_OTHER"
	r.write(serving + "[admin]") // in the remark: the rig adds none
	if v := r.g.Reload(); !v.OK {
		t.Fatalf("%+v", v)
	}
	if ok, said := r.plan(serving); !ok {
		t.Errorf("the serving config itself: %s", said)
	}
	beside("d2.toml", "confidential")
	for _, c := range []struct {
		about, config string
		ok            bool
		word          string // of the error or a problem
	}{
		{"what the serving one uses", "include = \"more.toml\"\n" + plain + "[[routes]]\nrespond.body = \"${WEIR_TEST_USED}!\"\n", true, ""},
		{"a file that its pattern means", "include = \"d1.toml\"\n" + plain, true, ""},
		{"another file", "include = \"" + foreign + "\"\n" + plain, false, foreign + " is not among that"},
		{"another pattern", "include = \"" + dir + "/f*\"\n" + plain, false, dir + "/f* is not among that"},
		{"a file that its pattern would mean now", "include = \"d*.toml\"\n" + plain, false, "d2.toml can't be read: a config that is sent here"},
		{"a file of it that is no config", "include = \"" + token + "\"\n" + plain, false, token + " is not among that"},
		{"another variable", plain + "[[routes]]\nrespond.body = \"${WEIR_TEST_OTHER}\"\n", false, "not among them: WEIR_TEST_OTHER"},
		{"another variable with a default", plain + "[[routes]]\nrespond.body = \"${WEIR_TEST_OTHER:-x}\"\n", true, "not among them: WEIR_TEST_OTHER"},
		{"another secret", plain + "[admin]\ntoken = { env = \"WEIR_TEST_OTHER\" }\n", false, "not among them: WEIR_TEST_OTHER"},
		{"another secret's file", plain + "[admin]\ntoken = { file = \"" + foreign + "\" }\n", false, "only files that the one that serves does"},
		{"another answer's file", plain + "[[routes]]\nrespond.file = \"" + foreign + "\"\n", false, "only files that the one that serves does"},
		{"another page", plain + "[[routes]]\nrespond = {}\nerror_pages = { 404 = \"" + dir + "/none.html\" }\n", false, "only files that the one that serves does"},
		{"another certificate", plain + "[listeners.s]\naddress = \"127.0.0.1:0\"\ntls.certificates = { cert = \"" + foreign + "\", key = \"" + foreign + "\" }\n", false, "only files that the one that serves does"},
		{"another probe's", plain + "[upstreams.u]\nendpoints = \"a:1\"\nhealth = { http = { path = \"/\" }, tls = { ca = \"" + foreign + "\" } }\n", false, "only files that the one that serves does"},
	} {
		ok, said := r.plan(c.config)
		if ok != c.ok || !strings.Contains(said, c.word) || strings.Contains(said, "confidential") {
			t.Errorf("%s: %v, %s; want %v with %q", c.about, ok, said, c.ok, c.word)
		}
	}
}

// A plan told what is in the environment for secrets: the config that is sent put the variable where it is shown. GET
// /config, which the same caller may read, shows where a secret comes from and not what it is.
func TestAPlanTellsNoSecretOfTheServingConfig(t *testing.T) {
	t.Setenv("WEIR_TEST_STICKY", "0123456789abcdef0123456789abcdef-confidential")
	t.Setenv("WEIR_TEST_TOKEN", "0123456789abcdef-confidential")
	t.Setenv("WEIR_TEST_STICK", "confidential")
	t.Setenv("WEIR_TEST_NAME", "seen")
	serving := "admin = { address = \"off\", token = \"T ${WEIR_TEST_TOKEN}\" }\n" + web0 + "[[routes]]\nname = \"${WEIR_TEST_NAME}\"\nupstream = \"u\"\n" +
		"[upstreams.u]\nendpoints = \"127.0.0.1:1\"\nsticky = { cookie = \"weir\", ttl = \"1h\", key = { env = \"WEIR_TEST_STICKY\" } }\n"
	r := start(t, serving+"#[admin]")
	if ok, said := r.plan(serving); !ok || strings.Contains(said, `"change":"changed"`) || !strings.Contains(said, `"problems":null`) {
		t.Errorf("the config that serves: %v, %s", ok, said)
	}
	for _, c := range []struct {
		name string
		ok   bool
		word string
	}{
		{"WEIR_TEST_NAME", true, "xseen"},
		{"WEIR_TEST_STICKY", true, "x(the secret WEIR_TEST_STICKY)"},
		{"WEIR_TEST_TOKEN", true, "x(the secret WEIR_TEST_TOKEN)"},
		{"WEIR_TEST_STICK", false, "not among them: WEIR_TEST_STICK"},
		{"TEST", false, "not among them: TEST"},
		{"PATH", false, "not among them: PATH"},
	} {
		ok, said := r.plan(serving + "[[routes]]\nname = \"x${" + c.name + "}\"\nmatch.path = \"/leak\"\nrespond = {}\n")
		if ok != c.ok || !strings.Contains(said, c.word) || strings.Contains(said, "confidential") {
			t.Errorf("%s: %v, %s; want %v with %q", c.name, ok, said, c.ok, c.word)
		}
	}
	if _, said := r.plan(strings.Replace(serving, "T ${", "another ${", 1)); !strings.Contains(said, `"admin.token"`) || strings.Contains(said, "confidential") {
		t.Errorf("another token: %s", said)
	}
}

// A config that named a pipe, or a device without an end, stopped every plan that came later, or the process.
func TestAPostedConfigThatNamesPipesAndDevicesIsAnsweredAtOnce(t *testing.T) {
	r := start(t, web0+"[[routes]]\nrespond = {}\n")
	pipe := filepath.Join(t.TempDir(), "pipe.html")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{pipe, "/dev/zero"} {
		for _, text := range []string{
			"include = \"FILE\"\n" + plain,
			plain + "[admin]\ntoken = { file = \"FILE\" }\n",
			plain + "[[routes]]\nrespond = { status = 200, file = \"FILE\" }\n",
			plain + "[[routes]]\nrespond = {}\nerror_pages = { 404 = \"" + pipe + "\" }\n",
			plain + "[upstreams.u]\nendpoints = \"a:1\"\nsticky = { cookie = \"weir\", key = { file = \"FILE\" } }\n",
			plain + "[upstreams.u]\nendpoints = \"a:1\"\nhealth = { http = { path = \"/\" }, tls = { ca = \"FILE\" } }\n",
		} {
			answered := make(chan bool, 1)
			go func() { // ends with the answer, or with the test
				ok, _ := r.plan(strings.ReplaceAll(text, "FILE", file))
				answered <- ok
			}()
			select {
			case ok := <-answered:
				if ok {
					t.Errorf("%s is taken", text)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("no answer to %s with %s", text, file)
			}
			// So does a file on the disk, for it may be what is loaded next.
			r.write(strings.ReplaceAll(text, "FILE", file) + "#[admin]")
			if c, report := Load(r.path, nil); c != nil || !strings.Contains(report.String(), "not a regular file") {
				t.Errorf("%s is taken from the disk: %s", text, report)
			}
		}
	}
	if ok, said := r.plan(plain); !ok {
		t.Errorf("a plan after them: %s", said)
	}
}

func TestAPlanEndsWithItsContext(t *testing.T) {
	r := start(t, web0+"[[routes]]\nrespond = {}\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if a, err := r.g.Plan(ctx, admin.PlanQuestion{Name: "new.toml", Config: plain}); a.OK || !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v", a, err)
	}
}

// Twenty thousand routes without a name took the naming of them four hundred million steps, and the plan minutes.
func TestAConfigOfNothingButEqualRoutesIsJudgedInAMoment(t *testing.T) {
	r := start(t, web0+"[[routes]]\nrespond = {}\n")
	began := time.Now()
	ok, said := r.plan(web0 + strings.Repeat("[[routes]]\n", 20_000))
	if spent := time.Since(began); ok || spent > 15*time.Second {
		t.Errorf("%v after %s: %.100s", ok, spent, said)
	}
}
