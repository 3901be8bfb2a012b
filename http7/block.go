package http7

import (
	"context"
	"time"
)

// Block readies x's goroutine for I/O of a policy whose step is declared to block: ctx ends when most has passed, when
// the client leaves, when the exchange's time is up or when Weir stops. done must be called before the policy returns.
// It allocates: policies ask their caches first. Not for dry runs, in which nobody is asked.
func (x *Exchange) Block(most time.Duration) (ctx context.Context, done func()) {
	if x.Blocking != nil {
		return x.Blocking(most)
	}
	return context.WithTimeout(context.Background(), most)
}
