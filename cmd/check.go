package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"weir/internal/config"
	"weir/internal/gateway"
)

// checkFlags are the ways in which check answers.
type checkFlags struct{ effective, json, schema bool }

func (p *program) checkCommand() *cobra.Command {
	var f checkFlags
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Show all problems of a config, or what it would run",
		Long: "Check loads and compiles a config as run does, and binds nothing. It prints every problem with\n" +
			"its place and a hint and exits 1, or a summary of what would run and exits 0.",
		Example: `  weir check weir.toml
  weir check --effective weir.toml
  weir check --json weir.toml
  weir check --schema > weir.schema.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return p.check(f, args) },
	}
	c.Flags().BoolVar(&f.effective, "effective", false, "print the config with every default filled in")
	c.Flags().BoolVar(&f.json, "json", false, "print the problems as JSON")
	c.Flags().BoolVar(&f.schema, "schema", false, "print the JSON Schema of a config and check nothing")
	c.MarkFlagsMutuallyExclusive("effective", "json", "schema")
	return c
}

func (p *program) check(f checkFlags, args []string) error {
	if f.schema {
		if len(args) > 0 {
			return errors.New("--schema takes no file")
		}
		return p.print(config.Schema())
	}
	path, err := configFile(first(args))
	if err != nil {
		return err
	}
	compiled, report := gateway.Load(path, p.handlers)
	if f.json {
		if err := p.print(report.JSON()); err != nil || compiled != nil {
			return err
		}
		return &exit{code: Bad}
	}
	fmt.Fprint(p.err, report.String())
	switch {
	case compiled == nil:
		return &exit{code: Bad}
	case f.effective:
		return p.print(config.Effective(compiled.Config))
	}
	return p.print([]byte(path + " is good: " + config.Summary(compiled.Config)))
}

// print writes an answer to stdout.
func (p *program) print(b []byte) error {
	if _, err := p.out.Write(b); err != nil {
		return fail(CouldNotRun, err)
	}
	return nil
}

// first returns the first argument, "" if there is none.
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
