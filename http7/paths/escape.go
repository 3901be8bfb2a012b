package paths

// IsEscape reports whether text begins with the escape of a byte, such as "%2F".
func IsEscape(text string) bool {
	return len(text) >= 3 && text[0] == '%' && unhex(text[1])|unhex(text[2]) < 16
}
