package waf

import (
	"bytes"
	"errors"
	"mime/multipart"
	"slices"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3/types"

	"weir/http7"
	"weir/internal/plain"
)

// Request implements [http7.Policy]. A request without a body is judged at once; of others the head is looked at, and the
// body asked for.
func (p *firewall) Request(x *http7.Exchange) http7.Verdict {
	if p.engine == nil {
		return http7.Continue
	}
	f, inspected := p.body(x)
	if f != nil {
		return http7.Refuse(f)
	}
	done, f := p.turn(x, nil)
	if f != nil {
		return http7.Refuse(f)
	}
	defer done()
	t := p.begin(x)
	if it := t.ProcessRequestHeaders(); it != nil || !inspected {
		defer closeNow(t)
		v := p.judge(x, t, nil)
		if x.Recorded != nil && v.Act == http7.Go {
			x.Verdicts = append(x.Verdicts, p.name+":unknown: would ask the fields and the body")
		}
		return v
	}
	x.Keep(p, t)
	return http7.NeedBody(p.limit + 1)
}

// Resume implements [http7.Resumer].
func (p *firewall) Resume(x *http7.Exchange, _ http7.Event) http7.Verdict {
	t, _ := x.Kept(p).(transaction)
	if t == nil {
		return http7.Continue
	}
	x.Keep(p, nil)
	defer closeNow(t)
	body, f, err := p.readable(x, t.AddPostRequestArgument)
	if f != nil {
		x.Cause = err
		return http7.Refuse(f)
	}
	done, f := p.turn(x, body)
	if f != nil {
		return http7.Refuse(f)
	}
	defer done()
	return p.judge(x, t, body)
}

// End implements [http7.Ender]: a client that has left while its body was awaited leaves a transaction behind.
func (p *firewall) End(x *http7.Exchange, _ uint64) {
	if t, _ := x.Kept(p).(transaction); t != nil {
		x.Keep(p, nil)
		closeNow(t)
	}
}

// closeNow gives t back. What it says is that a temporary file is there no more.
func closeNow(t transaction) { _ = t.Close() }

// body says whether x's body is to be inspected, and why x is refused for its head's word of it.
func (p *firewall) body(x *http7.Exchange) (f *http7.Fault, inspected bool) {
	switch {
	case count(&x.Request, contentType) > 1:
		x.Cause = errors.New("Content-Type is there more than once")
		return unreadable, false
	case !codings(&x.Request):
		x.Cause = errors.New("Content-Encoding names no coding")
		return unreadable, false
	case !x.Body.Present() || x.Upgrade != nil || x.Recorded != nil || http7.GRPCType(&x.Request) != nil:
		return nil, false
	case x.Body.Length > p.limit && p.passes:
		x.Verdicts = append(x.Verdicts, p.name+":body not inspected: too large")
		return nil, false
	case x.Body.Length > p.limit:
		return tooLarge, false
	}
	return nil, true
}

// codings reports whether Content-Encoding has names of codings alone (RFC 9110 §8.4): the engine does not see that field,
// and the endpoint gets it, of requests without a body too.
func codings(h *http7.Header) bool {
	for value := range h.Each(contentEncoding) {
		for name := range bytes.SplitSeq(value, []byte{','}) {
			if name = bytes.Trim(name, " \t"); len(name) > 0 && !http7.IsToken(name) {
				return false
			}
		}
	}
	return true
}

// readable returns what of x's body is inspected, as the endpoint will read it. Attributes of XML, which the rules don't look
// for, become parameters by add.
func (p *firewall) readable(x *http7.Exchange, add func(name, value string)) (body []byte, f *http7.Fault, err error) {
	body = x.Body.Collected
	if !x.Body.Whole || int64(len(body)) > p.limit {
		return p.large(x)
	}
	codings := ""
	for v := range x.Request.Each(contentEncoding) {
		codings += string(v) + ","
	}
	switch body, err = plain.Decode(codings, body, p.limit); err {
	case nil:
	case plain.ErrTooLong:
		return p.large(x)
	case plain.ErrUnknownCoding:
		return nil, unknownCoding, err
	default:
		return nil, unreadable, err
	}
	if err = strict(x.Request.Get(http7.ContentType), body, add); err != nil {
		return nil, unreadable, err
	}
	return body, nil, nil
}

// strict reports why readers may differ about a body of media type t, or why it is too much to look at; nil if the engine
// reads it as everybody does.
func strict(t, body []byte, add func(name, value string)) error {
	if len(body) == 0 {
		return nil
	}
	kind, _, _ := strings.Cut(strings.ToLower(string(t)), ";")
	kind = strings.TrimSpace(kind)
	switch {
	case isKind(kind, "json"):
		if _, at, err := plain.JSON(body, mostDepth); err != nil {
			return errors.New("JSON at " + strconv.Quote(at) + ": " + err.Error())
		}
	case kind == "text/xml", isKind(kind, "xml"):
		if err := plain.XML(body, mostDepth, add); err != nil {
			return errors.New("XML: " + err.Error())
		}
	case strings.HasPrefix(kind, "multipart/"):
		form := kind == "multipart/form-data"
		err := plain.Multipart(string(t), body, mostParts, func(part *multipart.Part) error {
			if !form {
				return nil
			}
			_, err := plain.PartName(part)
			return err
		})
		if err != nil {
			return errors.New("multipart: " + err.Error())
		}
	}
	return nil
}

