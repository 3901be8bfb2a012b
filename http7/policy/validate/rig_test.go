package validate_test

import (
	"strings"
	"testing"

	"weir/http7"
	"weir/http7/policy/policytest"
	"weir/http7/policy/validate"
)

// compile compiles a section for a document as edit has changed it, and returns its steps.
func compile(t testing.TB, document string, edit func(c *validate.Config)) []http7.Step {
	t.Helper()
	steps, _ := counted(t, document, edit)
	return steps
}

// counted returns the process that they are of besides.
func counted(t testing.TB, document string, edit func(c *validate.Config)) ([]http7.Step, *policytest.Process) {
	t.Helper()
	c := validate.Default()
	c.OpenAPI = document
	if edit != nil {
		edit(&c)
	}
	p := policytest.NewProcess()
	steps, err := validate.Compile(&c, "edge", p.Needs())
	if err != nil {
		t.Fatal(err)
	}
	return steps, p
}

const orders = "testdata/orders.yaml"

// written writes a document and returns its path.
func written(t testing.TB, name, text string) string {
	t.Helper()
	return policytest.File(t, name, text)
}

// request makes an exchange of "METHOD target" and fields "Name: value".
func request(line, body string, fields ...string) *http7.Exchange {
	x := &http7.Exchange{Conn: &http7.Conn{}, Proto: http7.HTTP11}
	fill(x, line, body, fields...)
	return x
}

func fill(x *http7.Exchange, line, body string, fields ...string) {
	method, target, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(target, "?")
	x.Method, x.Target, x.Path, x.Query = []byte(method), []byte(target), []byte(path), []byte(query)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		x.Request.AddRaw([]byte(name), []byte(value))
	}
	x.Body.Length = int64(len(body))
	x.Body.Collected, x.Body.Whole = nil, false
}

// ask asks a step about x as the hall does, whose request has that body.
func ask(s *http7.Step, x *http7.Exchange, body string) *http7.Fault {
	v := s.Request.Request(x)
	if v.Act == http7.Need {
		n := len(body)
		if v.Bytes >= 0 {
			n = min(n, int(v.Bytes))
		}
		x.Body.Collected, x.Body.Whole = []byte(body)[:n], n == len(body)
		v = s.Request.(http7.Resumer).Resume(x, http7.BodyReady)
	}
	return v.Fault
}

// told returns what a refusal says: its name, and the findings.
func told(x *http7.Exchange, f *http7.Fault) string {
	if f == nil {
		return ""
	}
	return f.Name + " " + string(x.Problem.Members)
}
