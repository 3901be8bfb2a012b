package rule

import (
	"strings"
	"testing"

	"weir/http7"
)

func TestCookiesOfTheKeyAreNoCredentials(t *testing.T) {
	for _, c := range []struct {
		request string
		keyed   []string
		want    bool // credentials
	}{
		{"Cookie: lang=de", nil, true},
		{"Cookie: lang=de", []string{"lang"}, false},
		{"Cookie: lang=", []string{"lang"}, false},
		{"Cookie: lang=a=b", []string{"lang"}, false},
		{"Cookie: lang=de; size=9", []string{"size", "lang"}, false},
		{"Cookie: lang=de; lang=fr", []string{"lang"}, false},
		{"Cookie: lang=de|Cookie: size=9", []string{"size", "lang"}, false},
		{"Cookie: lang=de;size=9;", []string{"size", "lang"}, false},
		{"Cookie: ", []string{"lang"}, false},
		{"Cookie: lang=de; _ga=1", []string{"lang"}, true},
		{"Cookie: lang=de|Cookie: sid=1", []string{"lang"}, true},
		{"Cookie: lang=de|Authorization: eve", []string{"lang"}, true},
		{"Authorization: eve", []string{"lang"}, true},
		{"Cookie: Lang=de", []string{"lang"}, true},
		{"Cookie: lang", []string{"lang"}, true},
		{"Cookie: =de", []string{"lang"}, true},
		{"Cookie: lang =de", []string{"lang"}, true},
		{"Cookie: language=de", []string{"lang"}, true},
		{"Cookie: lang=de, sid=1", []string{"lang"}, true}, // RFC 2109 has commas between cookies
		{`Cookie: lang="de; sid=1"`, []string{"lang"}, true},
		{`Cookie: lang="de"`, []string{"lang"}, true},
		{`Cookie: lang=\"`, []string{"lang"}, true},
		{"Cookie: lang=d e", []string{"lang"}, true},
		{"Cookie: lang=\xc3\xa4", []string{"lang"}, true},
		{"Cookie: $Version=1; lang=de", []string{"lang"}, true},
		{"", []string{"lang"}, false},
	} {
		if got := ReadAsks(fields(c.request), c.keyed...).Credentials; got != c.want {
			t.Errorf("%q by %q: %v, want %v", c.request, c.keyed, got, c.want)
		}
	}
}

func TestReadingCookiesAllocatesNothing(t *testing.T) {
	h, keyed := fields("Cookie: lang=de; a-name-of-more-than-thirty-two-bytes-altogether=1"), []string{"lang", "a-name-of-more-than-thirty-two-bytes-altogether"}
	if n := testing.AllocsPerRun(100, func() {
		if ReadAsks(h, keyed...).Credentials {
			t.Fatal("they are credentials")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzOnlyCookies holds that what is taken for the key's cookies alone is all found by the key too.
func FuzzOnlyCookies(f *testing.F) {
	for _, seed := range []string{"lang=de", "lang=de; size=9", "lang=de; sid=1", "lang=\"a;b\"", ";;lang=;", "lang=a,sid=b", "lang\t=x"} {
		f.Add(seed)
	}
	names := []string{"lang", "size"}
	f.Fuzz(func(t *testing.T, value string) {
		var h http7.Header
		h.AddRaw([]byte("Cookie"), []byte(value))
		if !onlyCookies(&h, names) {
			return
		}
		found, there := 0, 0
		for _, name := range names {
			for c := http7.Cookies(&h, name); c.Next(); found++ {
			}
		}
		for pair := range strings.SplitSeq(value, ";") {
			if strings.Trim(pair, " \t") != "" {
				there++
			}
		}
		if found != there {
			t.Errorf("%q: %d cookies, the key has %d", value, there, found)
		}
	})
}
