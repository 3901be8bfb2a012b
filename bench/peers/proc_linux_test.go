package peers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// brood starts a shell with children of its own and returns its process id with theirs; all end with the test.
func brood(t *testing.T, children int) (pid int, kids []int) {
	t.Helper()
	script := strings.Repeat("sleep 1000 & echo $!\n", children) + "echo done\nwait"
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "done" {
		var kid int
		if _, err := fmt.Sscan(lines.Text(), &kid); err != nil {
			t.Fatal(err)
		}
		kids = append(kids, kid)
	}
	return cmd.Process.Pid, kids
}

func TestAFamilyIsAProcessWithItsDescendants(t *testing.T) {
	pid, kids := brood(t, 3)
	got, err := family(pid)
	want := append([]int{pid}, kids...)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if alone, err := family(kids[0]); err != nil || !slices.Equal(alone, kids[:1]) {
		t.Errorf("a process without children: %v, %v", alone, err)
	}
	mine, err := family(os.Getpid())
	if err != nil || !slices.Contains(mine, pid) || !slices.Contains(mine, kids[2]) {
		t.Errorf("grandchildren are not in %v, %v", mine, err)
	}
}

func TestProcessorTimeGrowsWithWork(t *testing.T) {
	self := []int{os.Getpid()}
	before, err := processorTime(self)
	if err != nil {
		t.Fatal(err)
	}
	var used, start unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &start); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for spent := time.Duration(0); spent < 30*time.Millisecond; {
		for i := range 1_000_000 {
			sum += i
		}
		unix.Getrusage(unix.RUSAGE_SELF, &used)
		spent = time.Duration(used.Utime.Nano() - start.Utime.Nano())
	}
	after, err := processorTime(self)
	// rusage counts the same time, in coarser steps on some kernels.
	if err != nil || after-before < 15*time.Millisecond {
		t.Errorf("%v of work took %v, %v", 30*time.Millisecond, after-before, err)
	}
	runtime.KeepAlive(sum)
}

func TestProcessorTimeAddsUpAndMissesNobody(t *testing.T) {
	pid, kids := brood(t, 2)
	all := append([]int{pid}, kids...)
	var sum time.Duration
	for _, one := range all {
		d, err := processorTime([]int{one})
		if err != nil || d < 0 { // 0: not run yet
			t.Errorf("process %d: %v, %v", one, d, err)
		}
		sum += d
	}
	// All of them sleep, so the sum stands still between the readings.
	if together, err := processorTime(all); err != nil || (together-sum).Abs() > 5*time.Millisecond {
		t.Errorf("together %v, %v; one by one %v", together, err, sum)
	}
	if none, err := processorTime(nil); none != 0 || err != nil {
		t.Errorf("nobody used %v, %v", none, err)
	}
}

func TestAProcessThatHasEndedIsAnError(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	gone := []int{os.Getpid(), cmd.Process.Pid}
	if d, err := processorTime(gone); err == nil || d != 0 || !strings.Contains(err.Error(), fmt.Sprint(cmd.Process.Pid)) {
		t.Errorf("processor time: %v, %v; want an error that names the process", d, err)
	}
	if n, err := resident(gone); !errors.Is(err, os.ErrNotExist) || n != 0 {
		t.Errorf("memory: %v, %v", n, err)
	}
}

func TestResidentMemoryIsWhatTheKernelReports(t *testing.T) {
	pid := os.Getpid() // a process with some history: a fresh one's pages may not be counted yet
	got, err := resident([]int{pid})
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	var kib int64
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Sscan(rest, &kib)
		}
	}
	// statm's counters lag behind by up to a batch of pages for each core.
	if want := kib << 10; got <= 0 || got < want/2 || got > want*2 {
		t.Errorf("got %d bytes, the status says %d", got, want)
	}
	if twice, err := resident([]int{pid, pid}); err != nil || twice < got*3/2 {
		t.Errorf("two such processes: %d, %v; want about twice %d", twice, err, got)
	}
}

