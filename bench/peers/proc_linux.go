package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// family returns a process and all its descendants.
func family(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		if parent, ok := parentOf(text); ok {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				children[parent] = append(children[parent], child)
			}
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	slices.Sort(all)
	return all, nil
}

// processorTime returns the processor time, user and system, that the processes have used, all their threads
// included, also those that have ended. It reads the kernel's per-process clock, exact to the nanosecond, where
// utime and stime in /proc/PID/stat come in ticks of 10 ms (clock_getcpuclockid(3) makes the same clock id).
func processorTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		const perProcessSchedClock = 2
		var at unix.Timespec
		if err := unix.ClockGettime(int32(^pid)<<3|perProcessSchedClock, &at); err != nil {
			return 0, fmt.Errorf("bench peers: processor time of process %d: %w", pid, err)
		}
		sum += time.Duration(at.Nano())
	}
	return sum, nil
}

// resident returns the resident memory of the processes in bytes; pages that they share count for each.
func resident(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			return 0, err
		}
		pages, ok := residentPages(text)
		if !ok {
			return 0, fmt.Errorf("bench peers: /proc/%d/statm reads %q", pid, text)
		}
		sum += pages * int64(os.Getpagesize())
	}
	return sum, nil
}

// pinSelf moves every thread of this process to one core and returns what undoes it. Threads made later inherit
// their maker's core.
func pinSelf(core int) (undo func(), err error) {
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return nil, err
	}
	only.Set(core)
	return func() { _ = setThreads(&before) }, setThreads(&only)
}

func setThreads(set *unix.CPUSet) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return err
	}
	for _, thread := range threads {
		tid, err := strconv.Atoi(thread.Name())
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, set); err != nil && err != unix.ESRCH {
			return os.NewSyscallError("sched_setaffinity", err)
		}
	}
	return nil
}

// cores returns the first two processors that this process may use, for the proxy and for the load. With fewer
// than two, both are -1: nothing is pinned.
func cores() (proxy, load int) {
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil || may.Count() < 2 {
		return -1, -1
	}
	proxy, load = -1, -1
	for core := 0; load < 0; core++ {
		switch {
		case !may.IsSet(core):
		case proxy < 0:
			proxy = core
		default:
			load = core
		}
	}
	return proxy, load
}
