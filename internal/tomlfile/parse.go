package tomlfile

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"

	"weir/internal/conf"
)

// Parse reads f into a tree whose root is a Table. Findings are noted in r: at most one error of
// syntax, behind which nothing is read, and every key written twice. The tree is never nil.
func Parse(f *File, r *Report) *Node {
	b := &builder{file: f, report: r, root: &Node{Kind: Table, Val: Span{f, 0, 0}}}
	b.table = b.root
	b.parser.Reset(f.text)
	for b.parser.NextExpression() {
		b.expression(b.parser.Expression())
		r.rest()
	}
	if err := b.parser.Error(); err != nil {
		b.syntax(err)
	}
	return b.root
}

// builder turns the parser's expressions into a tree by the rules of TOML 1.0 on who may define
// and add to what.
type builder struct {
	file    *File
	report  *Report
	parser  unstable.Parser
	root    *Node
	table   *Node     // that the last header opened
	path    conf.Path // of table
	section int       // counts headers
}

func (b *builder) expression(e *unstable.Node) {
	switch e.Kind {
	case unstable.KeyValue:
		b.keyValue(b.table, b.path, e)
	case unstable.Table, unstable.ArrayTable:
		b.section++
		b.header(e)
	}
}

// part is one piece of a dotted key with its place.
type part struct {
	key  string
	span Span
}

func (b *builder) parts(it unstable.Iterator) []part {
	parts := make([]part, 0, 1) // most keys have no dot
	for it.Next() {
		n := it.Node()
		parts = append(parts, part{string(n.Data), b.span(n.Raw)})
	}
	return parts
}

func (b *builder) span(r unstable.Range) Span {
	return Span{b.file, int(r.Offset), int(r.Offset + r.Length)}
}

