package match

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weir/http7"
)

// The reference finds a route by looking at all of them, with the rules as weir.reference.toml tells
// them. It never sees an Exchange: it judges a plain request, of which the Exchange is made, and
// shares nothing with the matcher but the routes.

type plain struct {
	method, host, path string
	client, country    string
	sni                string
	headers, query     []pair // query decoded
	cookies, claims    []pair
	body               *someBody
	whole              bool            // the body has been read
	known              map[string]bool // what a log has written; nil: a live request

}

type pair struct{ name, value string }

// someBody is a body and what stands in it.
type someBody struct {
	kind, text string // kind: "json", "xml" or ""
	broken     bool
	values     map[string][]string // by path; "{}" stands for what is no plain value
}

// outcome is what comes of a request.
type outcome struct {
	route     *http7.Route
	captures  string
	need      *http7.Route
	broken    bool
	undecided string // the selectors that lack, sorted
	tie       *http7.Route
}

type status int

const (
	fails status = iota
	passes
	needs
	breaks
	open
)

// referenceFind computes a key of specificity for every pair of host and path and keeps the greatest.
func referenceFind(routes []*http7.Route, p *plain) (o outcome) {
	best, owner := "", (*http7.Route)(nil)
	for _, r := range routes {
		for _, path := range orAll(r.Paths) {
			for _, host := range orAll(r.Hosts) {
				hostKey, ok1 := referenceHost(host, p.host)
				pathKey, captures, ok2 := referencePath(path, p.path)
				if !ok1 || !ok2 || len(r.Methods) > 0 && !slices.Contains(r.Methods, p.method) {
					continue
				}
				s, lacks := referenceConditions(r.Conditions, p)
				if s == fails {
					continue
				}
				key := fmt.Sprintf("%s|%s|%d|%03d|%05d", hostKey, pathKey, min(len(r.Methods), 1), len(r.Conditions), r.Priority+1000)
				switch {
				case key > best:
					best, owner, o = key, r, referenceOutcome(r, s, captures, lacks)
				case key == best && r != owner && s == passes && o.route != nil:
					o.tie = r
				}
			}
		}
	}
	return o
}

func referenceOutcome(r *http7.Route, s status, captures, lacks string) outcome {
	switch s {
	case needs:
		return outcome{need: r}
	case breaks:
		return outcome{broken: true}
	case open:
		return outcome{undecided: lacks}
	}
	return outcome{route: r, captures: captures}
}

func orAll(list []string) []string {
	if len(list) == 0 {
		return []string{"*"}
	}
	return list
}

