package obs

import "strings"

// escaper writes a label value as the Prometheus text format wants it.
func escaper() *strings.Replacer {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
}

// series names one series: the family and its labels, given as name, value, name, value.
func series(family string, pairs ...string) string {
	if len(pairs) == 0 {
		return family
	}
	return family + "{" + labels(pairs...) + "}"
}

// labels writes what stands between the braces of a series. Values are escaped; bytes that are not
// UTF-8 become U+FFFD, as scrapers demand UTF-8.
func labels(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(pairs[i])
		b.WriteString(`="`)
		b.WriteString(escaped(pairs[i+1]))
		b.WriteByte('"')
	}
	return b.String()
}

// escaped returns most values as they are.
func escaped(value string) string {
	odd := func(r rune) bool { return r >= 0x80 || r == '\\' || r == '"' || r == '\n' }
	if !strings.ContainsFunc(value, odd) {
		return value
	}
	return escaper().Replace(strings.ToValidUTF8(value, "\uFFFD"))
}

// withLabel adds one label, whose value needs no escaping, to a name made by [series], and swaps
// the family's suffix in: "a{b="c"}" with "_bucket" and `le="1"` is `a_bucket{b="c",le="1"}`.
func withLabel(name, suffix, label string) string {
	family, labels, found := strings.Cut(name, "{")
	switch {
	case label == "" && !found:
		return family + suffix
	case label == "":
		return family + suffix + "{" + labels
	case !found:
		return family + suffix + "{" + label + "}"
	}
	return family + suffix + "{" + strings.TrimSuffix(labels, "}") + "," + label + "}"
}
