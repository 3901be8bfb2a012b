package tomlfile

import (
	"strconv"
	"strings"
	"testing"

	"weir/internal/conf"
)

func TestFillAddsWhatIsMissingAndReplacesNothing(t *testing.T) {
	for _, c := range []struct{ mine, below, want string }{
		{"", "a = 1", "a = 1"},
		{"a = 2", "a = 1", "a = 2"},
		{"a = 2", "b = 1", "a = 2\nb = 1"},
		{"[t]\na = 1", "[t]\na = 2\nb = 3", "\n[t]\na = 1\nb = 3"},
		{"l = [1]", "l = [2, 3]", "l = [1]"},
		{"t = 1", "[t]\na = 1", "t = 1"},
		{"[t]\na = 1", "t = 2", "\n[t]\na = 1"},
		{"t.a.b = 1", "t.a.c = 2", "\n[t.a]\nb = 1\nc = 2"},
	} {
		mine, _ := parsed(t, c.mine)
		below, _ := parsed(t, c.below)
		before := string(Write(below))
		mine.Fill(below)
		if got := strings.TrimSpace(string(Write(mine))); got != strings.TrimSpace(c.want) {
			t.Errorf("%q filled from %q is\n%s\nwant\n%s", c.mine, c.below, got, c.want)
		}
		if string(Write(below)) != before {
			t.Errorf("%q was changed by filling another", c.below)
		}
	}
}

func TestWhatIsFilledInIsNotShared(t *testing.T) {
	below, _ := parsed(t, "[t]\na = 1\nl = [{ x = 1 }]")
	one, two := NewTable(), NewTable()
	one.Fill(below)
	two.Fill(below)
	one.Get("t").Set("b", &Node{Kind: Integer, Text: "2"})
	one.Get("t").Get("l").Items[0].Set("y", &Node{Kind: Integer, Text: "3"})
	if two.Get("t").Get("b") != nil || below.Get("t").Get("b") != nil || two.Get("t").Get("l").Items[0].Get("y") != nil {
		t.Error("two tables share what was filled in")
	}
}

func TestNilNodesHaveNothing(t *testing.T) {
	var n *Node
	n.Fill(NewTable())
	if n.Get("a") != nil || n.List() != nil {
		t.Error("a nil node has something")
	}
}

func TestAListOfOneMayLackItsBrackets(t *testing.T) {
	root, _ := parsed(t, "a = 1\nb = [1, 2]\nc = []")
	for key, want := range map[string]int{"a": 1, "b": 2, "c": 0} {
		if got := len(root.Get(key).List()); got != want {
			t.Errorf("%s lists %d, want %d", key, got, want)
		}
	}
}

func TestKeysKeepTheirOrder(t *testing.T) {
	root, _ := parsed(t, "z = 1\na = 2\nm = 3")
	root.Delete("a")
	root.Delete("nope")
	root.Set("z", &Node{Kind: Integer, Text: "9"})
	root.Set("b", &Node{Kind: Bool, Text: "true"})
	if got := string(Write(root)); got != "z = 9\nm = 3\nb = true\n" {
		t.Errorf("written as %q", got)
	}
}

func TestTablesOfAnySizeFindTheirKeys(t *testing.T) {
	for _, size := range []int{1, small, small + 1, 1000} {
		n := NewTable()
		for i := range size {
			n.Set(strconv.Itoa(i), &Node{Kind: Integer, Text: strconv.Itoa(i)})
		}
		c := n.Copy()
		n.Set("0", &Node{Kind: Integer, Text: "new"})
		n.Delete(strconv.Itoa(size - 1))
		n.Delete("nope")
		if got := n.Get(strconv.Itoa(size - 1)); got != nil || len(n.Keys) != size-1 {
			t.Errorf("of %d keys one was deleted and %d are left", size, len(n.Keys))
		}
		if size > 1 && n.Get("0").Text != "new" {
			t.Errorf("of %d keys the first has %q", size, n.Get("0").Text)
		}
		for i := range size {
			if got := c.Get(strconv.Itoa(i)); got == nil || got.Text != strconv.Itoa(i) {
				t.Fatalf("the copy of %d keys has %v at %d", size, got, i)
			}
		}
	}
}

