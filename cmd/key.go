package cmd

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"weir/http7/policy/apikey"
	"weir/internal/conf"
)

func (p *program) keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "key",
		Short:   "Make keys for the policy api_key",
		Long:    "Key makes the keys by which the policy api_key knows consumers.",
		Example: "  weir key new --consumer shop",
		Args:    cobra.NoArgs,
		RunE:    needsCommand,
	}
	c.AddCommand(p.keyNewCommand())
	return c
}

// newKey are the flags of weir key new.
type newKey struct {
	key                 apikey.Key
	expires, rate, file string
	burst               int
	json                bool
}

func (p *program) keyNewCommand() *cobra.Command {
	f := &newKey{}
	c := &cobra.Command{
		Use:   "new",
		Short: "Make a key, show it once, and what the keys file says of it",
		Long: "New makes a key of 256 random bits and prints it, with the table for the file that api_key names in keys_file.\n" +
			"The table has the key's SHA-256: nobody can show the key again. With --file the table is appended there, and\n" +
			"the key alone is printed; a Weir that serves the file takes it within two seconds.",
		Example: `  weir key new --consumer shop
  weir key new --consumer shop --groups partners --scopes orders.read,orders.write --expires 90d
  weir key new --consumer shop --rate 100/s --burst 200 --claim plan=gold --file keys.toml
  weir key new --consumer shop --expires 2027-01-31 --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.newKey(f) },
	}
	s := c.Flags()
	s.StringVar(&f.key.Consumer, "consumer", "", "whose key it is: the `NAME` that limits, logs and conditions know")
	s.StringSliceVar(&f.key.Groups, "groups", nil, "the `GROUPS` that the consumer is in")
	s.StringSliceVar(&f.key.Scopes, "scopes", nil, "the `SCOPES` that the key is for")
	s.StringVar(&f.expires, "expires", "", "`WHEN` the key ends: a day, a moment or a time from now, such as 2027-01-31 or 90d")
	s.StringVar(&f.rate, "rate", "", "how many requests the consumer may make where a rate_limit has own_limits: a `RATE` such as 100/s")
	s.IntVar(&f.burst, "burst", 0, "how many may come at once")
	s.StringToStringVar(&f.key.Claims, "claim", nil, "a further fact of the consumer, `NAME=VALUE`; may be repeated")
	s.StringVar(&f.file, "file", "", "append the key to this `FILE`")
	s.BoolVar(&f.json, "json", false, "print it as JSON")
	cobra.CheckErr(c.MarkFlagRequired("consumer")) // there is such a flag
	return c
}

func (p *program) newKey(f *newKey) (err error) {
	if f.key.Expires, err = expiry(f.expires, time.Now()); err != nil {
		return fmt.Errorf("--expires: %w", err)
	}
	if f.rate != "" {
		if err := f.key.Limits.Rate.UnmarshalText([]byte(f.rate)); err != nil {
			return fmt.Errorf("--rate: %w", err)
		}
	}
	if f.burst != 0 {
		f.key.Limits.Burst = &f.burst
	}
	if end, _ := apikey.Expiry(f.key.Expires); !end.IsZero() && end.Before(time.Now()) {
		fmt.Fprintf(p.err, "warning: %s is past: nobody gets in by this key\n", f.key.Expires)
	}
	key := apikey.NewKey()
	f.key.Hash = apikey.Hash(key)
	table, err := f.key.Text()
	if err != nil {
		return err // wrong usage
	}
	if f.file != "" {
		if err := apikey.Append(f.file, &f.key); err != nil {
			return fail(Bad, err)
		}
	}
	switch {
	case f.json:
		return p.printJSON(map[string]string{"key": key, "hash": f.key.Hash, "consumer": f.key.Consumer, "expires": f.key.Expires, "file": f.file})
	case f.file != "":
		fmt.Fprintf(p.err, "the key of %s is in %s; it is not shown again:\n", f.key.Consumer, f.file)
		return p.print([]byte(key + "\n"))
	}
	return p.print(fmt.Appendf(nil, "%s\n\n# The key is not shown again. For the keys file:\n%s", key, table))
}

// expiry is what a keys file says of a time that an operator gave: a day or a moment as they are, or a time from now.
func expiry(text string, now time.Time) (string, error) {
	var d conf.Duration
	if d.UnmarshalText([]byte(text)) == nil && !d.IsOff() && text != "" {
		return now.Add(d.Value()).UTC().Format(time.RFC3339), nil
	}
	if _, err := apikey.Expiry(text); err != nil {
		return "", err
	}
	return text, nil
}
