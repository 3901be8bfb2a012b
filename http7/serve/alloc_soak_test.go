//go:build soak && !race

package serve

import "testing"

func TestSoakProxiedGetsMakeNoObjects(t *testing.T) { proxiedGetsMakeNoObjects(t, 100_000, nil) }
