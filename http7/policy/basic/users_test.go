package basic

import (
	"strings"
	"testing"
)

func TestHashesOfOtherProgramsAreVerified(t *testing.T) {
	users, err := parse([]byte(usersFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	for user, password := range map[string]string{"bcrypt": "pw", "argon2id": "password", "argon2i": "password", "sha256": "secret-5", "sha512": "secret-6"} {
		digest := users[user].digest
		if !digest.Match(password) || digest.Match(password+"x") || digest.Match("") {
			t.Errorf("%s: the password is not told from others", user)
		}
	}
}

func TestAFileOfUsersIsReadStrictly(t *testing.T) {
	const right = "$2y$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW"
	for _, c := range []struct{ text, want string }{
		{"a:" + right, ""},
		{"\xef\xbb\xbf# people\r\n  \r\na b:" + right + "\r\n", ""},
		{"é:" + right, ""},
		{"a:" + strings.Replace(right, "$2y$", "$2b$", 1), ""},
		{"", "there is no user in it"},
		{"# a:" + right, "there is no user in it"},
		{"a", `line 1: it is not "user:hash"`},
		{"\na:", `line 2: it is not "user:hash"`},
		{":" + right, `line 1: it is not "user:hash"`},
		{"a\x01:" + right, "line 1: the name can't stand in a header or a log, or has more than 255 bytes"},
		{strings.Repeat("a", 256) + ":" + right, "line 1: the name can't stand in a header or a log, or has more than 255 bytes"},
		{"a:" + right + "\na:" + right, "line 2: the user is there twice"},
		{"a:password", `line 1: "a": the hash is not one of bcrypt, argon2 or SHA-crypt: write a new one with htpasswd -B`},
		{"a:$2y$17" + right[6:], `line 1: "a": the hash asks for more work than any password is worth`},
		{"a:" + right[:40], `line 1: "a": the hash is not one of bcrypt, argon2 or SHA-crypt`},
		{"a:" + right + ":more", `line 1: "a": the hash is not one of bcrypt, argon2 or SHA-crypt`},
		{"a:$apr1$abcdefgh$82JubPF2dQkt1tVfvLnXS.", `line 1: "a": hashes of MD5 are not taken`},
		{"a:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", `line 1: "a": hashes of SHA-1 without a salt are not taken`},
		{"a:$plaintext$pw", `line 1: "a": the hash is not one of`},
		{"a:$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", `line 1: "a": the hash asks for more work`},
		{"a:$argon2id$v=19$m=256,t=101,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", `line 1: "a": the hash asks for more work`},
		{"a:$argon2id$v=19$m=256,t=2,p=65$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", `line 1: "a": the hash asks for more work`},
		{"a:$6$rounds=10000001$abcdefgh$zmiWCqZO56sRjD2xdWz5EGBrHbSnLSwPvhkaSHC77fMtBKY1A3oavqPACCQAM0oYaEGkuz4yO/9KLh0R/N7z./", `line 1: "a": the hash asks for more work`},
		{"a:$argon2id$v=19$t=2,m=1048577,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", `line 1: "a": the hash asks for more work`},
	} {
		_, err := parse([]byte(c.text), nil)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)):
			t.Errorf("%.60q gave %v, want %s", c.text, err, c.want)
		case err != nil && (strings.Contains(err.Error(), "abcdefgh") || strings.Contains(err.Error(), "password:")):
			t.Errorf("%v tells a hash", err)
		}
	}
}

func TestAnAccountWhoseLineStaysIsTheSame(t *testing.T) {
	before, err := parse([]byte(usersFile), nil)
	if err != nil {
		t.Fatal(err)
	}
	after, err := parse([]byte(strings.Replace(usersFile, "sha512:$6$rounds=1000", "sha512:$6$rounds=1001", 1)), before)
	if err != nil {
		t.Fatal(err)
	}
	for name := range before {
		if same := after[name] == before[name]; same != (name != "sha512") {
			t.Errorf("%s is the same: %v", name, same)
		}
	}
}

// FuzzUserFiles: whatever a file holds, it is taken whole or refused, and all names of it can be told in fields.
func FuzzUserFiles(f *testing.F) {
	f.Add(usersFile)
	f.Add("a:$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65")
	f.Add("a:$6$rounds=99999999999$x$y\nb:$2a$31$")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := parse([]byte(text), nil)
		if (err == nil) != (len(users) > 0) {
			t.Fatalf("%d users and %v", len(users), err)
		}
		for name, a := range users {
			if a.name != name || name == "" || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r == ':' }) || a.digest == nil {
				t.Fatalf("%q is a user", name)
			}
		}
	})
}
