package headers_test

import (
	"slices"
	"testing"

	"weir/http7"
	"weir/http7/policy/headers"
	"weir/internal/conf"
)

func TestWhatBecomesOfAFieldIsToldToWhoeverKeepsAnswers(t *testing.T) {
	set := func(name, value string) map[string]string { return map[string]string{name: value} }
	add := func(name string, values ...string) map[string][]string { return map[string][]string{name: values} }
	const ofTheClient = "{client}"
	for _, c := range []struct {
		what string
		s    section
		want []http7.Edit
	}{
		{"what is removed is the same for all", section{Remove: []string{"Accept-Language"}}, []http7.Edit{{Name: "accept-language", Fixed: true}}},
		{"so is what is set", section{Set: set("X-Edge", "1")}, []http7.Edit{{Name: "x-edge", Fixed: true}}},
		{"what is set of the client is not", section{Set: set("X-User", ofTheClient)}, []http7.Edit{{Name: "x-user"}}},
		{"what the same is added to differs as before", section{Add: add("X-Edge", "1")}, nil},
		{"what the client's is added to differs anew", section{Add: add("X-Edge", "1", ofTheClient)}, []http7.Edit{{Name: "x-edge"}}},
		{"removed, and set from the client", section{Remove: []string{"x-user"}, Set: set("X-User", ofTheClient)}, []http7.Edit{{Name: "x-user"}}},
		{"removed, and the same added", section{Remove: []string{"x-user"}, Add: add("X-User", "1")}, []http7.Edit{{Name: "x-user", Fixed: true}}},
		{"set, and the client's added", section{Set: set("X-User", "1"), Add: add("X-User", ofTheClient)}, []http7.Edit{{Name: "x-user"}}},
		{"several", section{Remove: []string{"A"}, Set: set("B", "1")}, []http7.Edit{{Name: "a", Fixed: true}, {Name: "b", Fixed: true}}},
		{"what is only observed changes nothing", section{Mode: conf.Observe, Remove: []string{"A"}}, nil},
	} {
		steps := compile(t, headers.Config{Request: &c.s})
		if got := steps[0].Edits; !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.what, got, c.want)
		}
	}
}

func TestEditsOfAnswersAreNone(t *testing.T) {
	s := section{Set: map[string]string{"X-A": "1"}}
	if steps := compile(t, headers.Config{Response: &s}); steps[0].Edits != nil {
		t.Errorf("got %v", steps[0].Edits)
	}
}
