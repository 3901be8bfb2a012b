package cache_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/cache"
	"weir/internal/config"
	"weir/internal/tomlfile"
)

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rest is what a whole config needs besides a policy.
const rest = "listeners.web.address = \":8080\"\nroutes = [{ upstream = \"api\" }]\nupstreams.api.endpoints = [\"127.0.0.1:1\"]\n"

func TestTheExamplesOfTheReadmeCompileAndSayTheirKeys(t *testing.T) {
	wants := []struct{ bundle, key string }{
		{"pages", "http://shop.example/a?x=1&size=3&page=2 r"},
		{"shop", "http://shop.example/a?page=2&size=3 r Accept-Language=de"},
		{"watch", "http://shop.example/a?x=1&size=3&page=2 r"},
	}
	examples := strings.Split(page(t), "```toml\n")[1:]
	if len(examples) != len(wants) {
		t.Fatalf("%d examples, want %d", len(examples), len(wants))
	}
	for i, e := range examples {
		e, _, _ = strings.Cut(e, "```")
		c, report := config.Parse("README.md", []byte(rest+e), config.Options{})
		if c == nil {
			t.Fatalf("example %d:\n%s", i+1, report)
		}
		steps, err := cache.Compile(c.Policies[wants[i].bundle].Cache, wants[i].bundle, nil)
		if err != nil || len(steps) != 1 {
			t.Fatalf("example %d: %d steps, %v", i+1, len(steps), err)
		}
		x := &http7.Exchange{
			Method: []byte("GET"), Authority: []byte("Shop.example:80"), Path: []byte("/a"), Query: []byte("x=1&size=3&page=2"),
			Route: &http7.Route{Name: "r"}, Dry: true,
		}
		name, _ := http7.NewName("Accept-Language")
		x.Request.Add(name, []byte("de"))
		steps[0].Request.Request(x)
		if got := strings.Join(x.Verdicts, "; "); !strings.Contains(strings.ToLower(got), strings.ToLower(wants[i].key)) {
			t.Errorf("example %d: it says %q, want the key %q", i+1, got, wants[i].key)
		}
	}
}

func TestTheReadmeHasEveryKeyWithItsDefault(t *testing.T) {
	text := page(t)
	tree := tomlfile.FromValue(cache.Default())
	for _, key := range tree.Keys {
		row := regexp.MustCompile("(?m)^\\| `" + key + "` \\|.*\\| `(.*)` \\|$").FindStringSubmatch(text)
		if row == nil {
			t.Errorf("the table lacks %s", key)
			continue
		}
		want := tree.Get(key).Text
		if key == "key" {
			want = `["host", "path", "query"]`
		}
		if got := row[1]; strings.Trim(got, `"`) != strings.Trim(want, `"`) {
			t.Errorf("the default of %s is %s, the page says %s", key, want, got)
		}
	}
}

// said is where the code says why an answer is not stored.
var said = regexp.MustCompile(`(?:return |return dst, |return nil, |why = |why[A-Z]\w+ += )"([a-z-]+)"`)

func TestTheReadmeNamesEveryReasonNotToStore(t *testing.T) {
	text, n := page(t), 0
	for _, file := range []string{"rule/judge.go", "rule/vary.go", "keep.go", "varies.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range said.FindAllStringSubmatch(string(source), -1) {
			if n++; !strings.Contains(text, "`"+m[1]+"`") {
				t.Errorf("the page lacks %s, which %s says", m[1], file)
			}
		}
	}
	if n < 12 {
		t.Errorf("only %d reasons found", n)
	}
}

func TestTheReadmeNamesEveryFieldThatStaysBehind(t *testing.T) {
	source, err := os.ReadFile("strip.go")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(source), "names(\n")
	list, _, _ = strings.Cut(list, "\n)")
	var want []string
	for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(list, -1) {
		want = append(want, m[1])
	}
	_, after, _ := strings.Cut(page(t), "unless they are in the key:\n")
	after, _, _ = strings.Cut(after, "\n\nWhat other proxies")
	var got []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(after, -1) {
		got = append(got, m[1])
	}
	if len(want) < 20 || !slices.Equal(got, want) {
		t.Errorf("the page names\n%q, the code\n%q", got, want)
	}
}
