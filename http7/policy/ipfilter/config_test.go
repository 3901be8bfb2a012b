package ipfilter_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"weir/http7/policy/ipfilter"
	"weir/http7/policy/policytest"
	"weir/internal/conf"
)

// told are the problems of a config, each "key: text"; warnings begin with "warning ".
func told(c ipfilter.Config, read func(string) ([]byte, error)) string {
	p := conf.NewProblems()
	if read != nil {
		p.ReadBy(read)
	}
	c.Check(p)
	return policytest.Said(p)
}

func TestProblemsNameTheLineOfTheFile(t *testing.T) {
	bad := file(t, "10.0.0.0/8\n10.0.0.1/8\n\nlocalhost\n")
	many := file(t, strings.Repeat("x\n", 9))
	none := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		what   string
		config ipfilter.Config
		want   string
	}{
		{"right", ipfilter.Config{Deny: blocks("10.0.0.1"), AllowFile: file(t, "10.0.0.0/8")}, ""},
		{"nothing", ipfilter.Default(), "warning : every address is served"},
		{"both", ipfilter.Config{Allow: blocks("10.0.0.0/8", "10.0.0.1"), Deny: blocks("::1", "10.0.0.1/32")}, `deny[1]: "10.0.0.1" is allowed as well`},
		{"no file", ipfilter.Config{DenyFile: none}, `deny_file: "` + none + `" can't be read: no such file or directory`},
		{"lines", ipfilter.Config{AllowFile: bad}, "allow_file: " + bad + `:2: "10.0.0.1/8" is not a block of IP addresses: its address goes on behind the first 8 bits` + "\n" +
			"allow_file: " + bad + `:4: "localhost" is not a block of IP addresses: names are not looked up here`},
	} {
		if got := told(c.config, nil); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.what, got, c.want)
		}
	}
	if got := told(ipfilter.Config{DenyFile: many}, nil); strings.Count(got, "\n") != 5 || !strings.HasSuffix(got, "has more bad lines") {
		t.Errorf("nine bad lines give\n%s", got)
	}
}

// A config that is posted may name only files that the one that serves does.
func TestAFileThatMayNotBeReadIsNot(t *testing.T) {
	path := file(t, "secret\n")
	got := told(ipfilter.Config{DenyFile: path}, func(string) ([]byte, error) { return nil, errors.New("not this one") })
	if want := `deny_file: "` + path + `" can't be read: not this one`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAListMayBeLargerThanAConfig(t *testing.T) {
	line := strings.Repeat("#", 1023) + "\n"
	path := file(t, strings.Repeat(line, conf.MaxFile>>10)+"10.0.0.1\nwrong\n")
	if got := told(ipfilter.Config{DenyFile: path}, nil); !strings.Contains(got, ":16386: \"wrong\" is not a block") {
		t.Errorf("got %q", got)
	}
}
