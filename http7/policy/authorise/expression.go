package authorise

import (
	"errors"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"weir/http7"
	"weir/internal/conf"
)

// expression is a requirement for the engine, type-checked and bounded: no loop in a loop, no variables of its own, regular
// expressions and names that are constants. What it reads of an exchange it finds in slots, which are filled before it
// runs. It never changes.
type expression struct {
	program *vm.Program
	slots   []slot
	reads   []string
	// personal says that it asks who somebody is.
	personal bool
	runs     sync.Pool // of *run
}

// run is what one evaluation needs.
type run struct {
	machine vm.VM
	values  map[string]any
}

// mostNodes bounds an expression.
const mostNodes = 256

// newExpression compiles a text. Its error is a [*conf.BadValue].
func newExpression(text string) (*expression, error) {
	r := rewrite(text)
	e := &expression{}
	l, err := survey(r.text)
	if err != nil {
		return nil, wrong(&r, text, err)
	}
	types := map[string]any{}
	for _, s := range l.slots {
		types[s.name] = s.none
	}
	options := []expr.Option{expr.Env(types), expr.AsBool(), expr.WarnOnAny(), expr.MaxNodes(mostNodes), expr.Patch(l.patcher()), expr.DisableAllBuiltins()}
	for _, name := range builtins {
		options = append(options, expr.EnableBuiltin(name))
	}
	if e.program, err = expr.Compile(r.text, options...); err != nil {
		return nil, wrong(&r, text, err)
	}
	e.slots = l.slots
	for _, s := range l.slots {
		e.personal = e.personal || s.personal
		if s.reads != "" {
			e.reads = append(e.reads, s.reads)
		}
	}
	e.runs.New = func() any { return &run{values: make(map[string]any, len(e.slots))} }
	return e, nil
}

// wrong says where in the text of the config the engine found what.
func wrong(r *rewritten, text string, err error) error {
	hint := `write such as "scope:orders.write && group:partners", or an expression such as 'claims["plan"] == "gold"'`
	var f *file.Error
	if !errors.As(err, &f) {
		return &conf.BadValue{Text: "the requirement is no condition: " + err.Error(), Hint: hint}
	}
	return &conf.BadValue{Text: "the requirement is wrong " + r.near(f.From, text) + ": " + f.Message, Hint: hint}
}

// holds judges x. An error is that of an expression that this request does not suit, such as int() of what is no number.
// It tells values of the request, and is not for the log.
func (e *expression) holds(x *http7.Exchange) (bool, error) {
	r := e.runs.Get().(*run)
	for i := range e.slots {
		r.values[e.slots[i].name] = e.slots[i].of(x)
	}
	out, err := r.machine.Run(e.program, r.values)
	for i := range e.slots { // they are views of x
		r.values[e.slots[i].name] = nil
	}
	clear(r.machine.Stack[:cap(r.machine.Stack)])
	e.runs.Put(r)
	ok, _ := out.(bool)
	return ok, err
}
