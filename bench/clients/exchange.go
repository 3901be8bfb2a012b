package clients

import (
	"context"
	"net/http"
	"time"

	"weir/bench"
)

// requester is a link that carries requests of net/http's shape: HTTP/2's and HTTP/3's.
type requester interface {
	link
	// roundTrip sends q once and returns when the answer's head has come. The answer's body must be closed.
	roundTrip(q *http.Request) (*http.Response, error)
}

// exchanger is the Client of one worker over a requester.
type exchanger[L requester] struct {
	to   *target
	lane *lane[L]
	// sort makes an error of the library one that bench.KindOf sorts.
	sort func(err error, begun bool) error
	body bodyReader
}

func newExchanger[L requester](t *target, l *lane[L], sort func(error, bool) error) *exchanger[L] {
	l.join()
	return &exchanger[L]{to: t, lane: l, sort: sort}
}

// Close leaves the connection, which ends with its last worker.
func (e *exchanger[L]) Close() error {
	e.lane.leave()
	return nil
}

// Do makes one round trip.
func (e *exchanger[L]) Do(ctx context.Context, deadline time.Time, r *bench.Request) (a bench.Answer, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	err = e.lane.do(ctx, &a, func(l L) error { return e.exchange(ctx, l, r, &a) })
	return a, err
}

// exchange sends r on l and reads its answer into a.
func (e *exchanger[L]) exchange(ctx context.Context, l L, r *bench.Request, a *bench.Answer) error {
	q, body, err := e.to.httpRequest(ctx, r)
	if err != nil {
		return err
	}
	defer func() { a.Out = int64(len(r.Body) - body.recall()) }()
	answer, err := l.roundTrip(q)
	if err != nil {
		return e.sort(err, false)
	}
	defer answer.Body.Close()
	a.Status = answer.StatusCode
	if err := e.body.read(answer.Body, r.Expect.WantsBody(), a); err != nil {
		return e.sort(err, true)
	}
	return nil
}
