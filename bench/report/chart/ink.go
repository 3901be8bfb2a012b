package chart

import "image/color"

// Ink is a role that the page's style gives a colour.
type Ink uint8

// The inks. First to Fifth are told apart by any reader; Bad is for what should be zero; Reference stands
// back; Strong is seen on top of any other.
const (
	First Ink = iota + 1
	Second
	Third
	Fourth
	Fifth
	Bad
	Reference
	Strong

	grid
	axis
	textX
	textY
	inks
)

var inkNames = [inks]string{"", "first", "second", "third", "fourth", "fifth", "bad", "reference", "strong", "grid", "axis", "x", "y"}

// Class is the ink's name in the classes of a picture: stroke-NAME for lines, fill-NAME for areas and dots.
func (i Ink) Class() string {
	if i < inks {
		return inkNames[i]
	}
	return ""
}

// Inks returns those for data, in their order.
func Inks() []Ink { return []Ink{First, Second, Third, Fourth, Fifth, Bad, Reference, Strong} }

// colour is what stands for the ink until restyle finds it. None of them is black, which vgsvg leaves out.
func (i Ink) colour() color.Color { return color.NRGBA{B: uint8(i), A: 255} }

// inkOf returns the ink that a colour of the drawing stands for.
func inkOf(colour string) (Ink, bool) {
	for i := First; i < inks; i++ {
		if colour == hexOf(i) {
			return i, true
		}
	}
	return 0, false
}

func hexOf(i Ink) string {
	const digits = "0123456789ABCDEF"
	return "#0000" + string([]byte{digits[i>>4], digits[i&15]})
}
