package authorise

import "testing"

func TestTermsAreWrittenAsCalls(t *testing.T) {
	for text, want := range map[string]string{
		"":                                `` + "",
		"scope:a":                         `scope("a")`,
		"!scope:a&&group:b":               `!scope("a")&&group("b")`,
		"(scope:https://a.b/c_d-e~f)":     `(scope("https://a.b/c_d-e~f"))`,
		`group:"a b" || group:'c"d'`:      `group("a b") || group("c\"d")`,
		`path == "scope:a"`:               `path == "scope:a"`,
		`path == 'it\'s scope:a' or x`:    `path == 'it\'s scope:a' or x`,
		"path == `\\` && scope:a":         "path == `\\` && scope(\"a\")",
		"myscope:a":                       "myscope:a",
		"claims.scope:a":                  "claims.scope:a",
		"scope: a":                        "scope: a",
		`"unclosed scope:a`:               `"unclosed scope:a`,
		"consumer:a || country:DE":        `consumer("a") || country("DE")`,
		"ä == ü && scope:a && consumer:b": `ä == ü && scope("a") && consumer("b")`,
	} {
		if got := rewrite(text); got.text != want {
			t.Errorf("%s is written as %s, want %s", text, got.text, want)
		}
	}
}

func TestPlacesAreThoseOfTheOriginal(t *testing.T) {
	text := `ä == "é" && scope:a && group:"b" || wrong == 1 || path == 2`
	r := rewrite(text)
	runes := []rune(r.text)
	for i := range runes {
		if string(runes[i:min(i+5, len(runes))]) == "wrong" {
			if got, want := r.near(i, text), `at "wrong == 1 || path == 2"`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	}
	if got := r.near(len(runes), text); got != "at its end" {
		t.Errorf("the end is %s", got)
	}
	if got, want := r.near(0, text), `at "ä == \"é\" && scope:a &&…"`; got != want {
		t.Errorf("the beginning is %s, want %s", got, want)
	}
	for at := range len(r.text) + 9 {
		if got := r.original(at); got < 0 || got > len(text)+9 {
			t.Errorf("%d is at %d", at, got)
		}
	}
}
