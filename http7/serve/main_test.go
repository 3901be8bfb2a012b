package serve

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets more tests run at once than there are processors, unless -parallel says how many: most of them wait for
// a timeout, or for what must not happen.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
