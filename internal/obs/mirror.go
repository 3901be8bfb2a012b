package obs

import (
	"bytes"
	"iter"
)

// MirrorReading is what one route's mirror has done, at the moment of a scrape. The counts never go down
// while route and upstream of the mirror stay.
type MirrorReading struct {
	Route, Upstream string
	Sent, Failed    uint64  // copies that left; those that got no whole answer
	Dropped         []Count // copies that were not sent, by reason
	Compared        []Count // answers, by result; empty if none are compared
	Waiting         int64   // copies that wait now
	InFlight        int64   // copies under way now
}

// WatchMirrors makes every scrape read mirrors from the sequence, which must be safe for concurrent use and
// yield each once. A second call replaces the first.
func (c *Catalogue) WatchMirrors(mirrors iter.Seq[MirrorReading]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched.mirrors = mirrors
}

func writeMirrors(w *bytes.Buffer, all []MirrorReading) {
	at := make([]string, len(all))
	for i := range all {
		at[i] = labels("route", all[i].Route, "upstream", all[i].Upstream)
	}
	each := func(name, kind string, of func(*MirrorReading) uint64) {
		f := family{w: w, name: name, kind: kind}
		for i := range all {
			f.put(at[i], "", of(&all[i]))
		}
	}
	counts := func(name, label string, of func(*MirrorReading) []Count) {
		f := family{w: w, name: name, kind: "counter"}
		for i := range all {
			for _, n := range of(&all[i]) {
				f.put(at[i], labels(label, n.Label), n.N)
			}
		}
	}
	each(mirrorSent, "counter", func(r *MirrorReading) uint64 { return r.Sent })
	each(mirrorFailed, "counter", func(r *MirrorReading) uint64 { return r.Failed })
	counts(mirrorDropped, "reason", func(r *MirrorReading) []Count { return r.Dropped })
	counts(mirrorCompared, "result", func(r *MirrorReading) []Count { return r.Compared })
	each(mirrorWaiting, "gauge", func(r *MirrorReading) uint64 { return uint64(max(r.Waiting, 0)) })
	each(mirrorInFlight, "gauge", func(r *MirrorReading) uint64 { return uint64(max(r.InFlight, 0)) })
}
