package forward

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"

	"weir/http7"
)

func TestConnectFault(t *testing.T) {
	dialing := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, test := range []struct {
		name string
		err  error
		want *http7.Fault
	}{
		{"refused", dialing(os.NewSyscallError("connect", syscall.ECONNREFUSED)), http7.ConnectRefused},
		{"socket file that is not there", dialing(fs.ErrNotExist), http7.ConnectRefused},
		{"no such name", dialing(&net.DNSError{IsNotFound: true}), http7.NameUnresolved},
		{"name server that does not answer", dialing(&net.DNSError{IsTimeout: true}), http7.NameUnresolved},
		{"name without an address", dialing(&net.AddrError{Err: "no suitable address found"}), http7.NameUnresolved},
		{"timeout", dialing(os.ErrDeadlineExceeded), http7.ConnectTimeout},
		{"route's time is up", dialing(context.DeadlineExceeded), http7.ConnectTimeout},
		{"no way there", dialing(os.NewSyscallError("connect", syscall.ENETUNREACH)), http7.ConnectFailed},
		{"anything else", errors.New("else"), http7.ConnectFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := connectFault(test.err); got != test.want {
				t.Errorf("%v is %s, want %s", test.err, got.Name, test.want.Name)
			}
		})
	}
}
