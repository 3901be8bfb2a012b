//go:build linux

package e2e

import (
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// startDying starts cmd so that it is killed when this process ends, however it ends.
//
// The kernel sends Pdeathsig when the thread ends that started the child, and package bench ends
// threads: its loops lock theirs. So all children are started by one thread that stays.
func startDying(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	failed := make(chan error)
	starts() <- func() { failed <- cmd.Start() }
	return <-failed
}

// starts takes what is to run on the thread that stays.
var starts = sync.OnceValue(func() chan<- func() {
	calls := make(chan func())
	go func() { // as long as the process
		runtime.LockOSThread()
		for call := range calls {
			call()
		}
	}()
	return calls
})
