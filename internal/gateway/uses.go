package gateway

import (
	"fmt"
	"os"

	"weir/internal/conf"
	"weir/internal/config"
)

// uses is what a config has named of the machine it was loaded on: all that a config which comes by the admin API
// may have of it. It does not change once the config is compiled.
type uses struct {
	variables map[string]bool // of the environment, in texts
	secrets   map[string]bool // those that a secret is of, whatever else they are in
	includes  map[string]bool // files and patterns
	files     map[string]bool // that were read, whatever for
}

func newUses() *uses {
	return &uses{variables: map[string]bool{}, secrets: map[string]bool{}, includes: map[string]bool{}, files: map[string]bool{}}
}

// record makes a load note what it looks up and reads.
func (u *uses) record(o *config.Options) {
	o.Env = func(name string) (string, bool) { u.variables[name] = true; return os.LookupEnv(name) }
	o.Secret = func(name string) (string, bool) { u.secrets[name] = true; return os.LookupEnv(name) }
	o.Include = func(path string) error { u.includes[path] = true; return nil }
	o.ReadFile = func(path string) ([]byte, error) { u.files[path] = true; return conf.ReadFile(path) }
}

// loaded notes the files that patterns meant.
func (u *uses) loaded(report *config.Report) *uses {
	for _, f := range report.Files() {
		u.includes[f] = true
	}
	return u
}

// limit makes a load see no more than what u has. A variable that is a secret of the one config is none but a secret
// of the other: where a text asks for it there is a word in its place. missed notes those that are not to be had.
func (u *uses) limit(o *config.Options, missed map[string]bool) {
	o.Env = func(name string) (string, bool) {
		switch {
		case u.secrets[name]:
			return "(the secret " + name + ")", true
		case u.variables[name]:
			return os.LookupEnv(name)
		}
		missed[name] = true
		return "", false
	}
	o.Secret = func(name string) (string, bool) {
		if u.secrets[name] || u.variables[name] {
			return os.LookupEnv(name)
		}
		missed[name] = true
		return "", false
	}
	o.Include = func(path string) error {
		if u.includes[path] {
			return nil
		}
		return fmt.Errorf("a config that is sent here may include only what the one that serves does; %s is not among that", path)
	}
	o.ReadFile = func(path string) ([]byte, error) {
		if u.files[path] {
			return conf.ReadFile(path)
		}
		return nil, fmt.Errorf("a config that is sent here may name only files that the one that serves does")
	}
}
