package authorise

import "strings"

// mostDepth bounds how deep parentheses and "!" are nested.
const mostDepth = 32

// reader reads plain requirements: or, and, not, in the order of how loosely they bind.
type reader struct {
	rest  string
	depth int
}

// parsePlain returns the plain requirement that text is, ok is false if it is none.
func parsePlain(text string) (p plain, ok bool) {
	s := reader{rest: text}
	p, ok = s.either()
	return p, ok && s.peek() == ""
}

func (s *reader) either() (plain, bool) { return s.list(either, "||", "or", s.all) }

func (s *reader) all() (plain, bool) { return s.list(all, "&&", "and", s.one) }

// list reads parts with a sign or a word between them.
func (s *reader) list(o op, sign, word string, part func() (plain, bool)) (plain, bool) {
	first, ok := part()
	p := plain{op: o, kids: []plain{first}}
	for ok && (s.sign(sign) || s.word(word)) {
		var next plain
		next, ok = part()
		p.kids = append(p.kids, next)
	}
	if len(p.kids) == 1 {
		return first, ok
	}
	return p, ok
}

// one reads what "!" stands before, what parentheses hold, or a term.
func (s *reader) one() (p plain, ok bool) {
	if s.depth++; s.depth > mostDepth {
		return p, false
	}
	defer func() { s.depth-- }()
	switch {
	case s.sign("!") || s.word("not"):
		p, ok = s.one()
		return plain{op: not, kids: []plain{p}}, ok
	case s.sign("("):
		p, ok = s.either()
		return p, ok && s.sign(")")
	case s.word("true"):
		return plain{op: isTrue}, true
	case s.word("false"):
		return plain{op: isFalse}, true
	case s.word("identified"):
		return plain{op: isIdentified}, true
	}
	return s.term()
}

// terms are the words that a colon and a name follow.
var terms = []struct {
	word string
	op   op
}{{"scope", hasScope}, {"group", hasGroup}, {"consumer", isConsumer}, {"country", isCountry}}

func (s *reader) term() (plain, bool) {
	s.peek()
	t, ok := termAt(s.rest)
	s.rest = s.rest[t.length:]
	return plain{op: t.op, name: t.name}, ok
}

// term is "scope:orders.read" in a text.
type term struct {
	op     op
	word   string
	name   string
	length int
}

// termAt reads the term that text begins with. A name with other than letters, digits and - . _ ~ : / @ + = % * $ # stands in
// quotes, in which a backslash has no meaning.
func termAt(text string) (t term, ok bool) {
	for _, k := range terms {
		rest, is := strings.CutPrefix(text, k.word+":")
		if !is {
			continue
		}
		t = term{op: k.op, word: k.word}
		if rest != "" && (rest[0] == '"' || rest[0] == '\'') {
			n := strings.IndexByte(rest[1:], rest[0])
			if n <= 0 {
				return term{}, false
			}
			t.name, t.length = rest[1:1+n], len(k.word)+1+n+2
			return t, true
		}
		n := 0
		for n < len(rest) && nameByte(rest[n]) {
			n++
		}
		t.name, t.length = rest[:n], len(k.word)+1+n
		return t, n > 0
	}
	return term{}, false
}

func nameByte(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte("-._~:/@+=%*$#", c) >= 0
}

// peek passes blanks and returns what is left.
func (s *reader) peek() string {
	s.rest = strings.TrimLeft(s.rest, " \t\r\n")
	return s.rest
}

func (s *reader) sign(text string) bool {
	rest, ok := strings.CutPrefix(s.peek(), text)
	if ok {
		s.rest = rest
	}
	return ok
}

// word is sign for a word, which no letter follows.
func (s *reader) word(text string) bool {
	rest, ok := strings.CutPrefix(s.peek(), text)
	if !ok || rest != "" && (nameByte(rest[0]) || rest[0] == '(' && text != "not" && text != "and" && text != "or" || rest[0] == '[') {
		return false
	}
	s.rest = rest
	return true
}
