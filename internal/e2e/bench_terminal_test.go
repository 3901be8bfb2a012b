//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// onTerminal runs weir on a pseudo-terminal of 100 columns and returns what it wrote there.
func onTerminal(t *testing.T, vars []string, args ...string) string {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	var number, unlocked uint32
	size := [4]uint16{40, 100}
	terminalCall(t, near, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	terminalCall(t, near, syscall.TIOCGPTN, unsafe.Pointer(&number))
	terminalCall(t, near, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = far, far
	mine := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "TERM=") || strings.HasPrefix(v, "NO_COLOR=")
	})
	cmd.Env = append(mine, vars...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	far.Close()
	var text bytes.Buffer
	_, _ = text.ReadFrom(near) // its end is EIO, when the last writer has gone
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %v\n%s", args, err, text.String())
	}
	return text.String()
}

func terminalCall(t *testing.T, f *os.File, call uintptr, at unsafe.Pointer) {
	t.Helper()
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), call, uintptr(at)); errno != 0 {
		t.Fatal(errno)
	}
}
