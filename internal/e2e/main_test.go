//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	os.Exit(run(m))
}

func run(m *testing.M) int {
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
