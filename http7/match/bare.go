package match

// BareHost returns the host that routes are compared with: in lower case, without port and trailing dot.
func BareHost(authority []byte) string {
	var buf [maxHost]byte
	return string(bareHost(&buf, authority))
}
