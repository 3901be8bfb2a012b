package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"weir/bench/peers"
)

func (p *program) peersCommand() *cobra.Command {
	o := peers.Options{Progress: p.err}
	asJSON, limit := false, 0.0
	c := &cobra.Command{
		Use:   "peers",
		Short: "Compare Weir with the other proxies of this machine: same work, same run",
		Long: "Peers gives this binary and every proxy that it finds here the same work in turns and compares CPU\n" +
			"per request. It installs nothing. It exits 4 if a round must not be trusted, and 1 if --max is\n" +
			"given and a ratio is above it.",
		Example: `  weir bench peers
  weir bench peers --rounds 3 --only nginx --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.peers(o, asJSON, limit) },
	}
	f := c.Flags()
	f.StringVar(&o.Weir, "weir", "", "the `BINARY` to measure as Weir (default: this one)")
	f.StringVar(&o.WeirName, "name", "", "what Weir is called in the table")
	f.StringSliceVar(&o.Only, "only", nil, "the peers to compare with (default: all that are found)")
	f.StringSliceVar(&o.Scenarios, "scenario", nil, "what to measure: bare, fields, large or idle (default: bare,fields)")
	f.IntVar(&o.Rounds, "rounds", 0, "rounds of each proxy (default: 9)")
	f.DurationVar(&o.Round, "round", 0, "length of a round (default: 2s)")
	f.DurationVar(&o.Warmup, "warmup", 0, "what precedes each round (default: 500ms)")
	f.IntVarP(&o.Connections, "connections", "c", 0, "keep-alive connections (default: 64)")
	f.IntVar(&o.IdleConnections, "idle-connections", 0, "connections of the scenario idle (default: 10000)")
	f.DurationVar(&o.IdleWait, "idle-wait", 0, "how long they do nothing (default: 30s)")
	f.Float64Var(&limit, "max", 0, "the highest ratio of CPU per request that is good; 0: none is judged")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return c
}

func (p *program) peers(o peers.Options, asJSON bool, limit float64) error {
	if o.Weir == "" {
		self, err := os.Executable()
		if err != nil {
			return fail(CouldNotRun, err)
		}
		o.Weir = self
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	result, err := peers.Run(ctx, o)
	switch {
	case errors.Is(err, peers.ErrUsage):
		return err
	case err != nil:
		return fail(CouldNotRun, err)
	}
	if asJSON {
		err = p.printJSON(result)
	} else {
		err = result.Print(p.out)
	}
	if err != nil {
		return fail(CouldNotRun, err)
	}
	return judge(result, limit)
}

// judge turns a result into an exit code.
func judge(result *peers.Result, limit float64) error {
	worst, _, _ := result.Worst()
	switch {
	case len(result.Invalid) > 0:
		return &exit{code: Invalid}
	case limit > 0 && worst > limit:
		return &exit{code: Bad}
	}
	return nil
}
