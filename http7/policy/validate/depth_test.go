package validate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/http7/policy/validate"
)

// filters is the schema of an expression that n kinds of nodes consist of, each of which a validator has to follow.
func filters(n int) string {
	var kinds, refs []string
	for i := range n {
		kinds = append(kinds, fmt.Sprintf(`"k%d":{"properties":{"op":{"const":"k%d"},"of":{"$ref":"#"}},"required":["op"]}`, i, i))
		refs = append(refs, fmt.Sprintf(`{"$ref":"#/$defs/k%d"}`, i))
	}
	return `{"oneOf":[` + strings.Join(refs, ",") + `],"$defs":{` + strings.Join(kinds, ",") + `}}`
}

// Without a bound a value of forty levels takes a validator hours.
func TestASchemaThatContainsItselfInAlternativesIsFollowedAsFarAsItIsCheap(t *testing.T) {
	for n, most := range map[int]int{1: 128, 2: 12, 3: 7, 10: 3} {
		path := written(t, "filter.json", filters(n))
		s := compile(t, "", func(c *validate.Config) { c.JSONSchema = path })[0]
		for _, deep := range []int{most, most + 1, 100} {
			body := strings.Repeat(`{"op":"k0","of":`, deep-1) + `{"op":"k0"}` + strings.Repeat("}", deep-1)
			begun := time.Now()
			x := request("POST /", body, jsonType)
			got := told(x, ask(&s, x, body))
			if (got == "") != (deep <= most) || got != "" && !strings.Contains(got, "nested too deep") {
				t.Errorf("%d alternatives, %d levels: %s", n, deep, got)
			}
			if took := time.Since(begun); took > 5*time.Second { // some tens of milliseconds
				t.Errorf("%d alternatives, %d levels: took %v", n, deep, took)
			}
		}
	}
}

// An expression whose operands are in lists has two levels of a value for one of its own.
func TestLevelsBetweenAreNotCounted(t *testing.T) {
	path := written(t, "filter.json", `{"oneOf":[{"properties":{"and":{"items":{"$ref":"#"}}},"required":["and"]},{"properties":{"or":{"items":{"$ref":"#"}},"and":{"items":{"$ref":"#"}}},"required":["or"]}]}`)
	s := compile(t, "", func(c *validate.Config) { c.JSONSchema = path })[0]
	for deep, passes := range map[int]bool{11: true, 13: false} {
		body := strings.Repeat(`{"and":[`, deep) + strings.Repeat("]}", deep)
		x := request("POST /", body, jsonType)
		if got := told(x, ask(&s, x, body)); (got == "") != passes {
			t.Errorf("%d levels: %s", deep, got)
		}
	}
}

func TestASchemaThatContainsItselfOnceIsFollowedFar(t *testing.T) {
	for what, text := range map[string]string{
		"a list":                      `{"properties":{"next":{"$ref":"#"}}}`,
		"a tree":                      `{"properties":{"left":{"$ref":"#"},"right":{"$ref":"#"}}}`,
		"a leaf or a branch":          `{"oneOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#"}}]}`,
		"alternatives that are apart": `{"properties":{"a":{"oneOf":[{"type":"string"},{"type":"integer"}]},"next":{"$ref":"#"}}}`,
	} {
		path := written(t, "list.json", text)
		s := compile(t, "", func(c *validate.Config) { c.JSONSchema = path })[0]
		body := strings.Repeat(`{"next":`, 100) + `{}` + strings.Repeat("}", 100)
		if strings.HasPrefix(what, "a leaf") {
			body = strings.Repeat("[", 100) + strings.Repeat("]", 100)
		}
		x := request("POST /", body, jsonType)
		if got := told(x, ask(&s, x, body)); got != "" {
			t.Errorf("%s: %s", what, got)
		}
	}
}
