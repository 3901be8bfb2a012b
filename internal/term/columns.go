package term

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Columns writes rows with their cells one below the other, two blanks between, each line behind indent. A column that
// is empty in every row is left out; colour does not count. Rows may have different lengths: the last cell of a row may
// be as long as it likes.
func Columns(indent string, rows [][]string) string {
	widths := columnWidths(rows)
	var b strings.Builder
	for _, row := range rows {
		line := indent
		for i, cell := range row {
			if widths[i] > 0 {
				line += cell + strings.Repeat(" ", max(0, widths[i]-width(cell))+2)
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// columnWidths are those of the columns; 0 for one that is empty in every row. A row's last cell asks for no room.
func columnWidths(rows [][]string) []int {
	var w []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(w) {
				w = append(w, 0)
			}
			n := width(cell)
			if i == len(row)-1 {
				n = min(n, 1)
			}
			w[i] = max(w[i], n)
		}
	}
	return w
}

// width counts the characters that are seen: no codes of colour.
func width(s string) int {
	n := utf8.RuneCountInString(s)
	for {
		_, behind, found := strings.Cut(s, "\x1b[")
		if !found {
			return n
		}
		code, rest, _ := strings.Cut(behind, "m")
		n -= len("\x1b[") + len(code) + len("m")
		s = rest
	}
}

// Plain returns s with everything escaped that a terminal would act on or not show: control characters, marks that turn
// the direction of text, bytes that are not UTF-8. What is longer than most characters is cut; 0 is no bound.
func Plain(s string, most int) string {
	if most > 0 && utf8.RuneCountInString(s) > most {
		s = string([]rune(s)[:most]) + "…"
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r == utf8.RuneError || !strconv.IsPrint(r) }) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			quoted := strconv.Quote(s[i : i+n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
