package plan

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Replay reads a log and says what became of its requests under old, and would under new. Memory does not grow with the
// log: what there would be too much of, groups and clients, is bounded and says so. The error says that there is no log
// to be read there.
func Replay(log io.Reader, old, new Judge) (*Log, error) {
	in, err := NewReader(log)
	if err != nil {
		return nil, err
	}
	r := &replay{old: old, new: new, missing: map[string]int64{}, groups: map[string]*tally{}, hits: map[hitKey]*tally{}, room: mostClients}
	for {
		record, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		r.add(record)
	}
	r.log.Lines, r.log.Foreign, r.log.Problems, r.log.Cut = in.Lines, in.Foreign, in.Problems, in.Cut
	if in.Foreign > 0 && r.log.Requests+r.log.Sessions+r.log.Unread == 0 {
		return nil, fmt.Errorf("none of %d lines is one of Weir's access log (format = \"json\"); %s", in.Foreign, strings.Join(in.Problems, "; "))
	}
	return r.finish(), nil
}

// replay is a Replay in progress.
type replay struct {
	old, new    Judge
	log         Log
	first, last time.Time
	missing     map[string]int64
	groups      map[string]*tally
	hits        map[hitKey]*tally
	room        int // how many clients more may be told apart
}

// add judges one record.
func (r *replay) add(rec *Record) {
	switch {
	case rec.session():
		r.log.Sessions++
		return
	case rec.unread():
		r.log.Unread++
		return
	}
	r.span(rec.Arrival)
	r.log.Requests++
	before := r.before(rec)
	after := r.new(rec)
	if missed := lacking(rec, &before, &after); len(missed) > 0 {
		r.undecidable(missed)
		return
	}
	r.elsewhere(rec, &before)
	r.hit(rec, &before, &after)
	if r.same(rec, &before, &after) {
		r.log.Same++
		r.keep(rec, &after)
		return
	}
	r.log.Changed++
	r.group(rec, &before, &after)
}

// keep counts a request that stays as it is where it goes. Both names are those of the config: the log can't make more of them.
func (r *replay) keep(rec *Record, after *Outcome) {
	if after.Route == "" {
		return
	}
	if r.log.places == nil {
		r.log.places = map[place]int64{}
	}
	r.log.places[place{rec.Listener, after.Route}]++
}

func (r *replay) span(at time.Time) {
	if r.first.IsZero() || at.Before(r.first) {
		r.first = at
	}
	if at.After(r.last) {
		r.last = at
	}
}

// before judges a record by the old config. Of a body that was cut off at the limit, it is known that it was longer.
func (r *replay) before(rec *Record) Outcome {
	o := r.old(rec)
	if rec.Fault == TooLarge && o.BodyLimit > 0 && o.BodyLimit < maxBytes && rec.Body <= o.BodyLimit {
		rec.Body = o.BodyLimit + 1
		o = r.old(rec)
	}
	return o
}

// bodyLength stands among the missing fields for the length of a body that nobody has seen, or not to its end.
const bodyLength = "body length"

// lacking returns what the new config reads of the record and the log does not have.
func lacking(rec *Record, before, after *Outcome) []string {
	if len(after.Missed) > 0 {
		return after.Missed
	}
	// As far as it is known the body would now be let through, and nobody has seen its end.
	if rec.Fault == TooLarge && after.Fault == "" && after.BodyLimit > 0 {
		return []string{bodyLength}
	}
	if rec.unseenBody() && after.Route != "" && after.BodyLimit > 0 && !fits(before, after.BodyLimit) {
		return []string{bodyLength}
	}
	return nil
}

// fits reports whether a body has been found to be within a limit: that of a route is looked at before anything else of it.
func fits(before *Outcome, limit int64) bool {
	return len(before.Missed) == 0 && before.Route != "" && before.BodyLimit > 0 && before.BodyLimit <= limit
}

func (r *replay) undecidable(missed []string) {
	r.log.Undecidable++
	for i, m := range missed {
		if _, known := r.missing[m]; slices.Contains(missed[:i], m) || !known && len(r.missing) >= mostMissing {
			continue
		}
		r.missing[m]++
	}
}

// elsewhere notes a record whose route is not that of the old config.
func (r *replay) elsewhere(rec *Record, before *Outcome) {
	if rec.Route != "" && len(before.Missed) == 0 && before.Route != rec.Route {
		r.log.Elsewhere++
	}
}

// same reports whether the new config would treat the request as the old one did: same route, same refusal or answer,
// same upstreams. Where the old config can't be asked, the log itself says what it did.
func (r *replay) same(rec *Record, before, after *Outcome) bool {
	if len(before.Missed) > 0 {
		return sameAsLogged(rec, after)
	}
	return before.Route == after.Route && before.Fault == after.Fault && before.Status == after.Status &&
		before.Location == after.Location && slices.Equal(before.Upstreams, after.Upstreams)
}

// sameAsLogged tells by who answered: an upstream stands also on lines of requests that never came to it.
func sameAsLogged(rec *Record, after *Outcome) bool {
	switch {
	case rec.Route != after.Route:
		return false
	case after.Fault != "":
		return rec.Fault == after.Fault
	case rec.refused():
		return false
	case after.Status != 0:
		return rec.own() && rec.Status == after.Status && (after.Location == "" || after.Alike) // no log has it
	case len(after.Upstreams) == 0: // a handler answers
		return rec.Upstream == ""
	}
	return slices.Contains(after.Upstreams, rec.Upstream) && (!rec.own() || rec.Fault != "")
}

// hit counts the policies and limits that would meet the request and did not before.
func (r *replay) hit(rec *Record, before, after *Outcome) {
	refusedBefore := before.Fault
	if len(before.Missed) > 0 {
		refusedBefore = rec.Fault
	}
	if after.Fault != "" && after.Fault != refusedBefore {
		r.hitBy(rec, after)
	}
	r.hitTimeout(rec, before, after)
	for _, v := range after.Verdicts {
		policy, said, _ := strings.Cut(v, ":")
		if strings.HasPrefix(said, "would ") && !slices.Contains(before.Verdicts, v) {
			r.met(hitKey{policy: policy, said: said, observed: true}, rec)
		}
	}
}

// limits are the keys of the limits whose faults a log can tell.
var limits = map[string]string{TooLarge: "body_bytes"}

func (r *replay) hitBy(rec *Record, after *Outcome) {
	k := hitKey{policy: after.By, said: after.Fault, status: after.Status}
	if k.policy == "" {
		if k.limit = limits[after.Fault]; k.limit == "" {
			return // no route, or another path: the groups tell it
		}
		k.route = after.Route
	}
	r.met(k, rec)
}

// hitTimeout counts a request that took longer than it now may. It is no change of a decision: the next one may be
// quicker.
func (r *replay) hitTimeout(rec *Record, before, after *Outcome) {
	shorter := after.Timeout > 0 && (before.Timeout == 0 || after.Timeout < before.Timeout)
	took := rec.Duration
	if rec.Status == 101 { // an upgrade is bounded to its head
		took = rec.FirstByte
	}
	if shorter && after.Fault == "" && after.Status == 0 && took > after.Timeout {
		r.met(hitKey{limit: "timeout", route: after.Route, said: "route_timeout", status: 504}, rec)
	}
}

func (r *replay) met(k hitKey, rec *Record) {
	t := r.hits[k]
	if t == nil {
		if len(r.hits) >= mostGroups {
			return
		}
		t = &tally{order: len(r.hits)}
		r.hits[k] = t
	}
	t.add(rec, nil, &r.room)
}
