package errorpages

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weir/internal/conf"
)

// Config is a route's error_pages: files that stand in for the bodies of errors. Keys are statuses from
// 400 to 599 ("404", "502,503", "500-504", "5xx"); where two have one in common the smaller set decides.
// Values are paths of files, one for each media type that is offered, the preferred first; the
// extension tells the type (.html, .xhtml, .json, .xml, .txt, .md). A file has at most 1 MiB of UTF-8, is
// read when the config is loaded, and may hold {status}, {title} and {request_id}. Default: none.
type Config map[string][]string

// Default returns no pages.
func Default() Config { return nil }

const (
	firstStatus = 400
	lastStatus  = 599
)

// Check notes what is wrong with c. It does not read the files; [Compile] does.
func (c Config) Check(p *conf.Problems) {
	keys := slices.Sorted(maps.Keys(c))
	for i, key := range keys {
		c.checkKey(p, key, keys[:i])
		c.checkFiles(p, key)
	}
}

// checkKey notes what is wrong with a key; before are those that were checked before it.
func (c Config) checkKey(p *conf.Problems, key string, before []string) {
	set, ok := conf.Statuses(key)
	if !ok {
		noun, _ := set.Wants()
		p.AddKey(key, strconv.Quote(key)+" is not "+noun, `write codes, ranges or classes from 400 to 599, such as "404", "500-504" or "5xx"`)
		return
	}
	for status := 100; status < 600; status++ {
		if set.Has(status) && (status < firstStatus || status > lastStatus) {
			p.AddKey(key, strconv.Itoa(status)+" is not an error", "write statuses from 400 to 599")
			return
		}
	}
	for _, other := range before {
		o, ok := conf.Statuses(other)
		if ok && count(&o) == count(&set) && overlap(&o, &set) != 0 {
			p.AddKey(key, strconv.Quote(key)+" and "+strconv.Quote(other)+" both hold "+strconv.Itoa(overlap(&o, &set)), "where two sets have a status in common the smaller decides, and these are of one size")
		}
	}
}

func (c Config) checkFiles(p *conf.Problems, key string) {
	if len(c[key]) == 0 {
		p.Add(key, "there is no file", `write the path of a page, such as "/etc/weir/404.html"`)
	}
	seen := map[string]string{}
	for i, path := range c[key] {
		at := p.Index(key, i)
		k, err := typeOf(path)
		if err != nil {
			at.AddError("", err)
			continue
		}
		if _, err := textOf(path, p.ReadFile); err != nil {
			at.AddError("", err)
		}
		if other, twice := seen[k.media]; twice {
			at.Add("", strconv.Quote(path)+" and "+strconv.Quote(other)+" are both "+k.media, "keep one of them")
		}
		seen[k.media] = path
	}
}

// count returns how many errors a set holds.
func count(s *conf.StatusSet) (n int) {
	for status := firstStatus; status <= lastStatus; status++ {
		if s.Has(status) {
			n++
		}
	}
	return n
}

// overlap returns the first error that both sets hold, 0 if there is none.
func overlap(a, b *conf.StatusSet) int {
	for status := firstStatus; status <= lastStatus; status++ {
		if a.Has(status) && b.Has(status) {
			return status
		}
	}
	return 0
}

// kind is what an extension says of a page.
type kind struct {
	media  string // type and subtype, as Accept names them
	field  string // the Content-Type
	escape escape
}

// kinds has the types of pages by extension. It is not the machine's list: a config means the same
// everywhere.
var kinds = map[string]kind{
	".html":  {"text/html", "text/html; charset=utf-8", markup},
	".htm":   {"text/html", "text/html; charset=utf-8", markup},
	".xhtml": {"application/xhtml+xml", "application/xhtml+xml; charset=utf-8", markup},
	".xml":   {"application/xml", "application/xml; charset=utf-8", markup},
	".json":  {"application/json", "application/json", jsonText},
	".txt":   {"text/plain", "text/plain; charset=utf-8", plain},
	".md":    {"text/markdown", "text/markdown; charset=utf-8", plain},
}

func kindOf(path string) (kind, bool) {
	k, ok := kinds[strings.ToLower(filepath.Ext(path))]
	return k, ok
}

func extensions() []string { return slices.Sorted(maps.Keys(kinds)) }
