package gateway

import (
	"fmt"
	"os"

	"weir/internal/admin"
	"weir/internal/conf"
	"weir/internal/config"
	"weir/internal/tomlfile"
)

// AdminOf returns what the config at path says about the admin server, for commands that ask a
// running Weir. The rest of the config may be wrong: whoever reloads one that is wants to be told
// by the Weir that refuses it. Then an [admin] table in an included file is not seen.
func AdminOf(path string) (admin.Config, error) {
	if cfg, _ := config.Load(path, config.Options{}); cfg != nil {
		return cfg.Admin, nil
	}
	text, err := conf.ReadFile(path)
	if err != nil {
		return admin.Config{}, err
	}
	var report tomlfile.Report
	c := admin.Default()
	root := tomlfile.Parse(tomlfile.NewFile(path, text, 1), &report)
	root.Expand(&report, os.LookupEnv)
	n := root.Get("admin")
	if n == nil {
		return c, nil
	}
	var wrong tomlfile.Report
	n.Fill(tomlfile.FromValue(c))
	tomlfile.Decode(n, &c, tomlfile.Sources{Lookup: os.LookupEnv, Read: conf.ReadFile}, &wrong)
	if wrong.Failed() {
		return admin.Config{}, fmt.Errorf("%s: [admin] can't be read: %s", path, wrong.Findings()[0].Text)
	}
	return c, nil
}
