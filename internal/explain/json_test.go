package explain

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestAReaderOfTheJSONNeverMeetsNull(t *testing.T) {
	for about, r := range map[string]*Report{
		"nothing": {}, "a split without sides": {Split: &Split{}}, "an upstream without endpoints": {Upstreams: []Upstream{{}}},
		"a request without fields": {Upstreams: []Upstream{{Request: &Outgoing{}}}},
	} {
		before := *r
		b, err := json.Marshal(r)
		if err != nil || strings.Contains(string(b), "null") || !strings.Contains(string(b), `"candidates":[]`) || !strings.Contains(string(b), `"policies":[]`) {
			t.Errorf("%s: %s, %v", about, b, err)
		}
		if !reflect.DeepEqual(*r, before) {
			t.Errorf("%s: writing changed it to %+v", about, r)
		}
	}
}
