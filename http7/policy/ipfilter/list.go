package ipfilter

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"

	"weir/internal/conf"
)

// mostBytes is how large a list may be: 1,000,000 networks are some 20 MB.
const mostBytes = 256 << 20

// network is one line of a list.
type network struct {
	line   int
	prefix netip.Prefix
	bad    *conf.BadValue // why it is none
}

// networks goes through the lines of text that are not empty.
func networks(text string) iter.Seq[network] {
	return func(yield func(network) bool) {
		text = strings.TrimPrefix(text, "\ufeff") // which some editors write
		for line := 1; text != ""; line++ {
			var entry string
			entry, text, _ = strings.Cut(text, "\n")
			if end := strings.IndexAny(entry, "#;"); end >= 0 {
				entry = entry[:end]
			}
			if entry = strings.TrimSpace(entry); entry == "" {
				continue
			}
			n := network{line: line}
			if n.prefix, n.bad = prefixOf(entry); !yield(n) {
				return
			}
		}
	}
}

// prefixOf reads what [conf.Prefix] reads, and is quick about what is right.
func prefixOf(entry string) (netip.Prefix, *conf.BadValue) {
	if strings.IndexByte(entry, '/') >= 0 {
		if p, err := netip.ParsePrefix(entry); err == nil && p == p.Masked() && !p.Addr().Is4In6() {
			return p, nil
		}
	} else if a, err := netip.ParseAddr(entry); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if len(entry) > mostShown {
		return netip.Prefix{}, &conf.BadValue{Text: fmt.Sprintf("%q… is not a block of IP addresses", entry[:mostShown])}
	}
	var p conf.Prefix
	err := p.UnmarshalText([]byte(entry))
	if bad, ok := err.(*conf.BadValue); ok {
		return netip.Prefix{}, bad
	}
	return p.Value(), nil
}

// mostShown is how much of a line that is wrong is told.
const mostShown = 64

// table holds the networks of one side.
type table struct {
	bart.Lite
	count int
}

// newTable returns the table of what the config says and what its file holds; nil if there is neither.
func newTable(list []conf.Prefix, path string) (*table, error) {
	if len(list) == 0 && path == "" {
		return nil, nil
	}
	t := &table{}
	for _, p := range list {
		t.Insert(p.Value())
	}
	if path != "" {
		text, err := conf.ReadUpTo(path, mostBytes)
		if err != nil {
			return nil, err
		}
		for n := range networks(string(text)) {
			if n.bad != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, n.line, n.bad)
			}
			t.Insert(n.prefix)
		}
	}
	t.count = t.Size()
	return t, nil
}

// length returns the length of the longest network that has a, -1 if none has.
func (t *table) length(a netip.Addr) int {
	longest, ok := t.LookupPrefixLPM(netip.PrefixFrom(a, a.BitLen()))
	if !ok {
		return -1
	}
	return longest.Bits()
}
