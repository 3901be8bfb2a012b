package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// What a report keeps at most. A log may hold millions of clients and, where its targets are random, as many groups.
const (
	mostMissing   = 1000    // fields that undecidable requests lack
	mostGroups    = 1000    // groups while counting
	shownGroups   = 50      // and in the report
	mostClients   = 200_000 // addresses told apart, in all groups together
	topClients    = 5
	shownExamples = 3
	mostText      = 300 // bytes
)

// tally is a set of requests that change alike.
type tally struct {
	from, to Meeting
	order    int // of the first one
	requests int64
	clients  map[netip.Addr]int64
	unnamed  bool // there were more clients than could be told apart
	examples []Example
}

// hitKey is what requests are hit by.
type hitKey struct {
	policy, limit, route, said string
	status                     int
	observed                   bool
}

// group counts a changed request with those that change alike.
func (r *replay) group(rec *Record, before, after *Outcome) {
	from, to := before.meeting(), after.meeting()
	if len(before.Missed) > 0 {
		from = rec.meeting()
	}
	key := from.key() + "\n" + to.key()
	t := r.groups[key]
	if t == nil {
		if len(r.groups) >= mostGroups {
			r.log.MoreChanged++
			return
		}
		t = &tally{from: from, to: to, order: len(r.groups)}
		r.groups[key] = t
	}
	t.add(rec, after, &r.room)
}

// add counts a request. room is how many clients more may be told apart.
func (t *tally) add(rec *Record, after *Outcome, room *int) {
	t.requests++
	if t.clients == nil {
		t.clients = map[netip.Addr]int64{}
	}
	switch n, known := t.clients[rec.Client]; {
	case known:
		t.clients[rec.Client] = n + 1
	case *room > 0:
		*room--
		t.clients[rec.Client] = 1
	default:
		t.unnamed = true
	}
	if len(t.examples) < shownExamples {
		e := Example{Line: rec.Line, Request: clip(rec.Method + " " + rec.Host + rec.Target), Was: rec.Status}
		if rec.Client.IsValid() {
			e.Client = rec.Client.String()
		}
		if after != nil {
			e.Location = clip(after.Location)
		}
		t.examples = append(t.examples, e)
	}
}

func (o *Outcome) meeting() Meeting {
	return Meeting{Route: o.Route, Upstreams: slices.Clone(o.Upstreams), Status: o.Status, Fault: o.Fault, By: o.By}
}

// meeting is what the log says of a request.
func (r *Record) meeting() Meeting {
	m := Meeting{Route: clip(r.Route)}
	if r.own() {
		m.Status, m.Fault = r.Status, clip(r.Fault)
	} else {
		m.Upstreams = []string{clip(r.Upstream)}
	}
	return m
}

// clip copies what is kept of a text from the log: the text itself is a part of its line.
func clip(s string) string {
	if len(s) <= mostText {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s[:mostText], "") + "…"
}

// key tells meetings apart.
func (m *Meeting) key() string {
	return fmt.Sprintf("%q %d %q %q %q", m.Route, m.Status, m.Fault, m.By, m.Upstreams)
}

// finish makes the report of what was counted.
func (r *replay) finish() *Log {
	l := &r.log
	if !r.first.IsZero() {
		l.First, l.Last = r.first.Format(time.RFC3339), r.last.Format(time.RFC3339)
	}
	for selector, n := range r.missing {
		l.Missing = append(l.Missing, Missing{selector, n})
	}
	slices.SortFunc(l.Missing, func(a, b Missing) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Selector, b.Selector))
	})
	for _, t := range largest(r.groups) {
		if len(l.Groups) == shownGroups {
			l.MoreGroups++
			l.MoreChanged += t.requests
			continue
		}
		l.Groups = append(l.Groups, Group{From: t.from, To: t.to, Requests: t.requests, Clients: t.summary(), Examples: t.examples})
	}
	l.Hits = r.finishHits()
	return l
}

func (r *replay) finishHits() []Hit {
	keys := map[*tally]hitKey{}
	for k, t := range r.hits {
		keys[t] = k
	}
	var hits []Hit
	for _, t := range largest(r.hits) {
		k := keys[t]
		hits = append(hits, Hit{Policy: k.policy, Limit: k.limit, Route: k.route, Said: k.said, Status: k.status, Observed: k.observed,
			Requests: t.requests, Clients: t.summary(), Examples: t.examples})
	}
	return hits
}

// largest returns the tallies with the most requests first; those of one size in the order of their first requests.
func largest[K comparable](all map[K]*tally) []*tally {
	list := make([]*tally, 0, len(all))
	for _, t := range all {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *tally) int {
		return cmp.Or(cmp.Compare(b.requests, a.requests), cmp.Compare(a.order, b.order))
	})
	return list
}

// summary returns how many clients there are, and those with the most requests.
func (t *tally) summary() Clients {
	c := Clients{Count: len(t.clients), AtLeast: t.unnamed, Top: []Client{}}
	for address, n := range t.clients {
		name := ""
		if address.IsValid() {
			name = address.String()
		}
		c.Top = append(c.Top, Client{name, n})
		if len(c.Top) > 100*topClients {
			c.cut()
		}
	}
	c.cut()
	return c
}

// cut keeps the clients with the most requests.
func (c *Clients) cut() {
	slices.SortFunc(c.Top, func(a, b Client) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), strings.Compare(a.Address, b.Address))
	})
	c.Top = c.Top[:min(len(c.Top), topClients)]
}
