package peers

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// machine looks at the machine; what can't be read stays empty.
func machine() Machine {
	read := func(path string) string {
		text, _ := os.ReadFile(path) // an empty text has no values
		return string(text)
	}
	m := Machine{
		CPU:    valueOf(read("/proc/cpuinfo"), "model name", ":"),
		Cores:  runtime.NumCPU(),
		System: valueOf(read("/etc/os-release"), "PRETTY_NAME", "="),
		Go:     runtime.Version(),
	}
	kib, _, _ := strings.Cut(valueOf(read("/proc/meminfo"), "MemTotal", ":"), " ")
	if n, err := strconv.ParseInt(kib, 10, 64); err == nil {
		m.Memory = n << 10
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = fmt.Sprintf("%s %s", unix.ByteSliceToString(name.Sysname[:]), unix.ByteSliceToString(name.Release[:]))
	}
	return m
}

// enoughFiles are for 10,000 clients and their 10,000 connections to the endpoint, in one process.
const enoughFiles = 65_536

// moreFiles raises the number of descriptors that this process and those that it starts may have, as far as it may,
// and returns what it came to.
func moreFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	want := max(limit.Max, enoughFiles)
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: want, Max: want}) != nil {
		// Only a privileged process may raise the maximum; the scenarios that need more look at the result.
		_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit.Max, Max: limit.Max})
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(limit.Cur, 1<<30))
}
