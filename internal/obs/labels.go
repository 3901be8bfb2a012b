package obs

import "strings"

// escaper writes a label value as the Prometheus text format wants it.
func escaper() *strings.Replacer {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
}

// series names one series: the family and its labels, given as name, value, name, value.
// Values are escaped; bytes that are not UTF-8 become U+FFFD, as scrapers demand UTF-8.
func series(family string, labels ...string) string {
	if len(labels) == 0 {
		return family
	}
	esc := escaper()
	var b strings.Builder
	b.WriteString(family)
	b.WriteByte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(labels[i])
		b.WriteString(`="`)
		b.WriteString(esc.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
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
