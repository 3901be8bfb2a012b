package match

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"weir/http7"
	"weir/http7/match/content"
	"weir/http7/paths"
)

// Mistake is what is wrong with a pattern or a condition. All errors of [CheckPattern],
// [CheckCondition] and [Host] are one.
type Mistake struct {
	// What says what is wrong, Hint the way out, as problems of the config are told.
	What, Hint string
}

// Error returns What.
func (m *Mistake) Error() string { return m.What }

// CheckPattern returns the names that a path pattern captures, in order, "rest" among them for what a
// prefix leaves; or a [*Mistake].
func CheckPattern(path string) (captures []string, err error) {
	quoted := strconv.Quote(path)
	body, rest := strings.CutSuffix(path, "/*")
	switch {
	case strings.HasPrefix(path, "~"):
		return checkExpression(path[1:])
	case !strings.HasPrefix(path, "/"):
		return nil, &Mistake{quoted + " does not begin with /", beginning(path)}
	case strings.Contains(body, "*"):
		return nil, &Mistake{quoted + " has a * that is not its end", `a prefix is written "/prefix/*", one segment "/a/{name}/b"`}
	case strings.ContainsAny(path, "?#"):
		return nil, &Mistake{quoted + " has more than a path", "write the path alone; parameters are matched by query"}
	case strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, &Mistake{quoted + " has characters that no path has", "write them percent-encoded, such as %20"}
	}
	for s := range strings.SplitSeq(strings.TrimPrefix(body, "/"), "/") {
		if captures, err = checkSegment(captures, s, quoted); err != nil {
			return nil, err
		}
	}
	if rest {
		captures = append(captures, restName)
	}
	return captures, checkNames(captures, quoted)
}

// beginning says how a path is written that does not begin with a slash.
func beginning(path string) string {
	ending, any := strings.CutPrefix(path, "*.")
	switch {
	case strings.HasPrefix(path, "^"):
		return "a regular expression begins with ~: write '~" + path + "'"
	case any && !strings.ContainsAny(ending, "*/"):
		return `write a regular expression: '~\.` + regexp.QuoteMeta(ending) + "$'"
	}
	return "write " + strconv.Quote("/"+path)
}

func checkSegment(captures []string, s, quoted string) ([]string, error) {
	name, ok := segmentName(s)
	if !ok && strings.ContainsAny(s, "{}") {
		return nil, &Mistake{quoted + " has braces that are not a whole segment", `write "/a/{name}/b", or a regular expression "~^/a-(?P<name>[^/]+)$"`}
	}
	if !ok {
		if _, fault := paths.Literal("/" + s); fault != nil {
			return nil, &Mistake{quoted + " is not a path that requests come with", "dot segments and escapes of control characters are refused or resolved before any route is looked for"}
		}
		return captures, nil
	}
	if !isName(name) {
		return nil, &Mistake{quoted + " has a {segment} without a proper name", "a name is letters, digits and _, and begins with a letter: {id}"}
	}
	return append(captures, name), nil
}

func isName(s string) bool {
	for i, c := range s {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' && c < 0x80
		if !letter && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != ""
}

func checkNames(names []string, quoted string) error {
	if len(names) > http7.MaxCaptures {
		return &Mistake{quoted + " captures too much", "at most " + strconv.Itoa(http7.MaxCaptures) + " names may be given"}
	}
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return &Mistake{quoted + " names {" + n + "} twice", `names are given once; what "/*" leaves is {rest}`}
		}
	}
	return nil
}

// checkExpression bounds what a regular expression costs: the library's own machine for short ones
// needs no more than mostProgram instructions.
func checkExpression(expr string) (captures []string, err error) {
	quoted := strconv.Quote("~" + expr)
	if err := checkRegexp(expr, quoted); err != nil {
		return nil, err
	}
	for _, name := range regexp.MustCompile(expr).SubexpNames() {
		if name != "" {
			captures = append(captures, name)
		}
	}
	return captures, checkNames(captures, quoted)
}

// mostProgram is the longest program that a regular expression may compile to, in instructions.
const mostProgram = 10_000

func checkRegexp(expr, quoted string) error {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if either, is := strings.CutPrefix(expr, "*"); err != nil && is {
		either = strconv.Quote("~(?i)" + strings.TrimLeft(either, " "))
		return &Mistake{quoted + " has nothing before its *", "for letters of either case write " + either}
	}
	if err != nil {
		return &Mistake{quoted + " is not a regular expression: " + strings.TrimPrefix(err.Error(), "error parsing regexp: "), "the syntax is RE2's: https://github.com/google/re2/wiki/Syntax"}
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > mostProgram {
		return &Mistake{quoted + " is too large a regular expression", "write it with fewer and smaller repetitions"}
	}
	return nil
}

// CheckCondition returns a [*Mistake] if c can't be compiled: a test that its subject does not know, a
// name that is none, a regular expression that is none, a path that leads into no body.
func CheckCondition(c http7.Condition) error {
	if err := checkSubject(&c); err != nil {
		return err
	}
	if c.Test == http7.Matches {
		return checkRegexp(c.Value, strconv.Quote("~"+c.Value))
	}
	return nil
}

func checkSubject(c *http7.Condition) error {
	quoted := strconv.Quote(c.Name)
	oneOf := c.Test == http7.OneOf
	switch c.On {
	case http7.OnClient:
		if !oneOf || len(c.Prefixes) == 0 {
			return &Mistake{"clients are matched by blocks of addresses alone", `write such as "192.0.2.0/24"`}
		}
		return nil
	case http7.OnCountry:
		if oneOf && len(c.Values) == 0 {
			return &Mistake{"a list of no countries matches nothing", `write such as "DE"`}
		}
		return nil
	case http7.OnHeader:
		if _, ok := http7.NewName(c.Name); !ok {
			return &Mistake{quoted + " is not a header name", "names are letters, digits and -"}
		}
	case http7.OnContent:
		if _, err := content.Check(c.Name); err != nil {
			return &Mistake{quoted + " is not a path to a value: " + err.Error(), `write such as "order.type", "items.*.sku", "/order/type" or "/order/@type"`}
		}
	case http7.OnCookie:
		if !http7.IsToken([]byte(c.Name)) {
			return &Mistake{quoted + " is not a cookie name", "names are letters, digits, - and _"}
		}
	case http7.OnClaim:
		if c.Name == "" {
			return &Mistake{"a claim without a name", `write such as plan = "gold"`}
		}
	}
	if oneOf {
		return &Mistake{c.On.String() + " are matched by one value", "write a regular expression for several, such as \"~^(a|b)$\""}
	}
	return nil
}
