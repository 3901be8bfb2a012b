package peers

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// idleAtOnce is how many connections are busy at a time while each sends its share: the proxy then needs no more
// connections to the endpoint than in the other scenarios, and few descriptors.
const idleAtOnce = 64

// idle measures each proxy, freshly started, by itself. One that cannot hold so many connections here is noted.
func (h *harness) idle(ctx context.Context, s *Scenario, found []peer) error {
	for _, p := range found {
		if err := ctx.Err(); err != nil {
			return err
		}
		row, err := h.idleRow(ctx, s, p)
		if err != nil && ctx.Err() == nil {
			row.Note, _, _ = strings.Cut(err.Error(), "\n")
		}
		h.result.Idle = append(h.result.Idle, row)
		if row.Lost > 0 {
			h.result.Invalid = append(h.result.Invalid, fmt.Sprintf("idle, %s: %d connections lost", p.name, row.Lost))
		}
		fmt.Fprintln(h.options.Progress, idleLine(&row))
	}
	return nil
}

func (h *harness) idleRow(ctx context.Context, s *Scenario, p peer) (IdleRow, error) {
	o := &h.options
	row := IdleRow{Proxy: p.name, Connections: o.IdleConnections, Requests: o.IdleRequests, Wait: o.IdleWait}
	// nginx drops idle connections once fewer than a sixteenth of its slots are free.
	c, err := h.start(ctx, p, o.IdleConnections+o.IdleConnections/10+idleAtOnce*4)
	if err != nil {
		return row, err
	}
	defer c.stop()
	pids, err := family(c.cmd.Process.Pid)
	if err != nil {
		return row, err
	}
	if row.Before, err = resident(pids); err != nil {
		return row, err
	}
	h.origin.begin(s.answer())
	d := newLoad(h.loop, c.port, s.request())
	defer d.disconnect()
	if err := h.fillUp(ctx, d); err != nil {
		return row, err
	}
	if err := h.rest(ctx); err != nil {
		return row, err
	}
	row.Lost = d.failed
	row.After, err = resident(pids)
	return row, err
}

// fillUp opens the connections, a few at a time, and lets each send its requests.
func (h *harness) fillUp(ctx context.Context, d *load) error {
	left := h.options.IdleConnections
	first := min(left, idleAtOnce)
	left -= first
	done := 0
	var broken error
	d.budget = int64(h.options.IdleRequests)
	d.spent = func(*sock) {
		if done++; left > 0 && broken == nil {
			left--
			broken = d.connect(1)
		}
	}
	if err := d.connect(first); err != nil {
		return err
	}
	seen, quiet := int64(0), nanos()
	for done < h.options.IdleConnections && broken == nil && d.failed == 0 && ctx.Err() == nil {
		if err := h.loop.turn(10); err != nil {
			return err
		}
		if d.answers != seen {
			seen, quiet = d.answers, nanos()
		} else if nanos()-quiet > int64(5*time.Second) {
			return errStuck
		}
	}
	if d.failed > 0 {
		return fmt.Errorf("bench peers: %d requests failed while %d connections were open", d.failed, len(d.socks))
	}
	return broken
}

// rest serves the loop while nothing is sent, so that closed connections are noticed.
func (h *harness) rest(ctx context.Context) error {
	for end := nanos() + int64(h.options.IdleWait); nanos() < end && ctx.Err() == nil; {
		if err := h.loop.turn(100); err != nil {
			return err
		}
	}
	return ctx.Err()
}
