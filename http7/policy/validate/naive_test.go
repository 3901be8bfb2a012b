package validate_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/http7/policy/validate"
)

type object = map[string]any

var typesOfJSON = []string{"null", "boolean", "integer", "string", "array", "object"}

// drawnValue draws a value of JSON, as encoding/json has it.
func drawnValue(random *rand.Rand, depth int) any {
	n := random.IntN(6)
	if depth == 0 {
		n = random.IntN(4)
	}
	switch typesOfJSON[n] {
	case "boolean":
		return random.IntN(2) == 0
	case "integer":
		return float64(random.IntN(5))
	case "string":
		return strings.Repeat("a", random.IntN(4))
	case "array":
		list := []any{}
		for range random.IntN(3) {
			list = append(list, drawnValue(random, depth-1))
		}
		return list
	case "object":
		members := object{}
		for range random.IntN(3) {
			members[[]string{"a", "b/", "~c"}[random.IntN(3)]] = drawnValue(random, depth-1)
		}
		return members
	}
	return nil
}

// drawnSchema draws a schema of the keywords that fits knows.
func drawnSchema(random *rand.Rand, depth int) any {
	s := object{}
	if random.IntN(12) == 0 {
		return random.IntN(2) == 0
	}
	list := func() (all []any) {
		for range 1 + random.IntN(2) {
			all = append(all, drawnSchema(random, depth-1))
		}
		return all
	}
	for range 1 + random.IntN(2) {
		n := random.IntN(14)
		if depth == 0 {
			n = random.IntN(7)
		}
		switch n {
		case 0:
			s["type"] = []any{typesOfJSON[random.IntN(5)], "object"}
			if random.IntN(2) == 0 {
				s["type"] = typesOfJSON[random.IntN(6)]
			}
		case 1:
			s["minimum"], s["exclusiveMaximum"] = float64(random.IntN(3)), float64(3+random.IntN(3))
		case 2:
			s["minLength"], s["maxLength"] = float64(random.IntN(2)), float64(1+random.IntN(3))
		case 3:
			s["required"] = []any{[]string{"a", "b/", "~c"}[random.IntN(3)]}
		case 4:
			s["enum"] = []any{drawnValue(random, 1), drawnValue(random, 0), drawnValue(random, 0)}
		case 5:
			s["maxItems"], s["minProperties"] = float64(random.IntN(3)), float64(random.IntN(2))
		case 6:
			s["const"] = drawnValue(random, 1)
		case 7:
			s["properties"] = object{"a": drawnSchema(random, depth-1), "~c": drawnSchema(random, depth-1)}
		case 8:
			s["additionalProperties"] = drawnSchema(random, depth-1)
		case 9:
			s["items"] = drawnSchema(random, depth-1)
		case 10:
			s["allOf"] = list()
		case 11:
			s["anyOf"] = list()
		case 12:
			s["oneOf"] = list()
		case 13:
			s["not"] = drawnSchema(random, depth-1)
		}
	}
	return s
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "integer"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

// fits says whether a value fits a schema, as JSON Schema 2020-12 puts it, keyword by keyword.
func fits(schema, v any) bool {
	if b, ok := schema.(bool); ok {
		return b
	}
	for keyword, says := range schema.(object) {
		if !meets(schema.(object), keyword, says, v) {
			return false
		}
	}
	return true
}

func meets(schema object, keyword string, says, v any) bool {
	number, isNumber := v.(float64)
	text, isText := v.(string)
	list, isList := v.([]any)
	members, isObject := v.(object)
	bound, _ := says.(float64)
	subs, _ := says.([]any)
	good := 0
	for _, sub := range subs {
		if strings.HasSuffix(keyword, "Of") && fits(sub, v) {
			good++
		}
	}
	switch keyword {
	case "type":
		return says == typeName(v) || slices.Contains(subs, any(typeName(v)))
	case "minimum":
		return !isNumber || number >= bound
	case "exclusiveMaximum":
		return !isNumber || number < bound
	case "minLength":
		return !isText || len(text) >= int(bound)
	case "maxLength":
		return !isText || len(text) <= int(bound)
	case "maxItems":
		return !isList || len(list) <= int(bound)
	case "minProperties":
		return !isObject || len(members) >= int(bound)
	case "required":
		_, has := members[subs[0].(string)]
		return !isObject || has
	case "enum":
		return slices.ContainsFunc(subs, func(one any) bool { return reflect.DeepEqual(one, v) })
	case "const":
		return reflect.DeepEqual(says, v)
	case "items":
		return !slices.ContainsFunc(list, func(item any) bool { return !fits(says, item) })
	case "allOf":
		return good == len(subs)
	case "anyOf":
		return good > 0
	case "oneOf":
		return good == 1
	case "not":
		return !fits(says, v)
	}
	named, _ := schema["properties"].(object)
	for name, member := range members {
		sub, isNamed := named[name]
		if keyword == "additionalProperties" {
			sub, isNamed = says, !isNamed
		}
		if isNamed && !fits(sub, member) {
			return false
		}
	}
	return true
}

// Bodies are taken and refused as a naive reader of the standard does, and what is told is a place in the body.
func TestBodiesAreJudgedAsANaiveReaderJudgesThem(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 12))
	counts := map[bool]int{}
	for range 400 {
		schema := drawnSchema(random, 3)
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		path := written(t, "schema.json", string(text))
		s := compile(t, "", func(c *validate.Config) { c.JSONSchema = path })[0]
		for range 12 {
			v := drawnValue(random, 3)
			body, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			x := request("POST /", string(body), jsonType)
			f := ask(&s, x, string(body))
			if want := fits(schema, v); (f == nil) != want {
				t.Fatalf("%s of %s: %s, want that it fits: %v", body, text, told(x, f), want)
			}
			if counts[f == nil]++; f == nil {
				continue
			}
			if f.Status != 422 {
				t.Errorf("%s of %s is refused with %d", body, text, f.Status)
			}
			var problem struct {
				Errors []struct{ In, Pointer, Reason string }
			}
			if err := json.Unmarshal([]byte("{"+string(x.Problem.Members)+"}"), &problem); err != nil || len(problem.Errors) == 0 {
				t.Fatalf("%s of %s: %v, %s", body, text, err, x.Problem.Members)
			}
			for _, e := range problem.Errors {
				if !isThere(v, e.Pointer) || e.Reason == "" || e.In != "body" {
					t.Errorf("%s of %s: %+v is no place in it", body, text, e)
				}
			}
		}
	}
	if counts[true] < 500 || counts[false] < 500 {
		t.Errorf("too few of one kind: %v", counts)
	}
}

// isThere reports whether a pointer leads to something (RFC 6901 §4).
func isThere(v any, pointer string) bool {
	for step := range strings.SplitSeq(pointer, "/") {
		if step == "" {
			continue // before the first slash
		}
		switch in := v.(type) {
		case object:
			next, ok := in[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
			if !ok {
				return false
			}
			v = next
		case []any:
			if len(step) != 1 || int(step[0]-'0') >= len(in) {
				return false
			}
			v = in[step[0]-'0']
		default:
			return false
		}
	}
	return true
}
