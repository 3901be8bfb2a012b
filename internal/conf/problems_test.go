package conf

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestPathsAreWrittenAsAnOperatorWould(t *testing.T) {
	for want, p := range map[string]Path{
		"":                            nil,
		"log.level":                   {"log", "level"},
		"routes[2].match.path[0]":     {"routes", "[2]", "match", "path", "[0]"},
		`set."X Y"`:                   {"set", "X Y"},
		`listeners.""`:                {"listeners", ""},
		`listeners."a.b".tls`:         {"listeners", "a.b", "tls"},
		"upstreams.site-v1.endpoints": {"upstreams", "site-v1", "endpoints"},
	} {
		if got := p.String(); got != want {
			t.Errorf("%#v is %q, want %q", p, got, want)
		}
	}
}

func TestProblemsAreNotedAtTheirPaths(t *testing.T) {
	p := NewProblems()
	web := p.In("listeners", "web")
	web.Add("kind", "a", "b")
	web.Index("address", 1).Add("", "c", "")
	web.AddKey("tls", "d", "")
	p.At(Path{"routes", "[0]"}).Warn("name", "e", "")
	web.AddNeeds("upstream", "f", "", "upstreams", "x")
	web.AddNeeds("kind", "g", "", append(web.Path(), "tls")...)
	want := []Problem{
		{Path: Path{"listeners", "web", "kind"}, Text: "a", Hint: "b"},
		{Path: Path{"listeners", "web", "address", "[1]"}, Text: "c"},
		{Path: Path{"listeners", "web", "tls"}, Text: "d", AtKey: true},
		{Path: Path{"routes", "[0]", "name"}, Text: "e", Warning: true},
		{Path: Path{"listeners", "web", "upstream"}, Text: "f", Needs: Path{"upstreams", "x"}},
		{Path: Path{"listeners", "web", "kind"}, Text: "g", Needs: Path{"listeners", "web", "tls"}},
	}
	if got := p.List(); !reflect.DeepEqual(got, want) {
		t.Errorf("noted\n%+v\nwant\n%+v", got, want)
	}
}

func TestPathsOfSiblingsDoNotShareMemory(t *testing.T) {
	p := NewProblems().In("a", "b", "c")
	x, y := p.In("x"), p.In("y")
	x.Add("1", "", "")
	y.Add("2", "", "")
	list := p.List()
	if list[0].Path.String() != "a.b.c.x.1" || list[1].Path.String() != "a.b.c.y.2" {
		t.Errorf("paths are %s and %s", list[0].Path, list[1].Path)
	}
}

func TestWarningsAloneAreNoFailure(t *testing.T) {
	p := NewProblems()
	p.Warn("a", "b", "c")
	if p.Failed() {
		t.Error("a warning fails")
	}
	p.Add("a", "b", "c")
	if !p.Failed() {
		t.Error("a problem does not fail")
	}
}

func TestErrorsBringTheirHints(t *testing.T) {
	p := NewProblems()
	p.AddError("a", &BadValue{Text: "wrong", Hint: "right"})
	p.AddError("b", errors.New("plain"))
	want := []Problem{{Path: Path{"a"}, Text: "wrong", Hint: "right"}, {Path: Path{"b"}, Text: "plain"}}
	if got := p.List(); !reflect.DeepEqual(got, want) {
		t.Errorf("noted %+v, want %+v", got, want)
	}
}

func TestOneOfNamesTheChoices(t *testing.T) {
	for _, c := range []struct{ value, hint string }{
		{"ewma", ""},
		{"rond_robin", `did you mean "round_robin"? it is one of "ewma" or "round_robin"`},
		{"fastest", `it is one of "ewma" or "round_robin"`},
	} {
		p := NewProblems()
		p.OneOf("balance", c.value, "a balancer", "ewma", "round_robin")
		switch list := p.List(); {
		case c.hint == "" && len(list) != 0:
			t.Errorf("%q is refused: %v", c.value, list)
		case c.hint != "" && (len(list) != 1 || list[0].Hint != c.hint):
			t.Errorf("%q gave %v, want the hint %q", c.value, list, c.hint)
		}
	}
}

func TestPositiveAndBetweenKnowTheirBounds(t *testing.T) {
	p := NewProblems()
	p.Positive("ok", Dur(time.Nanosecond))
	p.Positive("ok", OffDuration)
	p.Between("ok", 1, 1, 3)
	p.Between("ok", 3, 1, 3)
	if p.Failed() {
		t.Fatalf("values in range are refused: %v", p.List())
	}
	p.Positive("bad", Dur(0))
	p.Between("bad", 0, 1, 3)
	p.Between("bad", 4, 1, 3)
	if len(p.List()) != 3 {
		t.Fatalf("%d of 3 values out of range are refused", len(p.List()))
	}
}

func TestTheNearestWordIsTheOneMeant(t *testing.T) {
	keys := []string{"endpoints", "balance", "timeouts", "host", "health", "path", "hosts"}
	for word, want := range map[string]string{
		"endpoint":  "endpoints",
		"balanse":   "balance",
		"BALANCE":   "balance",
		"tiemouts":  "timeouts", // two neighbours swapped count as one change
		"hots":      "host",
		"helth":     "health",
		"something": "",
		"":          "",
		"1.0":       "",
	} {
		if got := Nearest(word, keys); got != want {
			t.Errorf("%q is near %q, want %q", word, got, want)
		}
	}
}

func TestWordsAreListedForAPerson(t *testing.T) {
	for want, words := range map[string][]string{
		"":                 nil,
		`"a"`:              {"a"},
		`"a" and "b"`:      {"a", "b"},
		`"a", "b" and "c"`: {"a", "b", "c"},
	} {
		if got := Quoted(words, "and"); got != want {
			t.Errorf("%v is %s, want %s", words, got, want)
		}
	}
}

// FuzzNearest: no word makes the search panic, and it answers with a candidate or nothing.
func FuzzNearest(f *testing.F) {
	f.Add("balanse", "balance")
	f.Add("", "")
	f.Add("ü", "u")
	f.Fuzz(func(t *testing.T, word, candidate string) {
		if got := Nearest(word, []string{candidate}); got != "" && got != candidate {
			t.Fatalf("%q is near %q, which is no candidate", word, got)
		}
	})
}

func TestTheErrorIsTheFirstThatIsNoWarning(t *testing.T) {
	p := NewProblems()
	p.Warn("a", "is odd", "")
	if err := p.Err(); err != nil {
		t.Errorf("with a warning alone: %v", err)
	}
	p.In("b").Add("c", "is wrong", "")
	p.Add("d", "is wrong too", "")
	if err := p.Err(); err == nil || err.Error() != "b.c: is wrong" {
		t.Errorf("got %v", err)
	}
}