// mostParts is how many parts of a multipart body are looked at: as many as parameters of other kinds.
const mostParts = 1000

// isKind reports whether a media type is application/suffix, or one with that suffix.
func isKind(t, suffix string) bool {
	return strings.HasPrefix(t, "application/") && (t == "application/"+suffix || strings.HasSuffix(t, "+"+suffix))
}

// large says what becomes of a body that is too large.
func (p *firewall) large(x *http7.Exchange) ([]byte, *http7.Fault, error) {
	if p.passes {
		x.Verdicts = append(x.Verdicts, p.name+":body not inspected: too large")
		return nil, nil, nil
	}
	return nil, tooLarge, nil
}

// mostDepth is how deep values and elements may be nested: as deep as the engine follows them.
const mostDepth = 128

// begin returns a transaction that knows the head of x.
func (p *firewall) begin(x *http7.Exchange) transaction {
	t := p.engine.waf.NewTransaction().(transaction)
	p.settings.apply(t)
	for _, s := range p.left {
		t.RemoveRuleByIDRange(s.from, s.to)
	}
	for _, e := range p.partly {
		t.RemoveRuleTargetByID(e.rule, e.variable, e.key, nil)
	}
	client := ""
	if x.Client.IsValid() {
		client = x.Client.Unmap().String()
	}
	t.ProcessConnection(client, 0, "", 0)
	t.ProcessURI(string(x.Target), string(x.Method), x.Proto.String())
	host := string(x.Authority)
	t.SetServerName(host)
	t.AddRequestHeader("Host", host)
	for i := range x.Request.Len() {
		switch x.Request.IDAt(i) {
		case http7.Host, http7.Expect, http7.ContentEncoding, http7.TransferEncoding, http7.ContentLength, http7.Connection:
			continue // the hall's matter, or undone before the engine sees the body
		}
		name, value := x.Request.At(i)
		t.AddRequestHeader(string(name), string(value))
	}
	if x.Body.Length > 0 {
		t.AddRequestHeader("Content-Length", strconv.FormatInt(x.Body.Length, 10))
	} else if x.Body.Length < 0 {
		t.AddRequestHeader("Transfer-Encoding", "chunked")
	}
	return t
}

// judge lets the engine look at the body, and says what it thinks.
func (p *firewall) judge(x *http7.Exchange, t transaction, body []byte) http7.Verdict {
	if !t.IsInterrupted() {
		if len(body) > 0 {
			if _, _, err := t.WriteRequestBody(body); err != nil {
				x.Cause = err
				return http7.Refuse(unreadable)
			}
		}
		if _, err := t.ProcessRequestBody(); err != nil {
			x.Cause = err
			return http7.Refuse(unreadable)
		}
	}
	said := p.remark(t)
	if said != "" {
		x.Verdicts = append(x.Verdicts, p.name+":"+said)
		if !x.Dry {
			p.scored.Add(1)
		}
	}
	it := t.Interruption()
	if it == nil {
		return http7.Continue
	}
	x.Cause = errors.New(said + reason(it))
	if it.Status == 400 {
		return http7.Refuse(unreadable)
	}
	return http7.Refuse(blocked)
}

func reason(it *types.Interruption) string {
	if it.RuleID == 0 || it.RuleID >= 949000 && it.RuleID < 950000 {
		return ""
	}
	return " stopped by rule " + strconv.Itoa(it.RuleID)
}

// remark says which rules the request has met, and the score that they make: "score 10: rules 942100, 942190".
func (p *firewall) remark(t transaction) string {
	var met []int
	for _, m := range t.MatchedRules() {
		id := m.Rule().ID()
		if id < 900000 || id > lastAttackRule || id < attackRules || m.Rule().Severity() == types.RuleSeverity(-1) {
			continue
		}
		if !slices.Contains(met, id) {
			met = append(met, id)
		}
	}
	if len(met) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("score ")
	if score := t.Variables().TX().Get("blocking_inbound_anomaly_score"); len(score) > 0 {
		b.WriteString(score[0])
	} else {
		b.WriteString("0")
	}
	b.WriteString(": rules ")
	for i, id := range met {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(id))
	}
	return b.String()
}

var (
	contentType     = http7.Known(http7.ContentType)
	contentEncoding = http7.Known(http7.ContentEncoding)
)

func count(h *http7.Header, n http7.Name) (found int) {
	for range h.Each(n) {
		found++
	}
	return found
}
