package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/admin"
)

// purgeFlags are those of weir purge.
type purgeFlags struct {
	asked
	what admin.Purge
	tags []string
}

func (p *program) purgeCommand() *cobra.Command {
	f := &purgeFlags{}
	c := &cobra.Command{
		Use:   "purge",
		Short: "Let objects leave the cache of a running Weir",
		Long: "Purge lets what is stored leave the cache: one URL with all its variants (--key), every URL that begins so\n" +
			"(--prefix), whatever has one of the tags that the origin gave it (--tag, which may be repeated), or everything\n" +
			"(--all). It holds for every request that comes behind it, however much that is.\n\n" +
			"With --soft objects go stale instead of away: they are revalidated, and may meanwhile be served where stale ones may.",
		Example: `  weir purge --key https://api.example.com/v1/orders/17
  weir purge --prefix https://api.example.com/v1/ --soft
  weir purge --tag product-17 --tag category-3
  weir purge --all --admin 127.0.0.1:9901`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return p.purge(f) },
	}
	f.asked.flags(c)
	s := c.Flags()
	s.StringVar(&f.what.Key, "key", "", "the `URL` that clients ask for")
	s.StringVar(&f.what.Prefix, "prefix", "", "how the URLs begin: a `URL`, of a host alone or with a path")
	s.StringArrayVar(&f.tags, "tag", nil, "a `TAG` of the objects; may be repeated")
	s.BoolVar(&f.what.All, "all", false, "everything")
	s.BoolVar(&f.what.Soft, "soft", false, "let them go stale, not away")
	c.MarkFlagsOneRequired("key", "prefix", "tag", "all")
	c.MarkFlagsMutuallyExclusive("key", "prefix", "tag", "all")
	return c
}

func (p *program) purge(f *purgeFlags) error {
	f.what.Tag = f.tags
	if err := f.what.Check(); err != nil {
		return err // wrong usage
	}
	client, err := p.client(&f.asked)
	if err != nil {
		return err
	}
	done, err := client.Purge(context.Background(), f.what)
	var unknown *admin.UnknownError
	switch {
	case errors.As(err, &unknown):
		return fail(Bad, err)
	case err != nil:
		return notAsked(err)
	case f.json:
		return p.printJSON(done)
	}
	return p.print([]byte(purgedText(&done)))
}

// purgedText says in a line what a purge has named.
func purgedText(done *admin.Purged) string {
	verb := "purged"
	if done.Soft {
		verb = "gone stale"
	}
	if done.Kind == "all" {
		return verb + ": everything\n"
	}
	text := fmt.Sprintf("%s: %s %s\n", verb, done.Kind, strings.Join(done.What, ", "))
	if done.Unseen {
		text += "nothing was ever fetched under it: mind http and https, the port and the slash at the end\n"
	}
	return text
}
