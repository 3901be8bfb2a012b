package validate

import (
	"errors"
	"slices"
	"strconv"
	"sync/atomic"

	"weir/http7"
	"weir/internal/plain"
)

// answers is the step that looks at answers.
type answers struct {
	of       *validator
	name     string
	observes bool
	counted  *atomic.Uint64 // nil for a check
}

func newAnswers(p *validator, name string, observes bool) *answers {
	return &answers{of: p, name: name, observes: observes}
}

// Response implements [http7.ResponsePolicy]. It looks at the head, and at the body by a filter before all others: they
// change what the endpoint has said.
func (a *answers) Response(x *http7.Exchange) http7.Verdict {
	o, _ := x.Kept(a).(*operation)
	if o == nil || x.Answer.Local || x.Dry || x.Answer.Status < 200 {
		return http7.Continue
	}
	x.Keep(a, nil)
	described := o.answerTo(x.Answer.Status)
	if described == nil && x.Answer.Status == 304 {
		return http7.Continue // what the client has was described: RFC 9110 §15.4.5
	}
	if described == nil {
		return a.refuse(x, finding{in: "status", reason: strconv.Itoa(x.Answer.Status) + " is not described"})
	}
	if wrong := described.fields(&x.Answer.Header); len(wrong) > 0 {
		return a.refuse(x, wrong...)
	}
	m, wrong := described.mediaOf(x)
	switch {
	case wrong != "":
		return a.refuse(x, finding{in: inBody, reason: wrong})
	case m == nil || m.schema == nil:
		return http7.Continue
	}
	return a.watch(x, m)
}

// fields returns what is wrong with the fields of an answer.
func (d *answer) fields(h *http7.Header) (wrong []finding) {
	for _, p := range d.headers {
		v, found, err := p.fromHeader(h)
		switch {
		case err != nil:
			wrong = append(wrong, finding{inHeader, p.name, "", err.Error()})
		case found:
			wrong = append(wrong, check(p.schema, inHeader, p.name, v)...)
		case p.required:
			wrong = append(wrong, finding{inHeader, p.name, "", "is missing"})
		}
	}
	return wrong
}

// mediaOf returns what is described of the body of x's answer, nil if there is none, or nothing is said of it.
func (d *answer) mediaOf(x *http7.Exchange) (m *media, wrong string) {
	ans := x.Answer
	if d.content == nil || ans.Length == 0 || ans.Status == 204 || ans.Status == 304 || string(x.Method) == "HEAD" {
		return nil, ""
	}
	if len(d.content.media) == 0 {
		return nil, "there is one, and none is described"
	}
	kind, sub, _, ok := typeOfBody(string(ans.Header.Get(http7.ContentType)))
	if m = d.content.mediaFor(kind, sub); !ok || m == nil {
		return nil, "its type is not described"
	}
	if !isJSON(kind + "/" + sub) {
		return nil, ""
	}
	return m, ""
}

// watch puts a filter before the answer's body.
func (a *answers) watch(x *http7.Exchange, m *media) http7.Verdict {
	coding := ""
	if !slices.ContainsFunc(x.Answer.Filters, http7.Filter.Changes) { // what changes it has found it without a coding
		for v := range x.Answer.Header.Each(contentEncoding) {
			coding += string(v) + ","
		}
	}
	f := &filter{by: a, x: x, media: m, codings: coding}
	x.Answer.Filters = slices.Insert(x.Answer.Filters, 0, http7.Filter(f))
	return http7.Continue
}

// refuse says what is wrong with the head of an answer. The client is not told: it is not its doing.
func (a *answers) refuse(x *http7.Exchange, why ...finding) http7.Verdict {
	x.Cause = a.note(x, why)
	return http7.Refuse(badAnswer)
}

// note counts and remarks what is wrong with an answer, and returns it.
func (a *answers) note(x *http7.Exchange, why []finding) error {
	count(a.counted)
	said := a.of.called + brief(why)
	x.Verdicts = append(x.Verdicts, a.name+":"+said)
	return errors.New(said)
}

// filter collects the body of an answer, and judges it at its end. One that enforces holds it back until then.
type filter struct {
	by      *answers
	x       *http7.Exchange
	media   *media
	codings string

	body  []byte
	at    int  // how much of body has left
	free  bool // the body passes: it was found right, or is too long
	ended bool // it has been judged
}

// Changes implements [http7.Filter]: the bytes stay as they are.
func (f *filter) Changes() bool { return false }

// Holds implements [http7.Holder].
func (f *filter) Holds() bool { return !f.by.observes && !f.free && !f.ended }

// Write implements [http7.Filter].
func (f *filter) Write(dst, chunk []byte, how http7.How) (out []byte, taken int, done bool, fault *http7.Fault) {
	if f.free && f.at == len(f.body) {
		return chunk, len(chunk), true, nil
	}
	if !f.ended && !f.free {
		f.body = append(f.body, chunk...)
		taken = len(chunk)
		if int64(len(f.body)) > f.by.of.limit {
			f.tooLong()
		}
	}
	if how == http7.Last && !f.ended && !f.free && taken == len(chunk) {
		f.ended = true
		if fault = f.judge(); fault != nil {
			return nil, taken, true, fault
		}
	}
	return f.give(dst, chunk, taken, how)
}

// give passes on what need not be held.
func (f *filter) give(dst, chunk []byte, taken int, how http7.How) ([]byte, int, bool, *http7.Fault) {
	if f.by.observes {
		f.at = len(f.body)
		return chunk, len(chunk), true, nil
	}
	if !f.free && !f.ended {
		return dst, taken, how != http7.Last, nil
	}
	n := min(cap(dst)-len(dst), len(f.body)-f.at)
	dst = append(dst, f.body[f.at:f.at+n]...)
	f.at += n
	drained := f.at == len(f.body)
	if drained {
		f.body, f.at, f.free = nil, 0, true
	}
	return dst, taken, drained && taken == len(chunk), nil
}

// tooLong lets the rest pass unseen.
func (f *filter) tooLong() {
	f.free = true
	f.x.Verdicts = append(f.x.Verdicts, f.by.name+":not looked at: too large")
	if f.by.observes {
		f.body, f.at = nil, 0
	}
}

// judge holds the body, which is all there, against its schema.
func (f *filter) judge() *http7.Fault {
	body, err := plain.Decode(f.codings, f.body, f.by.of.limit)
	var wrong []finding
	switch err {
	case nil:
		v, at, err := plain.JSON(body, f.media.depth)
		if err != nil {
			wrong = []finding{{inBody, "", at, err.Error()}}
		} else {
			wrong = check(f.media.schema, inBody, "", v)
		}
	case plain.ErrTooLong, plain.ErrUnknownCoding:
		f.x.Verdicts = append(f.x.Verdicts, f.by.name+":not looked at: "+err.Error())
	default:
		wrong = []finding{{inBody, "", "", err.Error()}}
	}
	if len(wrong) == 0 {
		return nil
	}
	refused := http7.RefusedAnswer{Step: f.by.name, Fault: badAnswer, Cause: f.by.note(f.x, wrong)}
	if f.by.observes {
		refused.Mode = http7.Observe
		f.x.Verdicts = append(f.x.Verdicts, f.by.name+":would refuse: "+badAnswer.Name)
		f.x.Refused = append(f.x.Refused, refused)
		return nil
	}
	f.x.Cause = refused.Cause
	f.x.Refused = append(f.x.Refused, refused)
	return badAnswer
}