func TestSharedValuesGoByWhereTheyWereWritten(t *testing.T) {
	root, r := parsed(t, "[defaults]\n\"odd key\".n = 5\nl = [{ n = true }]\n[a]\n[b]\n")
	for _, name := range []string{"a", "b"} {
		root.Get(name).Fill(root.Get("defaults").CopyAs(conf.Path{"defaults"}))
	}
	p := conf.NewProblems()
	for _, name := range []string{"a", "b"} {
		p.In(name, "odd key").Add("n", "too small", "")
		p.In(name).Index("l", 0).Add("n", "wrong", "")
		p.In(name, "odd key").Add("m", "missing", "")
	}
	r.Place(root, p.List())
	want := `x.toml:2:1: defaults."odd key".m: missing
    "odd key".n = 5
    ^~~~~~~~~
x.toml:2:15: defaults."odd key".n: too small
    "odd key".n = 5
                  ^
x.toml:3:12: defaults.l[0].n: wrong
    l = [{ n = true }]
               ^~~~
`
	if got := all(r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestProblemsThatFollowFromOthersAreLeftOut(t *testing.T) {
	root, r := parsed(t, "f = [\"1s\", 5]\n[a]\nb = 5\n[c]\nd = \"x\"\n[e]\n")
	var dst struct {
		F []conf.Duration `toml:"f"`
		A struct {
			B conf.Duration `toml:"b"`
		} `toml:"a"`
		C struct {
			D string `toml:"d"`
		} `toml:"c"`
	}
	Decode(root, &dst, Sources{}, r)
	p := conf.NewProblems()
	p.Add("a", "above", "")
	p.In("a").Add("b", "the same", "")
	p.In("a", "b").Add("x", "below", "")
	p.In("c").Add("d", "another", "")
	p.In("c").AddNeeds("d", "there is no such e", "", "e", "x")
	p.In("c").AddNeeds("d", "it needs a list, and has none", "", "f")
	r.Place(root, p.List())
	got := all(r)
	for _, gone := range []string{"above", "the same", "below", "no such e", "needs a list"} {
		if strings.Contains(got, gone) {
			t.Errorf("%q is reported in\n%s", gone, got)
		}
	}
	if !strings.Contains(got, "another") || !strings.Contains(got, "5 is not a duration") {
		t.Errorf("something is missing in\n%s", got)
	}
}

func TestFindingsAreSortedAndSaidOnce(t *testing.T) {
	a, b := NewFile("a", []byte("1\n2\n3\n"), 1), NewFile("b", []byte("1\n"), 2)
	r := &Report{}
	for _, at := range []Span{{b, 0, 1}, {a, 4, 5}, {a, 0, 1}, {}, {a, 4, 5}} {
		r.Note(Finding{At: at, Text: "x"})
	}
	var places []string
	for _, f := range r.Findings() {
		place := ""
		if !f.At.Nowhere() {
			place = f.At.File.Name
		}
		places = append(places, place+position(f.At))
	}
	if got := strings.Join(places, " "); got != " a1:1 a3:1 b1:1" {
		t.Errorf("the order is %q", got)
	}
}

func TestAFileKnowsLinesAndColumns(t *testing.T) {
	f := NewFile("x", []byte("a\r\n\tüb\n\nlast"), 1)
	for offset, want := range map[int]string{0: "1:1", 2: "1:3", 3: "2:1", 4: "2:2", 6: "2:3", 8: "3:1", 9: "4:1", 13: "4:5"} {
		if got := position(Span{f, offset, offset}); got != want {
			t.Errorf("offset %d is at %s, want %s", offset, got, want)
		}
	}
	if line, column := (Span{}).Position(); line != 0 || column != 0 {
		t.Error("nowhere has a position")
	}
}

func TestSourceLinesAreShownAroundWhatIsWrong(t *testing.T) {
	long := `a = [` + strings.Repeat(`"0123456789", `, 40) + `"WRONG", ` + strings.Repeat(`"0123456789", `, 40) + `]`
	for _, c := range []struct{ text, marked, want string }{
		{"  a = 5", "5", "    a = 5\n        ^\n"},
		{"\ta =\t5", "5", "    a =\t5\n       \t^\n"},
		{"a = 5   \r\n", "5", "    a = 5\n        ^\n"},
		{"ü = \"zwei\" # ß", `"zwei"`, "    ü = \"zwei\" # ß\n        ^~~~~~\n"},
		{"a = \"\"\"\nx\"\"\"", "\"\"\"\nx\"\"\"", "    a = \"\"\"\n        ^~~\n"},
		{"a = \x01\xff", "\x01", "    a = ??\n        ^\n"},
		{long, `"WRONG"`, "^~~~~~~\n"},
	} {
		f := NewFile("x", []byte(c.text), 1)
		start := strings.Index(c.text, c.marked)
		var b strings.Builder
		(Span{f, start, start + len(c.marked)}).snippet(&b)
		got := b.String()
		if !strings.Contains(got, c.want) {
			t.Errorf("%q is shown as\n%q\nwant\n%q", c.text, got, c.want)
		}
		for line := range strings.Lines(got) {
			if len(line) > widest+40 {
				t.Errorf("a line of %d bytes is shown", len(line))
			}
		}
	}
}

func TestSecretsAreMaskedWhole(t *testing.T) {
	text := `a = { token = "hunter2", b = 5 } # c`
	f := NewFile("x", []byte(text), 1)
	for marked, want := range map[string]string{
		"5":         "    a = { token = ***, b = 5 } # c\n                           ^\n",
		`"hunter2"`: "    a = { token = ***, b = 5 } # c\n                  ^~~\n",
		"unter":     "    a = { token = ***, b = 5 } # c\n                  ^~~\n",
	} {
		start := strings.Index(text, marked)
		var b strings.Builder
		(Span{f, start, start + len(marked)}).snippet(&b)
		if b.String() != want {
			t.Errorf("%s is shown as\n%s\nwant\n%s", marked, b.String(), want)
		}
	}
}

func TestTOMLIsWrittenInSections(t *testing.T) {
	text := `a = 1
"odd key" = "\"\\\u0001\n\r\té"
l = [{ x = 1, y = [] }, { x = 2 }]
empty = []

[t]
a = true

[t.u.v]
b = { c = 1 }
`
	want := "a = 1\n\"odd key\" = \"\\\"\\\\\\u0001\\n\\r\\té\"\nempty = []\n\n[[l]]\nx = 1\ny = []\n\n[[l]]\nx = 2\n\n[t]\na = true\n\n[t.u.v.b]\nc = 1\n"
	root, _ := parsed(t, text)
	if got := string(Write(root)); got != want {
		t.Errorf("written as\n%s\nwant\n%s", got, want)
	}
}
