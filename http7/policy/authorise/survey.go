package authorise

import (
	"fmt"
	"net/netip"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"

	"weir/http7"
	"weir/internal/conf"
)

// survey finds out which slots a rewritten text needs, and refuses what is not bounded. Its error is a [*file.Error].
func survey(text string) (*surveyor, error) {
	tree, err := parser.Parse(text)
	if err != nil {
		return nil, err
	}
	s := &surveyor{}
	ast.Walk(&tree.Node, s)
	if s.err == nil {
		ast.Walk(&tree.Node, &bounds{of: s})
	}
	if s.err != nil {
		return nil, s.err
	}
	return s, nil
}

// surveyor puts a variable in place of each name with a constant in brackets, and of each call: headers["X-A"],
// scope("a"). It implements [ast.Visitor].
type surveyor struct {
	slots []slot
	err   *file.Error
}

// patcher returns a visitor that does to another tree of the same text what s has done.
func (s *surveyor) patcher() ast.Visitor { return &surveyor{} }

// Visit sees children before their parents.
func (s *surveyor) Visit(node *ast.Node) {
	var made slot
	var text string
	switch n := (*node).(type) {
	case *ast.MemberNode:
		made, text = memberSlot(n)
	case *ast.CallNode:
		made, text = callSlot(n)
	case *ast.IdentifierNode:
		if i := slices.IndexFunc(variables, func(v slot) bool { return v.name == n.Value }); i >= 0 {
			s.add(variables[i])
		}
		return
	default:
		return
	}
	if text != "" {
		s.fail(*node, text)
		return
	}
	s.add(made)
	ast.Patch(node, &ast.IdentifierNode{Value: made.name})
}

func (s *surveyor) add(made slot) {
	if !s.has(made.name) {
		s.slots = append(s.slots, made)
	}
}

func (s *surveyor) has(name string) bool {
	return slices.ContainsFunc(s.slots, func(other slot) bool { return other.name == name })
}

func (s *surveyor) fail(n ast.Node, text string) {
	if s.err == nil {
		s.err = &file.Error{Location: n.Location(), Message: text}
	}
}

// memberSlot returns the slot of headers["name"] and its like, or what is wrong.
func memberSlot(n *ast.MemberNode) (made slot, wrong string) {
	of, ok := n.Node.(*ast.IdentifierNode)
	if !ok || !slices.Contains([]string{"headers", "claims", "claim_values"}, of.Value) {
		return made, "parts are only of headers, claims and claim_values"
	}
	key, ok := n.Property.(*ast.StringNode)
	if !ok || key.Value == "" {
		return made, of.Value + " takes a name in quotes, such as " + of.Value + `["plan"]`
	}
	switch of.Value {
	case "claims":
		return claimSlot(key.Value), ""
	case "claim_values":
		return claimsSlot(key.Value), ""
	}
	name, ok := http7.NewName(key.Value)
	if !ok {
		return made, fmt.Sprintf("%q is not a field name", key.Value)
	}
	return headerSlot(name), ""
}

// callSlot returns the slot of scope("a") and its like, or what is wrong.
func callSlot(n *ast.CallNode) (made slot, wrong string) {
	of, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return made, "only functions are called"
	}
	var args []string
	for _, a := range n.Arguments {
		text, ok := a.(*ast.StringNode)
		if !ok || text.Value == "" {
			return made, of.Value + " takes texts in quotes"
		}
		args = append(args, text.Value)
	}
	if of.Value == "client_in" {
		return networksSlot(args)
	}
	for _, t := range terms {
		if t.word == of.Value && len(args) == 1 {
			return plainSlot(t.word, plain{op: t.op, name: args[0]}), ""
		}
	}
	return made, of.Value + " is no function here; there are client_in, " + strings.Join(builtins, ", ")
}

func networksSlot(args []string) (made slot, wrong string) {
	if len(args) == 0 {
		return made, `client_in takes blocks of addresses, such as client_in("10.0.0.0/8")`
	}
	var blocks []netip.Prefix
	for _, a := range args {
		var p conf.Prefix
		if err := p.UnmarshalText([]byte(a)); err != nil {
			return made, err.Error()
		}
		blocks = append(blocks, p.Value())
	}
	return clientSlot(strings.Join(args, " "), blocks), ""
}

// builtins are the engine's own functions that are there.
var builtins = []string{"len", "lower", "upper", "trim", "split", "int", "any", "all", "none", "one"}

// operators are those of two sides that are there: nothing that makes a value longer than what it is made of.
var operators = []string{"||", "or", "&&", "and", "==", "!=", "<", ">", "<=", ">=", "in", "matches", "contains", "startsWith", "endsWith", "+", "-"}

// bounds refuses what could cost more than its text shows. It implements [ast.Visitor].
type bounds struct{ of *surveyor }

// Visit judges one node.
func (b *bounds) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if !b.of.has(n.Value) {
			b.of.fail(n, unknown(n.Value))
		}
	case *ast.BinaryNode:
		if text := judgeOperator(n); text != "" {
			b.of.fail(n, text)
		}
	case *ast.BuiltinNode:
		if !slices.Contains(builtins, n.Name) {
			b.of.fail(n, n.Name+" is no function here; there are client_in, "+strings.Join(builtins, ", "))
		}
	case *ast.PredicateNode:
		if loops(n.Node) {
			b.of.fail(n, "a loop in a loop costs too much")
		}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode, *ast.UnaryNode, *ast.PointerNode, *ast.ArrayNode:
	default:
		b.of.fail(n, "this form is not there; write conditions with &&, || and !")
	}
}

func unknown(name string) string {
	names := []string{"headers", "claims", "claim_values", "client_in"}
	for _, v := range variables {
		names = append(names, v.name)
	}
	text := fmt.Sprintf("there is no %q", name)
	if near := conf.Nearest(name, names); near != "" && near != name {
		return text + fmt.Sprintf("; did you mean %q?", near)
	}
	return text + "; there are " + conf.List(names, "and")
}

func judgeOperator(n *ast.BinaryNode) string {
	if !slices.Contains(operators, n.Operator) {
		return "the operator " + n.Operator + " is not there"
	}
	if n.Operator != "matches" {
		return ""
	}
	text, ok := n.Right.(*ast.StringNode)
	if !ok {
		return "matches takes a regular expression in quotes"
	}
	tree, err := syntax.Parse(text.Value, syntax.Perl)
	if err == nil {
		_, err = regexp.Compile(text.Value)
	}
	if err != nil {
		return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
	}
	if prog, err := syntax.Compile(tree.Simplify()); err != nil || len(prog.Inst) > mostProgram {
		return "the regular expression is too large"
	}
	return ""
}

// mostProgram is the longest program that a regular expression may compile to, in instructions.
const mostProgram = 2000

// loops reports whether there is a predicate below a node.
func loops(n ast.Node) bool {
	found := predicates(false)
	ast.Walk(&n, &found)
	return bool(found)
}

// predicates says whether one was seen. It implements [ast.Visitor].
type predicates bool

// Visit looks at one node.
func (p *predicates) Visit(node *ast.Node) {
	if _, ok := (*node).(*ast.PredicateNode); ok {
		*p = true
	}
}
