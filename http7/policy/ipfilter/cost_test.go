package ipfilter_test

import (
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/ipfilter"
	"weir/http7/policy/policytest"
)

// million is a list of n different networks as blocklists have them: single addresses and small blocks, one in eight of
// them in IPv6, none in 128.0.0.0/1 and 8000::/1.
func million(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	seen := make(map[netip.Prefix]bool, n)
	for len(seen) < n {
		p, err := aSide(random, 0).Prefix([]int{32, 32, 32, 24, 24, 22, 20, 30}[random.IntN(8)])
		if random.IntN(8) == 0 {
			p, err = sixth(random, 0x20).Prefix([]int{48, 64, 56, 128}[random.IntN(4)])
		}
		if err != nil {
			panic(err)
		}
		if !seen[p] {
			seen[p] = true
			b.WriteString(p.String() + "\n")
		}
	}
	return b.String()
}

// aSide is an IPv4 address with the given highest bit.
func aSide(random *rand.Rand, high byte) netip.Addr {
	u := random.Uint32()
	return netip.AddrFrom4([4]byte{high<<7 | byte(u)&0x7f, byte(u >> 8), byte(u >> 16), byte(u >> 24)})
}

func sixth(random *rand.Rand, first byte) netip.Addr {
	b := [16]byte{first, 1}
	for i := 2; i < 16; i++ {
		b[i] = byte(random.Uint32())
	}
	return netip.AddrFrom16(b)
}

// clients are addresses that no network of million has.
func clients() []netip.Addr {
	random := rand.New(rand.NewPCG(3, 4))
	list := make([]netip.Addr, 1<<14)
	for i := range list {
		if list[i] = aSide(random, 1); i%8 == 0 {
			list[i] = sixth(random, 0xa0)
		}
	}
	return list
}

// neighbours are addresses that are served, among those of the networks.
func neighbours(f *ipfilter.Filter) (list []netip.Addr) {
	random := rand.New(rand.NewPCG(5, 6))
	for len(list) < 1<<14 {
		if a := aSide(random, 0); f.Allows(a) {
			list = append(list, a)
		}
	}
	return list
}

func TestAMillionNetworksAreTakenInBoundedMemory(t *testing.T) {
	path := file(t, million(1_000_000))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := policytest.NewProcess()
	f, err := ipfilter.New(&ipfilter.Config{DenyFile: path}, "edge", r.Needs())
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if size := r.Level("edge.ip_filter denied_networks"); size != 1_000_000 {
		t.Errorf("%v networks, want a million", size)
	}
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 256<<20 {
		t.Errorf("the table has %d MiB, want less than 256", used>>20)
	} else {
		t.Logf("the table has %d MiB", used>>20)
	}
	for _, a := range clients() {
		if !f.Allows(a) {
			t.Fatalf("%s is refused", a)
		}
	}
}

// both are the lists of a filter that looks into two tables, and must compare lengths for some.
func both(t testing.TB) ipfilter.Config {
	return ipfilter.Config{Allow: blocks("128.0.0.0/1", "a001::/16", "10.0.0.0/8"), Deny: blocks("0.0.0.0/0")}
}

func TestJudgingAllocatesNothing(t *testing.T) {
	for what, c := range map[string]ipfilter.Config{"denied alone": {Deny: blocks("0.0.0.0/1", "2001::/16")}, "both": both(t)} {
		steps, list := compile(t, c), clients()
		x, i := &http7.Exchange{}, 0
		if n := testing.AllocsPerRun(1000, func() {
			i++
			x.Client = list[i%len(list)]
			if v := steps[0].Request.Request(x); v.Fault != nil {
				t.Fatalf("%s is refused", x.Client)
			}
		}); n != 0 {
			t.Errorf("%s: allocates %v times", what, n)
		}
	}
}

func BenchmarkAdmitted(b *testing.B) {
	for _, c := range []struct {
		what   string
		config ipfilter.Config
	}{
		{"networks=1000000", ipfilter.Config{DenyFile: file(b, million(1_000_000))}},
		{"networks=1000000/both", ipfilter.Config{DenyFile: file(b, million(1_000_000)), Allow: both(b).Allow}},
		{"networks=2", ipfilter.Config{Deny: blocks("0.0.0.0/1", "2001::/16")}},
		{"overlapping", both(b)},
	} {
		b.Run(c.what, func(b *testing.B) {
			steps, list := compile(b, c.config), clients()
			if !strings.Contains(c.what, "both") && c.config.DenyFile != "" {
				list = neighbours(open(b, c.config))
			}
			x := &http7.Exchange{}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				x.Client = list[i%len(list)]
				if v := steps[0].Request.Request(x); v.Fault != nil {
					b.Fatalf("%s is refused", x.Client)
				}
			}
		})
	}
}

// BenchmarkRefused looks up addresses that are deep in the table, as those of attackers are.
func BenchmarkRefused(b *testing.B) {
	text := million(1_000_000)
	var list []netip.Addr
	for line := range strings.SplitSeq(text[:1<<20], "\n") {
		if p, err := netip.ParsePrefix(line); err == nil {
			list = append(list, p.Addr())
		}
	}
	f := open(b, ipfilter.Config{DenyFile: file(b, text)})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if f.Allows(list[i%len(list)]) {
			b.Fatal("not refused")
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	path := file(b, million(1_000_000))
	for b.Loop() {
		open(b, ipfilter.Config{DenyFile: path})
	}
}
