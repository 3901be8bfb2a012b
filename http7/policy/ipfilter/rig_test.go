package ipfilter_test

import (
	"net/netip"
	"testing"

	"weir/http7"
	"weir/http7/policy/ipfilter"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// open is New of a config that is right.
func open(t testing.TB, c ipfilter.Config) *ipfilter.Filter {
	t.Helper()
	f, err := ipfilter.New(&c, "edge", policytest.NewProcess().Needs())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// compile is Compile of a config that is right.
func compile(t testing.TB, c ipfilter.Config) []http7.Step {
	t.Helper()
	steps, err := ipfilter.Compile(&c, "edge", policytest.NewProcess().Needs())
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// address reads an address; "" is none, as on a unix socket.
func address(text string) netip.Addr {
	if text == "" {
		return netip.Addr{}
	}
	return netip.MustParseAddr(text)
}

// file is a list in a folder of its own.
func file(t testing.TB, text string) string { return policytest.File(t, "list.txt", text) }

func blocks(texts ...string) []conf.Prefix { return policytest.Values[conf.Prefix](texts...) }
