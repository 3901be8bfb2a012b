package scenario

import (
	"fmt"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// piece is a part of a template: literal text, or a value that is made anew for each turn.
type piece struct {
	kind   kind
	encode encoding
	site   uint64 // tells this piece's random draws from those of others

	text   string   // literal
	low    int64    // counter: the first value; random: the lowest
	span   uint64   // random: how many values; 0: all of 64 bits. letters, hex: how many characters
	words  []string // choice, already encoded
	data   *table   // column
	column int
}

// kind is what a piece puts in.
type kind uint8

const (
	literal kind = iota
	counter
	random
	letters
	hexadecimal
	uuid
	choice
	clock
	column
)

// encoding is what is done to a value before it is put in.
type encoding uint8

const (
	asIs encoding = iota
	inPath
	inJSON
)

// functions are the names that a template knows, in the order of the manual, with an example of each.
var functions = []struct {
	name    string
	kind    kind
	example string
}{
	{"counter", counter, "${counter} or ${counter 1000}"},
	{"random", random, "${random 1 100}"},
	{"string", letters, "${string 16}"},
	{"hex", hexadecimal, "${hex 32}"},
	{"uuid", uuid, "${uuid}"},
	{"choice", choice, "${choice red green 'light blue'}"},
	{"time", clock, "${time}"},
}

// encodings are the words that may stand before a value.
var encodings = map[string]encoding{"raw": asIs, "url": inPath, "json": inJSON}

// maxDrawn is how long a random text may be.
const maxDrawn = 65536

// trouble is what is wrong with a template, and where in its text.
type trouble struct {
	start, end int
	text, hint string
}

// parser turns a text into pieces.
type parser struct {
	data  map[string]*table
	usual encoding // of values that name no encoding
	site  *uint64

	pieces   []piece
	troubles []trouble
}

// parse reads a whole template: text with ${…} in it. "$${" stands for "${"; any other "$" is itself.
func (p *parser) parse(s string) {
	from := 0
	for {
		i := strings.Index(s[from:], "${")
		if i < 0 {
			p.literal(s[from:])
			return
		}
		at := from + i
		if i > 0 && s[at-1] == '$' {
			p.literal(s[from:at-1] + "${")
			from = at + 2
			continue
		}
		p.literal(s[from:at])
		length, words, problem := split(s[at:])
		if problem == "" {
			p.value(at, at+length, words)
		} else {
			p.fail(at, at+length, problem, "write ${name}, such as ${counter}; for the characters themselves write $${")
		}
		from = at + length
	}
}

func (p *parser) fail(start, end int, text, hint string) {
	p.troubles = append(p.troubles, trouble{start, end, text, hint})
}

func (p *parser) literal(s string) {
	if s == "" {
		return
	}
	if n := len(p.pieces); n > 0 && p.pieces[n-1].kind == literal {
		p.pieces[n-1].text += s
		return
	}
	p.pieces = append(p.pieces, piece{kind: literal, text: s})
}

// split cuts the words out of a text that begins with "${", up to its "}". A word with spaces or braces in it stands
// in single quotes. length is what was read.
func split(s string) (length int, words []string, problem string) {
	for i := 2; i < len(s); {
		switch c := s[i]; {
		case c == '}':
			return i + 1, words, ""
		case c == ' ':
			i++
		case c == '\'':
			end := strings.IndexByte(s[i+1:], '\'')
			if end < 0 {
				return len(s), nil, "a quote is not closed"
			}
			words = append(words, s[i+1:i+1+end])
			i += end + 2
			if i < len(s) && s[i] != ' ' && s[i] != '}' {
				return i, nil, "there is no space behind the quote"
			}
		case c < ' ' || c == '{' || c == '"':
			return i, nil, strconv.QuoteRune(rune(c)) + " has no place inside ${…}"
		default:
			end := strings.IndexAny(s[i:], " }'{\"\n")
			if end < 0 {
				end = len(s) - i
			}
			words = append(words, s[i:i+end])
			i += end
		}
	}
	return len(s), nil, "${ is not closed"
}

// value adds the piece that words name.
func (p *parser) value(start, end int, words []string) {
	encode := p.usual
	if len(words) > 1 {
		if e, ok := encodings[words[0]]; ok {
			encode, words = e, words[1:]
		}
	}
	if len(words) == 0 || words[0] == "" {
		p.fail(start, end, "${} names no value", "write what to put in, such as ${counter}; "+known(p.data))
		return
	}
	v := piece{encode: encode, site: *p.site}
	*p.site++
	text, hint := "", ""
	if set, name, dotted := strings.Cut(words[0], "."); dotted {
		text, hint = v.lookUp(p.data, set, name, words[1:])
	} else {
		text, hint = v.call(words[0], words[1:], p.data)
	}
	if text != "" {
		p.fail(start, end, text, hint)
		return
	}
	p.pieces = append(p.pieces, v)
}

// lookUp makes v the column of a data table.
func (v *piece) lookUp(data map[string]*table, set, name string, rest []string) (text, hint string) {
	t := data[set]
	switch {
	case t == nil && len(data) == 0:
		return "there is no data table " + strconv.Quote(set), fmt.Sprintf("write [data.%s] with file = %q", bareOr(set), set+".csv")
	case t == nil:
		return "there is no data table " + strconv.Quote(set), near(set, names(data), "data tables are")
	case t.broken:
		return "", "" // its own problem is reported
	case len(rest) > 0:
		return strconv.Quote(rest[0]) + " has no place behind a column", "write ${" + set + "." + name + "}"
	}
	for i, c := range t.columns {
		if c == name {
			v.kind, v.data, v.column = column, t, i
			return "", ""
		}
	}
	return t.file + " has no column " + strconv.Quote(name), near(name, t.columns, "its columns are")
}

// call makes v a value of one of the functions.
func (v *piece) call(name string, args []string, data map[string]*table) (text, hint string) {
	for _, f := range functions {
		if f.name != name {
			continue
		}
		v.kind = f.kind
		if text := v.arguments(args); text != "" {
			return name + ": " + text, "write it like " + f.example
		}
		return "", ""
	}
	hint = known(data)
	if meant := conf.Nearest(name, functionNames()); meant != "" {
		hint = "did you mean ${" + meant + "}? " + hint
	}
	return "there is no value " + strconv.Quote(name), hint
}

// arguments reads what stands behind a function's name, and returns what is wrong with it.
func (v *piece) arguments(args []string) string {
	least, most := 0, 0
	switch v.kind {
	case counter:
		most = 1
	case random:
		least, most = 2, 2
	case letters, hexadecimal:
		least, most = 1, 1
	case choice:
		least, most = 1, len(args)
	}
	switch {
	case len(args) < least:
		return "something is missing behind it"
	case len(args) > most:
		return strconv.Quote(args[most]) + " is too much"
	case v.kind == choice:
		for _, w := range args {
			v.words = append(v.words, string(appendEncoded(nil, v.encode, w)))
		}
		return ""
	}
	return v.numbers(args)
}

func (v *piece) numbers(args []string) string {
	var n [2]int64
	for i, a := range args {
		var err error
		if n[i], err = strconv.ParseInt(a, 10, 64); err != nil {
			return strconv.Quote(a) + " is not a whole number"
		}
	}
	switch v.kind {
	case counter:
		v.low = n[0]
	case random:
		if n[1] < n[0] {
			return fmt.Sprintf("%d is below %d", n[1], n[0])
		}
		v.low, v.span = n[0], uint64(n[1])-uint64(n[0])+1
	case letters, hexadecimal:
		if n[0] < 1 || n[0] > maxDrawn {
			return fmt.Sprintf("%d is no length from 1 to %d", n[0], maxDrawn)
		}
		v.span = uint64(n[0])
	}
	return ""
}

func functionNames() []string {
	var list []string
	for _, f := range functions {
		list = append(list, f.name)
	}
	return list
}

// known lists what may be named.
func known(data map[string]*table) string {
	list := functionNames()
	for _, set := range names(data) {
		for _, c := range data[set].columns {
			list = append(list, set+"."+c)
		}
	}
	const most = 30
	if len(list) > most {
		list = append(list[:most], "…")
	}
	return "values are " + strings.Join(list, ", ")
}

// near suggests what a word was meant to be.
func near(word string, candidates []string, are string) string {
	hint := are + " " + strings.Join(candidates, ", ")
	if meant := conf.Nearest(word, candidates); meant != "" {
		return "did you mean " + meant + "? " + hint
	}
	return hint
}

func bareOr(name string) string { return conf.Path{name}.String() }
