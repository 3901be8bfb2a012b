package rule

import (
	"strings"
	"testing"
)

func TestTagsAreWordsOfAField(t *testing.T) {
	for _, c := range []struct{ what, answer, want string }{
		{"none", "X-A: 1", ""},
		{"one", "Surrogate-Key: a", "a"},
		{"several", "Surrogate-Key: a  b\tc", "a b c"},
		{"over lines", "Surrogate-Key: a b | surrogate-key: c", "a b c"},
		{"with commas, as other caches want them", "Surrogate-Key: a, b,c,", "a b c"},
		{"case counts", "Surrogate-Key: A a", "A a"},
		{"any bytes", "Surrogate-Key: product/7?x=1;y \xfc", "product/7?x=1;y \xfc"},
		{"empty", "Surrogate-Key:", ""},
		{"the longest", "Surrogate-Key: " + strings.Repeat("x", 1024), strings.Repeat("x", 1024)},
		{"too long", "Surrogate-Key: a " + strings.Repeat("x", 1025), "-"},
		{"512", "Surrogate-Key: " + strings.Repeat("a ", 512), strings.TrimSpace(strings.Repeat("a ", 512))},
		{"513", "Surrogate-Key: " + strings.Repeat("a ", 513), "-"},
		{"10,000", "Surrogate-Key: " + strings.Repeat("abcdefgh ", 10000), "-"},
		{"many over lines", strings.Repeat("Surrogate-Key: a b c | ", 171), "-"},
		{"as much text as may be", strings.Repeat("Surrogate-Key: "+strings.Repeat("x", 1024)+" | ", 16), strings.TrimSpace(strings.Repeat(strings.Repeat("x", 1024)+" ", 16))},
		{"much text", strings.Repeat("Surrogate-Key: "+strings.Repeat("x", 1000)+" | ", 17), "-"},
	} {
		tags, ok := AppendTags(nil, fields(c.answer), tagsName(t, "Surrogate-Key"))
		got := "-"
		if ok {
			var words []string
			for _, tag := range tags {
				words = append(words, string(tag))
			}
			got = strings.Join(words, " ")
		}
		if got != c.want {
			t.Errorf("%s: %.80q, want %.80q", c.what, got, c.want)
		}
	}
}

func TestTagsAreAppended(t *testing.T) {
	first := [][]byte{[]byte("first")}
	tags, ok := AppendTags(first, fields("Surrogate-Key: a"), tagsName(t, "Surrogate-Key"))
	if !ok || len(tags) != 2 || string(tags[0]) != "first" || string(tags[1]) != "a" {
		t.Errorf("%q, %v", tags, ok)
	}
	tags, ok = AppendTags(first, fields("Surrogate-Key: b "+strings.Repeat("x", 2000)), tagsName(t, "Surrogate-Key"))
	if ok || len(tags) != 1 {
		t.Errorf("too long: %q, %v", tags, ok)
	}
}
