package bench

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm rings once at a time, to some ten microseconds: a timerfd in the runtime's poller. The runtime's own timers
// wait in whole milliseconds while a program is otherwise idle.
type alarm struct {
	fd   int
	file *os.File
}

func newAlarm() (*alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return &alarm{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}, nil
}

// set makes the alarm ring in d, instead of whenever it was set for.
func (a *alarm) set(d time.Duration) {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(max(1, d.Nanoseconds()))}
	// It fails for a bad descriptor or time alone, and we have neither before close.
	_ = unix.TimerfdSettime(a.fd, 0, &spec, nil)
}

// wait returns true when the alarm rings and false after close.
func (a *alarm) wait() bool {
	var rings [8]byte
	_, err := a.file.Read(rings[:])
	return err == nil
}

// close ends wait. The caller no longer calls set.
func (a *alarm) close() { a.file.Close() }
