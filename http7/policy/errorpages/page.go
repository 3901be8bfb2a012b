package errorpages

import (
	"bytes"
	"fmt"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/http7"
	"weir/internal/conf"
)

// escape is how a value is written so that it is text in a page and nothing else.
type escape uint8

const (
	plain escape = iota
	markup
	jsonText
)

// page is a file with places for values. It never changes.
type page struct {
	kind  kind
	field []byte // the Content-Type
	size  int
	parts []part
}

// part is text, then a value.
type part struct {
	text  []byte
	value value
}

// value is what a page may be told.
type value uint8

const (
	nothing value = iota
	status
	title
	requestID
)

var valueNames = map[string]value{"{status}": status, "{title}": title, "{request_id}": requestID}

// maxPage bounds a file: pages stay in memory.
const maxPage = 1 << 20

// Files remembers what the routes of one config have read, so that pages that a thousand routes
// name are in memory once. It belongs to one goroutine. The zero value is ready.
type Files struct {
	// Read reads a file. Default: [conf.ReadFile].
	Read func(path string) ([]byte, error)

	pages map[string]*page
	steps map[string][]http7.Step
}

// page reads a file, once.
func (f *Files) page(path string) (*page, error) {
	if p := f.pages[path]; p != nil {
		return p, nil
	}
	p, err := f.read(path)
	if err != nil {
		return nil, err
	}
	if f.pages == nil {
		f.pages = map[string]*page{}
	}
	f.pages[path] = p
	return p, nil
}

func (f *Files) read(path string) (*page, error) {
	k, err := typeOf(path)
	if err != nil {
		return nil, err
	}
	file := f.Read
	if file == nil {
		file = conf.ReadFile
	}
	text, err := textOf(path, file)
	if err != nil {
		return nil, err
	}
	return newPage(k, text), nil
}

func typeOf(path string) (kind, error) {
	k, ok := kindOf(path)
	if !ok {
		return k, &conf.BadValue{Text: strconv.Quote(path) + " does not tell its media type", Hint: "the extension is one of " + conf.Quoted(extensions(), "and")}
	}
	return k, nil
}

// textOf returns what a page holds, if it can be one.
func textOf(path string, file func(string) ([]byte, error)) ([]byte, error) {
	text, err := file(path)
	switch {
	case err != nil:
		return nil, &conf.BadValue{Text: strconv.Quote(path) + " can't be read: " + conf.FileTrouble(err)}
	case len(text) > maxPage:
		return nil, &conf.BadValue{Text: strconv.Quote(path) + " has more than 1MiB", Hint: "pages stay in memory: make it smaller"}
	case !utf8.Valid(text):
		return nil, &conf.BadValue{Text: strconv.Quote(path) + " is not UTF-8", Hint: "pages are sent as UTF-8: save it so"}
	}
	return text, nil
}

// newPage finds the places for values. Every other brace is text: pages have styles and scripts.
func newPage(k kind, text []byte) *page {
	p := &page{kind: k, field: []byte(k.field), size: len(text)}
	from := 0
	for at := 0; at < len(text); at++ {
		if text[at] != '{' {
			continue
		}
		for name, v := range valueNames {
			if bytes.HasPrefix(text[at:], []byte(name)) {
				p.parts = append(p.parts, part{text[from:at], v})
				from = at + len(name)
				at = from - 1
				break
			}
		}
	}
	p.parts = append(p.parts, part{text: text[from:]})
	return p
}

// body returns the page for x, whose answer is about to be replaced: valid until x is released.
func (p *page) body(x *http7.Exchange, heading string) []byte {
	if len(p.parts) == 1 {
		return p.parts[0].text
	}
	b := x.Room(p.size + 256)
	for i := range p.parts {
		b = append(b, p.parts[i].text...)
		switch p.parts[i].value {
		case status:
			b = strconv.AppendInt(b, int64(x.Answer.Status), 10)
		case title:
			b = p.appendText(b, heading)
		case requestID:
			b = p.appendText(b, string(x.RequestID))
		}
	}
	return b
}

// appendText appends a value as text of the page's kind.
func (p *page) appendText(b []byte, s string) []byte {
	switch p.kind.escape {
	case markup:
		return append(b, html.EscapeString(strings.ToValidUTF8(s, "\ufffd"))...)
	case jsonText:
		for _, r := range s { // bytes that are not UTF-8 come as U+FFFD
			if r < ' ' || r == '"' || r == '\\' {
				b = fmt.Appendf(b, `\u%04x`, r)
			} else {
				b = utf8.AppendRune(b, r)
			}
		}
		return b
	}
	return append(b, strings.ToValidUTF8(s, "\ufffd")...)
}
