package obs

import (
	"bytes"
	"strings"
	"testing"
)

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestTraceparentsAreReadAndWritten(t *testing.T) {
	tr, ok := ParseTraceparent([]byte(traceparent))
	if !ok || !tr.Sampled() || tr.IsZero() {
		t.Fatalf("read as %+v, %v", tr, ok)
	}
	if got := string(tr.AppendTraceparent(nil)); got != traceparent {
		t.Errorf("written as %s", got)
	}
	if got := string(tr.AppendID([]byte("id="))); got != "id=4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the ID is written as %s", got)
	}
	var none Trace
	if got := none.AppendID(nil); len(got) != 0 || none.Sampled() {
		t.Errorf("no trace has the ID %q", got)
	}
}

func TestWhatIsNoTraceparentIsRefused(t *testing.T) {
	replace := func(old, with string) string { return strings.Replace(traceparent, old, with, 1) }
	for name, v := range map[string]string{
		"empty":              "",
		"short":              traceparent[:54],
		"long version 00":    traceparent + "-x",
		"version ff":         "ff" + traceparent[2:],
		"upper case":         replace("4bf9", "4BF9"),
		"no digit":           replace("4bf9", "4bg9"),
		"no digit in flags":  traceparent[:53] + "0x",
		"no digit in parent": replace("00f0", "00z0"),
		"version no digits":  "0x" + traceparent[2:],
		"no trace":           replace("4bf92f3577b34da6a3ce929d0e0e4736", strings.Repeat("0", 32)),
		"no parent":          replace("00f067aa0ba902b7", strings.Repeat("0", 16)),
		"first hyphen":       replace("00-", "00_"),
		"second hyphen":      replace("6-00f", "6_00f"),
		"third hyphen":       replace("b7-01", "b7_01"),
		"later, run on":      "01" + traceparent[2:] + "x",
	} {
		if tr, ok := ParseTraceparent([]byte(v)); ok || tr != (Trace{}) {
			t.Errorf("%s: %q is read as %+v", name, v, tr)
		}
	}
}

func TestLaterVersionsAreReadAsFarAsTheyAreKnown(t *testing.T) {
	for in, want := range map[string]string{
		"01" + traceparent[2:]:                traceparent,
		"fe" + traceparent[2:] + "-what-ever": traceparent,
		traceparent[:53] + "ff":               traceparent, // flags that version 00 does not have are not sent on
		traceparent[:53] + "00":               traceparent[:53] + "00",
	} {
		tr, ok := ParseTraceparent([]byte(in))
		if got := string(tr.AppendTraceparent(nil)); !ok || got != want {
			t.Errorf("%s is passed on as %s, %v; want %s", in, got, ok, want)
		}
	}
}

// FuzzTraceparent demands that what is read is written as a value that is read alike, and that a
// value of version 00 comes back byte for byte, flags aside.
func FuzzTraceparent(f *testing.F) {
	f.Add([]byte(traceparent))
	f.Add([]byte("cc" + traceparent[2:] + "-more"))
	f.Add([]byte(traceparent[:54]))
	f.Fuzz(func(t *testing.T, v []byte) {
		tr, ok := ParseTraceparent(v)
		if !ok {
			return
		}
		out := tr.AppendTraceparent(nil)
		if again, ok := ParseTraceparent(out); !ok || again.ID != tr.ID || again.Parent != tr.Parent || again.Sampled() != tr.Sampled() {
			t.Errorf("%q is written as %q, read as %+v", v, out, again)
		}
		if !bytes.Equal(out[3:53], v[3:53]) {
			t.Errorf("%q is written as %q", v, out)
		}
	})
}

func TestTraceContextDoesNotAllocate(t *testing.T) {
	in, out := []byte(traceparent), make([]byte, 0, 128)
	if n := testing.AllocsPerRun(1000, func() {
		tr, _ := ParseTraceparent(in)
		out = tr.AppendID(tr.AppendTraceparent(out[:0]))
	}); n != 0 {
		t.Fatalf("trace context allocates %v times", n)
	}
}
