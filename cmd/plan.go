package cmd

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"weir/internal/gateway"
)

// planFlags are those of weir plan.
type planFlags struct {
	log  string
	json bool
}

func (p *program) planCommand() *cobra.Command {
	f := &planFlags{}
	c := &cobra.Command{
		Use:   "plan OLD NEW",
		Short: "Say what another config would change, and for which requests of a log",
		Long: "Plan compares two configs: listeners, routes, policies and upstreams that come, go or change, key by key, routes\n" +
			"that can never match, and what becomes of open sessions. With an access log (JSON, .gz too) that was written\n" +
			"under OLD, it lets every request of it pass the code that serves, under both: which would take another route or\n" +
			"meet another verdict, from what to what, how many clients that concerns, and whom a tightened policy or limit\n" +
			"would have met. Of the requests with the same route and verdict it tells which may leave or be answered otherwise,\n" +
			"since a rewrite, headers, a split or such has changed on their route. Requests for which NEW reads what the log did\n" +
			"not write are counted as undecidable.\n\n" +
			"Differences are no error: it exits 0. It exits 1 if one of the configs has problems, 3 if the log can't be read.",
		Example: `  weir plan weir.toml new.toml
  weir plan weir.toml new.toml --log /var/log/weir/access.log
  weir plan weir.toml new.toml --log access.log.gz --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return p.plan(f, args[0], args[1]) },
	}
	c.Flags().StringVar(&f.log, "log", "", "the access `LOG` whose requests are judged again; - is the standard input")
	c.Flags().BoolVar(&f.json, "json", false, "print the report as JSON")
	return c
}

func (p *program) plan(f *planFlags, oldPath, newPath string) error {
	old, oldErr := p.load(oldPath)
	next, err := p.load(newPath) // both, so that all problems are told at once
	if oldErr != nil {
		return oldErr
	}
	if err != nil {
		return err
	}
	log, err := openLog(f.log)
	if err != nil {
		return fail(CouldNotRun, err)
	}
	if log != nil {
		defer log.Close()
	}
	r, err := gateway.Plan(old, next, reader(log))
	if err != nil {
		return fail(CouldNotRun, err)
	}
	if f.json {
		return p.printJSON(r)
	}
	return p.print([]byte(r.Text(p.paint())))
}

// openLog opens the log; nil without one.
func openLog(path string) (io.ReadCloser, error) {
	switch path {
	case "":
		return nil, nil
	case "-":
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(path)
}

// reader is nil for no log; an interface that holds a nil is not.
func reader(log io.ReadCloser) io.Reader {
	if log == nil {
		return nil
	}
	return log
}
