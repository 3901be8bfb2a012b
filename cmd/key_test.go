package cmd

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/http7/policy/apikey"
)

func TestANewKeyIsShownWithItsTable(t *testing.T) {
	got := inProcess(nil, "key", "new", "--consumer", "shop", "--groups", "partners,eu", "--scopes", "orders.read", "--expires", "2027-01-31", "--rate", "100/s", "--burst", "200", "--claim", "plan=gold")
	key, table, _ := strings.Cut(got.out, "\n\n# The key is not shown again. For the keys file:\n")
	want := "[[keys]]\nhash = \"" + apikey.Hash(key) + "\"\nconsumer = \"shop\"\ngroups = [\"partners\", \"eu\"]\nscopes = [\"orders.read\"]\nexpires = \"2027-01-31\"\n" +
		"\n[keys.limits]\nrate = \"100/s\"\nburst = 200\n\n[keys.claims]\nplan = \"gold\"\n"
	if got.code != Fine || got.err != "" || !strings.HasPrefix(key, "weir_") || table != want {
		t.Errorf("got %+v, want\n%s", got, want)
	}
}

func TestANewKeyOpensTheDoorAfterAReload(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(keys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := run(t, answers("open")+"policies = \"p\"\n[policies.p.api_key]\nkeys_file = \""+keys+"\"\n")
	made := weir(t, "", "key", "new", "--consumer", "shop", "--file", keys)
	if made.code != Fine || made.err != "the key of shop is in "+keys+"; it is not shown again:\n" {
		t.Fatalf("got %+v", made)
	}
	if got := weir(t, "", "reload", "-c", s.path); got.code != Fine {
		t.Fatalf("reload: %+v", got)
	}
	for key, want := range map[string]int{"": 401, "x": 401, strings.TrimSpace(made.out): 200} {
		q, err := http.NewRequest("GET", "http://"+s.address("web")+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			q.Header.Set("X-Api-Key", key)
		}
		a, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != want || want == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), `ApiKey realm="p"`) {
			t.Errorf("%q: %d, %q, want %d", key, a.StatusCode, a.Header, want)
		}
	}
}

func TestAFileOfKeysThatCannotBeAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(path, []byte("keys = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := inProcess(nil, "key", "new", "--consumer", "shop", "--file", path)
	if got.code != Bad || got.out != "" || got.err != "weir: "+path+": line 1, column 8: keys[0]: 1 is not a table\n" {
		t.Errorf("got %+v", got)
	}
}

func TestANewKeyAsJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.toml")
	if got := inProcess(nil, "key", "new", "--consumer", "shop", "--expires", "2020-01-31"); got.code != Fine || !strings.Contains(got.err, "warning: 2020-01-31 is past") {
		t.Errorf("a key that has ended: %+v", got)
	}
	got := inProcess(nil, "key", "new", "--consumer", "shop", "--expires", "2027-01-31", "--file", path, "--json")
	var told struct{ Key, Hash, Consumer, Expires, File string }
	if err := json.Unmarshal([]byte(got.out), &told); err != nil || got.code != Fine {
		t.Fatalf("got %+v, %v", got, err)
	}
	if told.Hash != apikey.Hash(told.Key) || told.Consumer != "shop" || told.Expires != "2027-01-31" || told.File != path {
		t.Errorf("told %+v", told)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), told.Key) || !strings.Contains(string(text), told.Hash) {
		t.Errorf("the file is %q, %v", text, err)
	}
}

func TestWhenAKeyEnds(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 500, time.UTC)
	for text, want := range map[string]string{
		"": "", "90d": "2027-02-19T12:00:00Z", "1h30m": "2026-11-21T13:30:00Z", "2027-01-31": "2027-01-31", "2027-01-31T12:00:00+01:00": "2027-01-31T12:00:00+01:00",
	} {
		if got, err := expiry(text, now); got != want || err != nil {
			t.Errorf("%q is %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"off", "tomorrow", "90", "-1h"} {
		if got, err := expiry(text, now); err == nil {
			t.Errorf("%q is %q", text, got)
		}
	}
}
