package http7

import (
	"slices"
	"strings"
	"testing"
)

func TestCookiesOfASetAreTakenOutOfARequest(t *testing.T) {
	t.Parallel()
	s := NewCookieSet("__Host-s", "__Host-s_1")
	for _, c := range []struct {
		in, want []string
	}{
		{nil, nil},
		{[]string{"a=b;c=d", "e=\"f\""}, []string{"a=b;c=d", "e=\"f\""}},
		{[]string{"__Host-s=1x"}, nil},
		{[]string{"__Host-s=1", "__Host-s_1=2"}, nil},
		{[]string{"__Host-s=1x; a=b"}, []string{"a=b"}},
		{[]string{"a=b;  __Host-s=1x"}, []string{"a=b"}},
		{[]string{"a=b", "__Host-s=1x", "c=d;e=f"}, []string{"a=b; c=d; e=f"}},
		{[]string{"__Host-s_9=1; __Host-sx=2; x__Host-s=3; __HOST-s=4"}, []string{"__Host-s_9=1; __Host-sx=2; x__Host-s=3; __HOST-s=4"}},
		{[]string{"a; =b; __Host-s=1; c=d=e; ; \"q\"=1"}, []string{"a; =b; c=d=e; \"q\"=1"}},
		{[]string{" __Host-s =1 ; a=b"}, []string{"a=b"}},
		{[]string{"__Host-s; a=b"}, []string{"a=b"}},
	} {
		x := &Exchange{}
		for _, line := range c.in {
			x.Request.AddRaw([]byte("Cookie"), []byte(line))
		}
		s.Strip(x)
		var got []string
		for value := range x.Request.Each(cookieName) {
			got = append(got, string(value))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q leaves %q, want %q", c.in, got, c.want)
		}
	}
	if NewCookieSet() != nil {
		t.Error("a set of nothing is a set")
	}
}

func TestStrippingCookiesAllocatesNothing(t *testing.T) {
	s, x := NewCookieSet("weir_oidc"), &Exchange{}
	field, with := []byte("Cookie"), []byte("theme=dark; weir_oidc=1abc; lang=de")
	if n := testing.AllocsPerRun(100, func() {
		x.Request.AddRaw(field, with)
		s.Strip(x)
		if string(x.Request.Get(Cookie)) != "theme=dark; lang=de" {
			t.Fatal("it was not stripped")
		}
		x.Release()
	}); n != 0 {
		t.Errorf("stripping allocates %v times", n)
	}
}

// FuzzCookieSet: nothing of the set is left, and the others stay in their order.
func FuzzCookieSet(f *testing.F) {
	f.Add("a=b; s=1; c", "s=2;d=e")
	f.Add(" s\t=1;;", "=s; x s=1")
	s := NewCookieSet("s", "t")
	f.Fuzz(func(t *testing.T, one, two string) {
		x := &Exchange{}
		var want []string
		for _, line := range []string{one, two} {
			if !IsFieldValue([]byte(line)) {
				return
			}
			x.Request.AddRaw([]byte("Cookie"), []byte(line))
			for pair := range strings.SplitSeq(line, ";") {
				pair = strings.Trim(pair, " \t")
				if name, _, _ := strings.Cut(pair, "="); pair != "" && !s.Has([]byte(strings.Trim(name, " \t"))) {
					want = append(want, pair)
				}
			}
		}
		s.Strip(x)
		var got []string
		for p := (cookiePairs{h: &x.Request}); p.next(); {
			got = append(got, string(p.pair))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q, %q leave %q, want %q", one, two, got, want)
		}
	})
}
