package admin

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// listing is a listener whose accepts come to what it lists; the list's end is a closed one.
type listing struct {
	net.Listener
	errs []error
}

func (l *listing) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		return nil, net.ErrClosed
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}

// fasthttp ends its server at the first error of accept, so a moment without descriptors took
// /healthz away until a restart.
func TestAcceptOutlivesAShortage(t *testing.T) {
	other := errors.New("other")
	full := &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	for _, test := range []struct {
		name  string
		errs  []error
		want  error
		after time.Duration
	}{
		{"closed", nil, net.ErrClosed, 0},
		{"another error", []error{other}, other, 0},
		{"one shortage", []error{full, other}, other, acceptPause},
		{"three shortages, then closed", []error{full, full, full}, net.ErrClosed, 3 * acceptPause},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				_, err := patient{&listing{errs: test.errs}, slog.New(slog.DiscardHandler)}.Accept()
				if took := time.Since(begin); !errors.Is(err, test.want) || took != test.after {
					t.Errorf("%v after %v, want %v after %v", err, took, test.want, test.after)
				}
			})
		})
	}
}
