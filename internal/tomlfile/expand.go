package tomlfile

import (
	"strings"
	"unicode/utf8"

	"weir/internal/conf"
)

// Expand replaces ${NAME} and ${NAME:-default} in every text below n by the environment's value;
// the default stands for a variable that is unset or empty. "$${" stands for "${". lookup is
// os.LookupEnv or what a test puts in its place. Variables that are missing are noted in r.
func (n *Node) Expand(r *Report, lookup func(string) (string, bool)) {
	n.expand(r, nil, lookup)
}

func (n *Node) expand(r *Report, path conf.Path, lookup func(string) (string, bool)) {
	for i, k := range n.Keys {
		n.values[i].expand(r, append(path, k), lookup)
	}
	for i, item := range n.Items {
		item.expand(r, append(path, index(i)), lookup)
		r.rest()
	}
	if n.Kind != String || !strings.Contains(n.Text, "${") {
		return
	}
	text, trouble, hint := expandText(n.Text, lookup)
	if trouble != "" {
		n.broken = true
		r.add(Finding{At: n.Val, path: append(conf.Path(nil), path...), Key: path.String(), Text: trouble, Hint: hint})
		return
	}
	n.source, n.Text = n.Text, text
}

// Escape writes "${" in every text below n as "$${", so that [Node.Expand] gives the text back.
func (n *Node) Escape() {
	for _, v := range n.values {
		v.Escape()
	}
	for _, item := range n.Items {
		item.Escape()
	}
	if n.Kind == String {
		n.Text = strings.ReplaceAll(n.Text, "${", "$${")
	}
}

// expandText returns s with its variables replaced, or what is wrong with one of them.
func expandText(s string, lookup func(string) (string, bool)) (text, trouble, hint string) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), "", ""
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		inside, rest, closed := strings.Cut(s[i+2:], "}")
		name, instead, hasDefault := strings.Cut(inside, ":-")
		if !closed || !variableName(name) {
			if closed {
				inside += "}"
			}
			return "", `"${` + inside + `" names no environment variable`, "write ${NAME} or ${NAME:-default}; for the characters themselves write $${"
		}
		value, set := lookup(name)
		switch {
		case hasDefault && value == "":
			value = instead
		case !set:
			return "", "the environment variable " + name + " is not set", "set it where Weir is started, or write ${" + name + ":-default}"
		case !utf8.ValidString(value):
			return "", "the environment variable " + name + " is not valid UTF-8", ""
		}
		b.WriteString(value)
		s = rest
	}
}

// variable returns the name in a text that is one variable without default and nothing else.
func variable(source string) string {
	name, ok := strings.CutPrefix(source, "${")
	name, closed := strings.CutSuffix(name, "}")
	if ok && closed && variableName(name) {
		return name
	}
	return ""
}

func variableName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < '0' || c > '9' || i == 0) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return s != ""
}
