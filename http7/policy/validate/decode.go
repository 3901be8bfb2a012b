package validate

import (
	"errors"
	"net/url"
	"strings"

	"weir/http7"
	"weir/internal/plain"
)

// pair is one name with its value, of a query or a form.
type pair struct{ name, value string }

// errEscape says that a text has a percent sign that begins nothing.
var errEscape = errors.New("is not percent-encoded right")

// errTwice says that a parameter is there more often than its schema lets it.
var errTwice = errors.New("is there more than once")

// errDeep says that a member of a parameter has members of its own: what they mean is not described (OpenAPI, Style Values).
var errDeep = errors.New("has members that are nested")

// mostPairs is how many pairs are taken: more are made by nobody but who hides something.
const mostPairs = 1000

var errMany = errors.New("has too many parameters")

// pairsOf splits a query or the body of a form (WHATWG URL, application/x-www-form-urlencoded).
func pairsOf(text string) ([]pair, error) {
	var all []pair
	for part := range strings.SplitSeq(text, "&") {
		if part == "" {
			continue
		}
		if len(all) == mostPairs {
			return nil, errMany
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err != nil || err2 != nil {
			return nil, errEscape
		}
		all = append(all, pair{name, value})
	}
	return all, nil
}

// fromPairs returns the value of p among the pairs of a query or a form, and whether there is one.
func (p *parameter) fromPairs(all []pair) (v any, found bool, err error) {
	if p.style == deep {
		return p.fromDeep(all)
	}
	if p.explode && p.shape.has(isObject) && !p.json && p.in != inBody {
		return p.fromSpread(all)
	}
	var texts []string
	for _, a := range all {
		if a.name == p.name {
			texts = append(texts, a.value)
		}
	}
	switch {
	case len(texts) == 0:
		return nil, false, nil
	case p.empty && len(texts) == 1 && texts[0] == "":
		return noValue{}, true, nil
	}
	v, err = p.fromTexts(texts)
	return v, true, err
}

// noValue stands for the value of a parameter that is there without one, and may be.
type noValue struct{}

// fromTexts returns the value that is written as texts, which are several if the name is there several times.
func (p *parameter) fromTexts(texts []string) (any, error) {
	switch {
	case p.json && len(texts) > 1:
		return nil, errTwice
	case p.json:
		v, _, err := plain.JSON([]byte(texts[0]), p.depth)
		return v, err
	case p.shape.has(isArray) && p.explode:
		items := make([]any, len(texts))
		for i, t := range texts {
			items[i] = p.shape.items.plain(t)
		}
		return items, nil
	case len(texts) > 1:
		return nil, errTwice
	}
	return p.fromText(texts[0], separatorOf(p.style)), nil
}

func separatorOf(style string) string {
	switch style {
	case spaced:
		return " "
	case piped:
		return "|"
	}
	return ","
}

// fromText returns the value that is written as one text, with a separator between items and members.
func (p *parameter) fromText(text, separator string) any {
	switch {
	case p.shape.has(isArray):
		return p.list(text, separator)
	case p.shape.has(isObject):
		return p.members(text, separator)
	}
	return p.shape.plain(text)
}

func (p *parameter) list(text, separator string) any {
	items := []any{}
	if text == "" {
		return items
	}
	for item := range strings.SplitSeq(text, separator) {
		items = append(items, p.shape.items.plain(item))
	}
	return items
}

// members reads "a,1,b,2", or "a=1,b=2" where the style has it so.
func (p *parameter) members(text, separator string) any {
	parts := strings.Split(text, separator)
	members := map[string]any{}
	if p.explode {
		for _, part := range parts {
			name, value, _ := strings.Cut(part, "=")
			members[name] = p.shape.member(name).plain(value)
		}
		return members
	}
	for i := 0; i+1 < len(parts); i += 2 {
		members[parts[i]] = p.shape.member(parts[i]).plain(parts[i+1])
	}
	return members
}

// fromDeep reads "filter[a]=1&filter[b]=2".
func (p *parameter) fromDeep(all []pair) (any, bool, error) {
	members := map[string]any{}
	for _, a := range all {
		rest, ok := strings.CutPrefix(a.name, p.name+"[")
		name, ok2 := strings.CutSuffix(rest, "]")
		if !ok || !ok2 {
			continue
		}
		if strings.ContainsAny(name, "[]") {
			return nil, true, errDeep
		}
		member := p.shape.member(name)
		before, twice := members[name]
		switch {
		case member.has(isArray):
			list, _ := before.([]any)
			members[name] = append(list, member.items.plain(a.value))
		case twice:
			return nil, true, errTwice
		default:
			members[name] = member.plain(a.value)
		}
	}
	return members, len(members) > 0, nil
}

// fromSpread reads an object whose members are parameters of their own.
func (p *parameter) fromSpread(all []pair) (any, bool, error) {
	members := map[string]any{}
	for _, a := range all {
		if p.shape.named[a.name] == nil {
			continue
		}
		if _, twice := members[a.name]; twice {
			return nil, true, errTwice
		}
		members[a.name] = p.shape.named[a.name].plain(a.value)
	}
	return members, len(members) > 0, nil
}

// fromPath returns the value of p, a parameter of the path, whose segment is decoded.
func (p *parameter) fromPath(segment string) (any, error) {
	separator := ","
	switch p.style {
	case label:
		rest, ok := strings.CutPrefix(segment, ".")
		if !ok {
			return nil, errors.New("does not begin with a dot")
		}
		if segment = rest; p.explode || p.dotted(rest) {
			separator = "."
		}
	case matrix:
		rest, ok := strings.CutPrefix(segment, ";")
		if !ok {
			return nil, errors.New("does not begin with a semicolon")
		}
		if segment, separator = p.fromMatrix(rest); separator == "" {
			return nil, errors.New("does not begin with its name")
		}
	}
	return p.fromText(segment, separator), nil
}

// dotted reports whether a text of style label that is not exploded has dots between its items: OpenAPI has it so up to 3.0.3
// and 3.1.0, and commas since. A list that fits its schema either way is read with commas; members come in pairs.
func (p *parameter) dotted(text string) bool {
	switch {
	case strings.Contains(text, ",") || !strings.Contains(text, "."):
		return false
	case !p.shape.has(isArray):
		return p.shape.has(isObject)
	}
	fits := func(separator string) bool {
		return check(p.schema, p.in, p.name, p.fromText(text, separator)) == nil
	}
	return !fits(",") && fits(".")
}

// fromMatrix undoes what style matrix adds: ";id=3,4", or ";id=3;id=4" and ";a=1;b=2" exploded.
func (p *parameter) fromMatrix(text string) (rest, separator string) {
	if p.explode && p.shape.has(isObject) {
		return text, ";"
	}
	prefix := p.name + "="
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return "", ""
	}
	if p.explode && p.shape.has(isArray) {
		return strings.ReplaceAll(rest, ";"+prefix, ";"), ";"
	}
	return rest, ","
}

