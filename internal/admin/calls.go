package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"
)

// call is one thing that the server can be asked for.
type call struct {
	method  string // GET answers HEAD too
	path    string
	about   string
	open    bool // needs no token: probes have none
	changes bool // changes state, or is guarded as if it did
	most    int  // bytes of a body; 0: maxBody
	answer  func(ctx context.Context, r *fasthttp.RequestCtx)
}

// table lists the calls.
func (s *Server) table() []call {
	t := []call{
		{method: "GET", path: "/healthz", about: "200 while the process lives", open: true, answer: healthz},
		{method: "GET", path: "/readyz", about: "200 while it takes traffic, else 503 and why", open: true, answer: s.readyz},
		{method: "GET", path: "/metrics", about: "metrics in the Prometheus text format", answer: s.metrics},
		{method: "GET", path: "/status", about: "listeners, upstreams and endpoints", answer: s.status},
		{method: "POST", path: "/reload", about: "load the config again and wait for the verdict", changes: true, answer: s.reload},
	}
	if s.gateway.Config != nil {
		t = append(t, call{method: "GET", path: "/config", about: "the config that serves, without secrets", answer: s.config})
	}
	if s.gateway.Assign != nil {
		t = append(t,
			call{method: "GET", path: "/endpoint", about: "where ?upstream=&endpoint= stands, and what it has in flight", answer: s.standing},
			call{method: "POST", path: "/drain", about: "let an endpoint finish what it has", changes: true, answer: s.assign(Drain)},
			call{method: "POST", path: "/maintenance", about: "take an endpoint out", changes: true, answer: s.assign(Maintenance)},
			call{method: "POST", path: "/undrain", about: "take back a drain or a maintenance", changes: true, answer: s.assign(Undrain)},
		)
	}
	if s.gateway.Purge != nil {
		t = append(t, call{method: "POST", path: "/purge", about: "let objects leave the cache", changes: true, answer: s.purge})
	}
	if s.gateway.Mirrors != nil {
		t = append(t, call{method: "GET", path: "/mirrors", about: "what has become of copies, and the last differences; of ?route= alone", answer: s.mirrors})
	}
	return append(t, s.questions()...)
}

// dispatch finds the call, guards it and answers.
func (s *Server) dispatch(ctx context.Context, r *fasthttp.RequestCtx) {
	r.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	r.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	c, others := s.find(string(r.Method()), string(r.Path()))
	if c == nil {
		// Refused as any call that reads would be, so that the list is not for strangers either.
		if p := s.guard(&call{}, r); p != nil {
			refuse(r, *p)
			return
		}
		s.unknown(r, others)
		return
	}
	if p := s.guard(c, r); p != nil {
		refuse(r, *p)
		return
	}
	c.answer(ctx, r)
}

// find returns the call, or the methods that the path has instead.
func (s *Server) find(method, path string) (c *call, others []string) {
	if method == "HEAD" {
		method = "GET"
	}
	for i := range s.calls {
		switch c := &s.calls[i]; {
		case c.path != path:
		case c.method == method:
			return c, nil
		default:
			others = append(others, c.method)
		}
	}
	return nil, others
}

func (s *Server) unknown(r *fasthttp.RequestCtx, methods []string) {
	if len(methods) > 0 {
		allow := strings.Join(methods, ", ")
		r.Response.Header.Set(fasthttp.HeaderAllow, allow)
		refuse(r, problem{Status: fasthttp.StatusMethodNotAllowed, Detail: "use " + allow})
		return
	}
	p := problem{Status: fasthttp.StatusNotFound, Detail: "no such call; see endpoints"}
	for _, c := range s.calls {
		p.Endpoints = append(p.Endpoints, fmt.Sprintf("%s %s: %s", c.method, c.path, c.about))
	}
	refuse(r, p)
}

func healthz(_ context.Context, r *fasthttp.RequestCtx) { r.SetBodyString("ok\n") }

func (s *Server) readyz(_ context.Context, r *fasthttp.RequestCtx) {
	ok, why := s.gateway.Ready()
	if !ok {
		refuse(r, problem{Status: fasthttp.StatusServiceUnavailable, Detail: why})
		return
	}
	r.SetBodyString("ready\n")
}

func (s *Server) metrics(_ context.Context, r *fasthttp.RequestCtx) {
	r.SetContentType("text/plain; version=0.0.4; charset=utf-8")
	s.gateway.Metrics(r.Response.BodyWriter())
}

func (s *Server) status(_ context.Context, r *fasthttp.RequestCtx) {
	st := s.gateway.Status()
	st.Ready, st.Why = s.gateway.Ready()
	st.fill()
	answerJSON(r, fasthttp.StatusOK, st)
}

// reload answers 200 if the new config serves and 422 if it was refused; the verdict is the body
// of both.
func (s *Server) reload(ctx context.Context, r *fasthttp.RequestCtx) {
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	v := s.gateway.Reload(ctx)
	if v.Problems == nil {
		v.Problems = []Problem{}
	}
	status := fasthttp.StatusOK
	if !v.OK {
		status = fasthttp.StatusUnprocessableEntity
	}
	answerJSON(r, status, v)
}

func (s *Server) config(_ context.Context, r *fasthttp.RequestCtx) {
	r.SetContentType("application/toml; charset=utf-8")
	if err := s.gateway.Config(r.Response.BodyWriter()); err != nil {
		r.ResetBody()
		refuse(r, problem{Status: fasthttp.StatusInternalServerError, Detail: err.Error()})
	}
}

func answerJSON(r *fasthttp.RequestCtx, status int, v any) {
	r.SetStatusCode(status)
	r.SetContentType("application/json")
	e := json.NewEncoder(r.Response.BodyWriter())
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	// A buffer takes every byte, and the values that come here have no kind that JSON lacks.
	_ = e.Encode(v)
}
