//go:build soak && linux

package store_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// churnEnv says that this process is the one that TestSoakChurn started.
const churnEnv = "WEIR_STORE_CHURN"

// Issue 7: 24 h of simulated churn never exceed the configured bytes by 1 %, and leave a resident memory of at most 1.3
// times the limit and 64 MiB. The store has no clock; a day is 2.4 million uses. It has a process of its own, so that
// its memory is all there is.
func TestSoakChurn(t *testing.T) {
	const limit, uses = 128 << 20, 100_000
	if os.Getenv(churnEnv) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSoakChurn$", "-test.v")
		cmd.Env = append(os.Environ(), churnEnv+"=1")
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if err != nil || !strings.Contains(string(out), "PASS: TestSoakChurn") {
			t.Errorf("the process: %v", err)
		}
		return
	}
	begin := time.Now()
	c := newChurn(t, limit)
	defer c.Close()
	for hour := range 24 {
		c.hour(hour, uses)
	}
	rss, peak := memoryOf(t)
	st := c.Stats()
	t.Logf("%v: %.1f GiB stored, %d objects; at most %+.3f %% of the limit over it; RSS %.1f MiB, at most %.1f MiB, limit %d MiB; %+v",
		time.Since(begin).Round(time.Second), float64(c.stored)/(1<<30), st.Stored, 100*c.most, mib(rss), mib(peak), limit>>20, st)
	if most := int64(limit)*13/10 + 64<<20; rss > most {
		t.Errorf("RSS is %.1f MiB, want at most %.1f", mib(rss), mib(most))
	}
	if st.EvictedSmall+st.EvictedMain < 100_000 || st.Objects == 0 {
		t.Errorf("that was no churn: %+v", st)
	}
	c.empties()
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// memoryOf is this process's resident memory, now and at most.
func memoryOf(t *testing.T) (now, peak int64) {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kib); n == 1 {
			now = kib << 10
		}
		if n, _ := fmt.Sscanf(lines.Text(), "VmHWM: %d kB", &kib); n == 1 {
			peak = kib << 10
		}
	}
	return now, peak
}
