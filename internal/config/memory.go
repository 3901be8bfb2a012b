package config

import (
	"bytes"
	"os"
	"strconv"
)

// machineMemory is how many bytes of memory this process may have: the machine's, or what its control group allows, if that
// is less. 0 where nobody says.
func machineMemory() int64 {
	total, _ := os.ReadFile("/proc/meminfo")
	limit, _ := os.ReadFile("/sys/fs/cgroup/memory.max")
	return memoryIn(total, limit)
}

// memoryIn reads the kernel's two files. What can't be read is taken as not there.
func memoryIn(meminfo, limit []byte) (most int64) {
	for line := range bytes.Lines(meminfo) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "MemTotal:" && string(f[2]) == "kB" {
			if n, err := strconv.ParseInt(string(f[1]), 10, 64); err == nil && n > 0 && n < 1<<50 {
				most = n << 10
			}
		}
	}
	if n, err := strconv.ParseInt(string(bytes.TrimSpace(limit)), 10, 64); err == nil && n > 0 && (most == 0 || n < most) {
		most = n // "max" is none
	}
	return most
}
