package validate

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir/internal/plain"
)

// mostDepth is how deep documents may be nested.
const mostDepth = 128

// errUnread says that a body is of a type that nobody here reads.
var errUnread = errors.New("its type is not one that is read here")

// breadth says how much a media type takes, for what is asked first.
func (m *media) breadth() int {
	switch {
	case m.kind == "*":
		return 2
	case m.sub == "*":
		return 1
	}
	return 0
}

// mediaFor returns what is described for a media type, nil if there is nothing.
func (c *content) mediaFor(kind, sub string) *media {
	for _, m := range c.media {
		if (m.kind == kind || m.kind == "*") && (m.sub == sub || m.sub == "*") {
			return m
		}
	}
	return nil
}

// typeOfBody splits a Content-Type.
func typeOfBody(field string) (kind, sub string, params map[string]string, ok bool) {
	full, params, err := mime.ParseMediaType(field)
	if err != nil {
		return "", "", nil, false
	}
	kind, sub, ok = strings.Cut(full, "/")
	return kind, sub, params, ok
}

// readable reports whether text of a media type is what it looks like: a charset may make other texts of the same bytes for
// those who heed it. Files and forms of several parts have theirs within.
func readable(full, charset string, body []byte) bool {
	switch charset = strings.ToLower(charset); {
	case charset == "", charset == "utf-8", charset == "us-ascii", full == "multipart/form-data":
		return true
	case charset == "iso-8859-1", charset == "iso-8859-15", charset == "windows-1252":
		return !slices.ContainsFunc(body, func(c byte) bool { return c >= utf8.RuneSelf })
	}
	return !isJSON(full) && full != "application/x-www-form-urlencoded" && !strings.HasPrefix(full, "text/")
}

// isJSON reports whether a media type in lower case is JSON.
func isJSON(t string) bool {
	t, _, _ = strings.Cut(t, ";")
	t = strings.TrimSpace(t)
	return t == "application/json" || strings.HasSuffix(t, "+json")
}

// read returns the value of a body of that type. errUnread says that there is no telling.
func (m *media) read(field, kind, sub string, body []byte) (v any, at string, err error) {
	full := kind + "/" + sub
	switch {
	case isJSON(full):
		return plain.JSON(body, m.depth)
	case full == "application/x-www-form-urlencoded":
		v, err = m.form(string(body))
	case full == "multipart/form-data":
		v, err = m.parts(field, body)
	case kind == "text" && sub != "xml":
		v = string(body)
	default:
		err = errUnread
	}
	return v, "", err
}

// form reads the body of an URL-encoded form.
func (m *media) form(text string) (any, error) {
	all, err := pairsOf(text)
	if err != nil {
		return nil, err
	}
	texts := map[string][]string{}
	for _, p := range all {
		texts[p.name] = append(texts[p.name], p.value)
	}
	return m.object(texts)
}

// object makes the properties of a form of their texts.
func (m *media) object(texts map[string][]string) (any, error) {
	members := map[string]any{}
	for name, values := range texts {
		p := parameter{in: inBody, name: name, style: formed, explode: true}
		if s := m.styles[name]; s != nil {
			p = *s
		}
		p.depth = m.depth
		p.shape = m.shape.member(name)
		p.json = p.json || p.shape.has(isObject) && !p.shape.has(isString)
		v, err := p.fromForm(values)
		if err != nil {
			return nil, errors.New(quoted([]string{name}) + " " + err.Error())
		}
		members[name] = v
	}
	return members, nil
}

// fromForm returns the value of p, a property of a form. Objects are documents, and so are those of a list, each of them
// (OpenAPI, Encoding Object, contentType).
func (p *parameter) fromForm(texts []string) (any, error) {
	if p.json || !p.explode || !p.shape.has(isArray) || !p.shape.items.has(isObject) || p.shape.items.has(isString) {
		return p.fromTexts(texts)
	}
	items := make([]any, len(texts))
	for i, text := range texts {
		var err error
		if items[i], _, err = plain.JSON([]byte(text), p.depth); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// parts reads the body of a multipart form (RFC 7578), whose Content-Type is field. A file's content is its value.
func (m *media) parts(field string, body []byte) (any, error) {
	texts := map[string][]string{}
	err := plain.Multipart(field, body, mostPairs, func(part *multipart.Part) error {
		name, err := plain.PartName(part)
		if err == nil && part.Header.Get("Content-Transfer-Encoding") != "" {
			err = plain.ErrPart
		}
		if err != nil {
			return err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return plain.ErrNotMultipart
		}
		texts[name] = append(texts[name], string(text))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m.object(texts)
}

// check returns what a schema says of a value; nil if it fits, or nothing is said.
func check(s *jsonschema.Schema, in, name string, v any) []finding {
	if s == nil {
		return nil
	}
	err := s.Validate(v)
	if err == nil {
		return nil
	}
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return []finding{{in, name, "", "can't be compared with its schema"}}
	}
	return findings(in, name, invalid)
}
