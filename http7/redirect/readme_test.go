package redirect_test

import (
	"os"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/redirect"
	"weir/internal/config"
)

func TestTheExamplesOfTheReadmeCompile(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	wants := []struct {
		target, captured, want string
		status                 int
	}{
		{"/old/a/b?x=1", "a/b", "https://www.example.com/new/a/b?x=1", 308},
		{"/user/7?x=1", "7", "/profiles?id=7&x=1", 302},
	}
	examples := strings.Split(string(text), "```toml\n")[1:]
	if len(examples) != len(wants) {
		t.Fatalf("%d examples, want %d", len(examples), len(wants))
	}
	for i, e := range examples {
		e, _, _ = strings.Cut(e, "```")
		c, report := config.Parse("README.md", []byte(e+"\n[listeners.web]\naddress = \":8080\"\n"), config.Options{})
		if c == nil {
			t.Fatalf("example %d:\n%s", i+1, report)
		}
		names := c.Routes[0].Match.Captures()
		r, err := redirect.Compile(c.Routes[0].Redirect, names)
		if err != nil {
			t.Fatal(err)
		}
		x := asked(wants[i].target)
		x.Captures.Reset(names)
		x.Captures.Set(0, []byte(wants[i].captured))
		if f := r.Act(x); f != nil {
			t.Fatal(f)
		}
		if got := string(x.Answer.Header.Get(http7.Location)); got != wants[i].want || x.Answer.Status != wants[i].status {
			t.Errorf("example %d: got %d %q, want %+v", i+1, x.Answer.Status, got, wants[i])
		}
	}
}
