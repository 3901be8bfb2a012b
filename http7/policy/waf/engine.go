package waf

import (
	"errors"
	"regexp"
	"strings"

	"github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"
	"github.com/corazawaf/coraza/v3/types/variables"
)

// The numbers of the rules that look for attacks; those around them set up, and judge in the end.
const (
	attackRules    = 911000
	lastAttackRule = 948999
)

// base is what every engine begins with: how bodies are read, and that one which can't be is refused with 400, as are more
// than 1,000 parameters: what is over that Coraza would pass unseen. The body's bound is the policy's, which never gives more.
const base = `
SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 134217728
SecRequestBodyInMemoryLimit 134217728
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 128
SecArgumentsLimit 1000
SecResponseBodyAccess Off
SecUploadKeepFiles Off
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^(?:application/(?:[a-z0-9.-]+[+])?|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/(?:[a-z0-9.-]+[+])?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,nolog,deny,status:400"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,nolog,deny,status:400"
SecRule ARGUMENTS_LIMIT_REACHED "!@eq 0" "id:200004,phase:2,t:none,nolog,deny,status:400"
`

// set is the core rule set, as far as it is about requests.
const set = `
Include @crs-setup.conf.example
Include @owasp_crs/REQUEST-*.conf
`

// engine is a compiled set of rules. It never changes; policies of any settings share it.
type engine struct {
	waf   coraza.WAF
	turns chan struct{} // one value for each long request that is being inspected
}

// newEngine compiles the rules of set, "crs" or "own", and text behind them. It takes some tenths of a second for the core
// rule set: see the README.
func newEngine(ruleset, text string) (*engine, error) {
	directives := base
	if ruleset == crs {
		directives += set
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(directives + text))
	if err != nil {
		return nil, errors.New(strings.TrimSpace(err.Error()))
	}
	e := &engine{waf, newTurns()}
	t, ok := waf.NewTransaction().(transaction)
	if !ok {
		return nil, errors.New("this version of Coraza has no transactions that leave rules out")
	}
	return e, t.Close()
}

// Close implements [policy.Ender]: it gives back the patterns that engines have in common. Transactions that are under way
// go on.
func (e *engine) Close() {
	if c, ok := e.waf.(experimental.WAFCloser); ok {
		_ = c.Close() // it returns no error
	}
}

// transaction is what one request needs of Coraza. The methods for leaving rules out are those that its rules use.
type transaction interface {
	types.Transaction
	plugintypes.TransactionState
	RemoveRuleByIDRange(start, end int)
	RemoveRuleByID(id int)
	RemoveRuleTargetByID(id int, variable variables.RuleVariable, key string, keyRx *regexp.Regexp)
}

// target is a part of a request.
type target struct {
	variable variables.RuleVariable
	key      string
}

func parseTarget(text string) (target, error) {
	name, key, _ := strings.Cut(text, ":")
	v, err := variables.Parse(strings.ToUpper(name))
	if err != nil {
		return target{}, errors.New("begins with no variable of the rules")
	}
	return target{v, strings.ToLower(key)}, nil
}

// number is how rules of the set are numbered in its files.
var number = regexp.MustCompile(`"id:(\d+)`)
