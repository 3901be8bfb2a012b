package scenario

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weir/bench"
	"weir/internal/conf"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// settle fills in what hangs on other keys.
func (r *Request) settle() {
	usual := http.MethodGet
	if r.Body != "" || r.BodyFile != "" {
		usual = http.MethodPost
	}
	r.Method = cmp.Or(r.Method, usual)
	r.Name = cmp.Or(r.Name, r.Method+" "+r.Path)
}

// check notes what is wrong with a request, templates apart.
func (r *Request) check(p *conf.Problems) {
	if r.Path == "" {
		p.Add("path", "the request has no path", `write path = "/"`)
	}
	p.Between("weight", r.Weight, 1, maxWeight)
	r.checkMethod(p)
	if strings.ContainsFunc(r.Host, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("/@#?\\\"", c) }) {
		p.Add("host", strconv.Quote(r.Host)+" is not a host", `write a name, with a port if need be, such as "api.example.com"`)
	}
	if strings.ContainsFunc(r.Name, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		p.Add("name", "a name holds no control characters", "")
	}
	if r.Body != "" && r.BodyFile != "" {
		p.AddKey("body_file", "the request has a body and a body_file", "leave one of them out")
	}
	r.Expect.check(p.In("expect"))
}

func (r *Request) checkMethod(p *conf.Problems) {
	usual := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	upper := strings.ToUpper(r.Method)
	switch {
	case !isToken(r.Method):
		p.Add("method", strconv.Quote(r.Method)+" is not a method", `write it in capitals, such as "GET"`)
	case r.Method == http.MethodConnect:
		p.Add("method", "a scenario opens no tunnels", "it is one of "+strings.Join(usual, ", ")+", or one of your own")
	case upper != r.Method && slices.Contains(usual, upper):
		p.Add("method", strconv.Quote(r.Method)+" is not a method", "did you mean "+upper+"? methods are written in capitals")
	}
}

// check notes what is wrong with an expectation.
func (e *Expect) check(p *conf.Problems) {
	p = p.In("body")
	if len(e.Body.Equals) > bench.MaxExpectedBody {
		p.Add("equals", "the text is longer than 1 MiB, which is all that is seen of an answer", "use contains or matches")
	}
	if _, err := regexp.Compile(e.Body.Matches); err != nil {
		p.Add("matches", "not a regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), "the syntax is RE2's")
	}
	const hint = `what is expected is fixed text; for the characters themselves use matches = '\$\{'`
	if strings.Contains(e.Body.Equals, "${") {
		p.Add("equals", "${…} has no meaning here", hint)
	}
	for i, text := range e.Body.Contains {
		if strings.Contains(text, "${") {
			p.Index("contains", i).Add("", "${…} has no meaning here", hint)
		}
	}
}

func (b *ExpectBody) empty() bool { return len(b.Contains) == 0 && b.Equals == "" && b.Matches == "" }

// compile returns the check of a content. A wrong regular expression, which is reported, matches anything.
func (b *ExpectBody) compile() func([]byte) bool {
	var contains [][]byte
	for _, c := range b.Contains {
		contains = append(contains, []byte(c))
	}
	equals := b.Equals
	var matches *regexp.Regexp
	if b.Matches != "" {
		matches, _ = regexp.Compile(b.Matches)
	}
	return func(body []byte) bool {
		for _, c := range contains {
			if !bytes.Contains(body, c) {
				return false
			}
		}
		return (equals == "" || string(body) == equals) && (matches == nil || matches.Match(body))
	}
}

// isToken reports whether s is a token (RFC 9110 §5.6.2).
func isToken(s string) bool {
	const marks = "!#$%&'*+-.^_`|~"
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(marks, r))
	})
}

// checkFieldName notes names that a scenario can't set.
func checkFieldName(name string, p *conf.Problems) {
	switch lower := strings.ToLower(name); {
	case !isToken(name):
		p.AddKey(name, strconv.Quote(name)+" is not the name of a header field", `write letters, digits and -, such as X-Tenant`)
	case lower == "host":
		p.AddKey(name, "the host is not written among the headers", `write host = "…" in the request`)
	case slices.Contains([]string{"content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"}, lower):
		p.AddKey(name, "the generator writes "+name+" itself", "leave it out")
	}
}

// sink is a place in a request that can't hold every value.
type sink interface {
	// refuse returns what is wrong with a value there, and the way out; first says that it begins the text.
	refuse(value string, first bool) (text, hint string)
}

// pathSink is the path with its query, in origin-form (RFC 9112 §3.2.1).
type pathSink struct{}

func (pathSink) refuse(value string, first bool) (text, hint string) {
	if first && !strings.HasPrefix(value, "/") {
		return fmt.Sprintf("a path begins with /, not with %.20q", value), `write it like "/a?b=c"; the host is the target's, or the request's key host`
	}
	for _, c := range value {
		if c <= ' ' || c >= 0x7f || c == '#' {
			return "a path holds no " + strconv.QuoteRune(c), `write it percent-encoded, such as "/a%20b?q=%C3%A9"; values are encoded unless they are raw`
		}
	}
	return "", ""
}

// fieldSink is the value of a header field (RFC 9110 §5.5).
type fieldSink struct{}

func (fieldSink) refuse(value string, _ bool) (text, hint string) {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "a header field's value holds no " + strconv.QuoteRune(c), "a value is one line"
		}
	}
	return "", ""
}

// checkPieces tries all that a template can come to, and returns what is wrong with the first that is.
func checkPieces(pieces []piece, to sink) (text, hint string) {
	for i := range pieces {
		if text, hint := pieces[i].refused(to, i == 0); text != "" {
			return text, hint
		}
	}
	return "", ""
}

// refused returns what is wrong with any value of v.
func (v *piece) refused(to sink, first bool) (text, hint string) {
	switch v.kind {
	case literal:
		return to.refuse(v.text, first)
	case choice:
		for _, w := range v.words {
			if text, hint := to.refuse(w, first); text != "" {
				return text, hint
			}
		}
		return "", ""
	case column:
		return v.refusedRow(to, first)
	}
	return to.refuse("0", first)
}

func (v *piece) refusedRow(to sink, first bool) (text, hint string) {
	for row := range v.data.rows {
		value := string(appendEncoded(nil, v.encode, v.data.value(row, v.column)))
		if text, hint := to.refuse(value, first); text != "" {
			return fmt.Sprintf("%s, column %s, row %d: %s", v.data.file, v.data.columns[v.column], row+1, text), hint
		}
	}
	return "", ""
}
