package http7

import (
	"fmt"
	"strings"
)

// Responder is the [Action] that answers every request with the same bytes, from its head alone.
type Responder struct {
	status      int
	media, body []byte
}

// NewResponder returns the action that answers with body, which must not change afterwards. An empty mediaType
// leaves Content-Type out. It fails on a status outside 200 to 999 and on a type that is no field value.
func NewResponder(status int, mediaType string, body []byte) (*Responder, error) {
	mediaType = strings.Trim(mediaType, " \t")
	switch {
	case status < 200 || status > 999:
		return nil, fmt.Errorf("http7: %d is not the status of a final answer", status)
	case !IsFieldValue([]byte(mediaType)):
		return nil, fmt.Errorf("http7: %q is not a media type", mediaType)
	}
	return &Responder{status: status, media: []byte(mediaType), body: body}, nil
}

// Act implements [Action]. To HEAD the length is told and no body given; 204 and 304 have none (RFC 9110 §8.6).
func (r *Responder) Act(x *Exchange) *Fault {
	a := x.LocalAnswer(r.status)
	if len(r.media) > 0 {
		a.Header.Add(contentType, r.media)
	}
	body := r.body
	a.Length = int64(len(body))
	switch {
	case r.status == 204:
		body, a.Length = nil, 0
	case r.status == 304 && a.Length == 0:
		a.Length = -1 // what GET would have is not known
	case r.status == 304, string(x.Method) == "HEAD":
		body = nil
	}
	x.bytes.Reset(body)
	a.Source = &x.bytes
	return nil
}
