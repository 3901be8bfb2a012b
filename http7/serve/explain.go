package serve

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/match"
	"weir/internal/explain"
	"weir/lb"
)

// Explain says at length what would become of q at site, by the code that serves. Nothing is consumed: no token is
// taken, no counter moved, no endpoint picked. Places in the config are left to the caller. It is safe for
// concurrent use.
func (s *Shared) Explain(site *Site, q *Question) *explain.Report {
	e := explanation{trace: new(trace)}
	e.rehearsal = s.rehearse(site, q, e.trace)
	defer e.end()
	e.report = &explain.Report{Listener: site.Listener}
	e.request(q)
	e.candidates()
	e.route()
	e.policies()
	e.outcome()
	return e.report
}

// explanation is a report in the making.
type explanation struct {
	*rehearsal
	trace  *trace
	report *explain.Report
	// sides are the plans that an endpoint may be asked by.
	sides []*Plan
	// asked are the fields of the question.
	asked []explain.Field
}

func (e *explanation) noteFor(text string) { e.report.Notes = append(e.report.Notes, text) }

// request tells how the request is understood.
func (e *explanation) request(q *Question) {
	x := e.x
	_, e.asked = fieldsOf(q.Head)
	r := &e.report.Request
	*r = explain.Request{
		Method: string(x.Method), Target: e.shown(x.Target), Host: match.BareHost(x.Authority),
		Path: string(x.Path), Query: e.shownQuery(), Secure: x.Secure, SNI: q.SNI,
		Country: x.Country, Consumer: x.Consumer, Scheme: x.Scheme, Groups: slices.Clone(x.Groups), Scopes: slices.Clone(x.Scopes), RequestID: string(x.RequestID), Body: max(x.bytesIn, x.Body.Length),
	}
	if e.headless {
		r.Path = string(x.head.Path)
	}
	e.preflight()
	r.Changed = x.Out != nil && !bytes.Equal(x.Path, x.head.Path)
	if x.Client.IsValid() {
		r.Client = x.Client.String()
	}
	if q.Peer.IsValid() {
		r.Peer = q.Peer.String()
	}
}

// shown is a target without the credentials in its query: what is explained is pasted into tickets.
func (e *explanation) shown(target []byte) string {
	return string(e.x.site.Hidden.Mask(&e.x.Exchange, target))
}

func (e *explanation) shownQuery() string {
	_, query, _ := strings.Cut(e.shown(append([]byte{'?'}, e.x.Query...)), "?")
	return query
}

// preflight tells as what a preflight is matched.
func (e *explanation) preflight() {
	x := e.x
	if x.Preflight == nil {
		return
	}
	if !x.decider.flown {
		e.report.Request.Preflight = string(x.Preflight)
		return
	}
	who := "no route takes"
	all, _ := x.site.Table.Explain(&x.Exchange, x.Preflight)
	for i := range all {
		if c := &all[i]; c.Failed == "" && !c.Unknown {
			who = "route " + c.Route.Name + " answers no preflight for"
			break
		}
	}
	e.noteFor("a preflight, taken as OPTIONS: " + who + " " + string(x.Preflight) + " here")
}

// candidates tells which routes came into question, if the request came as far as the match.
func (e *explanation) candidates() {
	x := e.x
	if !x.decider.matched {
		return
	}
	method := x.Method
	if d := &x.decider; x.Preflight != nil && !d.flown {
		method = x.Preflight
	}
	all, more := x.site.Table.Explain(&x.Exchange, method)
	e.report.More = more
	taken := false
	for i := range all {
		c := candidate(&all[i])
		switch {
		case c.Failed != nil || c.Why != "":
		case taken:
			c.Why = "less specific than " + x.Route.Name
		case all[i].Route == x.Route:
			c.Taken, taken = true, true
		}
		e.report.Candidates = append(e.report.Candidates, c)
	}
}

func candidate(m *match.Candidate) explain.Candidate {
	c := explain.Candidate{Route: m.Route.Name, Pattern: m.Host + m.Path}
	if len(m.Route.Methods) > 0 {
		c.Pattern = strings.Join(m.Route.Methods, ",") + " " + c.Pattern
	}
	switch {
	case m.Unknown:
		c.Why = "unknown: " + m.Failed + " can't be told; wants " + m.Want
	case m.Failed != "":
		c.Failed = &explain.Failed{Key: m.Failed, Want: m.Want, Saw: m.Saw, Absent: m.Saw == ""}
	}
	return c
}

