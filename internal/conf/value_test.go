package conf

import (
	"encoding"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// reading is one text and what becomes of it: the text written back, or part of the trouble.
type reading struct {
	text  string
	again string
	wrong string
}

// readings runs a table of texts through one kind of value.
func readings(t *testing.T, fresh func() Value, table []reading) {
	t.Helper()
	for _, r := range table {
		v := fresh()
		err := v.UnmarshalText([]byte(r.text))
		if r.wrong != "" {
			wantBad(t, r, err)
			continue
		}
		if err != nil {
			t.Errorf("%q is refused: %v", r.text, err)
			continue
		}
		if got := written(t, v); got != r.again {
			t.Errorf("%q is written back as %q, want %q", r.text, got, r.again)
		}
	}
}

func wantBad(t *testing.T, r reading, err error) {
	t.Helper()
	var bad *BadValue
	switch {
	case !errors.As(err, &bad):
		t.Errorf("%q gave %v, want a *BadValue with %q", r.text, err, r.wrong)
	case !strings.Contains(bad.Text, r.wrong):
		t.Errorf("%q is refused with %q, want %q in it", r.text, bad.Text, r.wrong)
	case bad.Hint == "":
		t.Errorf("%q is refused without a hint", r.text)
	}
}

func written(t *testing.T, v any) string {
	t.Helper()
	b, err := v.(encoding.TextMarshaler).MarshalText()
	if err != nil {
		t.Fatalf("%v does not marshal: %v", v, err)
	}
	if s, ok := v.(fmt.Stringer); ok && s.String() != string(b) {
		t.Errorf("String() is %q, MarshalText %q", s, b)
	}
	return string(b)
}

func TestDurationsAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Duration) }, []reading{
		{text: "1500ms", again: "1500ms"},
		{text: "5s", again: "5s"},
		{text: "1.5s", again: "1500ms"},
		{text: "1h", again: "1h"},
		{text: "60m", again: "1h"},
		{text: "1h30m", again: "90m"},
		{text: "7d", again: "7d"},
		{text: "75s", again: "75s"},
		{text: "0s", again: "0s"},
		{text: "25us", again: "25us"},
		{text: "25µs", again: "25us"},
		{text: "3ns", again: "3ns"},
		{text: "off", again: "off"},
		{text: "", wrong: "is not a duration"},
		{text: "5", wrong: "the unit is missing"},
		{text: "5 s", wrong: "is not a duration"},
		{text: "s", wrong: "is not a duration"},
		{text: "-1s", wrong: "is not a duration"},
		{text: "1m1h", wrong: "the larger unit comes first"},
		{text: "1s1s", wrong: "the larger unit comes first"},
		{text: "5secs", wrong: "is not a duration"},
		{text: "1..5s", wrong: "is not a duration"},
		{text: "1.s", wrong: "is not a duration"},
		{text: ".5s", wrong: "is not a duration"},
		{text: "222715522217549469ns", again: "222715522217549469ns"}, // through a float it lost 3 ns
		{text: "99999999999999999999s", wrong: "292 years"},
		{text: "300000d", wrong: "292 years"},
		{text: "9223372036854775807h", wrong: "292 years"},
		{text: "Off", wrong: "is not a duration"},
	})
}

func TestSizesAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Size) }, []reading{
		{text: "16KiB", again: "16KiB"},
		{text: "10MiB", again: "10MiB"},
		{text: "1024KiB", again: "1MiB"},
		{text: "1000B", again: "1000B"},
		{text: "2GiB", again: "2GiB"},
		{text: "1TiB", again: "1TiB"},
		{text: "0B", again: "0B"},
		{text: "off", again: "off"},
		{text: "", wrong: "is not a size"},
		{text: "16", wrong: "the unit is missing"},
		{text: "16KB", wrong: "KB may mean 1000 or 1024"},
		{text: "16kB", wrong: "kB may mean 1000 or 1024"},
		{text: "1.5MiB", wrong: "is not a size"},
		{text: "-1B", wrong: "is not a size"},
		{text: "16 KiB", wrong: "is not a size"},
		{text: "16kib", wrong: "is not a size"},
		{text: "9999999TiB", wrong: "too large"},
		{text: "99999999999999999999B", wrong: "too large"},
	})
}

func TestByteRatesAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(ByteRate) }, []reading{
		{text: "240B/s", again: "240B/s"},
		{text: "1MiB/m", again: "1MiB/m"},
		{text: "1GiB/h", again: "1GiB/h"},
		{text: "off", again: "off"},
		{text: "240B", wrong: "is not a rate of bytes"},
		{text: "240/s", wrong: "the unit is missing"},
		{text: "240B/d", wrong: "is not a rate of bytes"},
		{text: "240B/", wrong: "is not a rate of bytes"},
		{text: "240KB/s", wrong: "may mean 1000 or 1024"},
		{text: "xB/s", wrong: "is not a rate of bytes"},
	})
}

func TestByteRatesCountPerSecond(t *testing.T) {
	for text, want := range map[string]float64{"240B/s": 240, "1MiB/m": 1 << 20 / 60.0, "3600B/h": 1, "off": 0} {
		var r ByteRate
		if err := r.UnmarshalText([]byte(text)); err != nil || r.PerSecond() != want {
			t.Errorf("%q is %v B/s (%v), want %v", text, r.PerSecond(), err, want)
		}
	}
	if got := BytesPerSecond(240); got.PerSecond() != 240 || got.IsOff() || got.String() != "240B/s" {
		t.Errorf("BytesPerSecond(240) is %v", got)
	}
	if got := (ByteRate{}).String(); got != "0B/s" {
		t.Errorf("the zero rate is %q, want 0B/s", got)
	}
}

func TestSharesAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Share) }, []reading{
		{text: "20%", again: "20%"},
		{text: "0.5%", again: "0.5%"},
		{text: "0%", again: "0%"},
		{text: "100%", again: "100%"},
		{text: "off", again: "0%"},
		{text: "20", wrong: "the % is missing"},
		{text: "120%", wrong: "more than the whole"},
		{text: "-1%", wrong: "is not a share"},
		{text: "half", wrong: "is not a share"},
		{text: "", wrong: "is not a share"},
	})
	if got := Percent(20).Value(); got != 0.2 {
		t.Errorf("20%% is %v, want 0.2", got)
	}
}

func TestLimitsAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Limit) }, []reading{
		{text: "200", again: "200"},
		{text: "0", again: "0"},
		{text: "off", again: "off"},
		{text: "-1", wrong: "is not a limit"},
		{text: "1e3", wrong: "is not a limit"},
		{text: "many", wrong: "is not a limit"},
		{text: "4294967296", wrong: "is not a limit"},
	})
}

func TestModesAreReadAndWrittenBack(t *testing.T) {
	readings(t, func() Value { return new(Mode) }, []reading{
		{text: "enforce", again: "enforce"},
		{text: "observe", again: "observe"},
		{text: "off", again: "off"},
		{text: "observed", wrong: `"observed" is not a mode`},
		{text: "", wrong: `"" is not a mode`},
		{text: "Enforce", wrong: `"Enforce" is not a mode`},
	})
	if Enforce != (Mode{}) || Observe.String() != "observe" || len(ModeOff.Choices()) != 3 {
		t.Error("the zero Mode is not enforce, or a mode has lost its name")
	}
}

func TestAMisspeltModeIsRecognised(t *testing.T) {
	var m Mode
	var bad *BadValue
	if err := m.UnmarshalText([]byte("obsreve")); !errors.As(err, &bad) || !strings.HasPrefix(bad.Hint, `did you mean "observe"?`) {
		t.Errorf("obsreve gave %v, want a hint at observe", err)
	}
}

func TestOffStandsForWhateverTheCallerSays(t *testing.T) {
	switch {
	case OffDuration.Or(3) != 3, Dur(5).Or(3) != 5, OffDuration.Value() != 0, !OffDuration.IsOff(), Dur(0).IsOff():
		t.Error("Duration.Or, Value or IsOff is wrong")
	case OffSize.Or(3) != 3, Bytes(5).Or(3) != 5, OffSize.Value() != 0, !OffSize.IsOff(), Bytes(0).IsOff():
		t.Error("Size.Or, Value or IsOff is wrong")
	case OffLimit.Or(3) != 3, AtMost(5).Or(3) != 5, OffLimit.Value() != 0, !OffLimit.IsOff(), AtMost(0).IsOff():
		t.Error("Limit.Or, Value or IsOff is wrong")
	case !OffByteRate.IsOff(), OffByteRate.PerSecond() != 0:
		t.Error("ByteRate.IsOff or PerSecond is wrong")
	}
}

func TestEveryKindOfValueSaysWhatItWants(t *testing.T) {
	for _, v := range kinds() {
		noun, hint := v.Wants()
		if !strings.HasPrefix(noun, "a ") && !strings.HasPrefix(noun, "an ") || hint == "" {
			t.Errorf("%T wants %q, %q; want a noun with its article, and a hint", v, noun, hint)
		}
	}
}

// kinds returns one fresh value of every kind.
func kinds() []Value {
	return []Value{new(Duration), new(Size), new(ByteRate), new(Share), new(Limit), new(Mode), new(StatusSet), new(Address), new(Prefix), new(Secret), new(Selector)}
}

// FuzzValues: no text makes a value panic, every refusal is a *BadValue, and what is accepted is
// written as a text that reads as the same value.
func FuzzValues(f *testing.F) {
	for _, s := range []string{
		"1h30m", "off", "16KiB", "240B/s", "20%", "7", "observe", "2xx,404", "200-299", "10.0.0.1:80", "[::1]:80", ":80",
		"unix:/run/x", "name:80", "header:X-User", "query:a:b", "client", "claim:", "10.0.0.0/8", "2001:db8::/32", "::ffff:1.2.3.4", "***", "", "http://a", "0.1%", "1..s",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, v := range kinds() {
			err := v.UnmarshalText([]byte(s))
			var bad *BadValue
			if err != nil {
				if !errors.As(err, &bad) {
					t.Fatalf("%T refuses %q with %T", v, s, err)
				}
				continue
			}
			if _, secret := v.(*Secret); !secret {
				sameAgain(t, v, s)
			}
		}
	})
}

func sameAgain(t *testing.T, v Value, s string) {
	first := written(t, v)
	for _, again := range kinds() {
		if fmt.Sprintf("%T", again) != fmt.Sprintf("%T", v) {
			continue
		}
		if err := again.UnmarshalText([]byte(first)); err != nil {
			t.Fatalf("%T: %q was written as %q, which is refused: %v", v, s, first, err)
		}
		if second := written(t, again); second != first {
			t.Fatalf("%T: %q was written as %q and then as %q", v, s, first, second)
		}
	}
}
