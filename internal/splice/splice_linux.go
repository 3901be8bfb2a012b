package splice

import "golang.org/x/sys/unix"

// The two ends of a pipe never block; whether the socket blocks is the socket's own matter.
const flags = unix.SPLICE_F_NONBLOCK | unix.SPLICE_F_MOVE

func newPipe() (*Pipe, error) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, err
	}
	// A refusal (EPERM beyond pipe-user-pages-soft) leaves a smaller pipe, which works too.
	_, _ = unix.FcntlInt(uintptr(fd[1]), unix.F_SETPIPE_SZ, Size)
	return &Pipe{r: fd[0], w: fd[1]}, nil
}

func (p *Pipe) close() {
	_ = unix.Close(p.r)
	_ = unix.Close(p.w)
}

// Fill moves bytes that wait in the socket fd into the pipe, which must be empty, and returns how
// many. 0 without an error is the end of the stream. EAGAIN means that nothing waits in the
// socket, EINVAL that this kind of socket can't be spliced.
func (p *Pipe) Fill(fd uintptr) (int, error) {
	n, err := again(int(fd), p.w, Size)
	p.held += n
	return n, err
}

// Pour moves bytes from the pipe, which must not be empty, to the socket fd and returns how many
// it took. EAGAIN means that the socket takes none at the moment.
func (p *Pipe) Pour(fd uintptr) (int, error) {
	n, err := again(p.r, int(fd), p.held)
	p.held -= n
	return n, err
}

// again is splice(2), repeated while a signal interrupts it.
func again(from, to, n int) (int, error) {
	for {
		moved, err := unix.Splice(from, nil, to, nil, n, flags)
		if err == unix.EINTR {
			continue
		}
		return max(int(moved), 0), err
	}
}
