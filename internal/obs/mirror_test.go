package obs

import (
	"iter"
	"slices"
	"strings"
	"testing"
)

// mirrors is what a gateway would give of one mirror that compares and one that does not.
func mirrors() iter.Seq[MirrorReading] {
	return slices.Values([]MirrorReading{
		{
			Route: "site", Upstream: "next", Sent: 9, Failed: 2, Dropped: []Count{{"full", 3}, {"down", 1}},
			Compared: []Count{{"equal", 5}, {"different", 1}}, Waiting: 4, InFlight: -1,
		},
		{Route: `a"b`, Upstream: "next"},
	})
}

func TestMirrorsAreReadAtTheScrape(t *testing.T) {
	c := NewCatalogue(Build{})
	wantNone(t, c, "weir_mirror")
	c.WatchMirrors(mirrors())
	got := scrape(c)
	for _, line := range []string{
		`weir_mirror_sent_total{route="site",upstream="next"} 9`,
		`weir_mirror_sent_total{route="a\"b",upstream="next"} 0`,
		`weir_mirror_failed_total{route="site",upstream="next"} 2`,
		`weir_mirror_dropped_total{route="site",upstream="next",reason="full"} 3`,
		`weir_mirror_dropped_total{route="site",upstream="next",reason="down"} 1`,
		`weir_mirror_compared_total{route="site",upstream="next",result="different"} 1`,
		`weir_mirror_waiting{route="site",upstream="next"} 4`,
		`weir_mirror_in_flight{route="site",upstream="next"} 0`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("the scrape lacks %s", line)
		}
	}
}
