package evloop

import (
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events is what a descriptor is ready for, or what its owner wants to hear of.
type Events uint32

// The events. PeerEnd says that the other end sends no more; Broken, an error or the end of both ways, is reported
// whether it was wanted or not. Edge, only in what is wanted, reports each readiness once, when it begins: then a
// handler reads until the socket has no more, and may ask for Out always, since it comes only when a connection is
// made and when a write that was short can go on.
const (
	In      Events = unix.EPOLLIN
	Out     Events = unix.EPOLLOUT
	PeerEnd Events = unix.EPOLLRDHUP
	Broken  Events = unix.EPOLLERR | unix.EPOLLHUP
	Edge    Events = unix.EPOLLET
)

// Handler is told when its descriptor is ready, on the thread that calls Loop.Serve. It may add and remove any
// descriptor of the loop, its own included.
type Handler interface {
	Ready(e Events)
}

// Loop is an epoll instance with its handlers. All but Wake belongs to one goroutine at a time.
type Loop struct {
	epoll  int
	places []place // by descriptor
	events []unix.EpollEvent
	ready  int // events that Poll or Wait has taken and Serve not yet served
	timer  int // timerfd where there is no epoll_pwait2; -1: none

	mu     sync.Mutex // guards waker against Close
	waker  int        // eventfd
	closed bool
}

// place is a descriptor's entry. The generation tells it from a later use of the same number, for which an event
// that was taken before must not be meant.
type place struct {
	handler    Handler
	generation int32
}

// New returns a loop that takes at most so many events at a time.
func New(batch int) (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	waker, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(epoll)
		return nil, os.NewSyscallError("eventfd", err)
	}
	l := &Loop{epoll: epoll, waker: waker, timer: -1, events: make([]unix.EpollEvent, batch)}
	// On an edge each write is an event, and the count need not be read.
	if err := l.Add(waker, In|Edge, nil); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Add takes a non-blocking descriptor into the loop. The caller keeps its ownership.
func (l *Loop) Add(fd int, want Events, h Handler) error {
	for len(l.places) <= fd {
		l.places = append(l.places, place{})
	}
	p := &l.places[fd]
	p.generation++
	p.handler = h
	return l.control(unix.EPOLL_CTL_ADD, fd, want)
}

// Set changes what is wanted of a descriptor in the loop. On an edge, it reports again what is ready now: so a
// handler that has not read everything gives way to the others.
func (l *Loop) Set(fd int, want Events) error { return l.control(unix.EPOLL_CTL_MOD, fd, want) }

// Remove forgets a descriptor, whose handler is not called any more; the caller closes it next, which takes it out
// of the kernel's set.
func (l *Loop) Remove(fd int) { l.places[fd].handler = nil }

func (l *Loop) control(op, fd int, want Events) error {
	event := unix.EpollEvent{Events: uint32(want), Fd: int32(fd), Pad: l.places[fd].generation}
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(l.epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	if e != 0 {
		return os.NewSyscallError("epoll_ctl", e)
	}
	return nil
}

// Poll takes the events that are there and returns their number, without waiting and without the scheduler's
// knowledge. Those of the last call must have been served.
func (l *Loop) Poll() (int, error) {
	n, _, e := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(unsafe.SliceData(l.events))), uintptr(len(l.events)), 0, 0, 0)
	return l.took(n, e)
}

// Wait is Poll, but where nothing is there it waits until something is, for d at most (to some ten microseconds on
// a thread that LockThread has prepared), or until Wake. It may return 0 sooner.
func (l *Loop) Wait(d time.Duration) (int, error) {
	limit := unix.NsecToTimespec(max(0, d.Nanoseconds()))
	if l.timer < 0 {
		n, _, e := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(unsafe.SliceData(l.events))), uintptr(len(l.events)), uintptr(unsafe.Pointer(&limit)), 0, 0)
		if e != unix.ENOSYS && e != unix.EPERM {
			return l.took(n, e)
		}
		if err := l.addTimer(); err != nil {
			return 0, err
		}
	}
	if d <= 0 {
		return l.Poll() // a zero time would stop the timer
	}
	if err := unix.TimerfdSettime(l.timer, 0, &unix.ItimerSpec{Value: limit}, nil); err != nil {
		return 0, os.NewSyscallError("timerfd_settime", err)
	}
	n, _, e := unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(unsafe.SliceData(l.events))), uintptr(len(l.events)), ^uintptr(0), 0, 0)
	return l.took(n, e)
}

// addTimer is for kernels before 5.11 and sandboxes that refuse epoll_pwait2.
func (l *Loop) addTimer() error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	l.timer = fd
	return l.Add(fd, In|Edge, nil)
}

func (l *Loop) took(n uintptr, e unix.Errno) (int, error) {
	l.ready = 0
	if e == unix.EINTR {
		return 0, nil
	}
	if e != 0 {
		return 0, os.NewSyscallError("epoll_wait", e)
	}
	l.ready = int(n)
	return l.ready, nil
}

// Full reports whether the last Poll or Wait took as many events as it may: there may be more.
func (l *Loop) Full() bool { return l.ready == len(l.events) }

// Serve calls the handlers of the events that the last Poll or Wait took.
func (l *Loop) Serve() {
	for i := range l.ready {
		e := &l.events[i]
		if p := &l.places[e.Fd]; p.handler != nil && p.generation == e.Pad {
			p.handler.Ready(Events(e.Events))
		}
	}
	l.ready = 0
}

// Wake ends a Wait, the present one or the next. Any goroutine may call it, also after Close.
func (l *Loop) Wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		// It fails where the count is full: then the loop has been woken.
		_, _ = unix.Write(l.waker, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// Close frees the loop's own descriptors; the others are their owners'.
func (l *Loop) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	unix.Close(l.waker)
	unix.Close(l.epoll)
	if l.timer >= 0 {
		unix.Close(l.timer)
	}
}

// LockThread ties the calling goroutine to its thread and lets that thread's waits end on time: the usual slack is
// 50 µs. The goroutine should end without untying itself, so that the thread ends with it.
func LockThread() {
	runtime.LockOSThread()
	// Without it waits end up to 50 µs late; there is nothing else to do about that.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}
