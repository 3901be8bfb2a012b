package template

import (
	"strconv"
	"strings"

	"weir/internal/conf"
)

// cutAuthority cuts p where its path begins: before are scheme and host, none of them for a URL that
// begins with its path. Variables in the host get their place.
func cutAuthority(p parts) (before, after parts, err error) {
	if len(p) == 0 {
		return nil, nil, badURL("the URL is empty")
	}
	first := &p[0]
	switch {
	case first.of == path:
		return nil, p, nil
	case first.of == literal && strings.HasPrefix(first.text, "/"):
		if strings.HasPrefix(first.text, "//") {
			return nil, nil, badURL(strconv.Quote(first.text) + " names a host without a scheme")
		}
		return nil, p, nil
	}
	before, p, err = cutScheme(p)
	if err != nil {
		return nil, nil, err
	}
	n := len(before)
	before, after = cutHost(before, p)
	return before, after, checkHost(before[n:])
}

// cutScheme cuts "https://" or "{scheme}://" off.
func cutScheme(p parts) (before, after parts, err error) {
	if p[0].of == scheme && len(p) > 1 {
		before, p = parts{p[0]}, p[1:]
	}
	if p[0].of == literal {
		name, rest, found := strings.Cut(p[0].text, "://")
		if found && (len(before) == 1 && name == "" || len(before) == 0 && (strings.EqualFold(name, "http") || strings.EqualFold(name, "https"))) {
			before = append(before, part{text: strings.ToLower(name) + "://"})
			if p = p[1:]; rest != "" {
				p = append(parts{{text: rest}}, p...)
			}
			return before, p, nil
		}
		if found && len(before) == 0 {
			return nil, nil, badURL(strconv.Quote(name) + " is not a scheme that clients are sent to")
		}
	}
	return nil, nil, badURL("the URL begins neither with a scheme nor with a slash")
}

// cutHost appends to before what p has of a host.
func cutHost(before, p parts) (parts, parts) {
	for i, part := range p {
		if part.of == path {
			return before, p[i:]
		}
		if part.of == literal {
			if end := strings.IndexAny(part.text, "/?#"); end >= 0 {
				if end > 0 {
					before = append(before, partOf(part.text[:end], inHost))
				}
				return before, append(parts{{text: part.text[end:]}}, p[i+1:]...)
			}
		}
		part.place = inHost
		before = append(before, part)
	}
	return before, nil
}

// checkHost sees to it that a host is the one that its text names: what a request chooses is at most
// some labels before a fixed domain.
func checkHost(p parts) error {
	shape := "" // the host with "x" for a label of the request's, "h.h" for the host that was asked
	free := -1  // where in shape the last such label ends
	for _, part := range p {
		switch part.of {
		case literal:
			shape += part.text
		case host:
			shape += "h.h"
		case capture, field, cookie, parameter, claim, consumer, route, listener:
			shape += "x"
			free = len(shape)
		default:
			return badURL("{" + part.text + "} can't stand in a host; write a slash before it")
		}
	}
	name, port, ported := cutPort(shape)
	switch {
	case name == "":
		return badURL("the URL has no host")
	case strings.Contains(shape, "@"):
		return badURL("a name or password does not belong in a URL")
	case ported && !isPort(port):
		return badURL(strconv.Quote(port) + " is not a port")
	case !isHost(name):
		return badURL(strconv.Quote(name) + " is not a host")
	case free >= 0 && !fixedDomain(shape[free:]):
		return &conf.BadValue{Text: "the host would be whatever a request says", Hint: `end it with a domain of your own, as in "https://{path.shop}.example.com/"`}
	}
	return nil
}

// cutPort cuts ":port" off a host.
func cutPort(shape string) (name, port string, found bool) {
	i := strings.LastIndexByte(shape, ':')
	if i < strings.LastIndexByte(shape, ']') || i < 0 {
		return shape, "", false
	}
	return shape[:i], shape[i+1:], true
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// isHost reports whether s is a name of letters, digits and hyphens, or an address.
func isHost(s string) bool {
	if isIPv6([]byte(strings.ToLower(s))) {
		return true
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool { return r >= 0x80 || kept[r]&keptInHost == 0 }) {
			return false
		}
	}
	return true
}

// fixedDomain reports whether a host that ends with tail stays in one domain of at least two labels.
func fixedDomain(tail string) bool {
	tail, _, _ = cutPort(tail)
	return strings.HasPrefix(tail, ".") && strings.Contains(strings.Trim(tail, "."), ".")
}

func badURL(text string) error {
	return &conf.BadValue{Text: text, Hint: `write "https://host/path", or "/path" for the host that was asked`}
}
