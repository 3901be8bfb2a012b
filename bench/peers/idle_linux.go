package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// idleAtOnce is how many connections are busy at a time while each sends its share: the proxy then needs no more
// connections to the endpoint than in the other scenarios, and few descriptors.
const idleAtOnce = 64

// idle measures each proxy, freshly started, by itself. One that cannot hold so many connections here is noted.
func (h *harness) idle(ctx context.Context, st *stage) error {
	for _, p := range h.found {
		if ctx.Err() != nil {
			return nil
		}
		row, err := st.idleRow(ctx, p)
		if ctx.Err() != nil {
			return nil // what it had come to says nothing
		}
		if err != nil {
			row.Note, _, _ = strings.Cut(err.Error(), "\n")
		}
		h.result.Idle = append(h.result.Idle, row)
		if row.Lost > 0 {
			h.result.Invalid = append(h.result.Invalid, fmt.Sprintf("idle, %s: %d connections lost", p.name, row.Lost))
		}
		st.say("%s", idleLine(&row))
	}
	return nil
}

func (st *stage) idleRow(ctx context.Context, p peer) (IdleRow, error) {
	o := &st.options
	row := IdleRow{Proxy: p.name, Connections: o.IdleConnections, Requests: o.IdleRequests, Wait: o.IdleWait}
	if need := st.descriptors(); need > st.files {
		return row, fmt.Errorf("bench peers: it needs %d descriptors of the %d allowed here", need, st.files)
	}
	at := st.at
	at.Dir = filepath.Join(st.dir, p.name+"-idle")
	if err := os.Mkdir(at.Dir, 0o755); err != nil {
		return row, err
	}
	c, err := st.start(ctx, p, at)
	if err != nil {
		return row, err
	}
	defer c.stop()
	if err := st.firstAnswer(ctx, c); err != nil {
		return row, err
	}
	whose, err := pids(c)
	if err != nil {
		return row, err
	}
	if row.Before, err = resident(whose); err != nil {
		return row, err
	}
	d := newLoad(st.loop, c.port, st.scenario, 0)
	defer d.disconnect()
	if err := st.fillUp(ctx, d); err != nil {
		return row, err
	}
	if err := st.rest(ctx); err != nil {
		return row, err
	}
	row.Lost = d.failed
	row.After, err = resident(whose)
	return row, err
}

// firstAnswer waits until all of a proxy is at work: one with several processes accepts before the last is there.
func (st *stage) firstAnswer(ctx context.Context, c *child) error {
	st.origin.begin(st.scenario)
	d := newLoad(st.loop, c.port, st.scenario, 0)
	defer d.disconnect()
	if err := d.connect(1); err != nil {
		return err
	}
	if err := st.spin(ctx, d, 0, 5*time.Second, 1); err != nil {
		return err
	}
	return st.finish(d)
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
