package match

// BareHost returns the host that routes are compared with: in lower case, without port and trailing dot,
// an IPv6 address as RFC 5952 writes it.
func BareHost(authority []byte) string {
	var buf [maxHost]byte
	return string(bareHost(&buf, authority))
}
