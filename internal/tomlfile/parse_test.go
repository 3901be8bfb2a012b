package tomlfile

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	toml "github.com/pelletier/go-toml/v2"
)

const placed = `# weir
include = "x"

[admin]
  address = "a" # there
  "odd key" = [1, "zwei", { drei = 3, vier.f = true }] # ü

[listeners.web]
limits.header = """
two
lines"""
ümlaut = 1

[[routes]]
name = 'one'
[routes.match]
path = [
  "/a", # first
  "/b",
]
[[routes]]
`

func TestEveryKeyAndValueKnowsItsPlace(t *testing.T) {
	root, _ := parsed(t, strings.Replace(placed, "ümlaut", `"ümlaut"`, 1))
	for _, c := range []struct{ path, key, value string }{
		{"include", "2:1", "2:11"},
		{"admin", "4:2", "4:1"},
		{"admin/address", "5:3", "5:13"},
		{"admin/odd key", "6:3", "6:15"},
		{"admin/odd key/[0]", "", "6:16"},
		{"admin/odd key/[1]", "", "6:19"},
		{"admin/odd key/[2]", "", "6:27"},
		{"admin/odd key/[2]/drei", "6:29", "6:36"},
		{"admin/odd key/[2]/vier", "6:39", "6:39"},
		{"admin/odd key/[2]/vier/f", "6:44", "6:48"},
		{"listeners", "8:2", "8:2"},
		{"listeners/web", "8:12", "8:1"},
		{"listeners/web/limits", "9:1", "9:1"},
		{"listeners/web/limits/header", "9:8", "9:17"},
		{"listeners/web/ümlaut", "12:1", "12:12"},
		{"routes", "14:3", "14:1"},
		{"routes/[0]", "14:3", "14:1"},
		{"routes/[0]/name", "15:1", "15:8"},
		{"routes/[0]/match", "16:9", "16:1"},
		{"routes/[0]/match/path", "17:1", "17:8"},
		{"routes/[0]/match/path/[0]", "", "18:3"},
		{"routes/[0]/match/path/[1]", "", "19:3"},
		{"routes/[1]", "21:3", "21:1"},
	} {
		n := root
		for _, k := range strings.Split(c.path, "/") {
			if n = n.step(k); n == nil {
				t.Fatalf("%s is not in the tree", c.path)
			}
		}
		if got := position(n.Key); got != c.key {
			t.Errorf("the key of %s is at %q, want %q", c.path, got, c.key)
		}
		if got := position(n.Val); got != c.value {
			t.Errorf("the value of %s is at %q, want %q", c.path, got, c.value)
		}
	}
}

func position(s Span) string {
	if s.Nowhere() {
		return ""
	}
	line, column := s.Position()
	return fmt.Sprintf("%d:%d", line, column)
}

func TestSpansCoverWholeValues(t *testing.T) {
	root, _ := parsed(t, placed[:strings.Index(placed, "ümlaut")])
	for path, want := range map[string]string{
		"include":                     `"x"`,
		"admin":                       `[admin]`,
		"admin/odd key":               `[1, "zwei", { drei = 3, vier.f = true }]`,
		"admin/odd key/[2]":           `{ drei = 3, vier.f = true }`,
		"listeners/web":               `[listeners.web]`,
		"listeners/web/limits/header": "\"\"\"\ntwo\nlines\"\"\"",
	} {
		n := root
		for _, k := range strings.Split(path, "/") {
			n = n.step(k)
		}
		if got := string(n.Val.File.text[n.Val.Start:n.Val.End]); got != want {
			t.Errorf("%s covers %q, want %q", path, got, want)
		}
	}
}

func TestAKeyWrittenTwiceIsFoundWhateverItsForm(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a = 1\na = 2", `2:1: a: "a" is written twice`},
		{"[a]\n[a]", `2:2: a: "a" is written twice`},
		{"[a]\nb = 1\n[a.b]", `3:4: a.b: "b" is written twice`},
		{"a = 1\n[a]", `2:2: a: "a" is written twice`},
		{"a = 1\n[a.b]", `2:2: a: "a" is written twice`},
		{"a.b = 1\n[a]", `2:2: a: "a" is written twice`},
		{"a.b = 1\na.b = 2", `2:3: a.b: "b" is written twice`},
		{"[a.b]\n[a]\nb.c = 1", `3:1: a.b: "b" is written twice`},
		{"a = []\n[[a]]", `2:3: a: "a" is written twice`},
		{"[a]\n[[a]]", `2:3: a: "a" is written twice`},
		{"[[a]]\n[a]", `2:2: a: "a" is written twice`},
		{"a = { b = 1 }\na.c = 2", `2:1: a: the inline table "a" can't be added to`},
		{"a = { b = 1 }\n[a.c]", `2:2: a: the inline table "a" can't be added to`},
		{"a = { b.c = 1, b = 2 }", `1:16: a.b: "b" is written twice`},
		{"[[a]]\nb = 1\nb = 2", `3:1: a[0].b: "b" is written twice`},
		{"a = 1\n\"a\" = 2", `2:1: a: "a" is written twice`},
	} {
		r := &Report{}
		Parse(NewFile("x", []byte(c.text), 1), r)
		if got := all(r); !strings.Contains(got, "x:"+c.want) {
			t.Errorf("%q gave\n%swant %s", c.text, got, c.want)
		}
	}
}

