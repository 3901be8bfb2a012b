package cmd

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestTheSoftLimitOfDescriptorsIsRaised(t *testing.T) {
	s := run(t, answers("x"), "sh", "-c", `ulimit -Sn 128; exec "$@"`, "sh")
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(b), "Max open files")
	f := strings.Fields(line)
	soft, _ := strconv.Atoi(f[0])
	hard, _ := strconv.Atoi(f[1])
	// Go's os package raises it at start, and leaves the last one off.
	if soft < hard-1 || soft <= 128 {
		t.Errorf("the soft limit is %d, the hard one %d", soft, hard)
	}
}
