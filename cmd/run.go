package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"weir/internal/gateway"
)

func (p *program) runCommand() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "run [-c FILE]",
		Short: "Serve what a config says; reload and drain by signals",
		Long: "Run serves what a config says until SIGTERM or SIGINT, then drains; a second one cuts at once.\n" +
			"SIGHUP reloads the config, SIGUSR1 reopens the access log. Without -c it takes ./weir.toml, then\n" +
			"/etc/weir/weir.toml.",
		Example: `  weir run
  weir run -c /etc/weir/weir.toml`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.serve(file) },
	}
	c.Flags().StringVarP(&file, "config", "c", "", "the config `FILE`")
	return c
}

// serve is the command run.
func (p *program) serve(file string) error {
	path, err := configFile(file)
	if err != nil {
		return err
	}
	// Asked for before anything runs: from the first moment on a signal is a wish, not an end.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1)
	defer signal.Stop(signals)
	// A reader of stdout that goes away costs lines of the access log, not the process.
	signal.Ignore(syscall.SIGPIPE)
	g := p.gateway()
	if err := g.Open(path); err != nil {
		return openError(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	reloads := make(chan struct{}, 1)
	go func() { // cmd.reload: ends when the gateway has; several signals at once are one wish
		for range reloads {
			g.Reload() // logs its verdict
		}
	}()
	go func() { // cmd.signals: ends when the gateway has
		defer close(reloads)
		heed(g, signals, reloads, stop, ended)
	}()
	g.Run(ctx)
	close(ended)
	stop()
	return nil
}

func (p *program) gateway() *gateway.Gateway {
	return gateway.New(gateway.Options{Handlers: p.handlers, Stdout: p.out, Stderr: p.err, Build: build()})
}

// openError says why nothing runs: a wrong config is not the machine's fault.
func openError(err error) error {
	var wrong *gateway.ConfigError
	if errors.As(err, &wrong) {
		return &exit{Bad, wrong.Error()}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w\n  hint: another program listens there; a Weir that runs already, perhaps", err)
	}
	return fail(CouldNotRun, err)
}

// heed does what signals ask for until ended is closed.
func heed(g *gateway.Gateway, signals <-chan os.Signal, reloads chan<- struct{}, stop func(), ended <-chan struct{}) {
	stopping := false
	for {
		select {
		case <-ended:
			return
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				select {
				case reloads <- struct{}{}:
				default: // one is still to begin
				}
			case s == syscall.SIGUSR1:
				g.Reopen()
			case stopping:
				g.Cut()
			default:
				stopping = true
				stop()
			}
		}
	}
}
