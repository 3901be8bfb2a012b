// Package cmd is the command line of Weir: flags, subcommands and exit codes, and nothing else.
//
// cmd/weir is its main package. A program with handlers of its own has a main like it:
//
//	func main() { os.Exit(cmd.Main(os.Args, cmd.Handler("hello", hello))) }
//
// and a route mounts the handler by handler = "hello".
package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/valyala/fasthttp"

	"weir/internal/gateway"
)

// The exit codes of all commands.
const (
	Fine        = 0 // all is well
	Bad         = 1 // the thing asked about is bad: a config with problems, a demo with failed requests
	WrongUsage  = 2 // the command line is wrong
	CouldNotRun = 3 // a port in use, an admin server that does not answer
	Invalid     = 4 // the measurement must not be trusted
)

// Option adds something to the program that the command line runs.
type Option func(*program)

// Handler makes h known to configs as name: a route with handler = name is answered by it. h is
// given the whole body, up to the route's limit; Hijack, Conn and deadlines are not offered.
// A second handler of one name replaces the first.
func Handler(name string, h fasthttp.RequestHandler) Option {
	return func(p *program) { p.handlers[name] = h }
}

// program is what a command works with.
type program struct {
	handlers gateway.Handlers
	out, err io.Writer
}

// Main runs the command line args, whose first is the program's name, and returns the exit code.
// It may be called once in a process: commands listen to its signals.
func Main(args []string, opts ...Option) int {
	p := &program{handlers: gateway.Handlers{}, out: os.Stdout, err: os.Stderr}
	for _, o := range opts {
		o(p)
	}
	return p.run(args[1:])
}

func (p *program) run(args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(p.err)
	at, err := root.ExecuteC()
	if err == nil {
		return Fine
	}
	var e *exit
	if !errors.As(err, &e) {
		fmt.Fprintf(p.err, "weir: %v\n  hint: see %s --help\n", err, at.CommandPath())
		return WrongUsage
	}
	if e.text != "" {
		fmt.Fprintln(p.err, e.text)
	}
	return e.code
}

// exit ends a command with a code; text, if any, goes to stderr. Every other error is wrong usage.
type exit struct {
	code int
	text string
}

func (e *exit) Error() string { return e.text }

// fail ends a command with the code and an error.
func fail(code int, err error) error { return &exit{code, "weir: " + err.Error()} }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "A load balancer and API gateway",
		Long:  "Weir is a load balancer and API gateway for HTTP and TCP, configured in TOML.",
		Example: `  weir demo
  weir check weir.toml
  weir run -c weir.toml`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          needsCommand,
	}
	root.AddCommand(p.runCommand(), p.checkCommand(), p.reloadCommand(), p.explainCommand(), p.planCommand(), p.statusCommand(), p.drainCommand(), p.undrainCommand(), p.purgeCommand(), p.keyCommand(), p.demoCommand(), p.benchCommand(), p.versionCommand())
	return root
}

// needsCommand is for commands that only have subcommands.
func needsCommand(c *cobra.Command, _ []string) error {
	return errors.Join(errors.New("a command is missing"), c.Help())
}
