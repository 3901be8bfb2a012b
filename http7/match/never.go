package match

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"weir/http7"
	"weir/http7/paths"
)

// misspelt says why no canonical path holds a literal text of a regular expression, "" if one may: letters outside
// ASCII and what can't stand raw is escaped in all of them, and what is escaped has one spelling.
func misspelt(text string) string {
	for len(text) > 0 {
		part := text[:1]
		switch {
		case text[0] >= utf8.RuneSelf:
			_, n := utf8.DecodeRuneInString(text)
			part = text[:n]
		case text[0] == '%' && len(text) > 2:
			part = text[:3]
		case text[0] == '%':
			return "" // whatever follows is not known
		}
		if good := spelling(part); good != part {
			why := "no path holds " + strconv.Quote(part)
			if good != "" {
				why += ", which is written " + strconv.Quote(good) + " in all of them"
			}
			return why
		}
		text = text[len(part):]
	}
	return ""
}

// spelling returns the canonical form of a character or an escape; "" if no path has it.
func spelling(part string) string {
	if part[0] == '%' && len(part) == 3 {
		c, err := strconv.ParseUint(part[1:], 16, 8)
		if err != nil {
			return ""
		}
		if c >= utf8.RuneSelf { // part of a character
			return strings.ToUpper(part)
		}
	}
	form, fault := paths.Literal("/x" + part)
	if fault != nil {
		return ""
	}
	return form[len("/x"):]
}

// unmet says why no request meets a condition, "" if that is not known.
func unmet(c *http7.Condition) string {
	switch {
	case c.On != http7.OnHeader || c.Test == http7.Missing:
	case strings.Contains(c.Name, "_"):
		return "fields with \"_\" in their names are dropped before any route is looked for, so " + subject(c) + " is never there"
	case c.Test == http7.Equals && c.Value != strings.Trim(c.Value, " \t"):
		return "no value of a field begins or ends with a blank, so " + subject(c) + " is never " + strconv.Quote(c.Value)
	}
	return ""
}
