package cmd

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/spf13/cobra"

	"weir/bench"
	"weir/bench/replay"
	"weir/bench/report"
)

// replayFlags are those of weir bench replay.
type replayFlags struct {
	sendFlags
	to    string
	speed float64
	log   replay.Options
	ask   replay.SourceOptions

	header []string
}

func (p *program) replayCommand() *cobra.Command {
	f := &replayFlags{}
	c := &cobra.Command{
		Use:   "replay ACCESS_LOG --to URL",
		Short: "Send the requests of an access log with their own gaps",
		Long: "Replay reads an access log (Weir's JSON, or the combined or common format of nginx and Apache; .gz too)\n" +
			"and sends its requests to URL with the gaps that they had, then compares latencies and statuses with\n" +
			"the log's. Lines that can't be read are counted and left out; bodies are in no log, so none is sent.\n" +
			"POST and DELETE are sent too, unless --safe-only.\n\n" +
			"It exits 1 if the --slo is missed or no answer was as expected, 3 if the log can't be read or nothing\n" +
			"could be measured, and 4 if the measurement is invalid: the generator itself could not send on time.",
		Example: `  weir bench replay access.log --to http://localhost:8080
  weir bench replay access.log.gz --to http://localhost:8080 --speed 2 --safe-only --out html=replay.html`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error { return plain(p.replay(f, args)) },
	}
	s := c.Flags()
	f.add(s)
	s.Lookup("connections").Usage = "keep-alive connections (default: what the log had under way at once, at least 64)"
	s.Lookup("connections").DefValue = ""
	f.connections = 0
	s.StringVar(&f.to, "to", "", "where to send: scheme, host and port of a `URL`")
	s.Float64Var(&f.speed, "speed", 1, "divides the gaps: 2 is twice as fast")
	s.BoolVar(&f.log.Scatter, "scatter", false, "spread the requests of whole seconds at random within them, not evenly")
	s.BoolVar(&f.log.SafeOnly, "safe-only", false, "leave out all but GET, HEAD and OPTIONS")
	s.BoolVar(&f.ask.KeepHost, "keep-host", false, "ask for the log's hosts, where it names them, not for the target's")
	s.BoolVar(&f.ask.Strict, "strict", false, "an answer with another status than the log's is a failure")
	s.StringArrayVarP(&f.header, "header", "H", nil, "a header field for every request; may be repeated")
	return c
}

func (p *program) replay(f *replayFlags, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("one access log is replayed, such as weir bench replay access.log; got %q", args)
	}
	if err := f.check(); err != nil {
		return err
	}
	goal, outs, err := f.asked()
	if err != nil {
		return err
	}
	log, err := p.readLog(f, args[0])
	if err != nil {
		return err
	}
	cfg, source, err := f.replayConfig(log)
	if err != nil {
		return err
	}
	ctx, cancel := untilStopped()
	defer cancel()
	if err := lookUp(ctx, cfg.Target, cfg.Timeout); err != nil {
		return err
	}
	r, err := p.send(ctx, cfg, f.quiet)
	if err != nil {
		return err
	}
	m := judged(r, goal)
	m.Replay = source.Compare(r)
	if log.Latency().Count() > 0 {
		m.extras.Recorded = &report.Recorded{Name: "in the log", Histogram: log.Latency()}
	}
	return p.conclude(outs, m)
}

// check refuses what can't be meant, before a long log is read, and completes f.
func (f *replayFlags) check() (err error) {
	if f.to == "" {
		return errors.New("--to is missing: where to send the requests, such as --to http://localhost:8080")
	}
	if !(f.speed > 0) || math.IsInf(f.speed, 0) {
		return fmt.Errorf("--speed %v: want a number above 0; 2 is twice as fast", f.speed)
	}
	if err := f.sendFlags.check(); err != nil {
		return err
	}
	f.log.Seed = f.seed
	if f.to, err = f.origin(); err != nil {
		return err
	}
	f.ask.Header, err = fields(f.header)
	return err
}

func (p *program) readLog(f *replayFlags, path string) (*replay.Log, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fail(CouldNotRun, err)
	}
	defer file.Close()
	log, err := replay.Read(file, path, f.log)
	if err != nil {
		return nil, fail(CouldNotRun, err)
	}
	for _, note := range log.Notes() {
		fmt.Fprintln(p.err, note)
	}
	return log, nil
}

// replayConfig is the run that sends the log.
func (f *replayFlags) replayConfig(log *replay.Log) (bench.Config, *replay.Source, error) {
	if f.connections == 0 {
		f.connections = min(max(64, 2*log.Concurrency(f.speed)), 4096)
	}
	cfg, err := f.sendFlags.config(f.to)
	if err != nil {
		return cfg, nil, err
	}
	if err := f.speak(&cfg, ""); err != nil {
		return cfg, nil, err
	}
	if cfg.Arrivals, err = log.Arrivals(f.speed); err != nil {
		return cfg, nil, err
	}
	source, err := log.Source(f.ask)
	cfg.Source = source
	return cfg, source, err
}
