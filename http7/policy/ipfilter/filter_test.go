package ipfilter_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"weir/http7/policy/ipfilter"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

func TestWhoIsServed(t *testing.T) {
	deny := ipfilter.Config{Deny: blocks("203.0.113.0/24", "2001:db8::/32")}
	allow := ipfilter.Config{Allow: blocks("192.0.2.0/24", "fe80::/10")}
	both := ipfilter.Config{Allow: blocks("10.0.0.0/8", "10.1.2.3", "0.0.0.0/0"), Deny: blocks("10.1.0.0/16", "192.0.2.0/24", "10.0.0.0/9")}
	for _, c := range []struct {
		what   string
		config ipfilter.Config
		client string
		want   bool
	}{
		{"nothing is said", ipfilter.Config{}, "203.0.113.7", true},
		{"nothing is said, without an address", ipfilter.Config{}, "", true},
		{"denied", deny, "203.0.113.7", false},
		{"the first of a block", deny, "203.0.113.0", false},
		{"the last of a block", deny, "203.0.113.255", false},
		{"just before a block", deny, "203.0.112.255", true},
		{"just behind a block", deny, "203.0.114.0", true},
		{"denied, as IPv4 in IPv6", deny, "::ffff:203.0.113.7", false},
		{"the same bits in IPv6 are another address", deny, "::203.0.113.7", true},
		{"denied in IPv6", deny, "2001:db8::1", false},
		{"denied in IPv6 with a zone", deny, "2001:db8::1%eth0", false},
		{"another in IPv6", deny, "2001:db9::1", true},
		{"no address is in no block", deny, "", true},
		{"allowed", allow, "192.0.2.1", true},
		{"allowed with a zone", allow, "fe80::1%eth0", true},
		{"not allowed", allow, "192.0.3.1", false},
		{"not allowed in IPv6", allow, "2001:db8::1", false},
		{"no address is not allowed", allow, "", false},
		{"the denied block is longer", both, "10.1.9.9", false},
		{"the allowed address is longer", both, "10.1.2.3", true},
		{"the shorter block is denied too", both, "10.0.0.1", false},
		{"only the shorter block is allowed", both, "10.200.0.1", true},
		{"allowed by the whole of IPv4", both, "8.8.8.8", true},
		{"denied within the whole of IPv4", both, "192.0.2.8", false},
		{"IPv6 is in no allowed block", both, "2001:db8::1", false},
	} {
		if got := open(t, c.config).Allows(address(c.client)); got != c.want {
			t.Errorf("%s: %q is served: %v, want %v", c.what, c.client, got, c.want)
		}
	}
}

func TestListsInFilesCountLikeThoseOfTheConfig(t *testing.T) {
	f := open(t, ipfilter.Config{
		Allow:     blocks("192.0.2.0/24"),
		AllowFile: file(t, "# the office\r\n198.51.100.0/24\r\n\r\n  2001:db8::/32\t# v6\n"),
		DenyFile:  file(t, "\ufeff192.0.2.7 ; SBL1\n198.51.100.128/25;SBL2\n::ffff:198.51.100.1"),
	})
	for client, want := range map[string]bool{
		"192.0.2.1": true, "192.0.2.7": false, "198.51.100.2": true, "198.51.100.200": false, "198.51.100.1": false,
		"2001:db8::5": true, "10.0.0.1": false,
	} {
		if got := f.Allows(address(client)); got != want {
			t.Errorf("%s is served: %v, want %v", client, got, want)
		}
	}
}

func TestOfTwoEqualBlocksTheDeniedDecides(t *testing.T) {
	f := open(t, ipfilter.Config{AllowFile: file(t, "10.0.0.0/8\n11.0.0.0/8\n"), DenyFile: file(t, "10.0.0.0/8\n")})
	if f.Allows(address("10.1.1.1")) || !f.Allows(address("11.1.1.1")) {
		t.Error("10.0.0.0/8 is served, or 11.0.0.0/8 is not")
	}
}

