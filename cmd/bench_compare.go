package cmd

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"weir/bench/compare"
)

func (p *program) compareCommand() *cobra.Command {
	o := compare.Options{}
	asJSON := false
	tolerance := percentValue(100 * compare.DefaultTolerance)
	c := &cobra.Command{
		Use:   "compare A.json B.json",
		Short: "Say whether B is slower than A, and how sure that is",
		Long: "Compare reads reports that weir bench wrote with --out json=FILE and says for each figure by how much B\n" +
			"differs from A, with an interval that chance explains, and a verdict. Several runs a side say more\n" +
			"than one: put vs between the sides.\n\n" +
			"It exits 1 if B is worse by more than the tolerance, beyond chance, 3 if a file can't be used, and 4 if a\n" +
			"run is invalid or there is too little data to tell.",
		Example: `  weir bench compare before.json after.json
  weir bench compare a1.json a2.json a3.json vs b1.json b2.json b3.json --tolerance 3`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			o.Tolerance = float64(tolerance) / 100
			return p.compare(args, o, asJSON)
		},
	}
	c.Flags().Var(&tolerance, "tolerance", "by how many percent a figure of B may be worse")
	c.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return c
}

// sides splits the files at vs; two files need none.
func sides(args []string) (a, b []string, err error) {
	at := slices.Index(args, "vs")
	switch {
	case len(args) < 2:
		return nil, nil, errors.New("two reports are compared, such as weir bench compare before.json after.json")
	case at < 0 && len(args) == 2:
		return args[:1], args[1:], nil
	case at < 0:
		return nil, nil, errors.New("which files are of which side? put vs between them: A1.json A2.json vs B1.json B2.json")
	case at == 0, at == len(args)-1, slices.Contains(args[at+1:], "vs"):
		return nil, nil, errors.New("vs stands once, with files on both sides")
	}
	return args[:at], args[at+1:], nil
}

func (p *program) compare(args []string, o compare.Options, asJSON bool) error {
	left, right, err := sides(args)
	if err != nil {
		return err
	}
	a, err := compare.Read(left)
	if err != nil {
		return fail(CouldNotRun, err)
	}
	b, err := compare.Read(right)
	if err != nil {
		return fail(CouldNotRun, err)
	}
	result, err := compare.Compare(a, b, o)
	switch {
	case errors.Is(err, compare.ErrInvalid):
		return fail(Invalid, err)
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
	switch {
	case result.Regression:
		return &exit{code: Bad}
	case result.Verdict == compare.TooFew:
		return &exit{Invalid, "weir: too little data to compare"}
	}
	return nil
}
