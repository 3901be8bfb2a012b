// Package validate is the policy that holds requests and answers against a description of an API: an OpenAPI document, or a
// JSON Schema for bodies.
//
// gateway compiles it; the hall runs its steps and drives its filters.
package validate

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// Compile returns the steps of c for the bundle name, at stage inspect: "bundle.validate" for requests and, unless answers
// are not looked at, "bundle.validate.responses"; none for a section that is off. The document is read and compiled.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	name := bundle + ".validate"
	text, err := conf.ReadFile(c.file())
	if err != nil {
		return nil, fmt.Errorf("%s: %q can't be read: %s", name, c.file(), conf.FileTrouble(err))
	}
	a, troubles := c.load(text)
	if len(troubles) > 0 {
		return nil, fmt.Errorf("%s: %s:%s", name, c.file(), troubles[0])
	}
	p := &validator{name: name, called: c.called(), api: a, limit: c.BodyLimit.Value(), passes: c.Undocumented == pass}
	steps := []http7.Step{{Name: name, Bundle: bundle, Stage: http7.Inspect, Body: http7.WholeBody, Reads: a.reads(), Request: p}}
	if c.Mode == conf.Observe {
		steps[0].Mode = http7.Observe
	}
	if c.Responses == off || c.OpenAPI == "" {
		return steps, nil
	}
	p.answers = newAnswers(p, name+".responses", c.Responses == observe)
	if needs != nil {
		p.answers.counted = needs.Counted(p.answers.name, "invalid")
	}
	s := http7.Step{Name: p.answers.name, Bundle: bundle, Stage: http7.Inspect, Response: p.answers}
	if c.Responses == observe {
		s.Mode = http7.Observe
	}
	return append(steps, s), nil
}

// file returns the document that c names.
func (c *Config) file() string {
	if c.OpenAPI != "" {
		return c.OpenAPI
	}
	return c.JSONSchema
}

// called returns what logs call the API.
func (c *Config) called() string {
	if c.Name != "" {
		return c.Name
	}
	return filepath.Base(c.file())
}

// load makes an api of the text of c's document.
func (c *Config) load(text []byte) (*api, []trouble) {
	if c.OpenAPI == "" {
		return loadSchema(text)
	}
	a, troubles := load(text, c.Responses != off)
	if a != nil && c.BasePath != "" {
		a.base = strings.TrimSuffix(c.BasePath, "/")
	}
	return a, troubles
}

// validator is the compiled form of one section. It never changes, but for what it counts.
type validator struct {
	name, called string
	api          *api
	limit        int64
	passes       bool // requests that are not documented pass
	answers      *answers
}

// The faults. What differs per request stands in the problem's members.
var (
	undocumentedPath = refusal("undocumented_path", 404, 12, "Not Found", "The API has no such path.")
	badParameters    = refusal("invalid_parameters", 400, 3, "Bad Request", "Parameters of the request are not as the API wants them.")
	missingBody      = refusal("missing_body", 400, 3, "Bad Request", "The request needs a body.")
	unwantedBody     = refusal("unwanted_body", 400, 3, "Bad Request", "The request has a body, and the API knows none for it.")
	unreadableBody   = refusal("unreadable_body", 400, 3, "Bad Request", "The body is not what its type says.")
	badBody          = refusal("invalid_body", 422, 3, "Unprocessable Content", "The body is not as the API wants it.")
	unknownType      = refusal("unknown_media_type", 415, 3, "Unsupported Media Type", "The API takes no body of this type here.")
	unknownCoding    = refusal("unknown_content_coding", 415, 3, "Unsupported Media Type", "The content coding of the body is not accepted.")
	largeBody        = &http7.Fault{
		Side: http7.Client, Kind: http7.Limit, Name: "invalid_body_too_large", Status: 413, GRPC: 8, ProxyStatus: "http_request_denied",
		Title: "Content Too Large", Detail: "The body is larger than what is looked at.",
	}
	badAnswer = &http7.Fault{
		Side: http7.Upstream, Kind: http7.BadAnswer, Name: "invalid_response", Status: 502, GRPC: 13, ProxyStatus: "http_protocol_error",
		Title: "Bad Gateway", Detail: "The endpoint's answer is not as the API describes it.",
	}
)

func refusal(name string, status, grpc int, title, detail string) *http7.Fault {
	f := &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: name, Status: status, GRPC: grpc, ProxyStatus: "http_request_denied",
		Title: title, Detail: detail,
	}
	if name == "unknown_content_coding" {
		f.Extra = "Accept-Encoding: gzip, deflate, br, zstd\r\n" // RFC 9110 §15.5.16
	}
	return f
}

// reads are the selectors that verdicts depend on.
func (a *api) reads() []string {
	seen := map[string]bool{}
	for _, list := range a.routes {
		for _, r := range list {
			for _, o := range r.operations {
				for _, p := range o.parameters {
					if p.selector != "" {
						seen[p.selector] = true
					}
				}
			}
		}
	}
	return sorted(seen)
}

// refuse refuses x with f, and tells the client and the log why.
func (p *validator) refuse(x *http7.Exchange, f *http7.Fault, why ...finding) http7.Verdict {
	x.Cause = errors.New(p.called + ": " + f.Name + brief(why))
	if len(why) > 0 {
		x.Problem.Members = appendMember(nil, why)
	}
	return http7.Refuse(f)
}

// brief writes findings for the log.
func brief(all []finding) string {
	var b strings.Builder
	for i, f := range all {
		if i == 3 {
			b.WriteString("; and " + strconv.Itoa(len(all)-i) + " more")
			break
		}
		b.WriteString("; " + f.in)
		for _, part := range [...]string{f.name, short(f.pointer), f.reason} {
			if part != "" {
				b.WriteString(" " + part)
			}
		}
	}
	return b.String()
}

// count is a counter that may be missing.
func count(c *atomic.Uint64) {
	if c != nil {
		c.Add(1)
	}
}
