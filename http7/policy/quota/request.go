package quota

import (
	"encoding/binary"
	"time"

	"weir/http7"
	"weir/internal/ratefields"
	"weir/internal/shared"
	"weir/internal/tally"
)

// Request implements [http7.Policy].
func (q *quota) Request(x *http7.Exchange) http7.Verdict {
	if q.key.Lacks(x) {
		return http7.Continue
	}
	key := q.key.Of(x)
	switch {
	case q.shared != nil:
		return q.askOthers(x, key)
	case x.Dry:
		return q.judge(x, q.held.book.Look(tally.Ask{Key: key, Limit: q.limit, Cost: q.cost}))
	}
	g := q.held.book.Take(tally.Ask{Key: key, Limit: q.limit, Cost: q.cost})
	if g.Overflow {
		q.held.overflowed.Add(1)
	}
	return q.judge(x, g)
}

func (q *quota) judge(x *http7.Exchange, g tally.Grant) http7.Verdict {
	if !q.observe && (q.fields || !g.OK) {
		q.tell(x, g)
	}
	if g.OK {
		return http7.Continue
	}
	if !q.observe {
		x.Problem.Members = q.members
	}
	x.Cause = q.cause
	return http7.Refuse(exceeded)
}

// askOthers takes units of a quota that nodes share.
func (q *quota) askOthers(x *http7.Exchange, key []byte) http7.Verdict {
	now := time.Now()
	if x.Dry {
		a := q.shared.Limit.Peek(key, q.cost, now)
		if a.Outcome == shared.Unknown {
			x.Verdicts = append(x.Verdicts, q.policy+":unknown: would ask what nodes share")
			return http7.Continue
		}
		return q.answered(x, a, now)
	}
	a, asked := q.shared.Take(x, key, q.cost, now)
	if a.Outcome == shared.Unknown && asked {
		if !q.observe {
			timeout := q.shared.Patience(x)
			x.Word = uint64(q.now() + int64(timeout))
			return http7.WaitUntil(now.Add(timeout))
		}
		a = q.shared.Guess(x, now) // nobody is delayed for the sake of a remark
	}
	return q.answered(x, a, now)
}

// Resume implements [http7.Resumer]: what nodes share has answered, or has taken too long. x's word is until when it may.
func (q *quota) Resume(x *http7.Exchange, why http7.Event) http7.Verdict {
	now := time.Now()
	if left := time.Duration(int64(x.Word) - q.now()); why != http7.Expired && left > 0 && q.shared.Waits(x) {
		return http7.WaitUntil(now.Add(left))
	}
	x.Word = 0
	return q.answered(x, q.shared.Settle(x, now), now)
}

// End implements [http7.Ender].
func (q *quota) End(x *http7.Exchange, word uint64) {
	if word != 0 {
		q.shared.Settle(x, time.Now())
	}
}

// answered is what comes of the answer of a quota that nodes share.
func (q *quota) answered(x *http7.Exchange, a shared.Answer, now time.Time) http7.Verdict {
	if a.Outcome != shared.Taken && a.Outcome != shared.Refused {
		x.Cause = errUnavailable
		return http7.Refuse(unknown)
	}
	begins, ends := q.per.Period(now)
	return q.judge(x, tally.Grant{
		OK: a.Outcome == shared.Taken, Left: a.Left, Length: ends.Sub(begins), Rest: max(1, a.Reset),
	})
}

// told is what x's answer says of the quota, in x's room: what an exchange keeps is a pointer.
type told [8 * toldWords]byte

// The words of told.
const (
	toldLeft = iota
	toldLength
	toldRest
	toldRefused
	toldWords
)

func (d *told) get(word int) int64        { return int64(binary.LittleEndian.Uint64(d[8*word:])) }
func (d *told) set(word int, value int64) { binary.LittleEndian.PutUint64(d[8*word:], uint64(value)) }

func (q *quota) tell(x *http7.Exchange, g tally.Grant) {
	d := (*told)(x.Room(len(told{}))[:len(told{})])
	d.set(toldLeft, g.Left)
	d.set(toldLength, int64(g.Length))
	d.set(toldRest, int64(g.Rest))
	d.set(toldRefused, 0)
	if !g.OK {
		d.set(toldRefused, 1)
	}
	x.Keep(q, d)
}

// teller writes the fields of answers.
type teller struct{ *quota }

var (
	policyField, _ = http7.NewName("RateLimit-Policy")
	leftField, _   = http7.NewName("RateLimit")
	retryField, _  = http7.NewName("Retry-After")
)

// longestField is how many bytes one of the fields has at most.
const longestField = longestName + 3 + 2*20 + 10

// Response implements [http7.ResponsePolicy].
func (t teller) Response(x *http7.Exchange) http7.Verdict {
	d, ok := x.Kept(t.quota).(*told)
	if !ok || x.Answer == nil {
		return http7.Continue
	}
	h, room, rest := &x.Answer.Header, x.Room(2*longestField+20), time.Duration(d.get(toldRest))
	if d.get(toldRefused) != 0 {
		room = ratefields.AppendRetry(room, rest)
		h.Set(retryField, room)
		room = room[len(room):]
	}
	if t.fields {
		room = ratefields.AppendPolicy(room, t.name, t.limit, time.Duration(d.get(toldLength)))
		h.Add(policyField, room)
		h.Add(leftField, ratefields.AppendLeft(room[len(room):], t.name, d.get(toldLeft), rest))
	}
	return http7.Continue
}
