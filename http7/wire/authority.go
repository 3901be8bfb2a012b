package wire

// isAuthority reports whether b is uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2) with a host
// that is not empty, as http and https demand (RFC 9110 §4.2.1). IPv6 addresses are checked to the
// last group; zones and future address forms are refused, as is a comma, which joins fields.
func isAuthority(b []byte) bool {
	i := hostEnd(b)
	switch {
	case i <= 0:
		return false
	case i == len(b):
		return true
	}
	return b[i] == ':' && isPort(b[i+1:])
}

// hostEnd returns where the host at the start of b ends, -1 if it isn't one.
func hostEnd(b []byte) int {
	if len(b) == 0 || b[0] != '[' {
		return nameEnd(b)
	}
	for i, c := range b {
		if c == ']' {
			if isIPv6(b[1:i]) {
				return i + 1
			}
			break
		}
	}
	return -1
}

// nameEnd returns where the reg-name at the start of b ends.
func nameEnd(b []byte) int {
	i := span(b, 0, hostByte)
	for i < len(b) && isEscape(b[i:]) {
		i = span(b, i+3, hostByte)
	}
	return i
}

// isEscape reports whether b begins with a percent-encoded byte.
func isEscape(b []byte) bool {
	return len(b) >= 3 && b[0] == '%' && class[b[1]]&class[b[2]]&hexByte != 0
}

// isPort reports whether b is a port, at most 65535; none behind the colon is one too.
func isPort(b []byte) bool {
	n := 0
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
		n = n*10 + int(c-'0')
	}
	return len(b) <= 5 && n <= 65535
}

// isIPv6 reports whether b is an IPv6address (RFC 3986 §3.2.2).
func isIPv6(b []byte) bool {
	groups, gap := 0, false
	if len(b) >= 2 && b[0] == ':' && b[1] == ':' {
		gap, b = true, b[2:]
	}
	for len(b) > 0 {
		n := span(b[:min(len(b), 4)], 0, hexByte)
		if n < len(b) && b[n] == '.' {
			if !isIPv4(b) {
				return false
			}
			groups += 2
			break
		}
		if n == 0 {
			return false
		}
		groups++
		if b = b[n:]; len(b) == 0 {
			break
		}
		if b[0] != ':' || len(b) == 1 {
			return false
		}
		if b = b[1:]; b[0] == ':' {
			if gap {
				return false
			}
			gap, b = true, b[1:]
		}
	}
	return groups == 8 && !gap || groups < 8 && gap
}

// isIPv4 reports whether b is four decimal octets without leading zeros.
func isIPv4(b []byte) bool {
	octets, n, digits := 1, 0, 0
	for _, c := range b {
		switch {
		case c == '.' && digits > 0:
			octets, n, digits = octets+1, 0, 0
			continue
		case !isDigit(c) || digits > 0 && n == 0:
			return false
		}
		digits++
		if n = n*10 + int(c-'0'); n > 255 {
			return false
		}
	}
	return octets == 4 && digits > 0
}