func (e *explanation) route() {
	x := e.x
	if x.Route == nil {
		return
	}
	r := &explain.Route{Name: x.Route.Name, BodyLimit: x.bodyLimit()}
	if r.BodyLimit == math.MaxInt64 { // nothing reaches it
		r.BodyLimit = 0
	}
	if x.Route.Timeout > 0 {
		r.Timeout = x.Route.Timeout.String()
	}
	for i := range x.Captures.Len() {
		name, value := x.Captures.At(i)
		r.Captures = append(r.Captures, explain.Field{Name: name, Value: string(value)})
	}
	for i := range e.report.Candidates {
		if c := &e.report.Candidates[i]; c.Taken {
			r.Pattern = c.Pattern
		}
	}
	e.report.Route = r
}

// policies tells what every step says.
func (e *explanation) policies() {
	x := e.x
	var without []string
	if x.plan != nil {
		without = x.plan.Without
	}
	for i := range x.site.Early {
		e.policy(&x.site.Early[i], "listener", without)
	}
	steps := x.late()
	for i := range steps {
		e.policy(&steps[i], e.whose(&steps[i]), nil)
	}
	for i := range x.site.Late {
		if s := &x.site.Late[i]; slices.Contains(without, s.Bundle) {
			e.policy(s, "listener", without)
		}
	}
}

// whose returns whether a step behind the match is the listener's or the route's.
func (e *explanation) whose(s *http7.Step) string {
	if slices.ContainsFunc(e.x.site.Late, func(l http7.Step) bool { return l.Name == s.Name }) {
		return "listener"
	}
	return "route"
}

var modes = [...]string{http7.Enforce: "enforce", http7.Observe: "observe", http7.Off: "off"}

// policy tells what one step says.
func (e *explanation) policy(s *http7.Step, from string, without []string) {
	p := explain.Policy{Name: s.Name, Stage: s.Stage.String(), Mode: modes[s.Mode], From: from}
	one := e.trace.of(s)
	switch {
	case slices.Contains(without, s.Bundle):
		p.Verdict = explain.OptedOut
	case one != nil:
		one.tell(&p)
	case s.Request == nil && s.Preflight == nil, e.x.Route == nil && s.Response != nil:
		p.Verdict = explain.OnAnswer
	default:
		p.Verdict = explain.NotReached
	}
	e.report.Policies = append(e.report.Policies, p)
}

// tell fills in p.
func (s *said) tell(p *explain.Policy) {
	p.Status, p.Why = s.status, s.why
	switch {
	case s.last.Act == http7.Reply && s.last.Fault != nil:
		p.Verdict, p.Fault = explain.Refuses, s.last.Fault.Name
	case s.last.Act == http7.Reply:
		p.Verdict = explain.Answers
	case s.last.Act == http7.Need, strings.HasPrefix(s.why, "unknown: "), strings.Contains(s.why, "; unknown: "):
		p.Verdict = explain.Unknown
	case s.waited:
		p.Verdict = explain.Waits
	default:
		p.Verdict = explain.Continues
	}
}

// outcome tells who answers.
func (e *explanation) outcome() {
	x, r := e.x, e.report
	switch {
	case e.fault == undecided:
		r.Action = explain.Refused
		e.noteFor("what decides is in the body, whose bytes are not known")
		return
	case e.fault != nil:
		r.Action = explain.Refused
	case x.decider.by != "":
		r.Action = explain.Answered
	case x.Answer == nil && x.plan.Split != nil:
		r.Action = explain.Divided
	case x.Answer == nil && x.plan.Route.Handler != nil:
		r.Action = explain.Handled
	case x.Answer == nil:
		r.Action = explain.Forwarded
	case x.Answer.Header.Has(http7.Location):
		r.Action = explain.Redirected
	default:
		r.Action = explain.Responded
	}
	if x.Answer != nil || e.fault != nil {
		e.answer()
		return
	}
	e.split()
	x.freeze(&e.c.in)
	if e.sides == nil {
		e.sides = e.plans()
	}
	for _, p := range e.sides {
		e.upstream(p)
	}
}

// answer tells what Weir itself answers, as far as response policies have their say.
func (e *explanation) answer() {
	x := e.x
	a := &explain.Answer{By: cmp.Or(x.decider.by, "route")}
	if f := e.fault; f != nil {
		a.By = cmp.Or(x.decider.by, "protocol")
		a.Fault, a.Title, a.Detail = f.Name, f.Title, f.Detail
		e.c.fail(x, f)
	}
	e.report.Answer = a
	if x.Answer == nil {
		return
	}
	x.bodyDone = true // what is left of it is drained, or the connection closes
	e.c.responsePolicies(x)
	e.c.compose(x)
	a.Status, a.Body = x.Answer.Status, max(x.Answer.Length, 0)
	a.Location = e.shown(x.Answer.Header.Get(http7.Location))
	_, a.Fields = fieldsOf(x.out)
	e.mask(a.Fields)
	a.Fields = slices.DeleteFunc(a.Fields, func(f explain.Field) bool { return a.Location != "" && f.Name == "Location" })
}

