package gateway

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/admin"
	"weir/internal/config"
	"weir/internal/plan"
)

// Plan says what would be different under next: what the configs themselves change and, if log is not nil,
// what the requests of an access log would have met. Neither config is used up. The error says that
// there is no log to be read there.
func Plan(old, next *Compiled, log io.Reader) (*plan.Report, error) {
	return planned(newExaminer(old), newExaminer(next), log)
}

// Plan compares the config that serves with another one.
func (g *Gateway) Plan(ctx context.Context, q admin.PlanQuestion) (admin.PlanAnswer, error) {
	next, problems, err := g.posted(ctx, q)
	a := admin.PlanAnswer{OK: next != nil, Problems: problems}
	if next == nil {
		return a, err
	}
	var log io.Reader
	if q.Log != "" {
		log = &untilDone{ctx, strings.NewReader(q.Log)}
	}
	if a.Report, err = planned(examiner{g.current.Load().Compiled, g.shared}, newExaminer(next), log); a.Report != nil {
		config.HideCredentials(&a.Report.Changes)
	}
	return a, err
}

// untilDone is a reader whose end is that of a context.
type untilDone struct {
	ctx context.Context
	io.Reader
}

// Read implements [io.Reader].
func (r *untilDone) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

func planned(old, next examiner, log io.Reader) (*plan.Report, error) {
	r := &plan.Report{Old: old.File, New: next.File, Changes: config.Diff(old.Config, next.Config)}
	for _, s := range next.shadows {
		r.Changes.Shadowed = append(r.Changes.Shadowed, plan.Shadowed{Route: s.route, By: s.by, Why: s.why, New: !slices.Contains(old.shadows, s)})
	}
	if log == nil {
		return r, nil
	}
	known := newKnowledge(old.Compiled, next.Compiled)
	var err error
	r.Log, err = plan.Replay(log, old.judge(known), next.judge(known))
	r.Join()
	return r, err
}

// judge returns what says what a config makes of a recorded request.
func (e examiner) judge(k *knowledge) plan.Judge {
	blind := k.blind(e.Compiled)
	return func(rec *plan.Record) plan.Outcome {
		site := e.sites[rec.Listener]
		if site == nil {
			return plan.Outcome{Fault: plan.NoListener}
		}
		q, ok := k.question(rec, blind)
		if !ok {
			return plan.Outcome{Fault: http7.BadRequestLine.Name} // under either config
		}
		q.TLS = e.Config.Listeners[rec.Listener].TLS != nil
		d := e.shared.Judge(site, q)
		o := outcome(&d, site)
		o.Alike = k.alike[o.Route]
		if d.Undecided {
			o.Missed = q.Recorded.Missed
		}
		return o
	}
}

// outcome puts what the hall decides into the words of plan.
func outcome(d *serve.Decision, site *serve.Site) plan.Outcome {
	o := plan.Outcome{
		By: d.By, Status: d.Status, Location: d.Location, Upstreams: d.Upstreams, Verdicts: d.Verdicts,
		BodyLimit: site.Limits.BodyBytes,
	}
	if d.Fault != nil {
		o.Fault = d.Fault.Name
	}
	if d.Route == nil {
		return o
	}
	o.Route, o.Timeout = d.Route.Name, d.Route.Timeout
	switch d.Route.BodyLimit {
	case 0: // the listener's
	case math.MaxInt64:
		o.BodyLimit = 0
	default:
		o.BodyLimit = d.Route.BodyLimit
	}
	return o
}
