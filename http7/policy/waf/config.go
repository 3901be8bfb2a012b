package waf

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"weir/http7"
	"weir/internal/conf"
)

// Config says which requests a web application firewall refuses.
//
// It asks the OWASP Core Rule Set: each rule that a request meets adds to its anomaly score, and a request whose score reaches
// the threshold is refused with 403. Hazard: rules are about texts and know nothing of the application, so they are wrong at
// times, in both ways. Begin with mode = "observe", read the scores in the log, and exclude what your requests need.
type Config struct {
	// Mode is "enforce", "observe" (record what would be refused) or "off". Default: "enforce".
	Mode conf.Mode `toml:"mode"`
	// Ruleset is which rules are asked: "crs", the OWASP Core Rule Set that Weir carries, or "own", those of rules alone.
	// Default: "crs".
	Ruleset string `toml:"ruleset"`
	// Paranoia is how much is taken for an attack, from 1 to 4. Hazard: from 2 on ordinary requests are refused until the rules
	// that they meet are excluded. Default: 1.
	Paranoia int `toml:"paranoia"`
	// Threshold is the anomaly score from which a request is refused; one critical rule counts 5. Default: 5.
	Threshold int `toml:"threshold"`
	// Methods are those that requests may have. Default: GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.
	Methods []string `toml:"methods"`
	// ContentTypes are media types that bodies may have besides forms, multipart forms, XML and JSON: "text/plain". What is
	// none of those is inspected as if it were a form. The body of gRPC, which has to be named here as "application/grpc", is
	// not inspected. Default: none.
	ContentTypes []string `toml:"content_types"`
	// Exclude are rules that are left out, wholly or for one part of the request. Default: none.
	Exclude []Exclusion `toml:"exclude"`
	// Rules is a file of rules of your own in the language of ModSecurity, as Coraza reads it. They are read behind the set.
	// Hazard: with "allow" they let requests past the set. Default: none.
	Rules string `toml:"rules"`
	// BodyLimit is how many bytes of a body are inspected, compressed or not. They are held in memory, with some times as much
	// while they are inspected. From 1KiB to 8MiB. Hazard: each byte of a text costs some ten microseconds, 64KiB most of a
	// second; files of forms cost little. Requests longer than 4KiB are inspected by turns, on half of the cores at most, and
	// refused with 503 if none has come for 5s. Default: 256KiB.
	BodyLimit conf.Size `toml:"body_limit"`
	// OnLarger is what becomes of a request with a larger body: "refuse" it with 413, or "pass" it with nothing but its head
	// inspected. Hazard: with "pass" whoever makes a body long enough is not inspected. Default: "refuse".
	OnLarger string `toml:"on_larger"`
}

// Exclusion leaves rules out.
type Exclusion struct {
	// Rules are their numbers, as the log has them, or ranges: "942100", "942100-942199". Required.
	Rules []string `toml:"rules"`
	// Target is the part of the request that they pass over: "ARGS:comment" for the parameter comment of a query, form or JSON
	// document, "REQUEST_COOKIES:session", "REQUEST_HEADERS:X-Query". Default: "", all of it.
	Target string `toml:"target"`
}

// Default returns the values of absent keys.
func Default() Config {
	return Config{
		Ruleset:   crs,
		Paranoia:  1,
		Threshold: 5,
		Methods:   []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"},
		BodyLimit: conf.Bytes(256 << 10),
		OnLarger:  refuse,
	}
}

// The words of ruleset and on_larger.
const (
	crs    = "crs"
	own    = "own"
	refuse = "refuse"
	pass   = "pass"
)

const (
	leastBody = 1 << 10
	mostBody  = 8 << 20
)

