package http7

import "testing"

func TestCredentialsInAQueryAreMasked(t *testing.T) {
	h := NewHidden([]string{"key", "token", "key", ""})
	for _, c := range []struct{ target, want string }{
		{"/a?b=1&key=s3cret&c=2", "/a?b=1&key=***&c=2"},
		{"/a?key=s3cret", "/a?key=***"},
		{"/a?key=s3cret&%6bEY=2&%6bey=s3cret&", "/a?key=***&%6bEY=2&%6bey=***&"},
		{"/a?token=s3cret=&key=s3cret", "/a?token=***&key=***"},
		{"/a?key=&b", "/a?key=***&b"},
		{"/a?key=s3cret?key=s3cret", "/a?key=***"},
		{"http://h/a?key=s3cret", "http://h/a?key=***"},
		{"/a?key", "/a?key"},
		{"/a?b=1", "/a?b=1"},
		{"/key=1", "/key=1"},
		{"/a?", "/a?"},
		{"*", "*"},
		{"", ""},
	} {
		var x Exchange
		if got := string(h.Mask(&x, []byte(c.target))); got != c.want {
			t.Errorf("%s is shown as %s, want %s", c.target, got, c.want)
		}
	}
}

func TestWhereNothingIsHiddenTargetsAreShownAsTheyAre(t *testing.T) {
	if NewHidden(nil) != nil || NewHidden([]string{""}) != nil {
		t.Error("of no names there is something to hide")
	}
	target := []byte("/a?key=1")
	if got := (*Hidden)(nil).Mask(nil, target); string(got) != "/a?key=1" {
		t.Errorf("shown as %s", got)
	}
}

func TestMaskingAllocatesNothing(t *testing.T) {
	h, x, target := NewHidden([]string{"key"}), &Exchange{}, []byte("/a?b=1&key=s3cret&c=2")
	once := func() {
		x.Release()
		if len(h.Mask(x, target)) != 18 {
			t.Fatal("not masked")
		}
	}
	once()
	if n := testing.AllocsPerRun(1000, once); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

// FuzzHidden: whatever a target is, no value of a hidden parameter is in what is shown.
func FuzzHidden(f *testing.F) {
	f.Add("/a?key=1&b=2")
	f.Add("?%6Bey=&&=key=?")
	h := NewHidden([]string{"key"})
	f.Fuzz(func(t *testing.T, target string) {
		var x Exchange
		shown := h.Mask(&x, []byte(target))
		for i, c := range shown {
			if c != '?' {
				continue
			}
			for p := Parameters(shown[i+1:], "key"); p.Next(); {
				if v := string(p.Raw()); v != "" && v != mask {
					t.Fatalf("%q is shown as %q", target, shown)
				}
			}
			break
		}
	})
}
