//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"weir/internal/certs/acme/pebble"
)

// binary is the weir that every test starts; TestMain builds it, with the race detector if the tests
// themselves have it.
var binary string

func TestMain(m *testing.M) {
	pebble.Main() // ends if an authority's test started this process to write DNS records
	if name := os.Getenv(endpointName); name != "" {
		os.Exit(beEndpoint(name)) // a test started this process to have an endpoint that it can kill
	}
	// Under the race detector every program sleeps for a second at its end, unless it is told for how many milliseconds: the
	// last of several words counts.
	if err := os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=20"); err != nil {
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	// What the tests do is mostly to wait: without a word on it, twice as many go on at once as there are processors.
	flag.Parse()
	if many := flag.Lookup("test.parallel"); many.Value.String() == many.DefValue {
		_ = many.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0))) // it is a number
	}
	dir, err := os.MkdirTemp("", "weir-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "weir")
	build := exec.Command("go", "build", "-o", binary, "weir/cmd/weir")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if raceDetector {
		build = exec.Command("go", "build", "-race", "-o", binary, "weir/cmd/weir")
	}
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build weir/cmd/weir: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
