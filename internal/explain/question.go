package explain

import (
	"net/netip"
	"unicode/utf8"
)

// Question is a request that might be sent.
type Question struct {
	// Listener is the name of the listener that it comes to. "": the one whose port and TLS fit the URL, or the only
	// http listener that there is.
	Listener string `json:"listener,omitempty"`
	// Method is as it would be sent. Default: GET.
	Method string `json:"method,omitempty"`
	// URL is absolute, "https://api.example.com/v1?a=b", or a path with its query; then a Host is among the Header. What
	// stands behind the authority is sent as it is, escapes included.
	URL string `json:"url"`
	// Header are further fields, in order; a Host among them stands in place of the URL's.
	Header []Field `json:"header,omitempty"`
	// Body is the content, Base64 the same where it is not UTF-8. A Content-Length is added unless Header has one.
	Body   string `json:"body,omitempty"`
	Base64 []byte `json:"body_base64,omitempty"`
	// From is the address that the connection comes from; what trusted proxies say of the client is believed as it is
	// when serving. Default: 127.0.0.1.
	From netip.Addr `json:"from,omitzero"`
}

// Content returns the content.
func (q *Question) Content() []byte {
	if len(q.Base64) > 0 {
		return q.Base64
	}
	return []byte(q.Body)
}

// SetContent sets the content, whatever its bytes.
func (q *Question) SetContent(b []byte) {
	q.Body, q.Base64 = "", nil
	if utf8.Valid(b) {
		q.Body = string(b)
	} else {
		q.Base64 = b
	}
}
