package ipfilter

import (
	"strings"
	"testing"

	"weir/internal/conf"
)

func TestWhatALineMayBe(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8":             "10.0.0.0/8",
		" 10.0.0.1\t":            "10.0.0.1/32",
		"2001:db8::/32 # v6":     "2001:db8::/32",
		"::1;local":              "::1/128",
		"::ffff:192.0.2.1":       "192.0.2.1/32",
		"0.0.0.0/0":              "0.0.0.0/0",
		"10.0.0.1/8":             `1: "10.0.0.1/8" is not a block of IP addresses: its address goes on behind the first 8 bits`,
		"::ffff:10.0.0.0/104":    `1: "::ffff:10.0.0.0/104" is not a block of IP addresses: it is IPv4 mapped into IPv6`,
		"10.0.0.0-10.0.0.9":      `1: "10.0.0.0-10.0.0.9" is not a block of IP addresses: names are not looked up here`,
		"fe80::1%eth0":           `1: "fe80::1%eth0" is not a block of IP addresses: names are not looked up here`,
		"10.0.0.0/8 10.0.0.0/9":  `1: "10.0.0.0/8 10.0.0.0/9" is not a block of IP addresses`,
		"\n\n10.0.0.0/33":        `3: "10.0.0.0/33" is not a block of IP addresses`,
		strings.Repeat("x", 100): `1: "` + strings.Repeat("x", 64) + `"… is not a block of IP addresses`,
		"":                       "",
		"#\n;\n  \n":             "",
	} {
		var got []string
		for n := range networks(text) {
			if n.bad != nil {
				got = append(got, string(rune('0'+n.line))+": "+n.bad.Text)
			} else {
				got = append(got, n.prefix.String())
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%q is read as %q, want %q", text, got, want)
		}
	}
}

// FuzzList: a line is taken as what the config would take it for, and whatever is in a file is told by its line.
func FuzzList(f *testing.F) {
	for _, text := range []string{"", "10.0.0.0/8\n# x\n::1", "10.0.0.1/8", "\ufeff::ffff:1.2.3.4\r\n", "fe80::1%a/10", "1.2.3.4/", "/8", "::/129;", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
		for n := range networks(text) {
			entry := lines[n.line-1]
			if end := strings.IndexAny(entry, "#;"); end >= 0 {
				entry = entry[:end]
			}
			var p conf.Prefix
			err := p.UnmarshalText([]byte(strings.TrimSpace(entry)))
			if (err == nil) != (n.bad == nil) || err == nil && p.Value() != n.prefix {
				t.Fatalf("%q is %v (%v), and %v (%v) in a config", entry, n.prefix, n.bad, p, err)
			}
		}
	})
}
