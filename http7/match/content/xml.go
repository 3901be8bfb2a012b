package content

import (
	"bytes"
	"encoding/xml"
	"io"
)

// elements reads XML. A document type is refused: what it declares changes what readers see, and some
// would fetch it. Text is that of elements that hold nothing else: between text that a comment, an
// instruction or an element splits, readers choose differently.
type elements struct {
	v     *Values
	open  []element
	roots int
}

type element struct {
	s      span
	wanted bool
	mixed  bool // it holds more than text
	text   int  // where its text begins
}

func readXML(root *step, body []byte, v *Values) bool {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // RFC 7303 §3.3
	if !fewAttributes(body) {
		return false
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	r := elements{v: v, open: []element{{s: v.root(root)}}}
	for {
		token, err := d.Token()
		if err != nil {
			return err == io.EOF && r.roots == 1 && len(r.open) == 1
		}
		if !r.token(token) {
			return false
		}
	}
}

// mostAttributes is how many attributes an element may have: the library makes a list of them all.
const mostAttributes = 256

// fewAttributes reports whether no element has more than mostAttributes. Of what is not well-formed it may
// say anything.
func fewAttributes(body []byte) bool {
	ok := true
	for ok {
		_, rest, open := bytes.Cut(body, []byte("<"))
		if !open {
			return true
		}
		switch {
		case bytes.HasPrefix(rest, []byte("!--")):
			_, body, _ = bytes.Cut(rest[len("!--"):], []byte("-->"))
		case bytes.HasPrefix(rest, []byte("![CDATA[")):
			_, body, _ = bytes.Cut(rest, []byte("]]>"))
		case bytes.HasPrefix(rest, []byte("?")):
			_, body, _ = bytes.Cut(rest, []byte("?>"))
		default:
			body, ok = cutTag(rest)
		}
	}
	return false
}

// cutTag returns what is behind a tag; not ok if the tag has too many values in quotes.
func cutTag(body []byte) (rest []byte, ok bool) {
	for range mostAttributes + 1 {
		i := bytes.IndexAny(body, `"'>`)
		if i < 0 {
			return nil, true
		}
		if body[i] == '>' {
			return body[i+1:], true
		}
		_, body, _ = bytes.Cut(body[i+1:], body[i:i+1])
	}
	return nil, false
}

func (r *elements) token(token xml.Token) bool {
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t)
	case xml.EndElement:
		r.end()
	case xml.CharData:
		return r.chars(t)
	case xml.Comment, xml.ProcInst:
		r.top().mixed = true
	default: // a Directive
		return false
	}
	return true
}

func (r *elements) top() *element { return &r.open[len(r.open)-1] }

func (r *elements) start(t xml.StartElement) bool {
	if len(r.open) > MostDepth {
		return false
	}
	if len(r.open) == 1 {
		r.roots++
	}
	r.top().mixed = true
	e := element{s: r.v.enter(r.top().s, []byte(t.Name.Local)), text: len(r.v.text)}
	e.wanted = r.v.wanted(e.s)
	if e.s.from < e.s.to {
		r.attributes(e.s, t.Attr)
	}
	r.open = append(r.open, e)
	return r.roots == 1
}

func (r *elements) attributes(s span, list []xml.Attr) {
	for _, a := range list {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		for i := s.from; i < s.to; i++ {
			if next := r.v.active[i].below["@"+a.Name.Local]; next != nil {
				r.v.active = append(r.v.active, next)
				at := span{len(r.v.active) - 1, len(r.v.active)}
				r.v.keep(at, []byte(a.Value), false)
				r.v.leave(at)
			}
		}
	}
}

func (r *elements) chars(text []byte) bool {
	if len(r.open) == 1 {
		return len(bytes.TrimSpace(text)) == 0
	}
	if r.top().wanted {
		r.v.text = append(r.v.text, text...)
	}
	return true
}

func (r *elements) end() {
	e := r.top()
	if e.wanted {
		text := bytes.Trim(r.v.text[e.text:], " \t\r\n")
		if e.mixed {
			text = nil
		}
		if !r.v.keep(e.s, text, e.mixed) && !e.mixed { // with others in it, theirs lie there
			r.v.text = r.v.text[:e.text]
		}
	}
	r.v.leave(e.s)
	r.open = r.open[:len(r.open)-1]
}
