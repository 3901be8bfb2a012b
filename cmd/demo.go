package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"weir/bench/demo"
)

func (p *program) demoCommand() *cobra.Command {
	o := demo.Options{Start: p.startForDemo, Out: p.out, Err: p.err}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Watch Weir balance live traffic while an endpoint dies and comes back",
		Long: "Demo starts three small API endpoints and an echo, Weir in front of them on an HTTP, an HTTPS and a\n" +
			"TCP listener, and traffic; it kills one endpoint and revives it, and reports. It exits 0 only if no\n" +
			"request failed.",
		Example: `  weir demo
  weir demo --stay --port-base 28080`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ctx, cancel := untilStopped()
			defer cancel()
			if code := demo.Run(ctx, o); code != Fine {
				return &exit{code: code}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&o.Stay, "stay", false, "serve on after the report, until interrupted")
	c.Flags().IntVar(&o.PortBase, "port-base", demo.DefaultPortBase, "the first of the ports that are used; 0 looks for free ones")
	c.Flags().DurationVar(&o.Duration, "duration", 20*time.Second, "how long the traffic lasts")
	return c
}

// startForDemo starts a gateway on the demo's config file.
func (p *program) startForDemo(_ context.Context, path string, _ []byte) (stop func(context.Context) error, err error) {
	g := p.gateway()
	if err := g.Open(path); err != nil {
		return nil, err
	}
	run, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // cmd.demo: ends with stop
		defer close(ended)
		g.Run(run)
	}()
	return func(ctx context.Context) error {
		end()
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			g.Cut()
			<-ended
			return ctx.Err()
		}
	}, nil
}
