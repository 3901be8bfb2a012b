package http7

import (
	"slices"
	"strings"
	"testing"
)

// cookiesOf collects what the cursor finds.
func cookiesOf(name string, fields ...string) (out []string) {
	var h Header
	h.AddRaw([]byte("X-First"), []byte("uid=0"))
	for _, f := range fields {
		h.AddRaw([]byte("Cookie"), []byte(f))
	}
	for c := Cookies(&h, name); c.Next(); {
		out = append(out, string(c.Value()))
	}
	return out
}

func TestCookiesAreFoundByName(t *testing.T) {
	for _, c := range []struct {
		fields []string
		want   []string
	}{
		{nil, nil},
		{[]string{""}, nil},
		{[]string{"uid=1"}, []string{"1"}},
		{[]string{"a=b; uid=1; c=d"}, []string{"1"}},
		{[]string{"a=b;uid=1;c=d"}, []string{"1"}},
		{[]string{" uid = 1 ; c=d"}, []string{"1"}},
		{[]string{"uid=1; uid=2"}, []string{"1", "2"}},
		{[]string{"a=b", "uid=1", "uid=2"}, []string{"1", "2"}},
		{[]string{"uid="}, []string{""}},
		{[]string{`uid="1"`}, []string{`"1"`}},
		{[]string{"uid=a=b=="}, []string{"a=b=="}},
		{[]string{"uid"}, nil},
		{[]string{"=uid"}, nil},
		{[]string{"UID=1; xuid=2; uidx=3; $uid=4"}, nil},
		{[]string{";;; ; uid=1;;"}, []string{"1"}},
		{[]string{"a=;uid=1"}, []string{"1"}},
		{[]string{"a=uid=1"}, nil},
		{[]string{"uid=a b,c"}, []string{"a b,c"}},
	} {
		if got := cookiesOf("uid", c.fields...); !slices.Equal(got, c.want) {
			t.Errorf("%q has the cookies %q, want %q", c.fields, got, c.want)
		}
	}
}

// FuzzCookies compares the cursor with the obvious way to read the fields.
func FuzzCookies(f *testing.F) {
	f.Add("uid", "a=b; uid=1", "uid=2")
	f.Add("uid", ";;=;uid", "uid==\t;")
	f.Add("", "=1", "")
	f.Fuzz(func(t *testing.T, name, one, two string) {
		var want []string
		for _, field := range []string{one, two} {
			for pair := range strings.SplitSeq(field, ";") {
				n, v, ok := strings.Cut(pair, "=")
				if ok && strings.Trim(n, " \t") == name {
					want = append(want, strings.Trim(v, " \t"))
				}
			}
		}
		if got := cookiesOf(name, one, two); !slices.Equal(got, want) {
			t.Fatalf("%q in %q and %q: got %q, want %q", name, one, two, got, want)
		}
	})
}
