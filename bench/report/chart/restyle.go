package chart

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
)

// kept are the attributes of each element of a drawing that stay; an element that is not here is an error.
var kept = map[string][]string{
	"svg":  {"viewBox"},
	"g":    {"transform"},
	"path": {"d"},
	"text": {"x", "y", "transform"},
}

// restyle rewrites what vgsvg drew: colours become classes, fonts are left to the page, sizes to its width, and title
// and description are put in. Attributes remain where a style attribute was, because a strict policy forbids that.
func (c *Chart) restyle(drawing io.Reader) (template.HTML, error) {
	r := restyler{chart: c}
	in := xml.NewDecoder(drawing)
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return template.HTML(r.out.String()), nil
		}
		if err == nil {
			err = r.token(token)
		}
		if err != nil {
			return "", fmt.Errorf("chart %s: %w", c.ID, err)
		}
	}
}

type restyler struct {
	chart *Chart
	out   strings.Builder
	label *xml.StartElement // the text element whose content comes next
}

func (r *restyler) token(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		if t.Name.Local == "text" {
			t = t.Copy()
			r.label = &t
			return nil
		}
		return r.open(&t)
	case xml.EndElement:
		fmt.Fprintf(&r.out, "</%s>", t.Name.Local)
	case xml.CharData:
		if r.label == nil {
			return nil // space between elements
		}
		return r.text(string(t))
	}
	return nil
}

func (r *restyler) open(e *xml.StartElement) error {
	attributes, err := attributes(e)
	if err != nil {
		return err
	}
	if e.Name.Local != "svg" {
		fmt.Fprintf(&r.out, "<%s%s>", e.Name.Local, attributes)
		return nil
	}
	c := r.chart
	fmt.Fprintf(&r.out, `<svg class="ch" role="img" aria-labelledby="%[1]s-t %[1]s-d"%[2]s><title id="%[1]s-t">%[3]s</title><desc id="%[1]s-d">%[4]s</desc>`,
		escape(c.ID), attributes, escape(c.Title), escape(c.Description))
	return nil
}

// text writes a label. The page's font may be another than the one it was laid out by, so it is held by its middle, at
// the Y axis by its end.
func (r *restyler) text(label string) error {
	e := r.label
	r.label = nil
	// Below its axis a label keeps a little distance.
	share, class, down := 0.5, "ch-x", ` dy="3"`
	for _, a := range e.Attr {
		if a.Name.Local == "style" && strings.Contains(a.Value, "fill:"+hexOf(textY)) {
			share, class, down = 1, "ch-y", ""
		}
	}
	for i, a := range e.Attr {
		if a.Name.Local != "x" {
			continue
		}
		x, err := strconv.ParseFloat(a.Value, 64)
		if err != nil {
			return err
		}
		face := sans()
		e.Attr[i].Value = strconv.FormatFloat(x+share*face.Width(label).Points(), 'f', 2, 64)
	}
	attributes, err := attributes(e)
	if err != nil {
		return err
	}
	fmt.Fprintf(&r.out, `<text%s%s>%s`, strings.Replace(attributes, `class="`, `class="`+class+" ", 1), down, escape(label))
	return nil
}

// escape makes any text one that XML can hold: what it has no character for becomes U+FFFD.
func escape(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a Builder takes all
	return out.String()
}

// attributes writes those that are kept, and what becomes of the style.
func attributes(e *xml.StartElement) (string, error) {
	keep, ok := kept[e.Name.Local]
	if !ok {
		return "", fmt.Errorf("element %q in the drawing", e.Name.Local)
	}
	var out strings.Builder
	for _, name := range keep {
		for _, a := range e.Attr {
			if a.Name.Local == name {
				fmt.Fprintf(&out, ` %s="%s"`, name, escape(a.Value))
			}
		}
	}
	for _, a := range e.Attr {
		if a.Name.Local == "style" {
			text, err := fromStyle(a.Value)
			if err != nil {
				return "", err
			}
			out.WriteString(text)
		}
	}
	return out.String(), nil
}

// fromStyle turns a style attribute into a class and presentation attributes.
func fromStyle(style string) (string, error) {
	var classes []string
	var rest strings.Builder
	for item := range strings.SplitSeq(style, ";") {
		property, value, _ := strings.Cut(item, ":")
		switch property {
		case "fill", "stroke":
			if value == "none" {
				fmt.Fprintf(&rest, ` %s="none"`, property)
				continue
			}
			ink, ok := inkOf(value)
			if !ok {
				return "", fmt.Errorf("colour %q in the drawing is no ink", value)
			}
			classes = append(classes, property+"-"+ink.Class())
		case "stroke-width", "stroke-dasharray", "stroke-dashoffset":
			fmt.Fprintf(&rest, ` %s="%s"`, property, escape(value))
		}
	}
	class := ""
	if classes != nil {
		class = fmt.Sprintf(` class="%s"`, strings.Join(classes, " "))
	}
	return class + rest.String(), nil
}
