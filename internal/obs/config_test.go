package obs

import (
	"strings"
	"testing"

	"weir/internal/conf"
)

// problems lists what check notes, as "key: text".
func problems(check func(*conf.Problems)) string {
	p := conf.NewProblems()
	check(p)
	var out []string
	for _, pr := range p.List() {
		out = append(out, pr.Path.String()+": "+pr.Text)
	}
	return strings.Join(out, "; ")
}

func TestWrongLogConfigsAreRefusedByKey(t *testing.T) {
	for _, tc := range []struct {
		edit func(*LogConfig)
		want string
	}{
		{func(c *LogConfig) {}, ""},
		{func(c *LogConfig) { c.Level, c.Format = "debug", "text" }, ""},
		{func(c *LogConfig) { c.Level = "warning" }, `level: "warning" is not a level`},
		{func(c *LogConfig) { c.Level = "INFO" }, `level: "INFO" is not a level`},
		{func(c *LogConfig) { c.Format = "logfmt" }, `format: "logfmt" is not a format`},
		{func(c *LogConfig) { c.Level, c.Format = "", "" }, `level: "" is not a level; format: "" is not a format`},
	} {
		c := DefaultLog()
		tc.edit(&c)
		if got := problems(c.Check); got != tc.want {
			t.Errorf("%+v: problems %q, want %q", c, got, tc.want)
		}
	}
}

func TestWrongAccessLogConfigsAreRefusedByKey(t *testing.T) {
	for _, tc := range []struct {
		edit func(*AccessLogConfig)
		off  bool
		want string
	}{
		{func(c *AccessLogConfig) {}, true, ""},
		{func(c *AccessLogConfig) { c.Path = "-" }, false, ""},
		{func(c *AccessLogConfig) { c.Path, c.Sample = "/var/log/weir.log", conf.Percent(0.1) }, false, ""},
		{func(c *AccessLogConfig) { c.Format = "combined" }, true, `format: "combined" is not a format`},
	} {
		c := DefaultAccessLog()
		tc.edit(&c)
		if got := problems(c.Check); got != tc.want || c.Off() != tc.off {
			t.Errorf("%+v: problems %q, off %v; want %q, %v", c, got, c.Off(), tc.want, tc.off)
		}
	}
}
