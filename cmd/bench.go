package cmd

import (
	"github.com/spf13/cobra"
)

func (p *program) benchCommand() *cobra.Command {
	f := &benchFlags{}
	c := &cobra.Command{
		Use:   "bench URL",
		Short: "Send load and measure what comes back",
		Long: "Bench sends requests to a URL and reports their latency, counted from when each was due.\n\n" +
			"With a rate it is an open loop: requests are sent on a timetable, whether or not earlier ones are\n" +
			"answered, as users do. Without one it is a closed loop: each connection sends its next request when\n" +
			"the answer is complete, which finds the highest throughput and says little about latency.\n\n" +
			"It exits 1 if the --slo is missed, 3 if nothing could be measured, and 4 if the measurement is\n" +
			"invalid because the generator itself could not send on time.",
		Example: `  weir bench http://localhost:8080/ -c 64 -d 10s
  weir bench http://localhost:8080/ -r 2000 -d 30s --warmup 3s --slo 'p99<20ms,errors<0.1%'
  weir bench https://localhost:8443/ --http2 -r 500 --arrivals poisson --insecure
  weir bench http://localhost:8080/ --ramp 100:5000/60s --out text --out html=report.html
  weir bench http://localhost:8080/ --slo 'p99<20ms' --find-capacity
  weir bench http://localhost:8080/ --scenario shop.toml -r 300 -d 1m
  weir bench tcp://localhost:9000 --tcp=connect -c 8`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return needsCommand(c, args)
			}
			return p.bench(f, args[0])
		},
	}
	f.add(c.Flags())
	c.AddCommand(p.peersCommand(), p.replayCommand(), p.compareCommand())
	return c
}
