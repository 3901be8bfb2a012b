package tomlfile

import (
	"strings"
	"testing"
	"time"

	toml "github.com/pelletier/go-toml/v2"

	"weir/internal/conf"
)

// The tests of this file pin down what go-toml v2 does with a config that is decoded naively, and
// show that ours is not: each trap was seen in its source or measured. If one of the first halves
// fails after an update of go-toml, the trap is gone and our way around it may go too.

// word is a type of string kind with a form of its own.
type word string

func (w *word) UnmarshalText([]byte) error { panic("go-toml asked a string kind") }

func TestTrapGoTOMLNeverAsksATypeOfStringKind(t *testing.T) {
	asked := false
	func() {
		defer func() { asked = recover() != nil }()
		var naive struct{ Mode word }
		_ = toml.Unmarshal([]byte(`Mode = "anything"`), &naive)
	}()
	if asked {
		t.Log("go-toml asks string kinds now; conf's structs could become strings")
	}
	var ours struct {
		Mode conf.Mode `toml:"mode"`
	}
	if got := decode(t, `mode = "anything"`, &ours); !strings.Contains(got, `1:8: mode: "anything" is not a mode`) {
		t.Errorf("a wrong mode gave %q", got)
	}
}

func TestTrapGoTOMLTakesAnIntegerForADuration(t *testing.T) {
	var naive struct{ Timeout time.Duration }
	if err := toml.Unmarshal([]byte("Timeout = 5"), &naive); err != nil || naive.Timeout != 5*time.Nanosecond {
		t.Logf("go-toml refuses an integer for a time.Duration now: %v", err)
	}
	var ours struct {
		Timeout conf.Duration `toml:"timeout"`
	}
	if got := decode(t, "timeout = 5", &ours); !strings.Contains(got, "1:11: timeout: 5 is not a duration") {
		t.Errorf("an integer for a duration gave %q", got)
	}
	if got := decode(t, `timeout = "5s"`, &ours); got != "" || ours.Timeout != conf.Dur(5*time.Second) {
		t.Errorf("a duration gave %v and %q", ours.Timeout, got)
	}
}

func TestTrapGoTOMLGivesNumbersAndBoolsToTextTypesWithoutTheirPlace(t *testing.T) {
	for _, value := range []string{"true", "1.5", "2020-01-01", "[1]", "{ a = 1 }"} {
		var ours struct {
			Size conf.Size `toml:"size"`
		}
		if got := decode(t, "\n  size = "+value, &ours); !strings.HasPrefix(got, "x.toml:2:10: size: ") {
			t.Errorf("size = %s gave %q, want the place 2:10", value, got)
		}
	}
}

func TestTrapGoTOMLTakesNoTextForAList(t *testing.T) {
	var naive struct{ Hosts []string }
	if err := toml.Unmarshal([]byte(`Hosts = "a"`), &naive); err == nil {
		t.Log("go-toml takes a text for a list now")
	}
	var ours struct {
		Hosts []string      `toml:"hosts"`
		Codes []conf.Limit  `toml:"codes"`
		Parts []plainTable  `toml:"parts"`
		More  []*plainTable `toml:"more"`
	}
	if got := decode(t, `hosts = "a"
codes = 7
parts = { a = "x" }
more = { a = "y" }`, &ours); got != "" {
		t.Fatal(got)
	}
	if len(ours.Hosts) != 1 || ours.Hosts[0] != "a" || ours.Codes[0].Value() != 7 || ours.Parts[0].A != "x" || ours.More[0].A != "y" {
		t.Errorf("lists of one without brackets gave %+v", ours)
	}
}

type plainTable struct {
	A string `toml:"a"`
}

// either may be a text or a table, like an endpoint.
type either struct {
	Name   string `toml:"name"`
	Weight int    `toml:"weight"`
}

func (e *either) UnmarshalText(b []byte) error {
	*e = either{Name: string(b), Weight: 1}
	return nil
}

func TestATextOrATableDecodes(t *testing.T) {
	var ours struct {
		List []either `toml:"list"`
		One  either   `toml:"one"`
	}
	if got := decode(t, `one = "x"
list = ["a", { name = "b", weight = 2 }, "c"]`, &ours); got != "" {
		t.Fatal(got)
	}
	want := []either{{"a", 1}, {"b", 2}, {"c", 1}}
	for i := range want {
		if ours.List[i] != want[i] {
			t.Errorf("element %d is %+v, want %+v", i, ours.List[i], want[i])
		}
	}
	if ours.One != (either{"x", 1}) {
		t.Errorf("one is %+v", ours.One)
	}
}

func TestTrapGoTOMLMergesIntoAListThatIsNotEmpty(t *testing.T) {
	// Decoding over a prefilled struct may leave parts of old elements behind. We fill in the tree
	// and decode into a zero value, so a list that is written replaces the default whole.
	root, r := parsed(t, `list = [{ name = "mine" }]`)
	below := NewTable()
	below.Set("list", FromValue(struct {
		L []plainTable `toml:"l"`
	}{[]plainTable{{"default"}, {"other"}}}).Get("l"))
	root.Fill(below)
	var ours struct {
		List []either `toml:"list"`
	}
	Decode(root, &ours, Sources{}, r)
	if r.Failed() || len(ours.List) != 1 || ours.List[0] != (either{Name: "mine"}) {
		t.Errorf("the list is %+v (%v)", ours.List, r.Findings())
	}
}

func TestTrapGoTOMLMatchesKeysWithoutTheirCase(t *testing.T) {
	var naive struct {
		Timeout string `toml:"timeout"`
	}
	if err := toml.Unmarshal([]byte(`TIMEOUT = "x"`), &naive); err == nil && naive.Timeout != "x" {
		t.Log("go-toml minds the case of keys now")
	}
	var ours struct {
		Timeout string `toml:"timeout"`
	}
	if got := decode(t, `TIMEOUT = "x"`, &ours); !strings.Contains(got, "did you mean timeout?") {
		t.Errorf("a key in capitals gave %q", got)
	}
}
