package validate

import (
	"errors"
	"net/http"

	"weir/http7"
	"weir/internal/plain"
)

// Request implements [http7.Policy]. It looks at everything but the body, and asks for that.
func (p *validator) Request(x *http7.Exchange) http7.Verdict {
	if p.api.bodies != nil {
		return p.bare(x)
	}
	r, has := p.api.find(string(x.Path))
	if r == nil {
		return p.undocumented(x, undocumentedPath)
	}
	o := r.operations[string(x.Method)]
	if o == nil && string(x.Method) == http.MethodHead {
		o = r.operations[http.MethodGet]
	}
	if o == nil {
		return p.undocumented(x, r.refused)
	}
	if p.answers != nil {
		x.Keep(p.answers, o)
	}
	if wrong, known := o.check(x, has); len(wrong) > 0 {
		return p.refuse(x, badParameters, wrong...)
	} else if !known {
		return http7.Continue // a log does not have them
	}
	return p.body(x, o)
}

func (p *validator) undocumented(x *http7.Exchange, f *http7.Fault) http7.Verdict {
	if !p.passes {
		return p.refuse(x, f)
	}
	x.Verdicts = append(x.Verdicts, p.name+":"+f.Name)
	return http7.Continue
}

// check returns what is wrong with the parameters. known is false if a log lacks some of them.
func (o *operation) check(x *http7.Exchange, has []named) (wrong []finding, known bool) {
	query, err := pairsOf(string(x.Query))
	if err != nil {
		return []finding{{inQuery, "", "", err.Error()}}, true
	}
	known = true
	for _, p := range o.parameters {
		if p.selector != "" && x.Lacks(p.selector) {
			known = false
			continue
		}
		v, found, err := p.from(x, has, query)
		switch {
		case err != nil:
			wrong = append(wrong, finding{p.in, p.name, "", err.Error()})
		case v == any(noValue{}): // there is nothing to hold against the schema
		case found:
			wrong = append(wrong, check(p.schema, p.in, p.name, v)...)
		case p.required:
			wrong = append(wrong, finding{p.in, p.name, "", "is missing"})
		}
		if len(wrong) >= mostFindings {
			return wrong[:mostFindings], known
		}
	}
	return wrong, known
}

// from returns the value of p in a request, and whether there is one.
func (p *parameter) from(x *http7.Exchange, has []named, query []pair) (v any, found bool, err error) {
	switch p.in {
	case inQuery:
		return p.fromPairs(query)
	case inHeader:
		return p.fromHeader(&x.Request)
	case inCookie:
		return p.fromCookie(&x.Request)
	}
	for i := range has {
		if has[i].name == p.name {
			v, err = p.fromPath(has[i].value)
			return v, true, err
		}
	}
	return nil, false, nil
}

// bare begins with the body of a request where a schema is all that there is.
func (p *validator) bare(x *http7.Exchange) http7.Verdict {
	if !x.Body.Present() || x.Upgrade != nil {
		return http7.Continue
	}
	return p.ask(x)
}

// body says what is to be done about the body of a request for o.
func (p *validator) body(x *http7.Exchange, o *operation) http7.Verdict {
	switch {
	case x.Upgrade != nil:
		return http7.Continue
	case !x.Body.Present() && o.body != nil && o.body.required:
		return p.refuse(x, missingBody)
	case !x.Body.Present():
		return http7.Continue
	case o.body == nil && x.Body.Length > 0:
		return p.refuse(x, unwantedBody)
	case o.body == nil: // whose end may come at once
		x.Keep(p, o)
		return http7.NeedBody(1)
	}
	x.Keep(p, o)
	return p.ask(x)
}

// ask asks for a body that is to be read.
func (p *validator) ask(x *http7.Exchange) http7.Verdict {
	if x.Body.Length > p.limit {
		return p.refuse(x, largeBody)
	}
	return http7.NeedBody(p.limit + 1)
}

// Resume implements [http7.Resumer].
func (p *validator) Resume(x *http7.Exchange, _ http7.Event) http7.Verdict {
	c := &content{media: []*media{p.api.bodies}}
	if o, _ := x.Kept(p).(*operation); o != nil {
		x.Keep(p, nil)
		c = o.body
	}
	switch {
	case len(x.Body.Collected) == 0 && x.Body.Whole:
		if c != nil && c.required {
			return p.refuse(x, missingBody)
		}
		return http7.Continue
	case c == nil:
		return p.refuse(x, unwantedBody)
	case !x.Body.Whole || int64(len(x.Body.Collected)) > p.limit:
		return p.refuse(x, largeBody)
	}
	return p.judge(x, c)
}

// judge reads the body, which is all there, and holds it against what is described.
func (p *validator) judge(x *http7.Exchange, c *content) http7.Verdict {
	body, f, why := decoded(&x.Request, x.Body.Collected, p.limit)
	if f != nil {
		return p.refuse(x, f, finding{in: inBody, reason: why.Error()})
	}
	field, ok := only(&x.Request, contentType)
	kind, sub, params, ok2 := typeOfBody(field)
	if !ok || !ok2 {
		return p.refuse(x, unknownType)
	}
	m := c.mediaFor(kind, sub)
	if p.api.bodies != nil && isJSON(kind+"/"+sub) {
		m = p.api.bodies
	}
	if m == nil {
		return p.refuse(x, unknownType)
	}
	if m.schema == nil {
		return http7.Continue
	}
	if !readable(kind+"/"+sub, params["charset"], body) {
		return p.refuse(x, unknownType, finding{in: inBody, reason: "its charset is not UTF-8"})
	}
	v, at, err := m.read(field, kind, sub, body)
	switch {
	case errors.Is(err, errUnread):
		return http7.Continue
	case err != nil:
		return p.refuse(x, unreadableBody, finding{in: inBody, pointer: at, reason: err.Error()})
	}
	if wrong := check(m.schema, inBody, "", v); len(wrong) > 0 {
		return p.refuse(x, badBody, wrong...)
	}
	return http7.Continue
}

// decoded undoes the codings of a body.
func decoded(h *http7.Header, body []byte, limit int64) ([]byte, *http7.Fault, error) {
	codings := ""
	for v := range h.Each(contentEncoding) {
		codings += string(v) + ","
	}
	body, err := plain.Decode(codings, body, limit)
	switch err {
	case nil:
		return body, nil, nil
	case plain.ErrTooLong:
		return nil, largeBody, err
	case plain.ErrUnknownCoding:
		return nil, unknownCoding, err
	}
	return nil, unreadableBody, err
}

// only returns the value of a field that must be there once.
func only(h *http7.Header, n http7.Name) (value string, ok bool) {
	for v := range h.Each(n) {
		if ok {
			return "", false
		}
		value, ok = string(v), true
	}
	return value, ok
}

var (
	contentType     = http7.Known(http7.ContentType)
	contentEncoding = http7.Known(http7.ContentEncoding)
)
