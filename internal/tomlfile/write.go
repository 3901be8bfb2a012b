package tomlfile

import (
	"fmt"
	"strings"

	"weir/internal/conf"
)

// Write returns the tree below the Table n as TOML: its own scalars and lists first, then a
// section for each table. A list of tables is written as sections with double brackets if it is at
// the top or one of its tables holds a table; every other list is written in one line.
func Write(n *Node) []byte {
	var w writer
	w.body(n, nil)
	return []byte(w.b.String())
}

type writer struct{ b strings.Builder }

func (w *writer) body(n *Node, path conf.Path) {
	for i, k := range n.Keys {
		if v := n.values[i]; !isSection(v, len(path)) {
			w.b.WriteString(tomlPath(conf.Path{k}) + " = ")
			w.inline(v)
			w.b.WriteByte('\n')
		}
	}
	for i, k := range n.Keys {
		if v := n.values[i]; isSection(v, len(path)) {
			w.section(v, append(path, k))
		}
	}
}

func (w *writer) section(v *Node, path conf.Path) {
	if v.Kind == Array {
		for _, item := range v.Items {
			fmt.Fprintf(&w.b, "\n[[%s]]\n", tomlPath(path))
			w.body(item, path)
		}
		return
	}
	if len(v.Keys) == 0 || !onlySections(v, len(path)) {
		fmt.Fprintf(&w.b, "\n[%s]\n", tomlPath(path))
	}
	w.body(v, path)
}

func onlySections(n *Node, depth int) bool {
	for _, v := range n.values {
		if !isSection(v, depth) {
			return false
		}
	}
	return true
}

// isSection reports whether v, so many tables deep, is written below a header of its own.
func isSection(v *Node, depth int) bool {
	if v.Kind == Table {
		return true
	}
	nested := depth == 0 && len(v.Items) > 0
	for _, item := range v.Items {
		if item.Kind != Table {
			return false
		}
		for _, inner := range item.values {
			nested = nested || inner.Kind == Table
		}
	}
	return nested
}

func (w *writer) inline(n *Node) {
	switch n.Kind {
	case Table:
		w.b.WriteByte('{')
		for i, k := range n.Keys {
			if i > 0 {
				w.b.WriteByte(',')
			}
			w.b.WriteString(" " + tomlPath(conf.Path{k}) + " = ")
			w.inline(n.values[i])
		}
		w.b.WriteString(" }")
	case Array:
		w.b.WriteByte('[')
		for i, item := range n.Items {
			if i > 0 {
				w.b.WriteString(", ")
			}
			w.inline(item)
		}
		w.b.WriteByte(']')
	case String:
		quote(&w.b, n.Text)
	default:
		w.b.WriteString(n.Text)
	}
}

// quote writes a basic string of TOML 1.0.
func quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// tomlPath writes a dotted key; parts that are not bare are quoted.
func tomlPath(path conf.Path) string {
	var b strings.Builder
	for i, k := range path {
		if i > 0 {
			b.WriteByte('.')
		}
		if isBare(k) {
			b.WriteString(k)
		} else {
			quote(&b, k)
		}
	}
	return b.String()
}

func isBare(k string) bool {
	for i := range len(k) {
		c := k[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return k != ""
}
