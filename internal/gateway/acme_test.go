package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/certs"
	"weir/internal/certs/acme"
	"weir/internal/config"
)

// acmeConfig has listeners with an acme table each, by name; the authority is not there.
func acmeConfig(t *testing.T, stateDir string, tables map[string]string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "state_dir = %q\n", stateDir)
	for name, table := range tables {
		fmt.Fprintf(&b, "[listeners.%s]\naddress = \"127.0.0.1:0\"\n", name)
		if table != "" {
			fmt.Fprintf(&b, "tls.acme = { directory = \"https://%s/dir\", %s }\n", "127.0.0.1:1", table)
		}
	}
	return b.String() + "[[routes]]\nrespond = { status = 200, body = \"here\" }\n"
}

// keepers returns those of the generation that serves, by listener.
func (r *rig) keepers() map[string]*acmeKeeper {
	all := map[string]*acmeKeeper{}
	for _, o := range r.g.current.Load().listeners {
		if o.keeper != nil {
			all[o.name] = o.keeper
		}
	}
	return all
}

func TestEqualACMETablesShareAKeeperThatStaysOverReloads(t *testing.T) {
	dir := t.TempDir()
	one, two := `hosts = ["a.test", "b.test"]`, `hosts = "c.test"`
	r := start(t, acmeConfig(t, dir, map[string]string{"web": one, "also": one, "other": two, "plain": ""}))
	first := r.keepers()
	if len(first) != 3 || first["web"] != first["also"] || first["web"] == first["other"] {
		t.Fatalf("the keepers are %v", first)
	}
	r.says("plain", "/", "here") // an authority that is not there keeps nobody from serving
	if status, _ := r.get("plain", "/.well-known/acme-challenge/x"); status != 200 {
		t.Errorf("a path that nobody is checking answers %d", status)
	}

	r.reload(acmeConfig(t, dir, map[string]string{"web": one, "other": `hosts = "d.test"`, "plain": ""}))
	next := r.keepers()
	if next["web"] != first["web"] {
		t.Error("a table that stays has another keeper")
	}
	if next["other"] == first["other"] || !next["other"].Handles("d.test") || next["other"].Handles("c.test") {
		t.Error("a table that changes keeps its keeper")
	}
	r.reload(acmeConfig(t, t.TempDir(), map[string]string{"web": one, "plain": ""}))
	if r.keepers()["web"] == first["web"] {
		t.Error("another state_dir keeps the keeper")
	}
}

func TestACMETroubleIsToldByStatusAndMetrics(t *testing.T) {
	r := start(t, acmeConfig(t, t.TempDir(), map[string]string{"web": `hosts = "a.test"`}))
	until(t, "a failed attempt is counted", func() bool {
		m := r.metrics()
		return !strings.Contains(m, `weir_certificate_attempts_total{result="failed"} 0`) && strings.Contains(m, `weir_certificate_broken{listener="web",certificate="a.test"} 1`)
	})
	list := r.g.Status().Listeners[0].Certificates
	if len(list) != 1 || list[0].Names[0] != "a.test" || !strings.Contains(list[0].Trouble, "connection refused") || list[0].Since.IsZero() || !list[0].Expires.IsZero() {
		t.Errorf("status says %+v", list)
	}
}

func TestACMEWithoutAPlaceForItsKeysIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := prepared(t, acmeConfig(t, file, map[string]string{"web": `hosts = "a.test"`}))
	var why *listenerError
	if err := r.g.Open(r.path); !errors.As(err, &why) || !strings.Contains(err.Error(), "listener web: acme has no place for keys and certificates") {
		t.Errorf("it opens: %v", err)
	}
}

func TestHTTP01IsNotTriedByDefaultWhereNobodyAnswers(t *testing.T) {
	secure := &config.Listener{Kind: config.KindHTTP, TLS: &certs.Config{}}
	plain := &config.Listener{Kind: config.KindHTTP}
	tcp := &config.Listener{Kind: config.KindTCP}
	dns := acme.DefaultDNS()
	for name, tc := range map[string]struct {
		listeners []*config.Listener
		acme      acme.Config
		want      bool
	}{
		"a plain listener":         {[]*config.Listener{secure, plain}, acme.Config{}, true},
		"none":                     {[]*config.Listener{secure}, acme.Config{}, false},
		"a tcp one":                {[]*config.Listener{secure, tcp}, acme.Config{}, false},
		"none, but it is asked so": {[]*config.Listener{secure}, acme.Config{Challenges: []string{acme.HTTP01}}, true},
		"none, with dns":           {[]*config.Listener{secure}, acme.Config{DNS: &dns}, false},
	} {
		cfg := &config.Config{Listeners: map[string]*config.Listener{}}
		for i, l := range tc.listeners {
			cfg.Listeners[fmt.Sprint(i)] = l
		}
		got := answerable(&tc.acme, cfg)
		if got.Uses(acme.HTTP01) != tc.want || tc.acme.DNS != nil && !got.Uses(acme.DNS01) {
			t.Errorf("%s: http-01 %v, want %v", name, got.Uses(acme.HTTP01), tc.want)
		}
	}
}
