package proxyproto

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
)

// maxLine is the longest line of version 1, CRLF included (specification, 2.1).
const maxLine = 107

// parse1 reads "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n".
func parse1(b []byte) (Header, int, error) {
	end := bytes.IndexByte(b[:min(len(b), maxLine)], '\n')
	switch {
	case end < 0 && len(b) >= maxLine:
		return Header{}, 0, ErrTooLong
	case end < 0:
		return Header{}, len(b) + 1, ErrMore
	case b[end-1] != '\r':
		return Header{}, 0, ErrMalformed
	}
	h := Header{Version: 1}
	line := string(b[len(signature1) : end-1])
	if line == "UNKNOWN" || strings.HasPrefix(line, "UNKNOWN ") { // whatever follows is to be ignored
		return h, end + 1, nil
	}
	words := strings.Split(line, " ")
	if len(words) != 5 || words[0] != "TCP4" && words[0] != "TCP6" {
		return Header{}, 0, ErrMalformed
	}
	var ok [2]bool
	h.Source, ok[0] = addrPort(words[0] == "TCP4", words[1], words[3])
	h.Destination, ok[1] = addrPort(words[0] == "TCP4", words[2], words[4])
	if !ok[0] || !ok[1] {
		return Header{}, 0, ErrMalformed
	}
	return h, end + 1, nil
}

// addrPort reads an address of the family that the line names, and a port without a leading zero.
func addrPort(four bool, host, port string) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(host)
	if err != nil || a.Is4() != four || a.Zone() != "" {
		return netip.AddrPort{}, false
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil || strconv.FormatUint(p, 10) != port {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}

// append1 writes a line; whatever has no address is UNKNOWN.
func append1(dst []byte, h *Header) []byte {
	if !h.Source.IsValid() || !h.Destination.IsValid() {
		return append(dst, "PROXY UNKNOWN\r\n"...)
	}
	source, destination, four := family(h)
	dst = append(dst, signature1...)
	if four {
		dst = append(dst, "TCP4 "...)
	} else {
		dst = append(dst, "TCP6 "...)
	}
	dst = append(source.AppendTo(dst), ' ')
	dst = append(destination.AppendTo(dst), ' ')
	dst = append(strconv.AppendUint(dst, uint64(h.Source.Port()), 10), ' ')
	return append(strconv.AppendUint(dst, uint64(h.Destination.Port()), 10), '\r', '\n')
}

// family returns both addresses in one family: IPv4 if both are.
func family(h *Header) (source, destination netip.Addr, four bool) {
	source, destination = h.Source.Addr().Unmap().WithZone(""), h.Destination.Addr().Unmap().WithZone("")
	if source.Is4() && destination.Is4() {
		return source, destination, true
	}
	return netip.AddrFrom16(source.As16()), netip.AddrFrom16(destination.As16()), false
}
