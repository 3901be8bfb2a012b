package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"weir/bench"
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
			"The URL's scheme says what is spoken: http, https, ws, wss, grpc, grpcs, tcp or tls; without one it is\n" +
			"http. --http2 and --http3 choose among HTTP's versions.\n\n" +
			"It exits 1 if the --slo is missed or no answer was as expected, 3 if nothing could be measured, and 4 if\n" +
			"the measurement is invalid: the generator itself could not send on time, or a run that the --slo was to\n" +
			"judge was cut short by Ctrl-C.",
		Example: `  weir bench http://localhost:8080/ -c 64 -d 10s
  weir bench http://localhost:8080/ -r 2000 -d 30s --warmup 3s --slo 'p99<20ms,errors<0.1%'
  weir bench https://localhost:8443/ --http2 -r 500 --arrivals poisson --insecure
  weir bench http://localhost:8080/ --ramp 100:5000/60s --out text --out html=report.html
  weir bench http://localhost:8080/ --slo 'p99<20ms' --find-capacity
  weir bench http://localhost:8080/ --scenario shop.toml -r 300 -d 1m
  weir bench grpc://localhost:9090/shop.Orders/List --data '{"page": 1}' -r 200
  weir bench tcp://localhost:9000 --tcp=connect -c 8`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error { return plain(p.bench(f, args)) },
	}
	f.add(c.Flags())
	c.AddCommand(p.peersCommand(), p.replayCommand(), p.compareCommand())
	return c
}

// plain takes off what package bench puts before its refusals: on a command line they are about that.
func plain(err error) error {
	if !errors.Is(err, bench.ErrConfig) {
		return err
	}
	return errors.New(strings.TrimPrefix(err.Error(), bench.ErrConfig.Error()+": "))
}

// untilStopped returns a context that Ctrl-C and SIGTERM end.
func untilStopped() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}