func referenceHost(pattern, host string) (key string, ok bool) {
	host = strings.TrimSuffix(strings.ToLower(strings.Split(host, ":")[0]), ".")
	switch suffix, wild := strings.CutPrefix(pattern, "*"); {
	case pattern == "*":
		return "0", true
	case wild:
		return fmt.Sprintf("1%03d", len(suffix)), len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return "2", host == pattern
}

// referencePath makes a text of which the greater is the more specific: 4 a literal segment, 3 a
// {segment}, 2 the end, 1 the rest, 0 a regular expression.
func referencePath(pattern, path string) (key, captures string, ok bool) {
	if expr, is := strings.CutPrefix(pattern, "~"); is {
		return referenceExpression(expr, path)
	}
	if pattern == "*" {
		pattern = "/*"
	}
	want, rest := strings.CutSuffix(pattern, "/*")
	segments := strings.Split(path, "/")[1:]
	for _, w := range strings.Split(want, "/")[1:] {
		if len(segments) == 0 {
			return "", "", false
		}
		s := segments[0]
		segments = segments[1:]
		if name, is := strings.CutPrefix(w, "{"); is && s != "" {
			key += "3"
			captures += strings.TrimSuffix(name, "}") + "=" + s + " "
		} else if w == s {
			key += "4"
		} else {
			return "", "", false
		}
	}
	if rest {
		return key + "1", captures + "rest=" + strings.Join(segments, "/") + " ", true
	}
	return key + "2", captures, len(segments) == 0
}

// someExpressions are regular expressions with the literal text that they begin with.
var someExpressions = map[string]string{
	`^/a/\d+$`: "/a/", `^/a/(?P<n>\d+)$`: "/a/", `^/a/b`: "/a/b", `^/a/b/c$`: "/a/b/c", `a`: "", `/b$`: "", `^/(?P<x>[^/]*)/(?P<y>.*)$`: "/",
	`^/(a|b)/c$`: "/", `(?i)^/A`: "", `^/a(/b)+$`: "/a/b", `^(/a)/b?$`: "/a/", `^/[ab]/b`: "/", `^\*$`: "*", `^/b(?:/c){2}`: "/b/c", `^nothing`: "nothing",
}

func referenceExpression(expr, path string) (key, captures string, ok bool) {
	re := regexps[expr]
	m := re.FindStringSubmatch(path)
	if m == nil {
		return "", "", false
	}
	for i, name := range re.SubexpNames() {
		if name != "" {
			captures += name + "=" + m[i] + " "
		}
	}
	return fmt.Sprintf("0%03d", len(someExpressions[expr])), captures, true
}

var regexps = func() map[string]*regexp.Regexp {
	m := map[string]*regexp.Regexp{}
	for e := range someExpressions {
		m[e] = regexp.MustCompile(e)
	}
	return m
}()

// referenceConditions judges all conditions: one that fails is enough, then what lacks, then a broken
// body, then one that is not read.
func referenceConditions(list []http7.Condition, p *plain) (worst status, lacks string) {
	worst = passes
	var missing []string
	for i := range list {
		s, selector := referenceCondition(&list[i], p)
		if s == fails {
			return fails, ""
		}
		if s == open && !slices.Contains(missing, selector) {
			missing = append(missing, selector)
		}
		worst = max(worst, s)
	}
	slices.Sort(missing)
	return worst, strings.Join(missing, " ")
}

func referenceCondition(c *http7.Condition, p *plain) (s status, selector string) {
	var values []string
	switch c.On {
	case http7.OnClient:
		for _, prefix := range c.Prefixes {
			if p.client != "" && strings.HasPrefix(p.client, strings.TrimRight(strings.Split(prefix.String(), ".0")[0], ".")+".") {
				return passes, ""
			}
		}
		return fails, ""
	case http7.OnCountry:
		selector, values = "country", nonEmpty(p.country)
	case http7.OnSNI:
		selector, values = "sni", nonEmpty(strings.ToLower(p.sni))
	case http7.OnHeader:
		selector, values = "header:"+strings.ToLower(c.Name), valuesNamed(p.headers, strings.ToLower(c.Name))
	case http7.OnQuery:
		values = valuesNamed(p.query, c.Name)
	case http7.OnCookie:
		selector, values = "cookie:"+c.Name, valuesNamed(p.cookies, c.Name)
	case http7.OnClaim:
		selector, values = "claim:"+c.Name, valuesNamed(p.claims, c.Name)
	case http7.OnContent:
		return referenceContent(c, p)
	}
	if p.known != nil && selector != "" && !p.known[selector] {
		return open, selector
	}
	return referenceTest(c, values), ""
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func valuesNamed(list []pair, name string) (values []string) {
	for _, p := range list {
		if p.name == name {
			values = append(values, p.value)
		}
	}
	return values
}

func referenceTest(c *http7.Condition, values []string) status {
	if c.Test == http7.Missing {
		return statusOf(len(values) == 0)
	}
	return statusOf(len(values) > 0 && !slices.ContainsFunc(values, func(v string) bool { return !referenceValue(c, v) }))
}

func referenceValue(c *http7.Condition, v string) bool {
	switch c.Test {
	case http7.Exists:
		return true
	case http7.Equals:
		return v == c.Value && v != "{}"
	case http7.OneOf:
		return slices.Contains(c.Values, v)
	}
	ok, err := regexp.MatchString(c.Value, v)
	return ok && err == nil && v != "{}"
}

func statusOf(ok bool) status {
	if ok {
		return passes
	}
	return fails
}

func referenceContent(c *http7.Condition, p *plain) (status, string) {
	switch {
	case p.body == nil:
		return fails, ""
	case p.known != nil && !p.known["body"]:
		return open, "body"
	case p.body.kind == "" || (c.Name[0] == '/') != (p.body.kind == "xml"):
		return fails, ""
	case !p.whole:
		return needs, ""
	case p.body.broken:
		return breaks, ""
	}
	return referenceTest(c, p.body.values[c.Name]), ""
}

func (p *plain) String() string {
	body := "none"
	if p.body != nil {
		body = strconv.Quote(p.body.text) + " whole " + strconv.FormatBool(p.whole)
	}
	return fmt.Sprintf("%s %q %q from %s %s sni %q headers %v query %v cookies %v claims %v body %s known %v",
		p.method, p.host, p.path, p.client, p.country, p.sni, p.headers, p.query, p.cookies, p.claims, body, p.known)
}
