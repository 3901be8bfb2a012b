package forward

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"

	"weir/http7"
)

func dialError(errno syscall.Errno) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errno)}
}

func TestAFailedDialSaysWhoseFaultItIs(t *testing.T) {
	for _, c := range []struct {
		err  error
		want *http7.Fault
	}{
		{dialError(syscall.ECONNREFUSED), http7.ConnectRefused},
		{&net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ENOENT)}, http7.ConnectRefused},
		{dialError(syscall.ETIMEDOUT), http7.ConnectTimeout},
		{context.DeadlineExceeded, http7.ConnectTimeout},
		{dialError(syscall.EHOSTUNREACH), http7.ConnectFailed},
		{dialError(syscall.ENETUNREACH), http7.ConnectFailed},
		{&net.DNSError{Err: "no such host", Name: "a"}, http7.NameUnresolved},
		{&net.DNSError{Err: "timeout", Name: "a", IsTimeout: true}, http7.NameUnresolved},
		{&net.AddrError{Err: "no suitable address", Addr: "a"}, http7.NameUnresolved},
		// What this machine is short of says nothing of the endpoint.
		{dialError(syscall.EMFILE), http7.Exhausted},
		{dialError(syscall.ENFILE), http7.Exhausted},
		{dialError(syscall.ENOBUFS), http7.Exhausted},
		{dialError(syscall.ENOMEM), http7.Exhausted},
		{dialError(syscall.EADDRNOTAVAIL), http7.Exhausted},
	} {
		if got := connectFault(c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
