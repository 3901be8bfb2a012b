package tcp4

import "bytes"

// looksLikeHTTP reports whether a client's first bytes begin a request line or the preface of HTTP/2.
func looksLikeHTTP(first [5]byte) bool {
	for _, method := range [...]string{"GET ", "HEAD ", "POST ", "PUT ", "OPTIO", "DELET", "PATCH", "CONNE", "TRACE", "PRI *"} {
		if bytes.HasPrefix(first[:], []byte(method)) {
			return true
		}
	}
	return false
}
