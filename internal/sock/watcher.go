package sock

import (
	"context"
	"sync"

	"golang.org/x/sys/unix"
)

// Watcher notices, for the whole process, that the other ends of connections leave. One goroutine
// serves all connections that are being waited on.
type Watcher struct {
	epfd, wake int

	mu   sync.Mutex
	next uint64
	gone map[uint64]func()
}

// NewWatcher makes a watcher; it notices nothing until Run.
func NewWatcher() (*Watcher, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(epfd)
		return nil, err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLIN}
	if err := unix.EpollCtl(epfd, unix.EPOLL_CTL_ADD, wake, &ev); err != nil {
		_ = unix.Close(epfd)
		_ = unix.Close(wake)
		return nil, err
	}
	return &Watcher{epfd: epfd, wake: wake, gone: map[uint64]func(){}}, nil
}

// Arm calls gone, once and on the watcher's goroutine, when the other end of c leaves: it closes, or
// resets. If it has already ended its sending side, that is a half-close and only a reset counts.
// It returns the watch's number for Disarm; 0 if c is closed, or has no descriptor to watch.
func (w *Watcher) Arm(c *Conn, gone func()) uint64 {
	if c.raw == nil {
		return 0
	}
	w.mu.Lock()
	w.next++
	id := w.next
	w.gone[id] = gone
	w.mu.Unlock()
	var failed error
	err := c.raw.Control(func(fd uintptr) { failed = w.add(int(fd), id) })
	if err != nil || failed != nil {
		w.Disarm(c, id)
		return 0
	}
	return id
}

func (w *Watcher) add(fd int, id uint64) error {
	ended, err := poll(uintptr(fd), unix.POLLRDHUP)
	if err != nil {
		return err
	}
	ev := unix.EpollEvent{Events: unix.EPOLLONESHOT | unix.EPOLLRDHUP, Fd: int32(id), Pad: int32(id >> 32)}
	if ended&unix.POLLRDHUP != 0 {
		ev.Events = unix.EPOLLONESHOT // reset and full close are always reported
	}
	err = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_ADD, fd, &ev)
	if err == unix.EEXIST {
		err = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_MOD, fd, &ev)
	}
	return err
}

// Disarm ends a watch. After it has returned, gone is not called and does not run.
func (w *Watcher) Disarm(c *Conn, id uint64) {
	if id == 0 {
		return
	}
	w.mu.Lock()
	delete(w.gone, id)
	w.mu.Unlock()
	_ = c.raw.Control(func(fd uintptr) { // a closed descriptor has left the set by itself
		_ = unix.EpollCtl(w.epfd, unix.EPOLL_CTL_DEL, int(fd), nil)
	})
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { // the watcher's end: it is over when Run is
		_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd takes it unless it is full, and then it is awake
		close(woken)
	})
	defer func() {
		if !stop() {
			<-woken // behind Close the descriptor's number may be a client's
		}
	}()
	events := make([]unix.EpollEvent, 128)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(w.epfd, events, -1)
		if err != nil && err != unix.EINTR {
			return
		}
		for i := range max(n, 0) {
			w.fire(uint64(uint32(events[i].Fd)) | uint64(uint32(events[i].Pad))<<32)
		}
	}
}

// fire holds the lock while gone runs, which is what Disarm waits for.
func (w *Watcher) fire(id uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if gone := w.gone[id]; gone != nil {
		delete(w.gone, id)
		gone()
	}
}

// Close frees the watcher's descriptors; call it after Run has returned.
func (w *Watcher) Close() {
	_ = unix.Close(w.epfd)
	_ = unix.Close(w.wake)
}
