package validate_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/http7"
	"weir/http7/policy/validate"
)

// large is a document of n operations whose schemas all lead to each other.
func large(n int) string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.3\npaths:\n")
	for i := range n {
		fmt.Fprintf(&b, "  /a%d/{id}:\n    post:\n      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]\n      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/S%d'}}}}\n      responses: {default: {description: any}}\n", i, i)
	}
	b.WriteString("components:\n  schemas:\n")
	for i := range n {
		fmt.Fprintf(&b, "    S%d: {type: object, properties: {name: {type: string}, n: {type: integer}, next: {oneOf: [{$ref: '#/components/schemas/S%d'}, {type: string}]}, all: {type: array, items: {$ref: '#/components/schemas/S%d'}}}}\n", i, (i+1)%n, (i*7)%n)
	}
	return b.String()
}

func TestALargeDocumentIsLoadedSoon(t *testing.T) {
	path := written(t, "large.yaml", large(150))
	begun := time.Now()
	s := compile(t, path, nil)[0]
	if took := time.Since(begun); took > 20*time.Second { // a second
		t.Errorf("it took %v", took)
	}
	x := request("POST /a149/1", `{"next":{"all":[{"n":"x"}]}}`, jsonType)
	if got := told(x, ask(&s, x, `{"next":{"all":[{"n":"x"}]}}`)); !strings.Contains(got, `"pointer":"/next"`) {
		t.Error(got)
	}
}

func BenchmarkCompileLarge(b *testing.B) {
	path := written(b, "large.yaml", large(150))
	b.ReportAllocs()
	for b.Loop() {
		compile(b, path, nil)
	}
}

func TestOneValidatorServesManyAtOnce(t *testing.T) {
	steps := compile(t, orders, func(c *validate.Config) { c.Responses = "enforce" })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			x := &http7.Exchange{Conn: &http7.Conn{}}
			for i := range 50 {
				body := good
				if i%2 == 1 {
					body = `{"customer":7}`
				}
				x.Release()
				fill(x, "POST /v1/orders", body, jsonType)
				if f := ask(&steps[0], x, body); (f == nil) != (i%2 == 0) {
					t.Errorf("%d: %v", i, f)
				}
			}
		})
	}
	all.Wait()
}
