//go:build linux

package e2e

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWrongConfigStartsNothing(t *testing.T) {
	t.Parallel()
	c := prepare(t, `[admin]
address = "{ip}:9901"
[listeners.web]
address = "{ip}:8080"
adress = "{ip}:8081"
[[routes]]
upstream = "apy"
[upstreams.api]
endpoints = "127.0.0.1:1"
balance = "fastest"
`)
	c.launch(binary, "run", "-c", c.file)
	if code := c.awaitExit(patience); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	said := c.stderr.String()
	for _, want := range []string{
		"weir.toml:5:1: listeners.web.adress", "did you mean address?",
		"weir.toml:7:12: routes[0].upstream", `did you mean "api"`,
		"weir.toml:10:11: upstreams.api.balance", "fastest",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	for _, port := range []int{8080, 9901} {
		if nc, err := net.Dial("tcp", c.at(port)); err == nil {
			nc.Close()
			t.Errorf("something listens at %s", c.at(port))
		}
	}
}

func TestNoConfigIsNoProblemOfTheMachine(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "absent.toml")
	code, _, errs := command(t, "run", "-c", missing)
	if code == 0 || !strings.Contains(errs, missing) {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestWrongConfigOnReloadLeavesTheOldOneServing(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	w := dial(t, c.at(8080))
	serves := func(when string) {
		t.Helper()
		if status, body := w.get("/"); status != 200 || body != "one" {
			t.Errorf("%s: %d %q", when, status, body)
		}
	}
	serves("at first")

	c.write(strings.Replace(web, `upstream = "api"`, `upstream = "apy"`, 1))
	status, v := c.reload()
	if status != 422 || v.OK || v.Generation != 1 || len(v.Problems) == 0 {
		t.Fatalf("reload: %d %+v", status, v)
	}
	if p := v.Problems[0]; !strings.HasSuffix(p.Where, "weir.toml:8:12") || p.Key != "routes[0].upstream" || !strings.Contains(p.Hint, `"api"`) {
		t.Errorf("the problem is %+v", p)
	}
	c.logged(1, "refused", "routes[0].upstream")
	serves("after a refused reload")

	c.signal(syscall.SIGHUP)
	eventually(t, "SIGHUP is refused too", func() bool {
		return c.metrics().value(`weir_config_reloads_total{result="refused"}`) == 2
	})
	if code, out, errs := command(t, "reload", "-c", c.file); code != 1 || !strings.Contains(errs, "routes[0].upstream") {
		t.Errorf("weir reload: exit %d\n%s%s", code, out, errs)
	}
	serves("after three refused reloads")

	c.write(web)
	c.mustReload()
	if m := c.metrics(); m.value("weir_config_generation") != 2 || m.value(`weir_config_reloads_total{result="refused"}`) != 3 {
		t.Errorf("generation %v after %v refusals, want 2 and 3", m.value("weir_config_generation"), m.value(`weir_config_reloads_total{result="refused"}`))
	}
	serves("after a good reload")
}

// What a reload needs of the machine can be missing too; then nothing has changed either.
func TestReloadThatCannotBind(t *testing.T) {
	t.Parallel()
	c := start(t, web, "origin", newOrigin(t, "one").addr)
	taken := listen(t, c.at(8081))
	defer taken.Close()
	c.write(web + "[listeners.more]\naddress = [\"{ip}:8082\", \"{ip}:8081\"]\n")
	status, v := c.reload()
	if status != 422 || v.OK || len(v.Problems) == 0 || !has(v.Problems[0].Text, "more", c.at(8081)) {
		t.Errorf("reload: %d %+v", status, v)
	}
	if nc, err := net.Dial("tcp", c.at(8082)); err == nil {
		nc.Close()
		t.Error("the address that could be bound stayed bound")
	}
	if status, _ := get(t, c.at(8080), "/"); status != 200 {
		t.Errorf("the old config answers %d", status)
	}
	taken.Close()
	c.mustReload()
	if status, _ := get(t, c.at(8081), "/"); status != 200 {
		t.Errorf("the new listener answers %d", status)
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, port, says string
	}{
		{"of a listener", "8080", "web"},
		{"of the admin server", "9901", "admin"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := prepare(t, web, "origin", "127.0.0.1:1")
			taken := listen(t, c.ip+":"+test.port)
			defer taken.Close()
			c.launch(binary, "run", "-c", c.file)
			if code := c.awaitExit(patience); code != 3 {
				t.Errorf("exit %d, want 3", code)
			}
			if said := c.stderr.String(); !has(said, test.says, c.ip+":"+test.port, "in use") {
				t.Errorf("listener and address are not both in %q", said)
			}
		})
	}
}

func TestCertificateThatIsNone(t *testing.T) {
	t.Parallel()
	c := prepare(t, web+`
[listeners.secure]
address = "{ip}:8443"
tls.certificates = { cert = "{dir}/cert.pem", key = "{dir}/key.pem" }
`, "origin", "127.0.0.1:1")
	certificate(t, c.dir, "weir.test")
	if err := os.WriteFile(filepath.Join(c.dir, "key.pem"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.launch(binary, "run", "-c", c.file)
	if code := c.awaitExit(patience); code != 1 {
		t.Errorf("exit %d, want 1", code)
	}
	if said := c.stderr.String(); !has(said, "listeners.secure.tls.certificates", "key.pem") {
		t.Errorf("the file is not named in %q", said)
	}
}
