package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"strings"

	"weir/bench"
	"weir/bench/clients"
	"weir/bench/report"
	"weir/bench/scenario"
	"weir/bench/slo"
	"weir/internal/term"
)

// bench is weir bench URL.
func (p *program) bench(f *benchFlags, args []string) error {
	// net/http and quic-go log what the report counts.
	log.SetOutput(io.Discard)
	cfg, err := f.plan(args)
	if err != nil {
		return err
	}
	goal, outs, err := f.asked()
	if err != nil {
		return err
	}
	if f.scenario != "" {
		if cfg.Source, err = p.scenario(f.scenario); err != nil {
			return err
		}
	}
	ctx, cancel := untilStopped()
	defer cancel()
	if err := lookUp(ctx, cfg.Target, cfg.Timeout); err != nil {
		return err
	}
	if err := encode(ctx, &cfg); err != nil {
		return err
	}
	if f.findCapacity {
		return p.capacity(ctx, f, cfg, goal, outs)
	}
	r, err := p.send(ctx, cfg, f.quiet)
	if err != nil {
		return err
	}
	return p.conclude(outs, judged(r, goal))
}

// plan is the run that the command line asks for.
func (f *benchFlags) plan(args []string) (bench.Config, error) {
	arg, err := f.pick(args)
	if err != nil {
		return bench.Config{}, err
	}
	if err := f.check(); err != nil {
		return bench.Config{}, err
	}
	target, err := f.targetOf(arg)
	if err != nil {
		return bench.Config{}, err
	}
	cfg, err := f.config(target)
	if err == nil {
		err = f.speak(&cfg, f.tcp)
	}
	return cfg, err
}

// encode makes a JSON body the message of a gRPC target, once and before the run.
func encode(ctx context.Context, cfg *bench.Config) error {
	if !strings.HasPrefix(cfg.Target, "grpc") {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	message, err := clients.GRPCMessage(ctx, clients.Config{Target: cfg.Target, TLS: cfg.TLS}, cfg.Body)
	switch {
	case errors.Is(err, bench.ErrConfig):
		return err
	case err != nil:
		return fail(CouldNotRun, fmt.Errorf("can't ask %s how to encode the message: %w", cfg.Target, err))
	}
	cfg.Body = message
	return nil
}

// scenario loads what --scenario names; its problems are printed as those of a config.
func (p *program) scenario(path string) (bench.Source, error) {
	s, problems := scenario.Load(path)
	fmt.Fprint(p.err, problems.String())
	if s == nil {
		return nil, &exit{code: Bad}
	}
	return s.Source(), nil
}

// send runs cfg with progress on stderr. A target that can't be reached ends it early.
func (p *program) send(ctx context.Context, cfg bench.Config, quiet bool) (*bench.Report, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	away := &unreachable{give: cancel}
	cfg.Progress = away.second
	run := func() (*bench.Report, error) { return report.Watch(ctx, p.err, cfg) }
	if quiet {
		run = func() (*bench.Report, error) { return bench.Run(ctx, cfg) }
	}
	r, err := run()
	switch {
	case errors.Is(err, bench.ErrConfig):
		return nil, err // the command line described it
	case err != nil:
		return nil, fail(CouldNotRun, err)
	case r.Requests > 0 && r.Requests == r.Failures[bench.Connect]+r.Failures[bench.TLS]:
		return nil, &exit{CouldNotRun, outOfReach(r)}
	}
	return r, nil
}

// outOfReach says why no connection could be made.
func outOfReach(r *bench.Report) string {
	why := cmp.Or(r.FirstFailures["tls"], r.FirstFailures["connect"])
	text := fmt.Sprintf("weir: can't reach %s: %s (%s)", r.Target, why, term.Plural(r.Requests, "attempt"))
	switch {
	case strings.Contains(why, "x509: "):
		text += "\n  hint: --cacert FILE names the authority to trust, --insecure trusts any"
	case strings.Contains(why, "first record does not look like"):
		text += "\n  hint: does the target speak plain HTTP? then the URL begins with http://"
	}
	return text
}

// unreachable gives a run up whose first seconds brought nothing but failures to connect.
type unreachable struct {
	give    func()
	seconds int
	reached bool
}

const reachPatience = 2 // seconds

func (u *unreachable) second(s bench.Second) {
	u.seconds++
	u.reached = u.reached || s.Requests > s.Failures[bench.Connect]+s.Failures[bench.TLS]
	if !u.reached && u.seconds >= reachPatience && s.Failures.Total() > 0 {
		u.give()
	}
}

// conclude writes the reports and turns what was measured into an exit code.
func (p *program) conclude(outs []output, m *measured) error {
	if err := p.writeReports(outs, m); err != nil {
		return err
	}
	return m.outcome()
}

// outcome is the exit of a run.
func (m *measured) outcome() error {
	state := slo.Outcome(m.SLO)
	switch {
	case answered(m.Report) == 0:
		return fail(CouldNotRun, errors.New(nothing(m.Report)))
	case !m.Valid():
		return &exit{Invalid, "weir: the measurement is invalid: " + strings.Join(m.Invalid, "; ")}
	case state == slo.Missed:
		return &exit{Bad, "weir: the SLO is missed: " + missed(m.SLO)}
	case len(m.SLO) > 0 && m.CutShort:
		return &exit{Invalid, "weir: the run was cut short: that the SLO held until then says nothing of the rest"}
	case len(m.SLO) == 0 && m.OK == 0:
		return &exit{Bad, fmt.Sprintf("weir: no answer from %s was as expected: %s; first: %s", m.Target, m.Failures, mostFrequent(m.Report))}
	}
	return nil
}

// answered counts the complete answers, whatever their status.
func answered(r *bench.Report) int64 {
	return r.OK + r.Failures[bench.Status] + r.Failures[bench.Body]
}

// nothing says why there was no answer at all.
func nothing(r *bench.Report) string {
	switch {
	case r.Requests == 0 && r.CutShort:
		return "cut short before a request was over: nothing was measured"
	case r.Requests == 0:
		return "no request was over in the measured time: nothing was measured"
	}
	text := fmt.Sprintf("no answer from %s: %s; first: %s", r.Target, r.Failures, mostFrequent(r))
	if strings.Contains(text, "not HTTP/2") {
		text += "\n  hint: the target seems to speak HTTP/1.1 alone"
	}
	return text
}

// mostFrequent is the first failure of the most frequent kind.
func mostFrequent(r *bench.Report) string {
	most := bench.Connect
	for k, n := range r.Failures {
		if n > r.Failures[most] {
			most = bench.Kind(k)
		}
	}
	return r.FirstFailures[strings.ReplaceAll(most.String(), " ", "_")]
}

// missed lists the promises that were not kept.
func missed(verdicts []slo.Verdict) string {
	var texts []string
	for _, v := range verdicts {
		if v.State == slo.Missed {
			texts = append(texts, said(v))
		}
	}
	return strings.Join(texts, "; ")
}

// said is a verdict's line without its state.
func said(v slo.Verdict) string {
	return strings.TrimSpace(strings.TrimPrefix(v.Text, string(v.State)))
}
