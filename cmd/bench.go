package cmd

import "github.com/spf13/cobra"

func (p *program) benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "bench",
		Short:   "Measure Weir, beside other proxies",
		Example: "  weir bench peers",
		Args:    cobra.NoArgs,
		RunE:    needsCommand,
	}
	c.AddCommand(p.peersCommand())
	return c
}
