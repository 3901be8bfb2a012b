package errorpages

import (
	"maps"
	"slices"
	"strconv"

	"weir/internal/conf"
)

// Config is a route's error_pages: the files whose content stands in for answers of these statuses.
// Keys are sets of statuses ("404", "502,503", "500-504", "5xx"), from 400 to 599; the
// smaller set decides where two have a status in common. Values are paths of files, one for
// each media type that is offered, which the file's extension tells. A file has at most 1 MiB; it is
// read when the config is loaded. Default: none.
type Config map[string][]string

// Default returns no pages.
func Default() Config { return nil }

// Check notes what is wrong with c. It does not read the files; [Compile] does.
func (c Config) Check(p *conf.Problems) {
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if _, ok := conf.Statuses(key); !ok {
			noun, hint := conf.StatusSet{}.Wants()
			p.In(key).AddKey("", strconv.Quote(key)+" is not "+noun, hint)
		}
	}
}
