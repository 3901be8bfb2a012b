package conf

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

const hidden = "hunter2hunter2"

func TestNoVerbAndNoEncodingShowsASecret(t *testing.T) {
	// A Config is printed in panics and debug lines by people who don't think of its secrets.
	type room struct {
		Token  Secret
		inner  Secret
		Nested *Secret
	}
	s := SecretText(hidden)
	env := Secret{Env: "TOKEN"}
	if err := env.Resolve(func(string) (string, bool) { return hidden, true }, os.ReadFile); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{s, &s, env, room{s, env, &s}, &room{env, s, &env}, []Secret{s, env}, map[string]Secret{"a": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, hidden) || strings.Contains(out, fmt.Sprintf("%x", hidden)) {
				t.Errorf("%s shows the secret of a %T: %s", verb, v, out)
			}
		}
		b, err := json.Marshal(v)
		if err != nil || strings.Contains(string(b), hidden) {
			t.Errorf("JSON shows the secret of a %T: %s (%v)", v, b, err)
		}
	}
	if s.Reveal() != hidden || env.Reveal() != hidden {
		t.Error("Reveal does not give the secret")
	}
}

func TestASecretIsWrittenByItsSource(t *testing.T) {
	for _, c := range []struct {
		s    Secret
		want string
	}{
		{Secret{}, ""},
		{SecretText("x"), "***"},
		{Secret{Env: "A"}, "env A"},
		{Secret{File: "/a"}, "file /a"},
	} {
		if got := written(t, c.s); got != c.want {
			t.Errorf("%#v is written %q, want %q", c.s, got, c.want)
		}
	}
	if !(Secret{}).IsZero() || (Secret{Env: "A"}).IsZero() || SecretText("x").IsZero() || (Secret{}).Reveal() != "" {
		t.Error("IsZero or Reveal is wrong")
	}
}

func TestTextsThatAreNoSecretAreRefused(t *testing.T) {
	readings(t, func() Value { return new(Secret) }, []reading{
		{text: "hunter2", again: "***"},
		{text: "", wrong: "the secret is empty"},
		{text: "***", wrong: "was not printed"},
	})
}

func TestSecretsComeFromWhereTheySay(t *testing.T) {
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"TOKEN": hidden, "EMPTY": ""}[name]
		return v, ok
	}
	read := func(path string) ([]byte, error) {
		files := map[string]string{"/token": hidden + "\n", "/crlf": hidden + "\r\n", "/two": hidden + "\n\n", "/empty": "\n"}
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: errors.New("no such file or directory")}
	}
	for _, c := range []struct {
		s           Secret
		want, wrong string
	}{
		{s: Secret{}},
		{s: SecretText("x"), want: "x"},
		{s: Secret{Env: "TOKEN"}, want: hidden},
		{s: Secret{File: "/token"}, want: hidden},
		{s: Secret{File: "/crlf"}, want: hidden},
		{s: Secret{File: "/two"}, want: hidden + "\n"},
		{s: Secret{Env: "NONE"}, wrong: "the environment variable NONE is not set"},
		{s: Secret{Env: "EMPTY"}, wrong: "the environment variable EMPTY is not set"},
		{s: Secret{File: "/none"}, wrong: "the secret can't be read: no such file or directory"},
		{s: Secret{File: "/empty"}, wrong: "the file /empty is empty"},
		{s: Secret{Env: "TOKEN", File: "/token"}, wrong: "one source"},
	} {
		err := c.s.Resolve(lookup, read)
		switch {
		case c.wrong == "" && (err != nil || c.s.Reveal() != c.want):
			t.Errorf("%s gave %q (%v), want %q", c.s, c.s.Reveal(), err, c.want)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s gave %v, want %q", c.s, err, c.wrong)
		case err != nil && strings.Contains(err.Error(), hidden):
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}
