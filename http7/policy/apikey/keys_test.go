package apikey

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"
)

// table is a [[keys]] table of a right hash and the given lines.
func table(lines ...string) string {
	return "[[keys]]\nhash = \"" + Hash("k") + "\"\n" + strings.Join(lines, "\n") + "\n"
}

func TestAFileOfKeysIsReadStrictly(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{keysFile(), ""},
		{strings.ToUpper(Hash("k")), "line 1, column"},
		{strings.Replace(table(`consumer = "a"`), Hash("k"), hashed+strings.ToUpper(Hash("k")[len(hashed):]), 1), ""},
		{"[[keys]]\nconsumer = \"a\"\n", "line 1, column 1: keys[0].hash: it is not the hash of a key"},
		{"[[keys]]\nhash = \"md5:00\"\nconsumer = \"a\"\n", "line 2, column 8: keys[0].hash: it is not the hash of a key"},
		{"[[keys]]\nhash = \"sha256:00\"\nconsumer = \"a\"\n", "line 2, column 8: keys[0].hash: it is not the hash of a key"},
		{"[[keys]]\nhash = \"" + shopKey + "\"\nconsumer = \"a\"\n", "line 2, column 8: keys[0].hash: it is not the hash of a key"},
		{table(), "line 1, column 1: keys[0].consumer: it is not said whose key it is"},
		{table(`consumer = " a"`), "line 3, column 12: keys[0].consumer: the name can't stand in a header or a log"},
		{table(`consumer = "a\r\nX: 1"`), "line 3, column 12: keys[0].consumer: the name can't stand in a header or a log"},
		{table(`consumer = "a"`, `groups = ["x", "a,b"]`), `line 4, column 16: keys[0].groups[1]: "a,b" can't be told in a list`},
		{table(`consumer = "a"`, `scopes = "a b"`), `line 4, column 10: keys[0].scopes[0]: "a b" can't be told in a list`},
		{table(`consumer = "a"`, `expires = "tomorrow"`), `line 4, column 11: keys[0].expires: "tomorrow" is not a moment`},
		{table(`consumer = "a"`, `limits = { rate = "fast" }`), `line 4, column 19: keys[0].limits.rate: "fast" is not a rate`},
		{table(`consumer = "a"`, `limits.burst = -1`), "line 4, column 16: keys[0].limits.burst: -1 is no number of requests"},
		{table(`consumer = "a"`, `claims = { rate = "1/s" }`), "keys[0].claims.rate: it is a limit"},
		{table(`consumer = "a"`, `claims = { plan = "a\u0007" }`), "keys[0].claims.plan: the value can't stand in a header"},
		{table(`consumer = "a"`, `plan = "gold"`), "keys[0].plan: "},
		{table(`consumer = "a"`) + table(`consumer = "b"`), "line 5, column 8: keys[1].hash: it is the key of keys[0] too"},
		{table() + table(`consumer = " "`), "(the first of 3 problems)"},
		{"[[keys]", "line 1, column"},
		{"keys = 1", "line 1, column 8: keys[0]: 1 is not a table"},
	} {
		_, err := parse("keys.toml", []byte(c.text))
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s\n  gave %v\n  want %s", c.text, err, c.want)
		case err != nil && strings.Contains(err.Error(), Hash("k")[len(hashed):]):
			t.Errorf("%v tells a hash", err)
		}
	}
}

func TestOneConsumerMayHaveSeveralKeys(t *testing.T) {
	text := table(`consumer = "a"`) + "[[keys]]\nhash = \"" + Hash("other") + "\"\nconsumer = \"a\"\n"
	keys, err := parse("keys.toml", []byte(text))
	if err != nil || len(keys) != 2 || keys[sha256.Sum256([]byte("other"))].identity.Consumer != "a" {
		t.Errorf("%d keys, %v", len(keys), err)
	}
}

func TestMomentsAtWhichKeysEnd(t *testing.T) {
	for text, want := range map[string]string{
		"2027-01-31":                "2027-01-31T00:00:00Z",
		"2027-01-31T12:00:00Z":      "2027-01-31T12:00:00Z",
		"2027-01-31T12:00:00+02:00": "2027-01-31T10:00:00Z",
	} {
		if got, err := Expiry(text); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%s is %v, %v, want %s", text, got, err, want)
		}
	}
	if got, err := Expiry(""); err != nil || !got.IsZero() {
		t.Errorf("nothing is %v, %v", got, err)
	}
	for _, text := range []string{"2027", "2027-13-01", "31.1.2027", "2027-01-31 12:00"} {
		if got, err := Expiry(text); err == nil {
			t.Errorf("%s is %v", text, got)
		}
	}
}

// FuzzKeyFiles: whatever a file holds, it is taken whole or refused, and every key of it can be told in fields.
func FuzzKeyFiles(f *testing.F) {
	f.Add(keysFile())
	f.Add(table(`consumer = "a"`, `groups = ["x"]`, `expires = "2027-01-31"`))
	f.Add("[[keys]]")
	f.Fuzz(func(t *testing.T, text string) {
		keys, err := parse("keys.toml", []byte(text))
		if err != nil && keys != nil {
			t.Fatal("keys of a file with problems")
		}
		for _, h := range keys {
			if h == nil || h.identity.Consumer == "" {
				t.Fatal("a key that is nobody's")
			}
			for _, value := range append([]string{h.identity.Consumer, string(h.groups), string(h.scopes)}, string(h.claim("plan"))) {
				for i := range len(value) {
					if value[i] < ' ' && value[i] != '\t' || value[i] == 0x7f {
						t.Fatalf("%q can't be told", value)
					}
				}
			}
		}
	})
}