// fromHeader returns the value of p, a field.
func (p *parameter) fromHeader(h *http7.Header) (v any, found bool, err error) {
	var texts []string
	for value := range h.Each(p.field) {
		texts = append(texts, strings.TrimSpace(string(value)))
	}
	switch {
	case len(texts) == 0:
		return nil, false, nil
	case p.json:
		v, err = p.fromTexts(texts)
		return v, true, err
	case len(texts) > 1 && !p.shape.has(isArray) && !p.shape.has(isObject):
		return nil, true, errTwice
	}
	parts := strings.Split(strings.Join(texts, ","), ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	if !p.shape.has(isArray) && !p.shape.has(isObject) {
		return p.shape.plain(texts[0]), true, nil
	}
	return p.fromText(strings.Join(parts, ","), ","), true, nil
}

// fromCookie returns the value of p, a cookie.
func (p *parameter) fromCookie(h *http7.Header) (v any, found bool, err error) {
	var texts []string
	for c := http7.Cookies(h, p.name); c.Next(); {
		text, err := url.PathUnescape(string(c.Value()))
		if err != nil {
			text = string(c.Value()) // RFC 6265 knows no escapes: it may be meant
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, false, nil
	}
	if len(texts) > 1 {
		return nil, true, errTwice
	}
	if p.json {
		v, err = p.fromTexts(texts)
		return v, true, err
	}
	return p.fromText(texts[0], ","), true, nil
}