// header opens the table that [a.b] or [[a.b]] names.
func (b *builder) header(e *unstable.Node) {
	parts := b.parts(e.Key())
	at := b.headerSpan(parts, e.Kind == unstable.ArrayTable)
	n, path := b.root, conf.Path(nil)
	for _, p := range parts[:len(parts)-1] {
		path = append(path, p.key)
		child := n.Get(p.key)
		switch {
		case child == nil:
			child = &Node{Kind: Table, form: formImplicit, Key: p.span, Val: p.span}
			n.Set(p.key, child)
		case child.Kind == Array && child.form == formTables:
			path = append(path, index(len(child.Items)-1))
			child = child.Items[len(child.Items)-1]
		case child.Kind != Table || child.form == formInline:
			b.twice(path, p.span, child)
			child = NewTable()
		}
		n = child
	}
	last := parts[len(parts)-1]
	b.path = append(path, last.key)
	if e.Kind == unstable.ArrayTable {
		b.openElement(n, last, at)
		return
	}
	b.openTable(n, last, at)
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

func (b *builder) openTable(parent *Node, last part, at Span) {
	old := parent.Get(last.key)
	switch {
	case old == nil:
		b.table = &Node{Kind: Table, form: formHeader, Key: last.span, Val: at}
		parent.Set(last.key, b.table)
	case old.Kind == Table && old.form == formImplicit:
		old.form, old.Key, old.Val = formHeader, last.span, at
		b.table = old
	default:
		b.twice(b.path, last.span, old)
		b.table = NewTable()
	}
}

func (b *builder) openElement(parent *Node, last part, at Span) {
	b.table = &Node{Kind: Table, form: formHeader, Key: last.span, Val: at}
	list := parent.Get(last.key)
	switch {
	case list == nil:
		list = &Node{Kind: Array, form: formTables, Key: last.span, Val: at}
		parent.Set(last.key, list)
	case list.form != formTables:
		b.twice(b.path, last.span, list)
		return
	}
	b.path = append(b.path, index(len(list.Items)))
	list.Items = append(list.Items, b.table)
}

// headerSpan covers a header with its brackets.
func (b *builder) headerSpan(parts []part, double bool) Span {
	brackets := 1
	if double {
		brackets = 2
	}
	text := b.file.text
	start, end := parts[0].span.Start, parts[len(parts)-1].span.End
	return Span{b.file, bytes.LastIndexByte(text[:start], '[') + 1 - brackets, end + bytes.IndexByte(text[end:], ']') + brackets}
}

// keyValue puts a value below a table; a dotted key makes tables on its way.
func (b *builder) keyValue(n *Node, path conf.Path, e *unstable.Node) {
	parts := b.parts(e.Key())
	path = append(make(conf.Path, 0, len(path)+len(parts)), path...)
	for _, p := range parts[:len(parts)-1] {
		path = append(path, p.key)
		child := n.Get(p.key)
		switch {
		case child == nil:
			child = &Node{Kind: Table, form: formDotted, section: b.section, Key: p.span, Val: p.span}
			n.Set(p.key, child)
		case child.Kind != Table || child.form != formDotted || child.section != b.section:
			b.twice(path, p.span, child)
			return
		}
		n = child
	}
	last := parts[len(parts)-1]
	path = append(path, last.key)
	if old := n.Get(last.key); old != nil {
		b.twice(path, last.span, old)
		return
	}
	v := &Node{}
	n.Set(last.key, v)
	start := b.skip(last.span.End, " \t")
	b.value(v, e.Value(), path, b.skip(start+len("="), " \t"))
	v.Key = last.span
}

// value converts a value that begins at start and returns where it ends. Arrays and inline
// tables have no range of their own, so their elements are met one by one.
func (b *builder) value(v *Node, e *unstable.Node, path conf.Path, start int) int {
	end := start
	switch e.Kind {
	case unstable.Array:
		end = b.array(v, e, path, start)
	case unstable.InlineTable:
		end = b.inline(v, e, path, start)
	default:
		v.Kind, v.Text = scalars[e.Kind], string(e.Data)
		end = int(e.Raw.Offset + e.Raw.Length)
	}
	v.Val = Span{b.file, start, end}
	if v.Kind == Integer || v.Kind == Float {
		b.number(v, path)
	}
	return end
}

var scalars = map[unstable.Kind]Kind{
	unstable.String: String, unstable.Integer: Integer, unstable.Float: Float, unstable.Bool: Bool,
	unstable.LocalDate: Time, unstable.LocalTime: Time, unstable.LocalDateTime: Time, unstable.DateTime: Time,
}

func (b *builder) array(v *Node, e *unstable.Node, path conf.Path, start int) int {
	v.Kind, v.form = Array, formInline
	at := start + len("[")
	for it := e.Children(); it.Next(); {
		item := &Node{}
		at = b.value(item, it.Node(), append(path, index(len(v.Items))), b.skipTrivia(at))
		v.Items = append(v.Items, item)
	}
	return b.skipTrivia(at) + len("]")
}

func (b *builder) inline(v *Node, e *unstable.Node, path conf.Path, start int) int {
	v.Kind, v.form = Table, formDotted
	v.section = b.section
	at := start + len("{")
	for it := e.Children(); it.Next(); {
		b.keyValue(v, path, it.Node())
		at = int(it.Node().Raw.Offset + it.Node().Raw.Length)
	}
	close(v)
	return b.skipTrivia(at) + len("}")
}

// close marks an inline table, and the tables that dotted keys made in it, as complete.
func close(v *Node) {
	v.form = formInline
	for _, child := range v.values {
		if child.Kind == Table && child.form == formDotted {
			close(child)
		}
	}
}

func (b *builder) skip(at int, set string) int {
	for at < len(b.file.text) && strings.IndexByte(set, b.file.text[at]) >= 0 {
		at++
	}
	return at
}

// skipTrivia passes over white space, commas and comments.
func (b *builder) skipTrivia(at int) int {
	for {
		at = b.skip(at, " \t\r\n,")
		if at >= len(b.file.text) || b.file.text[at] != '#' {
			return at
		}
		for at < len(b.file.text) && b.file.text[at] != '\n' {
			at++
		}
	}
}

// number refuses what the parser lets pass: leading zeros, stray underscores, too many digits.
func (b *builder) number(v *Node, path conf.Path) {
	if _, err := parseNumber(v); err != nil {
		v.broken = true
		hint := ""
		if errors.Is(err, strconv.ErrRange) && v.Kind == Integer {
			hint = "whole numbers have at most 64 bits"
		}
		b.report.add(Finding{At: v.Val, path: path, Key: path.String(), Text: v.Text + " is not a number", Hint: hint})
	}
}

// twice reports a key whose place is taken by old.
func (b *builder) twice(path conf.Path, at Span, old *Node) {
	first := old.Key
	if first.Nowhere() {
		first = old.Val
	}
	line, _ := first.Position()
	text, hint := strconv.Quote(path[len(path)-1])+" is written twice", "the first is on line "+strconv.Itoa(line)+"; keep one of them"
	if old.Kind == Table && old.form == formInline {
		text = "the inline table " + strconv.Quote(path[len(path)-1]) + " can't be added to"
		hint = "it is complete on line " + strconv.Itoa(line) + "; write everything there, or as [" + path.String() + "]"
	}
	b.report.add(Finding{At: at, path: append(conf.Path(nil), path...), Key: path.String(), Text: text, Hint: hint})
}

// codePoint is how the parser writes characters: U+003A ':'.
var codePoint = regexp.MustCompile(`U\+[0-9A-F]{4,6} `)

func (b *builder) syntax(err error) {
	f := Finding{At: Span{b.file, 0, 0}, Text: err.Error()}
	var perr *unstable.ParserError
	if errors.As(err, &perr) {
		start := min(max(cap(b.file.text)-cap(perr.Highlight), 0), len(b.file.text))
		f.At = Span{b.file, start, start + len(perr.Highlight)}
		f.Text = codePoint.ReplaceAllString(perr.Message, "")
	}
	f.Hint = b.syntaxHint(f)
	b.report.syntax(f)
}

// syntaxHint guesses what was meant from the line on which the parser stopped.
func (b *builder) syntaxHint(f Finding) string {
	from, to := b.file.lineOf(f.At.Start)
	line := strings.TrimSpace(b.file.shown(from, to))
	key, value, found := strings.Cut(line, "=")
	value, _, _ = strings.Cut(strings.TrimSpace(value), " #")
	switch {
	case strings.Contains(f.Text, "expected '=' after key"):
		return "write key = value; tables are written [name]"
	case strings.Contains(f.Text, "unterminated") || strings.Contains(f.Text, "cannot have new lines"):
		return "the closing quote is missing"
	case strings.Contains(f.Text, "array is incomplete"):
		return "the closing ] is missing"
	case strings.Contains(f.Text, "inline table is incomplete"):
		return "the closing } is missing"
	case strings.Contains(f.Text, "invalid escape character"):
		return `write \\ for a backslash, or put the text in single quotes`
	case strings.Contains(f.Text, "leading zero"):
		return "leave out the zeros before the number"
	case found && value == conf.Mask:
		return "text is written in quotes"
	case found && value != "" && !strings.ContainsAny(value, `"'[]{}`):
		return "text is written in quotes: " + strings.TrimSpace(key) + " = " + strconv.Quote(strings.TrimSpace(value))
	case strings.Contains(f.Text, "expected newline"):
		return "each key has a line of its own"
	}
	return ""
}
