// Package term writes for people at a terminal: colour where it is wanted, columns, bars and numbers with their groups
// apart. The demo and the load generator's output use it. It knows nothing of what is written.
package term

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// Screen is what one knows of a place to write to.
type Screen struct {
	// Terminal: it is one that moves its cursor when told so. Rows and Columns are then its size.
	Terminal      bool
	Rows, Columns int
	// Colour: it shows colour and its user has not refused it (https://no-color.org).
	Colour bool
}

// Look finds out about out and reads TERM and NO_COLOR. A terminal may change its size at any time.
func Look(out io.Writer) Screen {
	rows, columns, ok := size(out)
	if !ok || os.Getenv("TERM") == "dumb" {
		return Screen{}
	}
	return Screen{Terminal: true, Rows: rows, Columns: columns, Colour: os.Getenv("NO_COLOR") == ""}
}

// Paint writes text with or without colour.
type Paint struct{ Colour bool }

func (p Paint) code(code, text string) string {
	if !p.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// Bold returns text in bold.
func (p Paint) Bold(text string) string { return p.code("1", text) }

// Dim returns text that stands back.
func (p Paint) Dim(text string) string { return p.code("2", text) }

// Red returns text in red.
func (p Paint) Red(text string) string { return p.code("31", text) }

// Green returns text in green.
func (p Paint) Green(text string) string { return p.code("32", text) }

// Yellow returns text in yellow.
func (p Paint) Yellow(text string) string { return p.code("33", text) }

// Cyan returns text in cyan.
func (p Paint) Cyan(text string) string { return p.code("36", text) }

// Left pads plain text on the right to a width in characters. Colour is put on afterwards: its codes would count.
func Left(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// Right pads plain text on the left to a width in characters.
func Right(text string, width int) string {
	return strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))) + text
}

// Bar draws a share of 0 to 1 of a width in whole and eighth blocks. A share of nothing, 0/0, is none.
func Bar(share float64, width int) string {
	if !(share > 0) || width <= 0 {
		return ""
	}
	eighths := int(min(share, 1)*float64(width)*8 + 0.5)
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}

// Count writes a whole number with its groups apart: 12,345.
func Count(n int64) string {
	digits, sign := fmt.Sprint(n), ""
	if n < 0 {
		digits, sign = digits[1:], "-"
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Plural writes a number with its word.
func Plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return Count(n) + " " + word + "s"
}
