package cmd

import (
	"fmt"
	"math"
	"strings"

	"weir/internal/admin"
	"weir/internal/term"
)

// cacheText writes a line about the store of answers.
func cacheText(b *strings.Builder, c *admin.CacheStatus) {
	about := []string{fmt.Sprintf("%s of %s", megabytes(c.Bytes), megabytes(c.Limit)), term.Plural(c.Objects, "object")}
	var all uint64
	for _, n := range c.Results {
		all += n
	}
	if all > 0 {
		about = append(about, fmt.Sprintf("%.1f %% of %s answered from it", math.Floor(1000*c.HitRatio)/10, term.Plural(int64(all), "request")))
	}
	if c.Backlog > 0 {
		about = append(about, term.Plural(c.Backlog, "purge")+" being cleared away")
	}
	fmt.Fprintf(b, "\nCACHE %s\n", strings.Join(about, ", "))
}

// megabytes writes a size for a person.
func megabytes(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