func TestTablesMayBeAddedToWhereTOMLAllowsIt(t *testing.T) {
	for _, text := range []string{
		"[a.b]\n[a]\nc = 1",
		"a.b = 1\na.c = 2",
		"[a]\nb.c = 1\nb.d = 2\n[a.b.e]",
		"[[a]]\n[a.b]\n[[a]]\n[a.b]",
		"[[a]]\n[[a.b]]\n[[a.b]]",
		"a = { b.c = 1, b.d = 2 }",
		"[a.b.c]\n[a.b.d]\n[a.b]",
	} {
		if _, r := parsed(t, text); r.Failed() {
			t.Errorf("%q is refused:\n%s", text, all(r))
		}
	}
}

func TestErrorsOfSyntaxSayWhatWasProbablyMeant(t *testing.T) {
	for _, c := range []struct{ text, want, hint string }{
		{"a = 5s", "1:6: strings must be quoted", `a = "5s"`},
		{"a = :80", "1:5: unexpected character ':' at start of value", `a = ":80"`},
		{"a = yes # sure", "1:5: unexpected character 'y'", `a = "yes"`},
		{"a: 1", "1:2: expected '=' after key", "write key = value"},
		{"a = \"x", "1:6: unterminated", "the closing quote is missing"},
		{"a = 'x\n", "1:7: literal strings cannot have new lines", "the closing quote is missing"},
		{"a = [1,", "1:7: array is incomplete", "the closing ] is missing"},
		{"a = { b = 1", "1:11: inline table is incomplete", "the closing } is missing"},
		{"a = \"\\d\"", "1:6: invalid escape character 'd'", `write \\`},
		{"a = \"x\" b = 1", "1:9: expected newline", "each key has a line of its own"},
		{"a = 007", "1:5: integers cannot have leading zeroes", "leave out the zeros"},
	} {
		r := &Report{}
		Parse(NewFile("x", []byte(c.text), 1), r)
		got := all(r)
		if !strings.Contains(got, "x:"+c.want) || !strings.Contains(got, c.hint) || !r.Unreadable() {
			t.Errorf("%q gave\n%swant %s with %s", c.text, got, c.want, c.hint)
		}
	}
}

func TestNumbersBeyondTheirRangeAreFound(t *testing.T) {
	r := &Report{}
	Parse(NewFile("x", []byte("a = [1, 99999999999999999999]"), 1), r)
	if got := all(r); !strings.Contains(got, "x:1:9: a[1]: 99999999999999999999 is not a number") || !strings.Contains(got, "64 bits") {
		t.Errorf("got %s", got)
	}
}

func TestAByteOrderMarkIsNoPartOfTheText(t *testing.T) {
	root, _ := parsed(t, "\xef\xbb\xbfa = 1")
	if got := position(root.Get("a").Key); got != "1:1" {
		t.Errorf("the first key is at %s, want 1:1", got)
	}
}

// plain returns the tree as go-toml decodes it into interfaces; nil stands for dates.
func plain(n *Node) any {
	switch n.Kind {
	case Table:
		m := map[string]any{}
		for i, v := range n.values {
			k := n.Keys[i]
			m[k] = plain(v)
		}
		return m
	case Array:
		list := []any{}
		for _, item := range n.Items {
			list = append(list, plain(item))
		}
		return list
	case String:
		return n.Text
	case Bool:
		return n.Text == "true"
	case Time:
		return nil
	}
	v, _ := parseNumber(n)
	return v
}

// hasTime reports whether the tree holds a date, whose digits nobody here looks at.
func hasTime(n *Node) bool {
	return n.Kind == Time || slices.ContainsFunc(n.Items, hasTime) || slices.ContainsFunc(n.values, hasTime)
}

// FuzzParse: no text makes Parse panic; it takes what go-toml takes and reads the same from it;
// what it takes is written as a text that reads the same again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		placed, wholeShelf, "a = 1\na = 2", "[[a]]\n[[a.b]]\n[a.b.c]\n", "a.b.c = 1\n[a.b.d]", "x = [[1, 2], [{ a = 1 }, {}]]",
		"a = \"\\u00e9\\x41\\e\"", "a = '''\n'x''''", "a = 1_000\nb = 0xff\nc = +1e3\nd = inf\ne = -nan", "t = 2020-01-01T00:00:00Z", "a = { b.c = 1,\n # x\n d = [] }",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &Report{}
		root := Parse(NewFile("x", text, 1), r)
		all(r)
		theirs := map[string]any{}
		err := toml.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), &theirs)
		if hasTime(root) {
			return
		}
		if (err != nil) != r.Failed() {
			t.Fatalf("%q: we say %s, go-toml %v", text, all(r), err)
		}
		if err != nil {
			return
		}
		same(t, plain(root), any(theirs), text)
		again := &Report{}
		canonical := Write(root)
		second := Parse(NewFile("x", canonical, 1), again)
		if again.Failed() {
			t.Fatalf("%q was written as %q, which does not parse: %s", text, canonical, all(again))
		}
		same(t, plain(second), plain(root), text)
	})
}

// same compares two plain values; not-a-number equals itself.
func same(t *testing.T, a, b any, text []byte) {
	t.Helper()
	if x, y := fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b); !reflect.DeepEqual(a, b) && x != y {
		t.Fatalf("%q is read as\n%s\nand as\n%s", text, x, y)
	}
}