func TestAnEmptyFileIsAList(t *testing.T) {
	if f := open(t, ipfilter.Config{AllowFile: file(t, "# nobody yet\n")}); f.Allows(address("10.0.0.1")) {
		t.Error("an empty list of whom to serve serves somebody")
	}
	if f := open(t, ipfilter.Config{DenyFile: file(t, "")}); !f.Allows(address("10.0.0.1")) {
		t.Error("an empty list of whom to refuse refuses somebody")
	}
}

func TestWithoutTheFilesNothingServes(t *testing.T) {
	for what, c := range map[string]struct {
		config ipfilter.Config
		want   string
	}{
		"none":       {ipfilter.Config{DenyFile: filepath.Join(t.TempDir(), "none")}, "no such file"},
		"none first": {ipfilter.Config{AllowFile: filepath.Join(t.TempDir(), "none"), DenyFile: file(t, "10.0.0.1\n")}, "no such file"},
		"none next":  {ipfilter.Config{AllowFile: file(t, "10.0.0.1\n"), DenyFile: filepath.Join(t.TempDir(), "none")}, "no such file"},
		"a folder":   {ipfilter.Config{AllowFile: t.TempDir()}, "is a directory"},
		"bad line":   {ipfilter.Config{AllowFile: file(t, "10.0.0.1\n\n10.0.0.1/8\n")}, `list.txt:3: "10.0.0.1/8" is not a block`},
	} {
		r := policytest.NewProcess()
		_, err := ipfilter.New(&c.config, "edge", r.Needs())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", what, err, c.want)
		}
		if _, err := ipfilter.Compile(&c.config, "edge", r.Needs()); err == nil {
			t.Errorf("%s: it compiles", what)
		}
		if r.Levels() > 0 {
			t.Errorf("%s: %d levels are left", what, r.Levels())
		}
	}
}

func TestACheckOpensNothing(t *testing.T) {
	c := ipfilter.Config{Deny: blocks("10.0.0.1"), DenyFile: filepath.Join(t.TempDir(), "none")}
	steps, err := ipfilter.Compile(&c, "edge", nil)
	if err != nil || len(steps) != 1 {
		t.Errorf("got %v, %v", steps, err)
	}
	var missing *fs.PathError
	if _, err := ipfilter.Compile(&c, "edge", policytest.NewProcess().Needs()); !errors.As(err, &missing) {
		t.Errorf("a process that serves gets %v", err)
	}
}

// reference judges as the README says it: by looking at every block.
func reference(allow, deny []conf.Prefix, a netip.Addr) bool {
	longest := func(list []conf.Prefix) int {
		most := -1
		for _, p := range list {
			if p.Contains(a) {
				most = max(most, p.Value().Bits())
			}
		}
		return most
	}
	return longest(allow) > longest(deny) || longest(deny) < 0 && len(allow) == 0
}

// FuzzFilter compares the tables with a look at every block, in lists that are drawn.
func FuzzFilter(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed%7), uint8(seed%5))
	}
	f.Fuzz(func(t *testing.T, seed uint64, allowed, denied uint8) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := ipfilter.Config{Allow: drawn(random, int(allowed%32)), Deny: drawn(random, int(denied%32))}
		f, err := ipfilter.New(&c, "edge", nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 200 {
			a := drawnAddress(random)
			if got, want := f.Allows(a), reference(c.Allow, c.Deny, a); got != want {
				t.Fatalf("%s with %v and not %v: %v, want %v", a, c.Allow, c.Deny, got, want)
			}
		}
	})
}

// drawn returns n blocks that often lie in each other.
func drawn(random *rand.Rand, n int) []conf.Prefix {
	list := make([]conf.Prefix, n)
	for i := range list {
		a := drawnAddress(random)
		p, err := a.Prefix(random.IntN(a.BitLen() + 1))
		if err != nil {
			panic(err)
		}
		list[i] = conf.PrefixOf(p)
	}
	return list
}

func drawnAddress(random *rand.Rand) netip.Addr {
	if random.IntN(3) == 0 {
		b := [16]byte{0x20, 1, 0xd, 0xb8, byte(random.IntN(3)), byte(random.Uint32())}
		b[15] = byte(random.IntN(4))
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte{10, byte(random.IntN(3)), byte(random.IntN(3)), byte(random.Uint32())})
}
