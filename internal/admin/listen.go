package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"weir/internal/conf"
)

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
		return errors.Join(fmt.Errorf("bind: %w", syscall.EADDRINUSE), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
