package peers

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// stage is one scenario at one point of its axis, with the same proxies for all its rounds.
type stage struct {
	*harness
	scenario    *Scenario
	point       int
	rounds      int
	connections int
	at          setup
	block       int // index in the result
	cross       int // index of what wrk finds; -1: nothing
	proxies     []*child
}

// fewStreams are enough to keep a core busy; more would be as many buffers in the processor's cache.
const fewStreams = 8

func (h *harness) stageOf(s *Scenario, point int) *stage {
	st := &stage{harness: h, scenario: s, point: point, rounds: s.Rounds, connections: h.options.Connections, cross: -1}
	if h.options.Rounds > 0 {
		st.rounds = h.options.Rounds
	}
	switch {
	case s.Axis == Connections:
		st.connections = point
	case s.Kind == Bulk:
		st.connections = min(st.connections, fewStreams)
	case s.Kind == H2:
		st.connections = max(1, st.connections/streamsEach)
	case s.Kind == Handshake:
		st.connections = max(1, st.connections/4)
	case s.Kind == Idle:
		st.connections = h.options.IdleConnections
	}
	st.at = setupFor(s, point, st.connections)
	return st
}

// label names the stage as the progress shows it.
func (st *stage) label() string { return label(st.scenario.Name, st.scenario.Axis, st.point) }

// prepare opens what the stage needs before its proxies: endpoints, files, and its block of the result.
func (st *stage) prepare() error {
	endpoints := 1
	if st.scenario.Axis == Endpoints {
		endpoints = st.point
	}
	if err := st.origin.grow(endpoints); err != nil {
		return err
	}
	st.at.Origins = st.origin.ports[:endpoints]
	st.at.Dir, st.at.Memory = st.dir, st.memory
	if st.scenario.Kind == Idle {
		return nil
	}
	st.block = st.result.open(st.scenario, st.point, st.connections, st.rounds)
	if st.scenario.Wrk && st.wrk != "" {
		st.cross = st.result.open(st.scenario, st.point, st.connections, st.rounds)
		st.result.Blocks[st.cross].Generator = "wrk"
	}
	return nil
}

// compare starts the proxies that can do the stage's work, measures the rounds and stops the proxies.
func (h *harness) compare(ctx context.Context, st *stage) error {
	if st.scenario.hasDirect() {
		st.result.Blocks[st.block].row(Direct)
	}
	defer st.stopAll()
	for _, p := range h.found {
		if err := st.join(ctx, p); err != nil {
			return err
		}
	}
	return st.measureAll(ctx)
}

// join starts a proxy, or notes why it is left out.
func (st *stage) join(ctx context.Context, p peer) error {
	at := st.at
	at.Dir = fmt.Sprintf("%s/%s-%s-%d", st.dir, p.name, st.scenario.Name, st.point)
	if err := os.Mkdir(at.Dir, 0o755); err != nil {
		return err
	}
	if err := at.fill(st.shown); err != nil {
		return err
	}
	block := &st.result.Blocks[st.block]
	if reason := p.lack(st.scenario, &at); reason != "" {
		block.row(p.name).Note = reason
		st.say("  %-30s %-8s left out: %s", st.label(), p.name, reason)
		return nil
	}
	if need := st.descriptors(); need > st.files {
		block.row(p.name).Note = fmt.Sprintf("it needs %d descriptors of the %d allowed here", need, st.files)
		return nil
	}
	c, err := st.start(ctx, p, at)
	if err != nil {
		if ctx.Err() == nil {
			st.breaks(p.name, err)
		}
		return nil
	}
	block.row(p.name)
	st.proxies = append(st.proxies, c)
	return nil
}

// fill writes the files that the templates may name.
func (s setup) fill(c *certificate) error {
	if s.TLS {
		if err := c.write(s); err != nil {
			return err
		}
	}
	return s.writeMap()
}

// descriptors are how many this process may come to use: the clients, the endpoints' listeners, and their ends of the
// connections that each proxy keeps.
func (st *stage) descriptors() int {
	kept := min(st.connections, mostAtOnce) + 2*len(st.at.Origins)
	return st.connections + len(st.found)*kept + len(st.origin.ports) + spare
}

func (st *stage) say(format string, args ...any) {
	fmt.Fprintf(st.options.Progress, format+"\n", args...)
}

// breaks notes a proxy that did not start, or did not go on.
func (st *stage) breaks(name string, err error) {
	reason, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "bench peers: "), "\n")
	st.result.Blocks[st.block].row(name).Note = reason
	st.result.Invalid = append(st.result.Invalid, st.label()+", "+name+": "+reason)
	st.say("  %-30s %-8s BROKEN: %s", st.label(), name, reason)
}

func (st *stage) stopAll() {
	for _, c := range st.proxies {
		c.stop()
	}
	st.proxies = nil
}

// measureAll measures every proxy once a round; every second round goes through the proxies the other way, so that
// none always follows the same neighbour.
func (st *stage) measureAll(ctx context.Context) error {
	order := slices.Clone(st.proxies)
	if st.scenario.hasDirect() {
		order = slices.Insert(order, 0, nil) // nil: direct
	}
	for n := range st.rounds {
		var well []*child
		for _, c := range order {
			if ctx.Err() != nil {
				return nil
			}
			err := st.round(ctx, n, c)
			if err == nil {
				well = append(well, c)
			} else if ctx.Err() == nil {
				st.breaks(nameOf(c), err)
			}
		}
		order = well
		slices.Reverse(order)
	}
	return nil
}

func nameOf(c *child) string {
	if c == nil {
		return Direct
	}
	return c.peer.name
}

// round measures one proxy, or the endpoint itself where c is nil, and files the sample; then wrk's.
func (st *stage) round(ctx context.Context, n int, c *child) error {
	sample, err := st.sample(ctx, c)
	if err != nil || ctx.Err() != nil {
		return err
	}
	st.file(st.block, n, c, sample)
	if st.cross < 0 || c == nil {
		return nil
	}
	if sample, err = st.byWrk(ctx, c); err != nil || ctx.Err() != nil {
		return err
	}
	st.file(st.cross, n, c, sample)
	return nil
}

func (st *stage) sample(ctx context.Context, c *child) (Sample, error) {
	if st.scenario.Kind == TLS || st.scenario.Kind == H2 || st.scenario.Kind == Handshake {
		return st.byCrew(ctx, c)
	}
	return st.byLoop(ctx, c)
}

func (st *stage) file(block, n int, c *child, sample Sample) {
	b := &st.result.Blocks[block]
	st.result.Invalid = append(st.result.Invalid, b.add(st.scenario, nameOf(c), sample)...)
	st.say("%s", progressLine(n+1, st.rounds, b, nameOf(c), &sample))
}
