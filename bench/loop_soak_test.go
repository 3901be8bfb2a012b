//go:build soak && linux

package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/internal/testkit"
)

// What the tests below measure runs in processes of its own, each on one core: this test binary again, told by the
// environment what to be.
const (
	roleEndpoint = "WEIR_TEST_ENDPOINT"
	roleLoad     = "WEIR_TEST_LOAD"
)

// TestMain plays a role where one is given, else runs the tests.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(roleEndpoint) != "":
		playEndpoint()
	case os.Getenv(roleLoad) != "":
		playLoad([]byte(os.Getenv(roleLoad)))
	default:
		os.Exit(m.Run())
	}
}

// playEndpoint serves, and tells where, until its input ends.
func playEndpoint() {
	e, address, err := newEndpoint(sized(1024))
	if err != nil {
		panic(err)
	}
	go e.run() // ends with the process
	fmt.Println(address)
	io.Copy(io.Discard, os.Stdin)
}

// load is what a load process is told and what it tells.
type load struct {
	Target      string
	Connections int
	Rate        float64
	Duration    time.Duration
	Timeout     time.Duration
	Warmup      time.Duration

	Report *Report       `json:",omitempty"`
	Peak   int64         // bytes of memory
	CPU    time.Duration // of the whole process
}

func playLoad(text []byte) {
	var l load
	if err := json.Unmarshal(text, &l); err != nil {
		panic(err)
	}
	var err error
	l.Report, err = Run(context.Background(), Config{
		Target: l.Target, Connections: l.Connections, Rate: l.Rate, Duration: l.Duration, Warmup: l.Warmup,
		Timeout: l.Timeout,
	})
	if err != nil {
		panic(err)
	}
	if l.Peak, err = peak(); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(l); err != nil {
		panic(err)
	}
}

// peak returns the most memory that this process has had resident.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, io.ErrUnexpectedEOF
}

// distant starts the endpoint on the second core and returns its address.
func distant(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(testkit.Require(t, "taskset"), "-c", "1", os.Args[0])
	cmd.Env = append(os.Environ(), roleEndpoint+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// generate runs a load on the first core with one P.
func generate(t *testing.T, l load) load {
	t.Helper()
	told, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), testkit.Require(t, "taskset"), "-c", "0", os.Args[0])
	cmd.Env = append(os.Environ(), roleLoad+"="+string(told), "GOMAXPROCS=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got load
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	got.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return got
}

var wrkRequests = regexp.MustCompile(`(\d+) requests in`)

// wrk returns its requests for each second of its processor time.
func wrk(t *testing.T, program, target string, connections int) float64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "taskset", "-c", "0", program, "-t1", "-c"+strconv.Itoa(connections), "-d1s", target)
	out, err := cmd.Output()
	found := wrkRequests.FindSubmatch(out)
	if err != nil || found == nil {
		t.Fatalf("%v: %s", err, out)
	}
	n, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return n / (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
}

func TestSoakARequestCostsHardlyMoreThanWrks(t *testing.T) {
	program := testkit.Require(t, "wrk")
	target := "http://" + distant(t) + "/"
	for _, connections := range []int{64, 1000} {
		var ratios []float64
		for range 7 {
			theirs := wrk(t, program, target, connections)
			l := generate(t, load{Target: target, Connections: connections, Duration: time.Second})
			ours := float64(l.Report.Requests) / l.CPU.Seconds()
			if l.Report.Failed() != 0 {
				t.Fatalf("%v: %v", l.Report.Failures, l.Report.FirstFailures)
			}
			ratios = append(ratios, ours/theirs)
			t.Logf("%d connections: wrk %.0f, weir %.0f requests per CPU second: %.2f", connections, theirs, ours, ours/theirs)
		}
		slices.Sort(ratios)
		t.Logf("%d connections: median %.2f, %.2f to %.2f", connections, ratios[3], ratios[0], ratios[6])
		if ratios[3] < 0.8 {
			t.Errorf("%d connections: %.2f of wrk's requests per CPU second; want 0.8", connections, ratios[3])
		}
	}
}

func TestSoakOneCoreHolds20000RequestsASecond(t *testing.T) {
	r := generate(t, load{Target: "http://" + distant(t), Connections: 64, Rate: 20_000, Duration: 10 * time.Second, Warmup: 300 * time.Millisecond}).Report
	t.Logf("lag %+v, CPU %v, %d late", r.Lag, r.CPU, r.Late)
	if !r.Valid() || r.OK != 200_000 || r.Lag.P99 >= time.Millisecond {
		t.Errorf("ok %d, %v, lag p99 %v, %v; want 200000 with less than 1 ms", r.OK, r.Failures, r.Lag.P99, r.Invalid)
	}
}

func TestSoakARateBeyondOneCoreIsInvalid(t *testing.T) {
	r := generate(t, load{Target: "http://" + distant(t), Connections: 1000, Rate: 1e6, Duration: 2 * time.Second, Timeout: time.Second}).Report
	if r.Valid() {
		t.Errorf("a million a second is called valid: ok %d of %d, lag %+v", r.OK, r.Requests, r.Lag)
	}
}

func TestSoakTenThousandConnectionsFitIn300MiB(t *testing.T) {
	got := generate(t, load{Target: "http://" + distant(t), Connections: 10_000, Duration: 3 * time.Second})
	t.Logf("peak %d MiB, %d opened, %v/s", got.Peak>>20, got.Report.Opened, got.Report.PerSecond())
	if got.Report.Failed() != 0 || got.Report.Opened != 10_000 || got.Peak >= 300<<20 {
		t.Errorf("peak %d MiB, %d opened, %v", got.Peak>>20, got.Report.Opened, got.Report.Failures)
	}
}

func TestSoakAFreezeOfTenSecondsInAMinute(t *testing.T) {
	if wrong := checkFreeze(t, 10*time.Second, 1000, 0.05, 0, time.Millisecond); wrong != "" {
		t.Error(wrong)
	}
}
