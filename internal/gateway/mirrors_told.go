package gateway

import (
	"weir/http7/policy/mirror"
	"weir/internal/admin"
)

// Mirrors returns what the mirrors of the config that serves have come to, in the order of its routes.
func (g *Gateway) Mirrors() []admin.Mirror {
	figures := map[[2]string]mirror.Stats{}
	for _, s := range g.mirrors.Stats() {
		figures[[2]string{s.Route, s.Upstream}] = s
	}
	var list []admin.Mirror
	for _, r := range g.current.Load().Config.Routes {
		if r.Mirror == nil {
			continue
		}
		s := figures[[2]string{r.Name, r.Mirror.Upstream}] // zero: nothing was copied yet
		m := admin.Mirror{
			Route: r.Name, Upstream: r.Mirror.Upstream, Sent: s.Sent, Failed: s.Failed,
			Dropped:  map[string]uint64{"full": s.Full, "down": s.Down, "too_large": s.TooLarge, "incomplete": s.Incomplete},
			Compared: map[string]uint64{"equal": s.Equal, "different": s.Different, "unequalled": s.Unequalled},
			Waiting:  s.Waiting, InFlight: s.InFlight,
		}
		for _, d := range g.mirrors.Differences(r.Name) {
			if d.Upstream != r.Mirror.Upstream {
				continue
			}
			m.Differences = append(m.Differences, admin.Difference{
				At: d.At.UTC(), Method: d.Method, Target: d.Target, RequestID: d.RequestID, Where: d.Where, Live: &d.Live, Mirror: &d.Mirror, More: d.More,
			})
		}
		list = append(list, m)
	}
	return list
}
