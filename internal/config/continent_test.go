package config

import (
	"slices"
	"testing"

	"weir/http7"
)

func TestAContinentStandsForItsCountries(t *testing.T) {
	for _, c := range []struct {
		match Match
		want  []string
	}{
		{Match{}, nil},
		{Match{Country: []string{"FR", "DE"}}, []string{"FR", "DE"}},
		{Match{Continent: []string{"AN"}}, []string{"AQ", "BV", "GS", "HM", "TF"}},
		{Match{Continent: []string{"AN"}, Country: []string{"DE", "AQ"}}, []string{"AQ", "BV", "DE", "GS", "HM", "TF"}},
	} {
		var got []string
		for _, one := range c.match.Conditions() {
			if one.On != http7.OnCountry || one.Test != http7.OneOf {
				t.Errorf("%v asks for %+v", c.match, one)
			}
			got = append(got, one.Values...)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%v asks for %q, want %q", c.match, got, c.want)
		}
	}
}
