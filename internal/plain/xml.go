package plain

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Why a text is not XML as it is wanted here. They are compared by ==.
var (
	// ErrNotXML says that the text is not one well-formed document in UTF-8.
	ErrNotXML = errors.New("it is not one XML document in UTF-8")
	// ErrDoctype says that there is a declaration of a document type: its entities hide what the text says.
	ErrDoctype = errors.New("it has a document type declaration")
)

// XML reports why text is not one well-formed XML document in UTF-8 without a document type declaration, with elements
// nested at most depth deep; nil if it is. It calls attribute, unless that is nil, for each attribute that is no declaration
// of a name space, with its value as it is meant.
func XML(text []byte, depth int, attribute func(name, value string)) error {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // XML 1.0 §4.3.3
	d := xml.NewDecoder(bytes.NewReader(text))
	deep, roots := 0, 0
	for {
		from := d.InputOffset()
		token, err := d.RawToken()
		switch {
		case err == io.EOF && deep == 0 && roots == 1:
			return wellFormed(text)
		case err != nil:
			return ErrNotXML
		}
		switch token := token.(type) {
		case xml.Directive:
			return ErrDoctype
		case xml.ProcInst:
			if strings.EqualFold(token.Target, "xml") && from > 0 {
				return ErrNotXML // §2.6: the name is that of the declaration
			}
		case xml.CharData:
			if deep == 0 && len(bytes.Trim(text[from:d.InputOffset()], " \t\r\n")) > 0 {
				return ErrNotXML // §2.1: nothing is said outside the element
			}
		case xml.StartElement:
			if deep == 0 {
				roots++
			}
			if deep++; deep > depth {
				return ErrDeep
			}
			if twice(token.Attr) {
				return ErrNotXML
			}
			attributes(token.Attr, attribute)
		case xml.EndElement:
			deep--
		}
	}
}

// twice reports whether two attributes have one name (XML 1.0 §3.1, Unique Att Spec): readers that let that pass differ in
// which they take.
func twice(all []xml.Attr) bool {
	if len(all) < 2 {
		return false
	}
	seen := make(map[xml.Name]struct{}, len(all))
	for _, a := range all {
		seen[a.Name] = struct{}{}
	}
	return len(seen) < len(all)
}

func attributes(all []xml.Attr, take func(name, value string)) {
	for _, a := range all {
		if take != nil && a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			take(a.Name.Local, a.Value)
		}
	}
}

// wellFormed reads text once more: names of elements that begin and end must agree.
func wellFormed(text []byte) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	for {
		switch _, err := d.Token(); {
		case err == io.EOF:
			return nil
		case err != nil:
			return ErrNotXML
		}
	}
}
