package config

import (
	"path/filepath"
)

// State returns the directory for what must outlive the process, and whether an operator has named
// it: state_dir, or systemd's $STATE_DIRECTORY. It is "" if there is none, as for a user without a
// home. It need not be there.
func (c *Config) State(env func(name string) string) (dir string, named bool) {
	if c.StateDir != "" {
		return c.StateDir, true
	}
	// systemd lists several directories with colons between; StateDirectory= of our unit has one.
	if dirs := filepath.SplitList(env("STATE_DIRECTORY")); len(dirs) > 0 {
		return dirs[0], true
	}
	if base := env("XDG_STATE_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "weir"), false
	}
	if home := env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "weir"), false
	}
	return "", false
}
