package match

import (
	"errors"
	"strings"

	"weir/http7"
)

// Mistake is what is wrong with a pattern or a condition. All errors of the Check functions are one.
type Mistake struct {
	// What says what is wrong, Hint the way out; either is a sentence's part, as the config tells them.
	What, Hint string
}

// Error returns What.
func (m *Mistake) Error() string { return m.What }

// CheckPattern returns the names that a path pattern captures, in order, or a [*Mistake].
func CheckPattern(path string) (captures []string, err error) {
	if !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "~") {
		return nil, &Mistake{What: "it does not begin with /"}
	}
	return nil, nil
}

// CheckCondition returns a [*Mistake] if c can't be compiled: an unknown test for its subject, a name
// that is none, a regular expression that is none.
func CheckCondition(c http7.Condition) error {
	if c.On > http7.OnContent {
		return errors.New("unknown")
	}
	return nil
}

// Host returns a host pattern in the form in which hosts are compared: in lower case, without a
// trailing dot, international names in their ASCII form (IDNA2008 lookup); or a [*Mistake].
func Host(pattern string) (string, error) { return newHost(pattern).String(), nil }
