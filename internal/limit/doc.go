// Package limit keeps what is sent to an upstream within what it can serve: a budget of retries, a
// circuit breaker, a limit of concurrency that adapts, a queue in front of it, and the latency
// quantile that hedges wait for.
//
// lb puts the parts together in its Gate and its endpoints; http7/policy/concurrency has a Gradient for each key. The package does
// no I/O and has no clock: now is always the time since some moment that the caller chose once, and
// may lag behind that of another goroutine. Nothing allocates after construction. What every use
// passes (Budget.Use, Breaker.Allow and its outcomes, Gradient.Done, Latencies.Observe) takes no lock.
package limit
