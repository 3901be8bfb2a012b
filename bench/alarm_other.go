//go:build !linux

package bench

import (
	"sync"
	"time"
)

// alarm rings once at a time, with the runtime's timers: about a millisecond late where the system is idle.
type alarm struct {
	timer *time.Timer
	once  sync.Once
	done  chan struct{}
}

func newAlarm() (*alarm, error) {
	a := &alarm{timer: time.NewTimer(time.Hour), done: make(chan struct{})}
	a.timer.Stop()
	return a, nil
}

// set makes the alarm ring in d, instead of whenever it was set for.
func (a *alarm) set(d time.Duration) { a.timer.Reset(d) }

// wait returns true when the alarm rings and false after close.
func (a *alarm) wait() bool {
	select {
	case <-a.timer.C:
		return true
	case <-a.done:
		return false
	}
}

// close ends wait. The caller no longer calls set.
func (a *alarm) close() { a.once.Do(func() { close(a.done) }) }
