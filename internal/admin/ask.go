package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/internal/explain"
	"weir/internal/plan"
)

// How large the bodies of questions may be. A log is better read by `weir plan` beside the file; what is sent here is a
// part of one.
const (
	maxQuestion = 2 << 20 // for a content of 1 MiB in base64
	maxPlan     = 32 << 20
	maxConfig   = 4 << 20
)

// planTimeout is how long a plan may take.
const planTimeout = 60 * time.Second

// PlanQuestion asks what would change under another config.
type PlanQuestion struct {
	// Name is what the new config is called in problems and in the report; it need not be a file. Default: "new.toml".
	Name string `json:"name,omitempty"`
	// Config is its text.
	Config string `json:"config"`
	// Log is an access log, line by line; "": only the configs are compared.
	Log string `json:"log,omitempty"`
}

// PlanAnswer says what would change, or why the config would be refused.
type PlanAnswer struct {
	// OK says that the config is good; then there is a Report.
	OK     bool         `json:"ok"`
	Report *plan.Report `json:"report,omitempty"`
	// Problems are what the config would be refused for, and warnings.
	Problems []Problem `json:"problems"`
}

// questions are the calls that ask what would be. They change nothing, yet they are work, and tell of requests and
// secrets of others: they are guarded as those that change something.
func (s *Server) questions() []call {
	var t []call
	if s.gateway.Explain != nil {
		t = append(t, call{method: "POST", path: "/explain", about: "what would become of a request", changes: true, most: maxQuestion, answer: s.explain})
	}
	if s.gateway.Plan != nil {
		s.planning = make(chan struct{}, 1)
		t = append(t, call{method: "POST", path: "/plan", about: "what would change under another config", changes: true, most: maxPlan, answer: s.plan})
	}
	return t
}

// explain answers what would become of a request.
func (s *Server) explain(_ context.Context, r *fasthttp.RequestCtx) {
	var q explain.Question
	if err := readJSON(r.PostBody(), &q, `{"method": "GET", "url": "http://api.example.com/v1"}`); err != nil {
		refuse(r, problem{Status: fasthttp.StatusBadRequest, Detail: err.Error()})
		return
	}
	report, err := s.gateway.Explain(q)
	if err != nil {
		refuse(r, problem{Status: fasthttp.StatusBadRequest, Detail: err.Error()})
		return
	}
	answerJSON(r, fasthttp.StatusOK, report)
}

// plan answers 200 with a report, or 422 with the problems of the config. One plan is made at a time: it is work.
func (s *Server) plan(ctx context.Context, r *fasthttp.RequestCtx) {
	var q PlanQuestion
	err := readJSON(r.PostBody(), &q, `{"config": "[listeners.web] …", "log": "{\"ts\": …}\n…"}`)
	if err == nil && strings.TrimSpace(q.Config) == "" {
		err = errors.New("there is no config in the body")
	}
	if err == nil && len(q.Config) > maxConfig {
		err = fmt.Errorf("the config has more than %d bytes; weir plan OLD NEW reads larger ones", maxConfig)
	}
	if err != nil {
		refuse(r, problem{Status: fasthttp.StatusBadRequest, Detail: err.Error()})
		return
	}
	if q.Name == "" {
		q.Name = "new.toml"
	}
	select {
	case s.planning <- struct{}{}:
		defer func() { <-s.planning }()
	default:
		r.Response.Header.Set(fasthttp.HeaderRetryAfter, "5")
		refuse(r, problem{Status: fasthttp.StatusServiceUnavailable, Detail: "another plan is being made; try again"})
		return
	}
	ctx, cancel := context.WithTimeout(ctx, planTimeout)
	defer cancel()
	a, err := s.gateway.Plan(ctx, q)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		refuse(r, problem{Status: fasthttp.StatusServiceUnavailable, Detail: fmt.Sprintf("the plan took longer than %s; send less of the log, or use weir plan beside it", planTimeout)})
	case err != nil:
		refuse(r, problem{Status: fasthttp.StatusBadRequest, Detail: err.Error()})
	case a.OK:
		answerJSON(r, fasthttp.StatusOK, a.filled())
	default:
		answerJSON(r, fasthttp.StatusUnprocessableEntity, a.filled())
	}
}

// filled has no null where a list is wanted.
func (a PlanAnswer) filled() PlanAnswer {
	if a.Problems == nil {
		a.Problems = []Problem{}
	}
	return a
}

// readJSON reads a body that is one JSON object; such shows how one looks.
func readJSON(body []byte, v any, such string) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("the body is no question such as %s: %w", such, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body goes on behind its JSON object")
	}
	return nil
}

// Explain asks what would become of a request.
func (c *Client) Explain(ctx context.Context, q explain.Question) (*explain.Report, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	r := &explain.Report{}
	if err := c.call(ctx, "POST", "/explain", body, r, fasthttp.StatusOK); err != nil {
		return nil, err
	}
	return r, nil
}

// Plan asks what would change under another config. An answer that is not OK has the config's problems.
func (c *Client) Plan(ctx context.Context, q PlanQuestion) (PlanAnswer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return PlanAnswer{}, err
	}
	var a PlanAnswer
	err = c.call(ctx, "POST", "/plan", body, &a, fasthttp.StatusOK, fasthttp.StatusUnprocessableEntity)
	return a, err
}
