package tcp4

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// defaultUnixMode lets owner and group connect.
const defaultUnixMode fs.FileMode = 0o660

// BindError says which address of which listener could not be bound, and why:
// "listener web: address 127.0.0.1:80: address already in use".
type BindError struct {
	Listener, Address string
	Err               error
}

// Error is the sentence for the operator.
func (e *BindError) Error() string {
	if e.Address == "" {
		return fmt.Sprintf("listener %s: %v", e.Listener, e.Err)
	}
	return fmt.Sprintf("listener %s: address %s: %v", e.Listener, e.Address, e.Err)
}

// Unwrap returns the cause, such as syscall.EADDRINUSE.
func (e *BindError) Unwrap() error { return e.Err }

// network splits a configured address into what net.Listen wants: a family and an address.
func network(address string) (network, addr string) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		return "unix", path
	}
	ap, err := netip.ParseAddrPort(address)
	switch {
	case err != nil:
		return "tcp", address // ":8080" or a name
	case ap.Addr().Is4():
		return "tcp4", address
	default:
		return "tcp6", address // with IPV6_V6ONLY
	}
}

// anyPort reports whether the system chooses the port of address.
func anyPort(address string) bool {
	return !strings.HasPrefix(address, "unix:") && strings.HasSuffix(address, ":0")
}

// bind binds one address. Connections queue in the kernel until run accepts them.
func bind(address string, mode fs.FileMode) (*socket, error) {
	family, addr := network(address)
	lc := net.ListenConfig{Control: tuneListener, KeepAlive: -1}
	lc.SetMultipathTCP(false) // costs on every accept and can't be spliced
	named := family == "unix" && !strings.HasPrefix(addr, "@")
	if mode == 0 {
		mode = defaultUnixMode
	}
	if named {
		if err := removeStale(addr); err != nil {
			return nil, err
		}
		lc.Control = func(_, _ string, c syscall.RawConn) error { return modeBeforeBind(c, mode) }
	}
	ln, err := lc.Listen(context.Background(), family, addr)
	if err != nil {
		return nil, cause(err)
	}
	s := &socket{address: address, ln: ln.(bound), stopping: make(chan struct{}), gone: make(chan struct{})}
	if s.raw, err = s.ln.SyscallConn(); err == nil && named {
		ln.(*net.UnixListener).SetUnlinkOnClose(false)
		s.file, err = newSocketFile(addr, mode)
	}
	if err != nil {
		s.close()
		return nil, cause(err)
	}
	return s, nil
}

// cause strips what net wraps around a system error, which repeats the address.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// socketFile is the file of a bound unix socket. It is removed only while it is still the same
// file, because another process may have bound the path since.
type socketFile struct {
	path string
	info fs.FileInfo
}

func newSocketFile(path string, mode fs.FileMode) (*socketFile, error) {
	if err := os.Chmod(path, mode); err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	return &socketFile{path: path, info: info}, nil
}

// remove removes the file; f may be nil.
func (f *socketFile) remove() {
	if f == nil {
		return
	}
	if now, err := os.Lstat(f.path); err == nil && os.SameFile(now, f.info) {
		_ = os.Remove(f.path)
	}
}

// removeStale removes a socket file that nobody listens on any more. Anything else at path is an
// error: a file that is not a socket, or a socket that someone answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return cause(err)
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return errors.New("a file that is not a socket is in the way")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return syscall.EADDRINUSE
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return syscall.EADDRINUSE // it exists and is not provably dead
	}
	return cause(os.Remove(path))
}
