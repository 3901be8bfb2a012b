package validate

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"weir/internal/plain"
)

// finding is one thing wrong with a message: where it is, and why. It says nothing of the values.
type finding struct {
	in      string // "path", "query", "header", "cookie", "body"
	name    string // of a parameter
	pointer string // into the value, RFC 6901
	reason  string
}

// mostFindings is how many are told.
const mostFindings = 10

// findings returns what a schema says of a value, leaves alone, in the order of their places.
func findings(in, name string, err *jsonschema.ValidationError) []finding {
	var all []finding
	leaves(err, func(e *jsonschema.ValidationError) bool {
		all = append(all, finding{in, name, pointerOf(e.InstanceLocation), reason(e.ErrorKind)})
		return len(all) < mostFindings
	})
	return all
}

// leaves calls take for what is wrong with the value itself: not for every form of several that it might have had.
func leaves(e *jsonschema.ValidationError, take func(*jsonschema.ValidationError) bool) bool {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.Contains, *kind.MinContains:
		return take(e)
	}
	if len(e.Causes) == 0 {
		return take(e)
	}
	for _, c := range e.Causes {
		if !leaves(c, take) {
			return false
		}
	}
	return true
}

func pointerOf(steps []string) string {
	var b []byte
	for _, s := range steps {
		b = plain.AppendPointer(b, s)
	}
	return string(b)
}

// reason says what a keyword says, with what the schema wants and without what was there.
func reason(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return "is " + article(k.Got) + ", must be " + alternatives(k.Want)
	case *kind.Required:
		return "lacks " + quoted(k.Missing)
	case *kind.AdditionalProperties:
		return "has what is not described: " + quoted(k.Properties)
	case *kind.DependentRequired:
		return "lacks " + quoted(k.Missing) + ", which " + strconv.Quote(k.Prop) + " needs"
	case *kind.Dependency:
		return "lacks " + quoted(k.Missing) + ", which " + strconv.Quote(k.Prop) + " needs"
	case *kind.PropertyNames:
		return "has a name that is not allowed"
	case *kind.Enum, *kind.Const:
		return "is none of the values that are allowed"
	case *kind.Format:
		return "is not of the format " + k.Want
	case *kind.Pattern:
		return "does not match " + k.Want
	case *kind.AnyOf:
		return "fits none of the forms that are allowed"
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "fits more than one of the forms that are allowed"
		}
		return "fits none of the forms that are allowed"
	case *kind.Not, *kind.FalseSchema:
		return "is what is not allowed"
	case *kind.UniqueItems:
		return fmt.Sprintf("has the same item at %d and %d", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains, *kind.MinContains, *kind.MaxContains:
		return "has not the items that it must contain"
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d items that are not described", k.Count)
	}
	return bound(k)
}

// bound says what keywords of length and size say.
func bound(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("is shorter than %d", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("is longer than %d", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("has fewer than %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has more than %d items", k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("has fewer than %d members", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("has more than %d members", k.Want)
	case *kind.Minimum:
		return "is less than " + decimal(k.Want)
	case *kind.Maximum:
		return "is more than " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		return "is not more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		return "is not less than " + decimal(k.Want)
	case *kind.MultipleOf:
		return "is no multiple of " + decimal(k.Want)
	}
	return "is not as its schema says"
}

func decimal(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func article(word string) string {
	switch word {
	case "null":
		return word
	case "array", "object", "integer":
		return "an " + word
	}
	return "a " + word
}

func alternatives(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = article(w)
	}
	return strings.Join(all, " or ")
}

// quoted lists names, not all of many.
func quoted(names []string) string {
	const most = 5
	var b strings.Builder
	for i, n := range names[:min(len(names), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(short(n)))
	}
	if len(names) > most {
		b.WriteString(" and more")
	}
	return b.String()
}

// mostText is how many bytes of a name or a pointer are told: whoever sends long ones must not fill logs with them.
const mostText = 128

// short returns the beginning of a text that is too long to be told.
func short(s string) string {
	if len(s) <= mostText {
		return s
	}
	return strings.ToValidUTF8(s[:mostText], "") + "…"
}

// appendText appends s as a string of JSON.
func appendText(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // never for a string
		return append(dst, `""`...)
	}
	return append(dst, b...)
}

// appendMember appends fs as the member "errors" of a problem document (RFC 9457 §3).
func appendMember(dst []byte, fs []finding) []byte {
	dst = append(dst, `"errors":[`...)
	for i, f := range fs {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(dst, `{"in":"`...), f.in...)
		if f.name != "" {
			dst = appendText(append(dst, `","name":`...), f.name)
			dst = append(dst, `,"pointer":`...)
		} else {
			dst = append(dst, `","pointer":`...)
		}
		dst = appendText(dst, short(f.pointer))
		dst = append(appendText(append(dst, `,"reason":`...), f.reason), '}')
	}
	return append(dst, ']')
}
