package cmd

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/internal/admin"
)

// mostTroubles is how many certificates with trouble are told of.
const mostTroubles = 5

// certificatesText says which of a listener's certificates expires first, and what is wrong with any; "" if it has none.
// Its lines stand below a row of a table.
func certificatesText(all []admin.CertificateStatus, now time.Time) string {
	var lines []string
	if dated := slices.DeleteFunc(slices.Clone(all), func(c admin.CertificateStatus) bool { return c.Expires.IsZero() }); len(dated) > 0 {
		first := slices.MinFunc(dated, func(a, b admin.CertificateStatus) int { return a.Expires.Compare(b.Expires) })
		lines = append(lines, expiryText(&first, len(dated), now))
	}
	rest := 0
	for i := range all {
		switch {
		case all[i].Trouble == "":
		case len(lines) <= mostTroubles:
			lines = append(lines, troubleText(&all[i], now))
		default:
			rest++
		}
	}
	if rest > 0 {
		lines = append(lines, fmt.Sprintf("and %d others with trouble; --json lists them", rest))
	}
	return strings.Join(lines, "\n  ")
}

// expiryText says when c, the first of n to expire, does.
func expiryText(c *admin.CertificateStatus, n int, now time.Time) string {
	name := certificateName(c)
	left, when := c.Expires.Sub(now), ""
	if left <= 0 {
		when = "has expired " + brief(-left) + " ago"
	} else {
		when = "expires in " + brief(left)
	}
	if n == 1 {
		return "certificate " + name + " " + when
	}
	return fmt.Sprintf("%d certificates, of which %s %s", n, name, when)
}

func troubleText(c *admin.CertificateStatus, now time.Time) string {
	text := certificateName(c) + ": " + c.Trouble
	if !c.Since.IsZero() {
		text += ", for " + ago(c.Since, now)
	}
	return text
}

// certificateName is the first name that a certificate is for, or the first file of what has none.
func certificateName(c *admin.CertificateStatus) string {
	first := func(list []string) string {
		if len(list) == 0 {
			return ""
		}
		return list[0]
	}
	return cmp.Or(first(c.Names), first(c.Files), "without a name")
}
