package lb

import (
	"strconv"
	"time"
)

// Judge is who has a say in an endpoint's state. Each has its own word, which the others leave
// alone; the worst word is the state.
type Judge uint8

const (
	// ByProbe says Unknown (the word of a new endpoint), Ready or Down.
	ByProbe Judge = iota
	// ByTraffic says Ready (of a new endpoint) or Ejected.
	ByTraffic
	// ByOperator says Ready (of a new endpoint), Draining or Maintenance.
	ByOperator

	judges = int(ByOperator) + 1
)

var judgeNames = [...]string{"probe", "traffic", "operator"}

// String returns the word that logs and the admin API use.
func (j Judge) String() string {
	if int(j) < len(judgeNames) {
		return judgeNames[j]
	}
	return "judge(" + strconv.Itoa(int(j)) + ")"
}

// verdict is one judge's word on one endpoint.
type verdict struct {
	state State
	why   string
}

// standing is what all judges together say about an endpoint. It never changes; a new word makes
// a new standing.
type standing struct {
	says  [judges]verdict
	by    Judge // whose word is the state
	since time.Time
	warm  time.Time // since when the endpoint has been Ready or Draining without a break; zero if neither
}

// firstStanding is that of a new endpoint.
func firstStanding(now time.Time) *standing {
	s := &standing{since: now}
	s.says[ByProbe].state = Unknown
	s.says[ByTraffic].state = Ready
	s.says[ByOperator].state = Ready
	return s
}

func (s *standing) state() State { return s.says[s.by].state }

// with returns the standing after by has said v, and whether that changes the state.
func (s *standing) with(by Judge, v verdict, now time.Time) (*standing, bool) {
	next := *s
	next.says[by] = v
	next.by = ByProbe
	for j := range next.says {
		if severity[next.says[j].state] > severity[next.state()] {
			next.by = Judge(j)
		}
	}
	if next.state() == s.state() {
		return &next, false
	}
	next.since = now
	switch was := s.state(); next.state() {
	case Ready:
		if was != Draining || s.warm.IsZero() {
			next.warm = now
		}
	case Draining:
	default:
		next.warm = time.Time{}
	}
	return &next, true
}
