package gateway

import (
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"weir/http7/policy"
	"weir/internal/config"
	"weir/internal/filewatch"
	"weir/internal/shared"
)

// needs returns what the policies of a config get that is to serve. Its turn ends with the generation.
func (g *Gateway) needs(cfg *config.Config) (*policy.Needs, error) {
	dir, _ := cfg.State(os.Getenv)
	n := &policy.Needs{
		Log: g.log.Logger, Files: g.files, Turn: g.kept.Begin(), StateDir: dir,
		Counted: g.catalogue.Policies().Counted, Gauged: g.catalogue.Policies().Gauged,
	}
	if cfg.Shared == nil {
		return n, nil
	}
	store, err := g.shareBy(cfg.Shared, n)
	n.Shared = store.Store
	return n, err
}

// idleNeeds returns what policies get that serve nobody but dry runs: what they keep lives as long as this process,
// and nobody counts anything.
func idleNeeds(cfg *config.Config) (*policy.Needs, error) {
	log := slog.New(slog.DiscardHandler)
	n := &policy.Needs{
		Log: log, Files: filewatch.New(log), Turn: policy.NewKept().Begin(), Idle: true,
		Counted: func(string, string) *atomic.Uint64 { return new(atomic.Uint64) },
		Gauged:  func(string, string, func() float64) func() { return func() {} },
	}
	var err error
	if cfg.Shared != nil {
		n.Shared, err = shared.New(cfg.Shared.Config, shared.Needs{})
	}
	return n, err
}

// endTurn lets go of what the policies of c keep. A second call does nothing.
func (c *Compiled) endTurn() {
	if c.needs != nil {
		c.needs.Turn.End()
	}
}

// keepPolicies drops the counts of policies that next does not have.
func (g *Gateway) keepPolicies(next *generation) {
	g.catalogue.Policies().Keep(func(name string) bool {
		bundle, _, _ := strings.Cut(name, ".")
		return name == sharedName && next.Config.Shared != nil || next.counted[sectionOf(name)] || next.Config.Listeners[bundle] != nil
	})
}

// counted returns the sections of the bundles that are compiled, those that are off among them.
func (k *compiler) counted() map[string]bool {
	all := map[string]bool{}
	for key := range k.guarding {
		all[key] = true
	}
	for _, steps := range k.bundles {
		for i := range steps {
			all[sectionOf(steps[i].Name)] = true
		}
	}
	return all
}

// sectionOf returns bundle and section of a step's name: "edge.validate" of "edge.validate.responses".
func sectionOf(name string) string {
	bundle, rest, _ := strings.Cut(name, ".")
	section, _, _ := strings.Cut(rest, ".")
	return bundle + "." + section
}