// Check notes what is wrong with c. Rules of a file are compiled, which takes a moment.
func (c *Config) Check(p *conf.Problems) {
	p.OneOf("ruleset", c.Ruleset, "a rule set", crs, own)
	p.Between("paranoia", c.Paranoia, 1, 4)
	p.Between("threshold", c.Threshold, 1, 1000)
	p.OneOf("on_larger", c.OnLarger, "what becomes of larger bodies", refuse, pass)
	if n := c.BodyLimit.Value(); c.BodyLimit.IsOff() || n < leastBody || n > mostBody {
		p.Add("body_limit", strconv.Quote(c.BodyLimit.String())+" is out of range", `write a size from "1KiB" to "8MiB"`)
	}
	for i, m := range c.Methods {
		if !http7.IsToken([]byte(m)) {
			p.Index("methods", i).Add("", strconv.Quote(m)+" is not a method", `write it in capitals, such as "PROPFIND"`)
		}
	}
	if len(c.Methods) == 0 {
		p.Add("methods", "no request would pass", "leave the key out for the usual ones")
	}
	for i, t := range c.ContentTypes {
		if !isMediaType(t) {
			p.Index("content_types", i).Add("", strconv.Quote(t)+" is not a media type", `write type and subtype alone, such as "text/plain"`)
		}
	}
	for i := range c.Exclude {
		c.Exclude[i].check(p.Index("exclude", i))
	}
	c.checkRules(p)
}

func (c *Config) checkRules(p *conf.Problems) {
	if c.Rules == "" {
		if c.Ruleset == own {
			p.Add("rules", "there are no rules at all", `name a file of rules, or write ruleset = "crs"`)
		}
		return
	}
	text, err := p.ReadFile(c.Rules)
	if err != nil {
		p.Add("rules", strconv.Quote(c.Rules)+" can't be read: "+conf.FileTrouble(err), "the user that runs Weir must be able to read this file")
		return
	}
	e, err := newEngine(own, string(text))
	if err != nil {
		at := c.Rules
		if line := lineOf(string(text), err); line > 0 {
			at += ":" + strconv.Itoa(line)
		}
		p.Add("rules", at+": "+strings.TrimPrefix(err.Error(), "invalid WAF config from string: "), "it takes the directives of ModSecurity that Coraza knows")
		return
	}
	e.Close()
}

func (e *Exclusion) check(p *conf.Problems) {
	if len(e.Rules) == 0 {
		p.Add("rules", "no rule is excluded", `write numbers as the log has them, such as ["942100"]`)
	}
	known, err := numbers()
	for i, text := range e.Rules {
		s, err2 := parseSpan(text)
		if err2 == nil && err == nil && !s.anyOf(known) {
			err2 = errors.New("is no rule of the core rule set")
		}
		if err2 != nil {
			p.Index("rules", i).Add("", strconv.Quote(text)+" "+err2.Error(), `write a number such as "942100", or a range such as "942100-942199"`)
		}
	}
	if e.Target == "" {
		return
	}
	if _, err := parseTarget(e.Target); err != nil {
		p.Add("target", strconv.Quote(e.Target)+" "+err.Error(), `write a variable and a name, such as "ARGS:comment"`)
	}
}

// span is a range of rule numbers, both ends in it.
type span struct{ from, to int }

func parseSpan(text string) (span, error) {
	first, last, isRange := strings.Cut(text, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 31)
	to, err2 := strconv.ParseUint(last, 10, 31)
	switch {
	case err != nil || err2 != nil || from == 0:
		return span{}, errors.New("is not a rule's number")
	case to < from:
		return span{}, errors.New("ends before it begins")
	case from < attackRules || to > lastAttackRule:
		return span{}, errors.New("names rules that are not about attacks")
	}
	return span{int(from), int(to)}, nil
}

// anyOf reports whether any of the numbers, which are in order, is in s.
func (s span) anyOf(known []int) bool {
	at, _ := slices.BinarySearch(known, s.from)
	return at < len(known) && known[at] <= s.to
}

// isMediaType reports whether t is a media type without parameters.
func isMediaType(t string) bool {
	kind, sub, ok := strings.Cut(t, "/")
	return ok && http7.IsToken([]byte(kind)) && http7.IsToken([]byte(sub)) && !strings.ContainsAny(t, "*|%")
}
