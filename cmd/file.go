package cmd

import (
	"errors"
	"os"
)

// usualFiles are where a config is looked for when none is named.
func usualFiles() []string { return []string{"./weir.toml", "/etc/weir/weir.toml"} }

// configFile returns the config to use: the one named, else the first usual one that exists.
func configFile(named string) (string, error) {
	if named != "" {
		return named, nil
	}
	for _, path := range usualFiles() {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fail(CouldNotRun, errors.New("there is no config at ./weir.toml or /etc/weir/weir.toml\n  hint: name one: weir run -c FILE, weir check FILE"))
}
