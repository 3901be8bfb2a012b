// Package waf is the policy that asks a web application firewall: Coraza with the OWASP Core Rule Set.
//
// gateway compiles it; the hall runs its step, which gets the body that the hall has collected. It knows nothing of
// routes.
package waf

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"weir/http7"
	"weir/http7/policy"
	"weir/internal/conf"
)

// Compile returns the step of c for the bundle name, at stage inspect; none for a section that is off. The rules are
// compiled once for all sections and configs of a process that have the same. Without needs, for a check, the core rule set
// is not.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	p := &firewall{
		name: bundle + ".waf", limit: c.BodyLimit.Value(), passes: c.OnLarger == pass,
		settings: settingsOf(c), scored: new(atomic.Uint64),
	}
	if err := p.exclude(c.Exclude); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if needs != nil {
		text, err := rulesOf(c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		p.engine, err = policy.Adopt(needs.Turn, fmt.Sprintf("waf\x00%s\x00%x", c.Ruleset, sha256.Sum256(text)), func() (*engine, error) {
			return newEngine(c.Ruleset, string(text))
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		p.scored = needs.Counted(p.name, "scored")
	}
	s := http7.Step{Name: p.name, Bundle: bundle, Stage: http7.Inspect, Body: http7.WholeBody, Blocks: true, Request: p, End: p}
	if c.Mode == conf.Observe {
		s.Mode = http7.Observe
	}
	return []http7.Step{s}, nil
}

// rulesOf reads the operator's own rules.
func rulesOf(c *Config) ([]byte, error) {
	if c.Rules == "" {
		return nil, nil
	}
	text, err := conf.ReadFile(c.Rules)
	if err != nil {
		return nil, errors.New(strconv.Quote(c.Rules) + " can't be read: " + conf.FileTrouble(err))
	}
	return text, nil
}

// firewall is the compiled form of one section. It never changes, but for what it counts.
type firewall struct {
	name   string
	engine *engine // nil for a check
	limit  int64
	passes bool // larger bodies pass
	settings
	left   []span      // rules that are left out
	partly []exemption // rules that pass over a part of the request
	scored *atomic.Uint64
}

// exemption is one rule that passes over one part of the request.
type exemption struct {
	rule int
	target
}

// The faults. They say nothing of the rules: who is refused for a reason must not learn how to do better.
var (
	blocked = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "waf_blocked", Status: 403, GRPC: 7, ProxyStatus: "http_request_denied",
		Title: "Forbidden", Detail: "The request looks like an attack.",
	}
	unreadable = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "waf_unreadable", Status: 400, GRPC: 3, ProxyStatus: "http_request_denied",
		Title: "Bad Request", Detail: "The request can't be inspected: its body is not what its type says, or it has too many parameters.",
	}
	unknownCoding = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "waf_unknown_coding", Status: 415, GRPC: 3, ProxyStatus: "http_request_denied",
		Title: "Unsupported Media Type", Detail: "The content coding of the body is not accepted.", Extra: "Accept-Encoding: gzip, deflate, br, zstd\r\n",
	}
	tooLarge = &http7.Fault{
		Side: http7.Client, Kind: http7.Limit, Name: "waf_body_too_large", Status: 413, GRPC: 8, ProxyStatus: "http_request_denied",
		Title: "Content Too Large", Detail: "The body is larger than what is inspected.",
	}
)
