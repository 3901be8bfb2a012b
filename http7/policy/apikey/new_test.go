package apikey

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

func TestNewKeysDifferAndFitEveryPlace(t *testing.T) {
	shape, seen := regexp.MustCompile(`^weir_[A-Za-z0-9_-]{43}$`), map[string]bool{}
	for range 100 {
		k := NewKey()
		if !shape.MatchString(k) || seen[k] {
			t.Fatalf("%s is no new key", k)
		}
		seen[k] = true
		keys, err := parse("", []byte("[[keys]]\nhash = \""+Hash(k)+"\"\nconsumer = \"a\"\n"))
		if err != nil || keys[sha256.Sum256([]byte(k))] == nil {
			t.Fatalf("its hash is not its: %v", err)
		}
	}
}

func TestAKeyIsWrittenAsItIsRead(t *testing.T) {
	var rate conf.Rate
	if err := rate.UnmarshalText([]byte("6000/m")); err != nil {
		t.Fatal(err)
	}
	five := 5
	for _, c := range []struct {
		key  Key
		want string
	}{
		{Key{Consumer: "shop"}, "consumer = \"shop\"\n"},
		{Key{Consumer: `a "b"\`, Expires: "2027-01-31"}, "consumer = \"a \\\"b\\\"\\\\\"\nexpires = \"2027-01-31\"\n"},
		{
			Key{Consumer: "s", Groups: []string{"a", "b"}, Scopes: []string{"r"}, Limits: Limits{Rate: rate, Burst: &five}, Claims: map[string]string{"plan": "gold"}},
			"consumer = \"s\"\ngroups = [\"a\", \"b\"]\nscopes = [\"r\"]\n\n[keys.limits]\nrate = \"6000/m\"\nburst = 5\n\n[keys.claims]\nplan = \"gold\"\n",
		},
	} {
		c.key.Hash = Hash("k")
		text, err := c.key.Text()
		if want := "[[keys]]\nhash = \"" + Hash("k") + "\"\n" + c.want; err != nil || string(text) != want {
			t.Errorf("got %v\n%s\nwant\n%s", err, text, want)
		}
		keys, err := parse("", text)
		if h := keys[sha256.Sum256([]byte("k"))]; err != nil || h == nil || h.identity.Consumer != c.key.Consumer {
			t.Errorf("read again: %v", err)
		}
	}
}

func TestAKeyThatNoFileMayHaveIsNotWritten(t *testing.T) {
	path, none := filepath.Join(t.TempDir(), "keys.toml"), 0
	for _, c := range []struct {
		key  Key
		want string
	}{
		{Key{}, "consumer: it is not said whose key it is"},
		{Key{Consumer: "a\n"}, "consumer: the name can't stand in a header or a log"},
		{Key{Consumer: "a", Groups: []string{"b c"}}, `groups[0]: "b c" can't be told in a list`},
		{Key{Consumer: "a", Expires: "soon"}, `expires: "soon" is not a moment`},
		{Key{Consumer: "a", Limits: Limits{Burst: &none}}, "limits.burst: 0 is no number of requests"},
	} {
		c.key.Hash = Hash("k")
		if text, err := c.key.Text(); err == nil || err.Error() != c.want || text != nil {
			t.Errorf("%v, want %s", err, c.want)
		}
		if err := Append(path, &c.key); err == nil || err.Error() != c.want {
			t.Errorf("appended: %v, want %s", err, c.want)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a file")
	}
}

func TestAKeyIsAppended(t *testing.T) {
	one := "[[keys]]\nhash = \"" + Hash("one") + "\"\nconsumer = \"a\""
	two := "[[keys]]\nhash = \"" + Hash("two") + "\"\nconsumer = \"b\"\n"
	for _, c := range []struct{ what, before, want string }{
		{"to no file", "", two},
		{"to an empty one", "\n", "\n\n" + two},
		{"behind another", one + "\n", one + "\n\n" + two},
		{"behind a line without an end", one, one + "\n\n" + two},
		{"behind a comment", "# keys of ours", "# keys of ours\n\n" + two},
	} {
		path := filepath.Join(t.TempDir(), "keys.toml")
		if c.before != "" {
			policytest.Write(t, path, c.before)
		}
		if err := Append(path, &Key{Hash: Hash("two"), Consumer: "b"}); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		got, _ := os.ReadFile(path)
		info, err := os.Stat(path)
		if string(got) != c.want || err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestAFileWithAProblemStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	twice := "[[keys]]\nhash = \"" + Hash("two") + "\"\nconsumer = \"a\"\n"
	for before, want := range map[string]string{
		"[[keys]]\nhash = 1\n": ": line 2, column 8: keys[0].hash: 1 is not a text",
		"keys = [":             ": line 1, column 8: ",
		twice:                  ": line 6, column 8: keys[1].hash: it is the key of keys[0] too",
	} {
		path := filepath.Join(dir, "keys.toml")
		policytest.Write(t, path, before)
		if err := Append(path, &Key{Hash: Hash("two"), Consumer: "b"}); err == nil || !strings.HasPrefix(err.Error(), path+want) {
			t.Errorf("got %v, want %s", err, want)
		}
		if after, _ := os.ReadFile(path); string(after) != before {
			t.Errorf("it is now %q", after)
		}
	}
	if err := Append(dir, &Key{Hash: Hash("two"), Consumer: "b"}); err == nil || err.Error() != dir+": is a directory" {
		t.Errorf("to a directory: %v", err)
	}
	if err := Append(dir+"/no/keys", &Key{Hash: Hash("two"), Consumer: "b"}); err == nil || err.Error() != dir+"/no/keys: no such file or directory" {
		t.Errorf("to no directory: %v", err)
	}
}
