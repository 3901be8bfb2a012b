// Package chart draws lines and bars as SVG that takes its colours and fonts from the page around it.
//
// gonum.org/v1/plot lays out and draws; here are the axes of a load test (percentiles on HdrHistogram's scale, latencies,
// elapsed time, rates) and the step that replaces colours by classes, so that one picture serves a light page, a dark
// one and paper. Package report calls it; it knows nothing of runs.
package chart

import (
	"bytes"
	"fmt"
	"html/template"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Chart is one picture. It needs a line or a bar with a finite value on the axes.
type Chart struct {
	// ID is unique on the page and made of letters, digits and hyphens: title and description are found by it.
	ID string
	// Title and Description are what a screen reader says instead of the picture. They may hold any text.
	Title, Description string
	X, Y               Axis
	// Bars are drawn behind the lines, in BarInk.
	Bars   []Bar
	BarInk Ink
	// Lines are drawn so that the first one lies on top.
	Lines []Line
	// Marks are upright lines at points of X.
	Marks []Mark
	// Height is that of the picture where its width is 720. Default: 250.
	Height float64
}

// Line joins points by straight lines. A point that is not finite, or not above 0 on a logarithmic axis, breaks it.
type Line struct {
	Ink    Ink
	Points []Point
	Dashed bool
	// Dots marks each point.
	Dots bool
}

// Point is one of a Line, in the units of the axes.
type Point struct{ X, Y float64 }

// Bar stands on the X axis from From to To.
type Bar struct{ From, To, Height float64 }

// Mark is an upright line.
type Mark struct {
	Ink Ink
	X   float64
}

const (
	width         = 720
	defaultHeight = 250
	textSize      = 11
)

// SVG draws the chart as an element that a page can hold. All text in it is escaped, and it has no style of its own:
// the classes are those of Ink.Class, and "ch", "ch-x" and "ch-y" for text.
func (c *Chart) SVG() (template.HTML, error) {
	p := plot.New()
	p.BackgroundColor = nil
	c.X.put(&p.X, textX)
	c.Y.put(&p.Y, textY)
	p.X.Tick.Label.Font.Variant, p.Y.Tick.Label.Font.Variant = "Sans", "Sans"
	p.Add(&plotter.Grid{Vertical: stroke(grid, 0.6), Horizontal: stroke(grid, 0.6)})
	if len(c.Bars) > 0 {
		p.Add(c.histogram())
	}
	for _, m := range c.Marks {
		c.add(p, &Line{Ink: m.Ink, Dashed: true, Points: []Point{{m.X, c.Y.Min}, {m.X, c.Y.Max}}})
	}
	for i := range c.Lines {
		c.add(p, &c.Lines[len(c.Lines)-1-i])
	}
	// The plotters have widened the axes to their own ranges.
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = c.X.Min, c.X.Max, c.Y.Min, c.Y.Max
	height := c.Height
	if height == 0 {
		height = defaultHeight
	}
	canvas := vgsvg.New(width, vg.Length(height))
	// Room for labels in a wider font than the one that is measured, for half of the last one and of the highest.
	p.Draw(draw.Crop(draw.New(canvas), 10, -24, 5, -6))
	var raw bytes.Buffer
	if _, err := canvas.WriteTo(&raw); err != nil {
		return "", fmt.Errorf("chart %s: %w", c.ID, err)
	}
	return c.restyle(&raw)
}

func (c *Chart) histogram() *plotter.Histogram {
	// A thin line in the same ink closes the seams between bars.
	h := &plotter.Histogram{FillColor: c.BarInk.colour(), LineStyle: stroke(c.BarInk, 0.5)}
	for _, b := range c.Bars {
		from, okFrom := c.X.place(b.From)
		to, okTo := c.X.place(b.To)
		height, ok := c.Y.place(b.Height)
		if !okFrom || !okTo || !ok || b.Height <= 0 {
			continue
		}
		h.Bins = append(h.Bins, plotter.HistogramBin{Min: from, Max: to, Weight: height})
	}
	return h
}

// add draws l in as many pieces as it has without a break. A piece of one point is a dot.
func (c *Chart) add(p *plot.Plot, l *Line) {
	for _, xys := range c.pieces(l.Points) {
		line := &plotter.Line{XYs: xys, LineStyle: stroke(l.Ink, 1.8)}
		if l.Dashed {
			line.Dashes = []vg.Length{5, 4}
			line.Width = 1.3
		}
		p.Add(line)
		if l.Dots || len(xys) == 1 {
			p.Add(&plotter.Scatter{XYs: xys, GlyphStyle: draw.GlyphStyle{
				Color: l.Ink.colour(), Radius: 2.8, Shape: draw.CircleGlyph{},
			}})
		}
	}
}

// pieces splits points where one can't be drawn. What lies outside of an axis is moved to its end.
func (c *Chart) pieces(points []Point) []plotter.XYs {
	var out []plotter.XYs
	var piece plotter.XYs
	for _, pt := range points {
		x, okX := c.X.place(pt.X)
		y, okY := c.Y.place(pt.Y)
		if okX && okY {
			piece = append(piece, plotter.XY{X: x, Y: y})
			continue
		}
		if piece != nil {
			out = append(out, piece)
		}
		piece = nil
	}
	if piece != nil {
		out = append(out, piece)
	}
	return out
}

// place returns where on the axis v is drawn, if it is.
func (a *Axis) place(v float64) (float64, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) || a.log() && v <= 0 {
		return 0, false
	}
	return min(max(v, a.Min), a.Max), true
}

func stroke(ink Ink, width vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: ink.colour(), Width: width}
}

// sans is the font whose measures the labels are laid out by; Arial and Helvetica have the same.
func sans() font.Face {
	return plot.DefaultTextHandler.Cache().Lookup(font.Font{Typeface: "Liberation", Variant: "Sans", Size: textSize}, textSize)
}
