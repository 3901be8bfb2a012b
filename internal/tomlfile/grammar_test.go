package tomlfile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// shown writes a tree in a short form of its own: tables {k:v}, lists [v], texts quoted.
func shown(n *Node) string {
	switch n.Kind {
	case Table:
		parts := make([]string, len(n.Keys))
		for i, k := range n.Keys {
			parts[i] = k + ":" + shown(n.Get(k))
		}
		return "{" + strings.Join(parts, " ") + "}"
	case Array:
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			parts[i] = shown(item)
		}
		return "[" + strings.Join(parts, " ") + "]"
	case String:
		return fmt.Sprintf("%q", n.Text)
	}
	return n.Text
}

func TestTheGrammarOfTOML(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		// TOML 1.0, "Comment" and "Key/Value Pair"
		{"", `{}`},
		{"# only a comment", `{}`},
		{"a = 1 # behind", `{a:1}`},
		{"a = \"# inside\"", `{a:"# inside"}`},
		{"\r\na = 1\r\n", `{a:1}`},
		{"\t a\t=\t1", `{a:1}`},
		// "Keys"
		{"a-b_C9 = 1", `{a-b_C9:1}`},
		{"1234 = 1", `{1234:1}`},
		{"\"a.b\" = 1", `{a.b:1}`},
		{"'q\"' = 1", `{q":1}`},
		{"\"\" = 1", `{:1}`},
		{"a.b . c = 1", `{a:{b:{c:1}}}`},
		{"3.14 = 1", `{3:{14:1}}`},
		{"a.\"b.c\".d = 1", `{a:{b.c:{d:1}}}`},
		{"b.x = 1\na = 2\nb.y = 3", `{b:{x:1 y:3} a:2}`},
		// "String"
		{`a = "\b\t\n\f\r\"\\\u00E9\U0001F600"`, "{a:\"\\b\\t\\n\\f\\r\\\"\\\\é😀\"}"},
		{"a = '\\n'", `{a:"\\n"}`},
		{"a = \"\"\"\nx\ny\"\"\"", `{a:"x\ny"}`},
		{"a = \"\"\"x \\\n   y\"\"\"", `{a:"x y"}`},
		{"a = \"\"\"\"quoted\"\"\"\"", `{a:"\"quoted\""}`},
		{"a = '''\nx'y''z'''", `{a:"x'y''z"}`},
		{"a = \"\"", `{a:""}`},
		// "Integer", "Float", "Boolean"
		{"a = [+1, -1, 0, 0x1f, 0o7, 0b1, 1_0]", `{a:[+1 -1 0 0x1f 0o7 0b1 1_0]}`},
		{"a = [1.0, -0.5, 1e5, 1E-5, 6.6e+1, inf, -inf, nan]", `{a:[1.0 -0.5 1e5 1E-5 6.6e+1 inf -inf nan]}`},
		{"a = [true, false]", `{a:[true false]}`},
		// dates are kept as they stand
		{"a = 1979-05-27T07:32:00Z\nb = 07:32:00", `{a:1979-05-27T07:32:00Z b:07:32:00}`},
		// "Array"
		{"a = [ ]", `{a:[]}`},
		{"a = [1, 2,]", `{a:[1 2]}`},
		{"a = [\n 1, # one\n 2\n # end\n]", `{a:[1 2]}`},
		{"a = [[1, \"x\"], [], { b = [{}] }]", `{a:[[1 "x"] [] {b:[{}]}]}`},
		// "Table"
		{"[a]", `{a:{}}`},
		{"[ a . \"b\" ]\nc = 1", `{a:{b:{c:1}}}`},
		{"[a.b]\n[a]\nc = 1", `{a:{b:{} c:1}}`},
		{"[a]\nb.c = 1\n[a.b.d]\ne = 2", `{a:{b:{c:1 d:{e:2}}}}`},
		// "Inline Table"
		{"a = { b = 1, c.d = 2, \"e\" = [] }", `{a:{b:1 c:{d:2} e:[]}}`},
		{"a = {}", `{a:{}}`},
		// "Array of Tables"
		{"[[a]]\n[[a]]\nb = 1\n[[a]]", `{a:[{} {b:1} {}]}`},
		{"[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2", `{a:[{b:{c:1}} {b:{c:2}}]}`},
		{"[[a]]\n[[a.b]]\n[[a.b]]\nc = 1", `{a:[{b:[{} {c:1}]}]}`},
		{"[[a]]\nb.c = 1\nb.d = 2", `{a:[{b:{c:1 d:2}}]}`},
	} {
		root, _ := parsed(t, c.text)
		if got := shown(root); got != c.want {
			t.Errorf("%q is\n%s\nwant\n%s", c.text, got, c.want)
		}
	}
}

