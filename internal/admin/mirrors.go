package admin

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"
)

// Mirror is what the mirror of a route has come to, since it was first used.
type Mirror struct {
	Route    string `json:"route"`
	Upstream string `json:"upstream"`
	// Sent copies left; Failed of them got no whole answer.
	Sent   uint64 `json:"sent"`
	Failed uint64 `json:"failed"`
	// Dropped copies were not sent, and Compared answers came to this, by the words of weir_mirror_dropped_total and
	// weir_mirror_compared_total.
	Dropped  map[string]uint64 `json:"dropped"`
	Compared map[string]uint64 `json:"compared"`
	// Waiting and InFlight are of now.
	Waiting  int `json:"waiting"`
	InFlight int `json:"in_flight"`
	// Differences are the last that compare has found, the newest first: of one route that is asked for up to 100,
	// else up to 10.
	Differences []Difference `json:"differences"`
}

// Difference is one answer that differs from the one that the client got.
type Difference struct {
	At        time.Time `json:"at"`
	Method    string    `json:"method"`
	Target    string    `json:"target"`
	RequestID string    `json:"request_id,omitempty"`
	// Where is "status", "header Content-Type", "body" for bytes, or "body items.3.price" for JSON.
	Where string `json:"where"`
	// Live and Mirror are what is there in either, shortened; absent if values are hidden.
	Live   *string `json:"live,omitempty"`
	Mirror *string `json:"mirror,omitempty"`
	// More is how many other places differ.
	More int `json:"more"`
}

// MirrorsAnswer is what GET /mirrors says.
type MirrorsAnswer struct {
	// Hidden says that values are left out: they may be anybody's, and this server asks nobody who he is.
	Hidden  bool     `json:"values_hidden,omitempty"`
	Mirrors []Mirror `json:"mirrors"`
}

// fewDifferences is how many of each route are told when no one route is asked for.
const fewDifferences = 10

// mirrors answers what has become of copies, of ?route= alone if it is there.
func (s *Server) mirrors(_ context.Context, r *fasthttp.RequestCtx) {
	one := r.QueryArgs().Has("route")
	route := string(r.QueryArgs().Peek("route"))
	a := MirrorsAnswer{Hidden: s.token == nil && !s.address.IsUnix(), Mirrors: []Mirror{}}
	for _, m := range s.gateway.Mirrors() {
		if one && m.Route != route {
			continue
		}
		if !one {
			m.Differences = m.Differences[:min(len(m.Differences), fewDifferences)]
		}
		if m.Differences == nil {
			m.Differences = []Difference{}
		}
		if a.Hidden {
			for i := range m.Differences {
				m.Differences[i].Live, m.Differences[i].Mirror = nil, nil
			}
		}
		a.Mirrors = append(a.Mirrors, m)
	}
	if one && len(a.Mirrors) == 0 {
		refuse(r, problem{Status: fasthttp.StatusNotFound, Detail: "no route " + route + " has a mirror"})
		return
	}
	answerJSON(r, fasthttp.StatusOK, a)
}
