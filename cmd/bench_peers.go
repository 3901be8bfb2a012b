package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"weir/bench/peers"
)

// comparison is what the flags of `weir bench peers` say.
type comparison struct {
	peers.Options
	asJSON bool
	doc    string
	limit  float64
}

func (p *program) peersCommand() *cobra.Command {
	o := comparison{Options: peers.Options{Progress: p.err}}
	c := &cobra.Command{
		Use:   "peers",
		Short: "Compare Weir with the other proxies of this machine: same work, same run",
		Long: "Peers gives this binary and every proxy that it finds here the same work in turns and compares CPU\n" +
			"per request. It installs nothing. Without flags it takes about ten minutes. Ctrl-C ends it early: what\n" +
			"was measured is printed, marked as cut short. It exits 4 if a round must not be trusted or the run was\n" +
			"cut short, and 1 if --max is given and a ratio is above it.\n\n" +
			"Scenarios: " + scenarioList(),
		Example: `  weir bench peers
  weir bench peers --scenario small,tls --rounds 3 --only nginx --json
  weir bench peers --doc docs/benchmarks.md`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.peers(&o) },
	}
	f := c.Flags()
	f.StringVar(&o.Weir, "weir", "", "the `BINARY` to measure as Weir (default: this one)")
	f.StringVar(&o.WeirName, "name", "", "what Weir is called in the table")
	f.StringSliceVar(&o.Only, "only", nil, "the peers to compare with (default: all that are found)")
	f.StringSliceVar(&o.Scenarios, "scenario", nil, "what to measure (default: all)")
	f.IntVar(&o.Rounds, "rounds", 0, "rounds of each proxy (default: as the scenario says, 3 to 7)")
	f.DurationVar(&o.Round, "round", 0, "length of a round (default: 1s)")
	f.DurationVar(&o.Warmup, "warmup", 0, "what precedes each round (default: 200ms)")
	f.IntVarP(&o.Connections, "connections", "c", 0, "keep-alive connections (default: 64)")
	f.StringVar(&o.Wrk, "wrk", "", "the `BINARY` of wrk that cross-checks the load, or off (default: the one found here)")
	f.IntVar(&o.IdleConnections, "idle-connections", 0, "connections of the scenario idle (default: 10000)")
	f.DurationVar(&o.IdleWait, "idle-wait", 0, "how long they do nothing (default: 10s)")
	f.Float64Var(&o.limit, "max", 0, "the highest ratio of CPU per request that is good; 0: none is judged")
	f.BoolVar(&o.asJSON, "json", false, "print the result as JSON")
	f.StringVar(&o.doc, "doc", "", "also write the result to `FILE` as Markdown")
	return c
}

// scenarioList is the scenarios with what they do, one a line.
func scenarioList() string {
	var b strings.Builder
	for _, s := range peers.Scenarios() {
		fmt.Fprintf(&b, "\n  %-16s %s", s.Name, s.About)
	}
	return b.String()
}

func (p *program) peers(o *comparison) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.Weir == "" {
		self, err := os.Executable()
		if err != nil {
			return fail(CouldNotRun, err)
		}
		o.Weir = self
	}
	ctx, cancel := untilStopped()
	defer cancel()
	result, err := peers.Run(ctx, o.Options)
	switch {
	case errors.Is(err, peers.ErrUsage):
		return err
	case err != nil:
		return fail(CouldNotRun, err)
	}
	if err := p.present(result, o); err != nil {
		return fail(CouldNotRun, err)
	}
	return judge(result, o.limit)
}

// check refuses what ten minutes of measuring would be lost for.
func (o *comparison) check() error {
	if o.limit < 0 {
		return fmt.Errorf("--max %v: a ratio is not negative", o.limit)
	}
	if o.doc == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Dir(o.doc)); err != nil || !info.IsDir() {
		return fmt.Errorf("--doc %s: there is no folder %s", o.doc, filepath.Dir(o.doc))
	}
	return nil
}

// present prints the result and writes the page. A run that was cut short leaves the page of a whole one alone.
func (p *program) present(result *peers.Result, o *comparison) error {
	var err error
	if o.asJSON {
		err = p.printJSON(result)
	} else {
		err = result.Print(p.out)
	}
	if err != nil || o.doc == "" {
		return err
	}
	if result.CutShort {
		fmt.Fprintf(p.err, "%s is not written: the run was cut short\n", o.doc)
		return nil
	}
	var page strings.Builder
	if err := result.Markdown(&page); err != nil {
		return err
	}
	return os.WriteFile(o.doc, []byte(page.String()), 0o644)
}

// judge turns a result into an exit code.
func judge(result *peers.Result, limit float64) error {
	worst, _, _ := result.Worst()
	switch {
	case len(result.Invalid) > 0 || result.CutShort:
		return &exit{code: Invalid}
	case limit > 0 && worst > limit:
		return &exit{code: Bad}
	}
	return nil
}
