package ratelimit

import (
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"weir/http7"
	"weir/internal/conf"
	"weir/internal/gcra"
	"weir/internal/ratefields"
)

var errUnavailable = errors.New("what nodes share does not answer")

// told is what x's answer says of the limit that is nearest to its end, in x's room: what an exchange keeps is a pointer.
type told [8 * toldWords]byte

// The words of told.
const (
	toldLimit = iota // the limit's number
	toldLeft
	toldFull
	toldRetry // 0: it has admitted x
	toldBurst
	toldSpan
	toldWords
)

func (d *told) get(word int) int64          { return int64(binary.LittleEndian.Uint64(d[8*word:])) }
func (d *told) set(word int, value int64)   { binary.LittleEndian.PutUint64(d[8*word:], uint64(value)) }
func (d *told) span(word int) time.Duration { return time.Duration(d.get(word)) }

// refuse keeps what x is told and says why.
func (t *throttle) refuse(x *http7.Exchange, l *limit, rate *gcra.Limit, g *gcra.Grant) *http7.Fault {
	if !t.observe {
		x.Problem.Members = l.members
		t.tell(x, l, rate, g)
	}
	x.Cause = l.cause
	return exceeded
}

// keep keeps what the answer will say of l, unless another limit has less left.
func (t *throttle) keep(x *http7.Exchange, l *limit, rate *gcra.Limit, g *gcra.Grant) {
	if t.observe || !l.fields {
		return
	}
	if d, ok := x.Kept(t).(*told); ok && d.get(toldLeft) <= g.Left {
		return
	}
	t.tell(x, l, rate, g)
}

func (t *throttle) tell(x *http7.Exchange, l *limit, rate *gcra.Limit, g *gcra.Grant) {
	d, ok := x.Kept(t).(*told)
	if !ok {
		d = (*told)(x.Room(len(told{}))[:len(told{})])
		x.Keep(t, d)
	}
	d.set(toldLimit, int64(t.number(l)))
	d.set(toldLeft, g.Left)
	d.set(toldFull, int64(g.Full))
	d.set(toldRetry, int64(g.Retry))
	d.set(toldBurst, rate.Burst)
	d.set(toldSpan, int64(rate.Span()))
}

func (t *throttle) number(l *limit) int {
	for i, other := range t.limits {
		if other == l {
			return i
		}
	}
	return 0
}

// teller writes the fields of answers.
type teller struct{ *throttle }

var (
	policyField, _ = http7.NewName("RateLimit-Policy")
	leftField, _   = http7.NewName("RateLimit")
	retryField, _  = http7.NewName("Retry-After")
)

// longestField is how many bytes fields of one limit have at most.
const longestField = longestName + 3 + 2*20 + 10

// Response implements [http7.ResponsePolicy].
func (t teller) Response(x *http7.Exchange) http7.Verdict {
	d, ok := x.Kept(t.throttle).(*told)
	if !ok || x.Answer == nil {
		return http7.Continue
	}
	l, h := t.limits[d.get(toldLimit)], &x.Answer.Header
	room, reset := x.Room(2*longestField+20), d.span(toldFull)
	if after := d.span(toldRetry); after > 0 {
		room = ratefields.AppendRetry(room, after)
		h.Set(retryField, room)
		room = room[len(room):]
		reset = after // both mean the same moment (draft-ietf-httpapi-ratelimit-headers-10, Server Behavior)
	}
	if !l.fields {
		return http7.Continue
	}
	policies := t.policies
	if l.own { // this one's is not what all are told
		room = ratefields.AppendPolicy(room, l.name, d.get(toldBurst), d.span(toldSpan))
		policies, room = room, room[len(room):]
	}
	h.Add(policyField, policies)
	h.Add(leftField, ratefields.AppendLeft(room, l.name, d.get(toldLeft), reset))
	return http7.Continue
}

// ownLimit returns the limit that x's identity has, as far as it has one that is valid, and rate for the rest.
func ownLimit(x *http7.Exchange, rate gcra.Limit) gcra.Limit {
	own := rate
	if text, ok := x.Claim("rate"); ok {
		if r, ok := conf.RateOf(text); ok {
			own = limitOf(r, 0)
		}
	}
	if text, ok := x.Claim("burst"); ok {
		if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && n > 0 && n <= mostBurst {
			own.Burst = n
		}
	}
	if !own.Fits() {
		return rate
	}
	return own
}
