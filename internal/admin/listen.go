package admin

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"weir/internal/conf"
)

// cause strips what net wraps around a system error: it repeats the address.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// socketMode lets the owner in alone: whoever can open the socket may reload.
const socketMode = 0o600

func listen(a conf.Address) (net.Listener, error) {
	if !a.IsUnix() {
		return net.Listen(a.Network(), a.Dial())
	}
	path := a.Dial()
	if err := removeDead(path); err != nil {
		return nil, err
	}
	// On Linux bind gives the file the mode that the socket has, so there is no moment in which
	// others could connect; Chmod is for systems that ignore it.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), socketMode) })
	}}
	ln, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return ln, nil
}

// patient is a listener whose Accept goes on when the process runs out of descriptors or memory;
// fasthttp would give up for good.
type patient struct {
	net.Listener
	log *slog.Logger
}

// acceptPause is how long Accept waits before it tries again.
const acceptPause = 100 * time.Millisecond

// Accept implements net.Listener. It may return up to acceptPause after Close.
func (p patient) Accept() (net.Conn, error) {
	for told := false; ; told = true {
		nc, err := p.Listener.Accept()
		if !short(err) {
			return nc, err
		}
		if !told {
			p.log.Error("admin server can't accept for now", "error", err)
		}
		time.Sleep(acceptPause)
	}
}

// short reports whether err means that the process has run out of something.
func short(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// removeDead removes a socket that nobody listens on any more, as a killed process leaves it.
// Anything else in the place is an error, and stays.
func removeDead(path string) error {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case st.Mode().Type() != fs.ModeSocket:
		return errors.New("the path is taken by something that is not a socket")
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		conn.Close()
		return syscall.EADDRINUSE
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