// fieldsOf takes a head apart.
func fieldsOf(head []byte) (first string, fields []explain.Field) {
	first, rest, _ := strings.Cut(string(head), "\r\n")
	for line := range strings.SplitSeq(rest, "\r\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			fields = append(fields, explain.Field{Name: name, Value: strings.Trim(value, " \t")})
		}
	}
	return first, fields
}

// mask hides what may be a secret of Weir's own: the value of a field that the question did not bring itself.
func (e *explanation) mask(fields []explain.Field) {
	for i := range fields {
		f := &fields[i]
		brought := func(a explain.Field) bool { return strings.EqualFold(a.Name, f.Name) && a.Value == f.Value }
		if http7.SecretName(f.Name) && !slices.ContainsFunc(e.asked, brought) {
			f.Value = masked
		}
	}
}

const masked = "(masked)"

// split tells the sides, and which of them the request's user is on.
func (e *explanation) split() {
	s := e.x.plan.Split
	if s == nil {
		return
	}
	at, kept := s.choose(e.x)
	total := s.total()
	r := &explain.Split{By: s.Words}
	if kept {
		r.Key = s.By.Show(&e.x.Exchange)
		e.sides = []*Plan{s.Sides[at].Plan}
		e.report.Action = explain.Forwarded
	}
	for i, side := range s.Sides {
		r.Sides = append(r.Sides, explain.Side{
			Upstream: side.Plan.upstreamName(), Weight: side.Weight, Share: float64(side.Weight) / float64(max(total, 1)),
			Chosen: kept && i == at,
		})
	}
	e.report.Split = r
}

// upstream tells what the endpoint would be chosen from, and what it would be sent.
func (e *explanation) upstream(p *Plan) {
	x := e.x
	u := explain.Upstream{Name: p.upstreamName()}
	if p.Upstream == nil {
		u.Note = "nobody knows its endpoints here"
		e.report.Upstreams = append(e.report.Upstreams, u)
		return
	}
	x.plan = p
	x.placing.reset()
	v := p.Upstream.Preview(e.c.key(x), lb.Tried{})
	u.Balance, u.Breaker, u.Queued, u.Panic = v.Balance, v.Breaker, v.Waiting, v.Panic
	if u.Breaker == "off" {
		u.Breaker = ""
	}
	if v.By == "" {
		u.Note = v.Reason.String()
	} else {
		u.Note = v.By
	}
	slices.SortStableFunc(v.Endpoints, func(a, b lb.EndpointPreview) int {
		return cmp.Or(firstBool(a.Address == v.Choice, b.Address == v.Choice), cmp.Compare(b.Chance, a.Chance))
	})
	for i := range v.Endpoints {
		u.Endpoints = append(u.Endpoints, endpoint(&v.Endpoints[i]))
	}
	if len(v.Endpoints) > 0 && v.By != "" {
		u.Request = e.outgoing(p.Upstream.Find([]byte(v.Endpoints[0].Address)))
	}
	e.report.Upstreams = append(e.report.Upstreams, u)
}

// firstBool orders what is true first.
func firstBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func endpoint(p *lb.EndpointPreview) explain.Endpoint {
	return explain.Endpoint{
		Address: p.Address, State: p.State.String(), Tier: p.Tier, Zone: p.Zone, Weight: p.Weight,
		InFlight: p.InFlight, Limit: p.Limit, LatencyUS: p.Latency.Microseconds(),
		Score: p.Score, Chance: p.Chance, Why: p.Why,
	}
}

// outgoing tells the request as endpoint to would get it.
func (e *explanation) outgoing(to *lb.Endpoint) *explain.Outgoing {
	if to == nil { // it has just gone
		return nil
	}
	x := e.x
	first, fields := fieldsOf(e.c.appendRequest(nil, x, to, x.wheel(0)))
	e.mask(fields)
	method, rest, _ := strings.Cut(first, " ")
	target, _, _ := strings.Cut(rest, " ")
	return &explain.Outgoing{Method: method, Target: e.shown([]byte(target)), Fields: fields, Body: max(x.bytesIn, x.Body.Length)}
}
