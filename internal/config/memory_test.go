package config

import "testing"

func TestTheMemoryIsWhatTheKernelSays(t *testing.T) {
	const meminfo = "MemTotal:        8029340 kB\nMemFree:          218560 kB\n"
	for _, c := range []struct {
		meminfo, limit string
		want           int64
	}{
		{meminfo, "", 8029340 << 10},
		{meminfo, "max\n", 8029340 << 10},
		{meminfo, "536870912\n", 512 << 20},
		{meminfo, "9223372036854771712\n", 8029340 << 10},
		{"", "536870912\n", 512 << 20},
		{"", "", 0},
		{"MemTotal: lots kB\n", "-1", 0},
		{"MemTotal: 5 MB\nMemTotal: 99999999999999999 kB\n", "", 0},
		{"MemTotal:\n", "0\n", 0},
	} {
		if got := memoryIn([]byte(c.meminfo), []byte(c.limit)); got != c.want {
			t.Errorf("%q and %q: %d, want %d", c.meminfo, c.limit, got, c.want)
		}
	}
	if got := machineMemory(); got < 0 {
		t.Errorf("here there are %d bytes", got)
	}
}

func FuzzMemoryIn(f *testing.F) {
	f.Add([]byte("MemTotal:        8029340 kB\n"), []byte("max\n"))
	f.Add([]byte("MemTotal: -1 kB"), []byte("18446744073709551616"))
	f.Fuzz(func(t *testing.T, meminfo, limit []byte) {
		if got := memoryIn(meminfo, limit); got < 0 {
			t.Errorf("%d", got)
		}
	})
}
