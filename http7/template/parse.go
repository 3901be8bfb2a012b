package template

import (
	"slices"
	"strconv"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// options say what a text may refer to.
type options struct {
	captures []string // nil: any
	groups   []string // as [regexp.Regexp.SubexpNames] has them; nil: "$" is a character
}

// parse cuts a text into its parts. Fixed text never follows fixed text.
func parse(text string, o options) (parts, error) {
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return nil, &conf.BadValue{Text: "the text holds a line end or another control character, " + strconv.QuoteRune(rune(text[i])), Hint: "write it in one line"}
	}
	var list parts
	fixed := ""
	add := func(p part) {
		if fixed != "" {
			list = append(list, part{text: fixed})
			fixed = ""
		}
		list = append(list, p)
	}
	for text != "" {
		n := strings.IndexAny(text, "{$")
		if n < 0 {
			n = len(text)
		}
		fixed, text = fixed+text[:n], text[n:]
		if text == "" {
			break
		}
		p, n, err := special(text, o)
		if err != nil {
			return nil, err
		}
		if p.of == literal {
			fixed += p.text
		} else {
			add(p)
		}
		text = text[n:]
	}
	if fixed != "" {
		list = append(list, part{text: fixed})
	}
	return list, nil
}

// special reads what begins with "{" or "$" and returns its part and how much of the text it takes.
func special(text string, o options) (p part, n int, err error) {
	switch {
	case text[0] == '$' && o.groups != nil:
		return groupOf(text, o.groups)
	case strings.HasPrefix(text, "{{"):
		return part{text: "{"}, 2, nil
	case text[0] == '$' || len(text) < 2 || !letter(text[1]):
		return part{text: text[:1]}, 1, nil
	}
	end := strings.IndexByte(text, '}')
	if end < 0 {
		return part{}, 0, &conf.BadValue{Text: strconv.Quote(text) + " begins a variable and has no end", Hint: `write "}" behind its name, or "{{" for a brace`}
	}
	p, err = variable(text[1:end], o)
	return p, end + 1, err
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// variable reads the text between braces.
func variable(name string, o options) (part, error) {
	if i := slices.Index(plainNames[:], name); i > 0 {
		if p := (part{of: source(i), text: name}); p.of != rest {
			return p, nil
		}
		return captured(part{of: rest, text: name}, o)
	}
	kind, of, dotted := strings.Cut(name, ".")
	p := part{of: kinds[kind], text: of}
	if !dotted || p.of == literal || of == "" {
		return part{}, unknown(name, o)
	}
	switch p.of {
	case capture:
		return captured(p, o)
	case field:
		var ok bool
		if p.field, ok = http7.NewName(of); !ok {
			return part{}, &conf.BadValue{Text: "{" + name + "}: " + strconv.Quote(of) + " is not a field name", Hint: "a name has letters, digits and hyphens"}
		}
	}
	return p, nil
}

// captured checks that a capture is one that the place knows.
func captured(p part, o options) (part, error) {
	if o.captures == nil || slices.Contains(o.captures, p.text) {
		return p, nil
	}
	if p.text == "rest" {
		return part{}, &conf.BadValue{Text: `{rest} is what "/*" leaves, and the route's path does not end in one`, Hint: capturesHint(p.text, o.captures)}
	}
	return part{}, &conf.BadValue{Text: "the route's path captures no " + strconv.Quote(p.text), Hint: capturesHint(p.text, o.captures)}
}

func capturesHint(name string, captures []string) string {
	if len(captures) == 0 {
		return `write a path that captures, such as "/users/{id}"`
	}
	written := make([]string, len(captures))
	for i, c := range captures {
		written[i] = captureName(c)
	}
	hint := "it captures " + list(written)
	if near := conf.Nearest(name, captures); near != "" {
		hint = "did you mean {" + captureName(near) + "}? " + hint
	}
	return hint
}

func captureName(c string) string {
	if c == "rest" {
		return c
	}
	return "path." + c
}

// list lists variables for a person.
func list(names []string) string { return "{" + strings.Join(names, "}, {") + "}" }

// unknown is the error of a name that is none.
func unknown(name string, o options) error {
	all := append(slices.Clone(plainNames[client:]), "path.NAME", "header.NAME", "cookie.NAME", "query.NAME", "jwt.NAME")
	hint := `there are ` + list(all) + `; "{{" is a brace`
	if near := near(name, o); near != "" {
		hint = "did you mean {" + near + "}? " + hint
	}
	return &conf.BadValue{Text: "{" + name + "} is not a variable", Hint: hint}
}

// near returns the variable that a wrong name was probably meant to be, or "".
func near(name string, o options) string {
	switch {
	case slices.Contains(o.captures, name):
		return captureName(name)
	case slices.Contains(plainNames[sni:], "tls."+name):
		return "tls." + name
	case slices.Contains(plainNames[sni:], "tls.client."+name):
		return "tls.client." + name
	}
	if kind, of, ok := strings.Cut(name, "."); ok && of != "" {
		if k := conf.Nearest(kind, []string{"path", "header", "cookie", "query", "jwt", "claim"}); k != "" && kinds[kind] == literal {
			return k + "." + of
		}
	}
	candidates := slices.Clone(plainNames[client:])
	for _, c := range o.captures {
		candidates = append(candidates, captureName(c))
	}
	return conf.Nearest(strings.ReplaceAll(name, "-", "_"), candidates)
}

// groupOf reads "$1", "$name", "${1}", "${name}" and "$$".
func groupOf(text string, groups []string) (p part, n int, err error) {
	if strings.HasPrefix(text, "$$") {
		return part{text: "$"}, 2, nil
	}
	name, n := "", 1
	if strings.HasPrefix(text, "${") {
		end := strings.IndexByte(text, '}')
		if end < 0 {
			return part{}, 0, &conf.BadValue{Text: strconv.Quote(text) + " begins a group and has no end", Hint: `write "}" behind its name, or "$$" for a dollar sign`}
		}
		name, n = text[2:end], end+1
	} else {
		name = bareName(text[1:])
		n = 1 + len(name)
	}
	if name == "" {
		return part{}, 0, &conf.BadValue{Text: "a dollar sign names a group of the regular expression, and none follows", Hint: `write "$1", "$name", or "$$" for a dollar sign`}
	}
	i, err := groupIndex(name, groups)
	return part{of: group, text: text[:n], group: i}, n, err
}

// bareName returns the number or the name that text begins with. Unlike [regexp.Regexp.Expand] has it,
// letters behind a number are no part of it.
func bareName(text string) string {
	n := 0
	for n < len(text) && (digit(text[n]) || !digit(text[0]) && (letter(text[n]) || text[n] == '_')) {
		n++
	}
	return text[:n]
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// groupIndex finds a group by its number or name.
func groupIndex(name string, groups []string) (int, error) {
	if i := slices.Index(groups[1:], name); i >= 0 {
		return i + 1, nil
	}
	i, err := strconv.Atoi(name)
	if err == nil && i >= 0 && i < len(groups) {
		return i, nil
	}
	text := "the regular expression has no group " + strconv.Quote(name)
	if near := conf.Nearest(name, groups[1:]); near != "" {
		return 0, &conf.BadValue{Text: text, Hint: "did you mean $" + near + "?"}
	}
	return 0, &conf.BadValue{Text: text, Hint: "it has " + strconv.Itoa(len(groups)-1) + `; "$0" is all that it matches`}
}
