package http7

import "strings"

// SecretName reports whether a field of that name, a claim or a parameter usually holds what must be read
// neither in a log nor in an explanation. In a log
// cookies always do, whatever they are called.
func SecretName(name string) bool {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, "-authenticate") { // what is asked for, not what is answered
		return false
	}
	for _, word := range []string{"auth", "cookie", "key", "token", "secret", "session", "password"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
