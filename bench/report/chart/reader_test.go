package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// drawing is an SVG as a reader of XML sees it.
type drawing struct {
	title, description string
	labels             []label
	paths              []path
	elements           map[string]int
	attributes         map[string]bool // element and name
}

// label is a text with the place that it is held by, from the top left.
type label struct {
	text, class string
	x, y        float64
}

// path is what is drawn in one ink, with the points that its steps name, from the bottom left.
type path struct {
	class, fill, dashes string
	points              []Point
}

// parsed reads the chart's SVG strictly.
func parsed(t *testing.T, c *Chart) *drawing {
	t.Helper()
	d := &drawing{elements: map[string]int{}, attributes: map[string]bool{}}
	in := xml.NewDecoder(strings.NewReader(drawn(t, c)))
	var open []xml.StartElement
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return d
		}
		if err != nil {
			t.Fatal(err)
		}
		switch at := token.(type) {
		case xml.StartElement:
			open = append(open, at.Copy())
			d.element(t, &at)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			d.text(t, &open[len(open)-1], string(at), c.Height)
		}
	}
}

func (d *drawing) element(t *testing.T, e *xml.StartElement) {
	t.Helper()
	d.elements[e.Name.Local]++
	for _, a := range e.Attr {
		d.attributes[e.Name.Local+" "+a.Name.Local] = true
	}
	if e.Name.Local == "path" {
		p := path{class: attribute(e, "class"), fill: attribute(e, "fill"), dashes: attribute(e, "stroke-dasharray")}
		for step := range strings.FieldsFuncSeq(attribute(e, "d"), func(r rune) bool { return r == 'M' || r == 'L' || r == 'A' || r == 'Z' }) {
			n := strings.FieldsFunc(step, func(r rune) bool { return r == ',' || r == ' ' }) // an arc has more before its end
			if len(n) < 2 {
				t.Fatalf("a step %q", step)
			}
			p.points = append(p.points, Point{figure(t, n[len(n)-2]), figure(t, n[len(n)-1])})
		}
		d.paths = append(d.paths, p)
	}
}

func (d *drawing) text(t *testing.T, e *xml.StartElement, text string, height float64) {
	t.Helper()
	if height == 0 {
		height = defaultHeight
	}
	switch e.Name.Local {
	case "title":
		d.title += text
	case "desc":
		d.description += text
	case "text":
		// The drawing stands on its head, and each label is put back on its feet.
		d.labels = append(d.labels, label{text, attribute(e, "class"), figure(t, attribute(e, "x")), height + figure(t, attribute(e, "y"))})
	}
}

func attribute(e *xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func figure(t *testing.T, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		t.Fatalf("%q is no place on a picture", text)
	}
	return v
}

// in returns the paths of a class.
func (d *drawing) in(class string) []path {
	return slices.DeleteFunc(slices.Clone(d.paths), func(p path) bool { return p.class != class })
}

// frame is where lines may be drawn: between the ends of both axes.
func (d *drawing) frame() (left, right, bottom, top float64) {
	left, bottom = math.Inf(1), math.Inf(1)
	for _, p := range d.in("stroke-grid") {
		for _, at := range p.points {
			left, right, bottom, top = min(left, at.X), max(right, at.X), min(bottom, at.Y), max(top, at.Y)
		}
	}
	return left, right, bottom, top
}
