package policytest

import (
	"fmt"
	"strings"

	"weir/http7"
)

// Pass takes x through the steps until one answers, and returns what the last said.
func Pass(x *http7.Exchange, steps []http7.Step) (v http7.Verdict) {
	for i := range steps {
		if v = steps[i].Request.Request(x); v.Act != http7.Go {
			return v
		}
	}
	return v
}

// Who says what steps have made of x, in a line: "basic ann in ops,dev may read", "nobody", or the fault and its cause.
func Who(x *http7.Exchange, v http7.Verdict) string {
	if v.Fault != nil {
		return fmt.Sprintf("%d %s: %v", v.Fault.Status, v.Fault.Name, x.Cause)
	}
	if !x.Identified() {
		return "nobody"
	}
	text := x.Scheme + " " + x.Consumer
	if len(x.Groups) > 0 {
		text += " in " + strings.Join(x.Groups, ",")
	}
	if len(x.Scopes) > 0 {
		text += " may " + strings.Join(x.Scopes, ",")
	}
	return text
}
