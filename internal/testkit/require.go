package testkit

import (
	"os"
	"os/exec"
	"testing"
)

// Require returns the path of an outside program. Without it the test is skipped, saying so; with
// WEIR_REQUIRE=all, as in CI, it fails: there a missing program is a mistake.
func Require(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		lack(t, program, os.Getenv("WEIR_REQUIRE"))
	}
	return path
}

func lack(t testing.TB, program, demand string) {
	t.Helper()
	if demand == "all" {
		t.Fatalf("%s is not installed, and WEIR_REQUIRE=all", program)
	}
	t.Skipf("%s is not installed (WEIR_REQUIRE=all makes this a failure)", program)
}