func TestPinningMovesEveryThreadAndIsUndone(t *testing.T) {
	proxy, load := cores()
	if load < 0 {
		if proxy >= 0 {
			t.Errorf("cores %d and %d: both or none", proxy, load)
		}
		return // one core alone: nothing to pin to
	}
	if proxy == load {
		t.Fatalf("proxy and load share core %d", load)
	}
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	undo, err := pinSelf(load)
	if err != nil {
		t.Fatal(err)
	}
	for set := range threadSets(t) {
		if set.Count() != 1 || !set.IsSet(load) {
			t.Errorf("a thread may run on %d cores", set.Count())
		}
	}
	undo()
	for set := range threadSets(t) {
		if set != before {
			t.Errorf("a thread may run on %d cores afterwards, want %d", set.Count(), before.Count())
		}
	}
}

// threadSets yields the cores that each thread of this process may use.
func threadSets(t *testing.T) func(func(unix.CPUSet) bool) {
	return func(yield func(unix.CPUSet) bool) {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		for _, thread := range threads {
			var tid int
			fmt.Sscan(thread.Name(), &tid)
			var set unix.CPUSet
			if err := unix.SchedGetaffinity(tid, &set); err == nil && !yield(set) {
				return
			}
		}
	}
}

func TestWhatRunsOnACoreStaysThere(t *testing.T) {
	proxy, _ := cores()
	if proxy < 0 {
		proxy = -1
	}
	var inside, after unix.CPUSet
	failure := errors.New("could not start")
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	err := onCore(proxy, func() error {
		if err := unix.SchedGetaffinity(0, &inside); err != nil {
			t.Error(err)
		}
		return failure
	})
	unix.SchedGetaffinity(0, &after)
	if !errors.Is(err, failure) || after != before {
		t.Errorf("got %v, and the thread's cores are %d afterwards, want %d", err, after.Count(), before.Count())
	}
	if proxy >= 0 && (inside.Count() != 1 || !inside.IsSet(proxy)) {
		t.Errorf("f ran on %d cores", inside.Count())
	}
}

func TestALoopbackPortIsFree(t *testing.T) {
	seen := make(map[int]bool)
	for range 5 {
		port, err := freePort()
		if err != nil || port < 1024 || port > 65535 {
			t.Fatalf("port %d, %v", port, err)
		}
		seen[port] = true
		if fd, err := dial(port); err == nil {
			unix.Close(fd)
			t.Errorf("somebody listens on %d", port)
		}
	}
	if len(seen) < 2 {
		t.Errorf("always the same port: %v", seen)
	}
}

func TestAStoppedChildLeavesNobody(t *testing.T) {
	o := relayOptions(t)
	h := openHarness(t, o, weirPeer("relay", o.Weir))
	c, err := h.start(t.Context(), weirPeer("relay", o.Weir), setup{Most: 100, Keep: 10, Dir: t.TempDir(), Origins: h.origin.ports})
	if err != nil {
		t.Fatal(err)
	}
	pids, err := family(c.cmd.Process.Pid)
	if err != nil || len(pids) == 0 {
		t.Fatalf("%v, %v", pids, err)
	}
	c.stop()
	if _, err := processorTime(pids); err == nil {
		t.Errorf("of %v, all still run", pids)
	}
	if fd, err := dial(c.port); err == nil {
		unix.Close(fd)
		t.Error("the port is still taken")
	}
}

func TestAChildThatIgnoresSIGTERMIsKilled(t *testing.T) {
	dir := t.TempDir()
	out, err := os.Create(dir + "/out")
	if err != nil {
		t.Fatal(err)
	}
	c := &child{peer: peer{name: "deaf"}, output: out, ended: make(chan struct{})}
	c.cmd = exec.Command("/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1000; done")
	c.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	ready, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(ready, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	go c.wait()
	begin := time.Now()
	c.stop()
	if took := time.Since(begin); took < stopPatience || took > stopPatience+time.Minute {
		t.Errorf("stopped after %v, want a little more than %v", took, stopPatience)
	}
}

func TestWhatAProxySaidIsCutToItsEnd(t *testing.T) {
	path := t.TempDir() + "/out"
	if err := os.WriteFile(path, []byte(strings.Repeat("noise\n", 1000)+"the\n  reason\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	said := (&child{output: out}).said()
	if len(said) > 1000 || !strings.HasSuffix(said, "the reason") {
		t.Errorf("%d bytes: …%s", len(said), said[max(0, len(said)-40):])
	}
}