func TestWhatIsNotTOMLIsRefused(t *testing.T) {
	for _, text := range []string{
		"a", "a =", "= 1", "a = 1 2", "a b = 1", "a = ", "a == 1", ".a = 1", "a. = 1", "a..b = 1",
		"a = \"", "a = '", "a = \"\"\"", "a = '''", "a = \"\\q\"", "a = \"\\u12\"", "a = \"\\uD800\"", "a = \"\x00\"", "a = \"\n\"",
		"a = 01", "a = 1__0", "a = _1", "a = 1.", "a = .1", "a = 1.e1", "a = 0x", "a = 0xg", "a = -0x1", "a = 0b2", "a = 0o8", "a = 1e",
		"a = True", "a = tru", "a = yes", "a = infinity", "a = +true",
		"a = [", "a = [1", "a = [1 2]", "a = [,]", "a = [1,,2]", "a = ]",
		"a = {", "a = { b }", "a = { b = 1 c = 2 }", "a = { , }", "a = { b = 1,, }",
		"[a", "[]", "[a]]", "[[a]", "[a] b = 1", "[a.]", "[.a]", "[[]]", "[ [a]]", "a = 1 [b]",
		"a = \xff", "\xff = 1", "# \xff", "# \x00", "a = 1\rb = 2", "\"a\nb\" = 1", "'''a''' = 1",
	} {
		r := &Report{}
		Parse(NewFile("x", []byte(text), 1), r)
		list := r.Findings()
		if len(list) != 1 || list[0].Text == "" || list[0].At.Nowhere() {
			t.Errorf("%q has the findings %+v, want one with its place", text, list)
		}
	}
}

// grown makes up a tree of the given depth.
func grown(r *rand.Rand, depth int) *Node {
	n := NewTable()
	for range r.IntN(5) {
		key := []string{"a", "b-c", "D_9", "odd key", "", "ü", "a.b", "\"", "\n"}[r.IntN(9)]
		n.Set(key, grownValue(r, depth))
	}
	return n
}

func grownValue(r *rand.Rand, depth int) *Node {
	kind := r.IntN(6)
	if depth == 0 {
		kind %= 4
	}
	switch kind {
	case 0:
		return &Node{Kind: String, Text: []string{"", "x", "\"\\\n\t\r\x01\x7f", "ü😀", "'''", "\"\"\""}[r.IntN(6)]}
	case 1:
		return &Node{Kind: Integer, Text: []string{"0", "-7", "0x1F", "9223372036854775807"}[r.IntN(4)]}
	case 2:
		return &Node{Kind: Bool, Text: []string{"true", "false"}[r.IntN(2)]}
	case 3:
		return &Node{Kind: Float, Text: []string{"1.5", "-0.0", "1e9", "inf"}[r.IntN(4)]}
	case 4:
		list := &Node{Kind: Array}
		for range r.IntN(4) {
			list.Items = append(list.Items, grownValue(r, depth-1))
		}
		return list
	}
	return grown(r, depth-1)
}

// unordered is shown without regard to the order of keys, which writing changes.
func unordered(n *Node) string {
	if n.Kind == Array {
		parts := make([]string, len(n.Items))
		for i, item := range n.Items {
			parts[i] = unordered(item)
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	if n.Kind != Table {
		return shown(n)
	}
	m := map[string]string{}
	for i, v := range n.values {
		k := n.Keys[i]
		m[k] = unordered(v)
	}
	return fmt.Sprint(m)
}

func TestEveryTreeIsReadAsItIsWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		tree := grown(r, 4)
		text := Write(tree)
		report := &Report{}
		again := Parse(NewFile("x", text, 1), report)
		if report.Failed() || unordered(again) != unordered(tree) {
			t.Fatalf("%s\nis written as\n%s\nand read as\n%s\n%s", unordered(tree), text, unordered(again), all(report))
		}
	}
}

func TestACopyIsEqualAndApart(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		tree := grown(r, 4)
		before := shown(tree)
		c := tree.Copy()
		if shown(c) != before {
			t.Fatalf("%s\nis copied as\n%s", before, shown(c))
		}
		scramble(c)
		if shown(tree) != before {
			t.Fatalf("%s\nbecame\n%s\nwhen its copy was changed", before, shown(tree))
		}
	}
}

// scramble changes everything in a tree.
func scramble(n *Node) {
	n.Text += "!"
	for _, item := range n.Items {
		scramble(item)
	}
	for _, v := range n.values {
		scramble(v)
	}
	if n.Kind == Table {
		n.Set("new", NewTable())
	}
}

func TestFillingTwiceIsFillingOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 500 {
		mine, below := grown(r, 3), grown(r, 3)
		mine.Fill(below)
		once := shown(mine)
		mine.Fill(below)
		if got := shown(mine); got != once {
			t.Fatalf("filled once\n%s\nand twice\n%s", once, got)
		}
	}
}
