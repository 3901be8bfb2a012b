package gateway

import (
	"context"
	"io"

	"weir/internal/admin"
	"weir/internal/config"
)

// door is an admin server with what it was made from.
type door struct {
	config admin.Config
	server *admin.Server // nil: off
	late   bool          // its address is the old one's: it binds when that has closed
}

// openDoor returns the admin server of cfg, bound; nil if the one that runs stays.
func (g *Gateway) openDoor(cfg admin.Config) (*door, error) {
	if g.door != nil && g.door.config == cfg {
		return nil, nil
	}
	server, err := admin.New(cfg, admin.Gateway{
		Reload: g.reloadFor, Status: g.Status, Ready: g.Ready, Metrics: g.metrics, Config: g.effective,
		Assign: g.Assign, Standing: g.Standing, Explain: g.Explain, Plan: g.Plan, Mirrors: g.Mirrors, Purge: g.Purge,
	}, g.log.Logger)
	if err != nil {
		return nil, err
	}
	d := &door{config: cfg, server: server}
	d.late = g.door != nil && g.door.config.Address == cfg.Address
	if d.late {
		return d, nil
	}
	return d, server.Listen()
}

// enter replaces the admin server that runs by d. The old one finishes its answers, one to the
// call for this very reload among them, and ends because its listener has.
func (g *Gateway) enter(d *door) {
	if g.door != nil {
		g.door.server.Close()
	}
	g.door = d
	if d.late {
		if err := d.server.Listen(); err != nil {
			g.log.Error("admin server can't listen", "error", err)
			d.server = nil
		}
	}
	if d.server != nil {
		g.work.Go(func() { d.server.Run(g.back) }) // gateway.admin: ends when replaced, or with the gateway
	}
}

// reloadFor is Reload for a caller whose patience ends with ctx; the reload goes on then.
func (g *Gateway) reloadFor(ctx context.Context) admin.Verdict {
	verdict := make(chan admin.Verdict, 1)
	go func() { verdict <- g.Reload() }() // gateway.reload: ends with the reload
	select {
	case v := <-verdict:
		return v
	case <-ctx.Done():
		return admin.Verdict{Generation: g.generation(), Problems: []admin.Problem{{Text: "the reload is still under way; the log will say how it ends"}}}
	}
}

// effective writes the config that serves.
func (g *Gateway) effective(w io.Writer) error {
	_, err := w.Write(config.Shown(g.current.Load().Config))
	return err
}
