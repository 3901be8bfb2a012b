package cmd

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"weir/internal/obs"
)

// version is set by the linker: -X weir/cmd.version=1.2.3.
var version = "devel"

// build says which binary this is.
func build() obs.Build {
	b := obs.Build{Version: version, Go: runtime.Version()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	for _, m := range info.Deps {
		if m.Path == "github.com/valyala/fasthttp" {
			b.FastHTTP = m.Version
		}
	}
	return b
}

func (p *program) versionCommand() *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:     "version",
		Short:   "Show version, commit, Go version and fasthttp version",
		Example: "  weir version",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := build()
			if asJSON {
				return p.printJSON(map[string]string{"version": b.Version, "commit": b.Commit, "go": b.Go, "fasthttp": b.FastHTTP})
			}
			return p.print(fmt.Appendf(nil, "weir %s\ncommit %s\n%s\nfasthttp %s\n", b.Version, or(b.Commit, "unknown"), b.Go, or(b.FastHTTP, "unknown")))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return c
}

func or(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

func (p *program) printJSON(v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fail(CouldNotRun, err)
	}
	return p.print(append(b, '\n'))
}
