package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/spf13/cobra"

	"weir/internal/admin"
	"weir/internal/gateway"
)

// asked is which running Weir a command talks to.
type asked struct {
	file, address string
	json          bool
}

func (a *asked) flags(c *cobra.Command) {
	c.Flags().StringVarP(&a.file, "config", "c", "", "the config `FILE` that says where the admin server is")
	c.Flags().StringVar(&a.address, "admin", "", "the `ADDRESS` of the admin server, instead of the config's")
	c.Flags().BoolVar(&a.json, "json", false, "print the answer as JSON")
}

// client returns a client of the admin server: at the address given, else where the config says,
// else at the usual address.
func (p *program) client(a *asked) (*admin.Client, error) {
	cfg := admin.Default()
	if path, err := configFile(a.file); err == nil {
		if cfg, err = gateway.AdminOf(path); err != nil {
			return nil, fail(CouldNotRun, err)
		}
	}
	if a.address != "" {
		at, err := admin.ParseTarget(a.address)
		if err != nil {
			return nil, fmt.Errorf("--admin: %w", err)
		}
		cfg.Address = at
	}
	client, err := admin.NewClient(cfg)
	if err != nil {
		return nil, fail(CouldNotRun, err)
	}
	return client, nil
}

// notAsked says why a running Weir could not be asked.
func notAsked(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w\n  hint: is Weir running, with this admin.address? name another by --admin ADDRESS or -c FILE", err)
	}
	return fail(CouldNotRun, err)
}

func (p *program) reloadCommand() *cobra.Command {
	var a asked
	c := &cobra.Command{
		Use:   "reload",
		Short: "Let a running Weir load its config again, and wait for the verdict",
		Long: "Reload asks the admin server of a running Weir to load its config again. It exits 1 if the config\n" +
			"was refused; then the old one keeps serving.",
		Example: `  weir reload
  weir reload --admin unix:/run/weir.sock`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.reload(&a) },
	}
	a.flags(c)
	return c
}

func (p *program) reload(a *asked) error {
	client, err := p.client(a)
	if err != nil {
		return err
	}
	v, err := client.Reload(context.Background())
	if err != nil {
		return notAsked(err)
	}
	if a.json {
		err = p.printJSON(v)
	} else {
		err = p.tellVerdict(v)
	}
	if err == nil && !v.OK {
		err = &exit{code: Bad}
	}
	return err
}

func (p *program) tellVerdict(v admin.Verdict) error {
	for _, problem := range v.Problems {
		fmt.Fprintln(p.err, problem)
	}
	if !v.OK {
		fmt.Fprintf(p.err, "refused; generation %d keeps serving\n", v.Generation)
		return nil
	}
	return p.print(fmt.Appendf(nil, "reloaded: generation %d serves\n", v.Generation))
}
