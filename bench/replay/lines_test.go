package replay

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// allLines reads a text as lines; "!" stands for one that is too long.
func allLines(t *testing.T, r io.Reader, most int) []string {
	t.Helper()
	in := newLines(r, most)
	var list []string
	for {
		line, err := in.next()
		switch {
		case err == io.EOF:
			return list
		case errors.Is(err, errLong):
			line = "!"
		case err != nil:
			t.Fatal(err)
		}
		list = append(list, line)
	}
}

func TestATextIsCutIntoItsLines(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `[]`},
		{"a", `["a"]`},
		{"a\n", `["a"]`},
		{"a\r\n", `["a"]`},
		{"a\nb", `["a" "b"]`},
		{"\n\na\n", `["" "" "a"]`},
		{"12345678\n", `["!"]`},
		{"1234567\n", `["1234567"]`},
		{"12345678", `["12345678"]`},
		{"123456789\na\n123456789", `["!" "a" "!"]`},
	} {
		if got := fmt.Sprintf("%q", allLines(t, strings.NewReader(c.text), 8)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}

func TestLinesDoNotHangOnHowTheyAreDelivered(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var want []string
	for range 300 {
		want = append(want, strings.Repeat("x", random.IntN(3000)))
	}
	want = append(want, strings.Repeat("y", 200_000)) // longer than the reader's buffer
	text := strings.Join(want, "\n")
	for name, r := range map[string]io.Reader{
		"whole":    strings.NewReader(text),
		"halves":   iotest.HalfReader(strings.NewReader(text)),
		"with EOF": iotest.DataErrReader(strings.NewReader(text)),
	} {
		got := allLines(t, r, 1<<20)
		if strings.Join(got, "\n") != text {
			t.Errorf("%s: %d lines, want %d", name, len(got), len(want))
		}
	}
}

func TestTextsAreKeptOnce(t *testing.T) {
	texts := newTexts()
	numbers := map[string]uint32{}
	random := rand.New(rand.NewPCG(2, 2))
	for range 20_000 {
		s := strings.Repeat(string(rune('a'+random.IntN(26))), random.IntN(200))
		if random.IntN(1000) == 0 {
			s = strings.Repeat("long", textBlock/16+random.IntN(3))
		}
		n := texts.add(s)
		if first, known := numbers[s]; known && first != n {
			t.Fatalf("%.10q has the numbers %d and %d", s, first, n)
		}
		numbers[s] = n
	}
	for s, n := range numbers {
		if texts.all[n] != s {
			t.Fatalf("number %d is %.10q, want %.10q", n, texts.all[n], s)
		}
	}
	if len(texts.all) != len(numbers) && len(texts.all) != len(numbers)+1 || texts.add("") != 0 {
		t.Errorf("%d texts, want %d; the empty one is %d", len(texts.all), len(numbers), texts.add(""))
	}
}

func TestTextsOutliveTheLineThatTheyCameFrom(t *testing.T) {
	texts := newTexts()
	line := []byte("GET /path")
	n := texts.add(string(line[4:]))
	copy(line, "?????????")
	for range 10_000 { // fills further blocks
		texts.add(strings.Repeat("z", 50))
		texts.add(fmt.Sprint(len(texts.all)))
	}
	if got := texts.all[n]; got != "/path" {
		t.Errorf("the text has become %q", got)
	}
}
