package scenario

import (
	"fmt"
	"strings"
	"testing"
)

// users is a small table for templates.
func users() map[string]*table {
	return map[string]*table{"users": {file: "users.csv", columns: []string{"id", "name"}, rows: 1, text: "1A", ends: []uint32{1, 2}}}
}

// parsed parses a template.
func parsed(text string, data map[string]*table) *parser {
	site := uint64(firstSite)
	p := &parser{data: data, site: &site}
	p.parse(text)
	return p
}

func TestAPlaceholderEndsWhereItShould(t *testing.T) {
	for _, c := range []struct {
		text    string
		length  int
		words   string
		problem string
	}{
		{"${a}", 4, "[a]", ""},
		{"${a}}", 4, "[a]", ""},
		{"${}", 3, "[]", ""},
		{"${ a  b }c", 9, "[a b]", ""},
		{"${'a b' c}", 10, "[a b c]", ""},
		{"${'}'}", 6, "[}]", ""},
		{"${'{\"'}", 7, "[{\"]", ""},
		{"${''}", 5, "[]", ""},
		{"${a'b'}", 7, "[a b]", ""},
		{"${", 2, "", "${ is not closed"},
		{"${a", 3, "", "${ is not closed"},
		{"${a b", 5, "", "${ is not closed"},
		{"${'a", 4, "", "a quote is not closed"},
		{"${'a'b}", 5, "", "there is no space behind the quote"},
		{"${a{b}", 3, "", "'{' has no place inside ${…}"},
		{"${a\nb}", 3, "", `'\n' has no place inside ${…}`},
		{"${\"a\"}", 2, "", `'"' has no place inside ${…}`},
	} {
		length, words, problem := split(c.text)
		list := ""
		if problem == "" {
			list = fmt.Sprint(words)
		}
		if length != c.length || list != c.words || problem != c.problem {
			t.Errorf("%q: %d %s %q, want %d %s %q", c.text, length, list, problem, c.length, c.words, c.problem)
		}
	}
}

func TestTextBetweenPlaceholdersIsOnePiece(t *testing.T) {
	for _, c := range []struct {
		text string
		want string // the pieces' texts, values as *
	}{
		{"", ""},
		{"a", "a"},
		{"a$b", "a$b"},
		{"a$${b", "a${b"},
		{"$${$${", "${${"},
		{"a$${b}c${counter}d", "a${b}c|*|d"},
		{"${counter}${counter}", "*|*"},
		{"${counter}$", "*|$"},
		{"$${${counter}", "${|*"},
	} {
		var parts []string
		for _, p := range parsed(c.text, nil).pieces {
			if p.kind != literal {
				p.text = "*"
			}
			parts = append(parts, p.text)
		}
		if got := strings.Join(parts, "|"); got != c.want {
			t.Errorf("%q has the pieces %s, want %s", c.text, got, c.want)
		}
	}
}

func TestEveryTroubleIsFoundInOneLook(t *testing.T) {
	p := parsed("${a}${users.x}-${random 3}-${nobody.x}-${string x}-${json}", users())
	var got []string
	for _, tr := range p.troubles {
		got = append(got, fmt.Sprintf("%d-%d %s", tr.start, tr.end, tr.text))
	}
	want := []string{
		`0-4 there is no value "a"`,
		`4-14 users.csv has no column "x"`,
		`15-26 random: something is missing behind it`,
		`27-38 there is no data table "nobody"`,
		`39-50 string: "x" is not a whole number`,
		`51-58 there is no value "json"`,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("troubles:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestHintsNameWhatWasProbablyMeant(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"${contuer}", "did you mean ${counter}? values are counter, random, string, hex, uuid, choice, time, users.id, users.name"},
		{"${xyzzy}", "values are counter, random, string, hex, uuid, choice, time, users.id, users.name"},
		{"${users.nam}", "did you mean name? its columns are id, name"},
		{"${user.name}", "did you mean users? data tables are users"},
		{"${xyzzy.name}", "data tables are users"},
		{"${choice}", "write it like ${choice red green 'light blue'}"},
		{"${counter 1 2}", "write it like ${counter} or ${counter 1000}"},
		{"${users.id 1}", "write ${users.id}"},
		{"${", "write ${name}, such as ${counter}; for the characters themselves write $${"},
	} {
		p := parsed(c.text, users())
		if len(p.troubles) != 1 || p.troubles[0].hint != c.want {
			t.Errorf("%s: %+v, want the hint %s", c.text, p.troubles, c.want)
		}
	}
}

func TestALongListOfValuesIsCut(t *testing.T) {
	data := map[string]*table{"wide": {file: "wide.csv"}}
	for i := range 100 {
		data["wide"].columns = append(data["wide"].columns, fmt.Sprintf("c%d", i))
	}
	hint := parsed("${xyzzy}", data).troubles[0].hint
	if !strings.HasSuffix(hint, "wide.c22, …") || strings.Count(hint, ",") != 30 {
		t.Errorf("the hint is %s", hint)
	}
}

func TestABrokenTableIsNoFurtherTrouble(t *testing.T) {
	data := map[string]*table{"users": {broken: true}}
	if p := parsed("${users.id}${users.any thing}", data); len(p.troubles) > 0 {
		t.Errorf("troubles: %+v", p.troubles)
	}
}

func TestEveryValueDrawsForItself(t *testing.T) {
	p := parsed("${hex 16}-${hex 16}", nil)
	now := turn{seed: 1}
	first, second, _ := strings.Cut(string(now.appendPieces(nil, p.pieces)), "-")
	if first == second {
		t.Errorf("both are %s", first)
	}
}

func TestAWordIsEncodedWhenItIsParsed(t *testing.T) {
	for _, c := range []struct {
		text string
		want string
	}{
		{"${choice 'a b'}", "a b"},
		{"${url choice 'a b'}", "a%20b"},
		{"${json choice 'a \"b'}", `a \"b`},
		{"${raw choice 'a b'}", "a b"},
	} {
		if p := parsed(c.text, nil); len(p.pieces) != 1 || p.pieces[0].words[0] != c.want {
			t.Errorf("%s: %+v %+v", c.text, p.pieces, p.troubles)
		}
	}
}
