package admin

import (
	"errors"
	"fmt"

	"github.com/valyala/fasthttp"
)

// problem is the body of every refusal (RFC 9457). Its type is about:blank, so the title is the
// status's own.
type problem struct {
	Title     string   `json:"title"`
	Status    int      `json:"status"`
	Detail    string   `json:"detail,omitempty"`
	Endpoints []string `json:"endpoints,omitempty"`
}

// refuse answers with a problem.
func refuse(r *fasthttp.RequestCtx, p problem) {
	p.Title = fasthttp.StatusMessage(p.Status)
	answerJSON(r, p.Status, p)
	r.SetContentType("application/problem+json")
}

// badRequest answers what fasthttp could not read as a request; it closes the connection after.
func (s *Server) badRequest(r *fasthttp.RequestCtx, err error) {
	p := problem{Status: fasthttp.StatusBadRequest, Detail: "this is not an HTTP/1.1 request"}
	var small *fasthttp.ErrSmallBuffer
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &small):
		p = problem{Status: fasthttp.StatusRequestHeaderFieldsTooLarge, Detail: "the head is over 16 KiB"}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		p = problem{Status: fasthttp.StatusRequestEntityTooLarge, Detail: s.overLong(&r.Request.Header)}
	case errors.As(err, &timeout) && timeout.Timeout():
		p = problem{Status: fasthttp.StatusRequestTimeout, Detail: "the request did not come in time"}
	}
	refuse(r, p)
}

// overLong says how long the body may be: less without the token.
func (s *Server) overLong(h *fasthttp.RequestHeader) string {
	most := maxBody
	if s.tokenFits(h.Peek(fasthttp.HeaderAuthorization)) {
		most = s.mostOf(h)
	}
	if most < 1<<20 {
		return fmt.Sprintf("the body is over %d KiB", most>>10)
	}
	return fmt.Sprintf("the body is over %d MiB", most>>20)
}
