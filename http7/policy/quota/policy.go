// Package quota is the policy that limits how many requests with the same key come within a period of the calendar.
//
// gateway compiles it; the hall asks it at stage limit. What is counted lies in a book of internal/tally, which reloads
// and restarts keep, or for quotas that nodes share in internal/shared.
package quota

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"weir/http7"
	"weir/http7/policy"
	"weir/http7/selector"
	"weir/internal/conf"
	"weir/internal/deadline"
	"weir/internal/tally"
)

// exceeded refuses what is over a quota, unknown what nobody could be asked about.
var (
	exceeded = &http7.Fault{
		Side: http7.Client, Kind: http7.Refused, Name: "quota_exceeded", Status: 429, GRPC: 8, ProxyStatus: "http_request_denied",
		Title: "Too Many Requests", Detail: "The quota is used up; ask again in the next period.",
	}
	unknown = &http7.Fault{
		Side: http7.Internal, Kind: http7.Unavailable, Name: "quota_unavailable", Status: 503, GRPC: 14,
		ProxyStatus: "proxy_internal_error", Title: "Service Unavailable", Detail: "The quota could not be asked for.",
		Extra: "Retry-After: 1\r\n",
	}

	errUnavailable = errors.New("what nodes share does not answer")
)

// quota is the compiled form of a Config. It never changes.
type quota struct {
	name, policy string
	key          *selector.ByKey
	per          tally.Per
	limit, cost  int64
	fields       bool
	observe      bool
	members      []byte
	cause        error
	now          func() int64

	// held is nil where several nodes have the quota in common, shared where they don't.
	held   *held
	shared *policy.SharedLimit
}

// held is what outlasts a reload.
type held struct {
	book       *tally.Book
	overflowed *atomic.Uint64
	end        func()
	// stop ends the writer, and stopped is closed when it has ended; nil without a file.
	stop    context.CancelFunc
	stopped chan struct{}
}

// Close implements [policy.Ender]. What has been counted is written down when it returns.
func (h *held) Close() {
	h.end()
	if h.stop != nil {
		h.stop()
		<-h.stopped
	}
}

// Compile returns the step of c for a bundle, at stage limit; none if it is off. It refuses what Check reports, should
// that come here unchecked. Without needs it only checks.
func Compile(c *Config, bundle string, needs *policy.Needs) ([]http7.Step, error) {
	name := bundle + ".quota"
	problems := conf.NewProblems()
	if c.Check(problems); problems.Failed() {
		i := slices.IndexFunc(problems.List(), func(p conf.Problem) bool { return !p.Warning })
		return nil, fmt.Errorf("%s: %s: %s", name, problems.List()[i].Path, problems.List()[i].Text)
	}
	if c.Mode == conf.ModeOff {
		return nil, nil
	}
	q, err := compile(c, name, needs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := http7.Step{Name: name, Stage: http7.Throttle, Request: q, End: q, Response: teller{q}, Reads: q.key.Reads()}
	if q.observe {
		s.Mode, s.Response = http7.Observe, nil
	}
	return []http7.Step{s}, nil
}

func compile(c *Config, policyName string, needs *policy.Needs) (*quota, error) {
	key, err := selector.NewByKey(c.Key, c.IPv6Prefix)
	if err != nil {
		return nil, err
	}
	id, name := c.Name, c.Name
	if name == "" { // a rate_limit of the same key is told beside it, in the same fields
		id = keyName(c.Key)
		name = id + "-" + c.Per
	}
	per, _ := tally.ParsePer(c.Per) // Check knows it
	q := &quota{
		name: name, policy: policyName, key: key, per: per, limit: int64(c.Limit), cost: int64(c.Cost), fields: c.Fields,
		observe: c.Mode == conf.Observe, now: deadline.Now,
		members: []byte(`"violated-policies":["` + name + `"]`),
		cause:   errors.New("over the quota " + strconv.Quote(name)),
	}
	switch {
	case needs == nil:
		return q, nil
	case c.Scope == scopeShared:
		return q, q.share(c, id, needs)
	}
	identity := fmt.Sprintf("%s\x00%s\x00%v\x00%v\x00%v", policyName, id, c.Key, c.Per, c.IPv6Prefix)
	q.held, err = policy.Adopt(needs.Turn, identity, func() (*held, error) { return hold(c, q, identity, needs) })
	return q, err
}

// keyName says what a key says, in characters that names may have.
func keyName(key conf.Selectors) string {
	if len(key) == 0 {
		return conf.PartClient.String()
	}
	words := make([]string, len(key))
	for i, s := range key {
		words[i] = s.String()
	}
	return strings.Map(func(r rune) rune {
		if notNaming(r) {
			return '_'
		}
		return r
	}, strings.Join(words, "+"))
}

// share makes q one that nodes have in common under the name id.
func (q *quota) share(c *Config, id string, needs *policy.Needs) error {
	if needs.Shared == nil {
		return errors.New(`scope = "shared" needs the table [shared]`)
	}
	// Nodes share by name and period, so that a limit may change on one after the other, and what was used stays used.
	name := strings.Join([]string{q.policy, id, c.Per}, ".")
	q.shared = &policy.SharedLimit{Limit: needs.Shared.Quota(name, q.limit, q.per.Period)}
	return nil
}

// hold opens the book of a quota, which a goroutine of its own writes down until it is closed.
func hold(c *Config, q *quota, identity string, needs *policy.Needs) (*held, error) {
	h := &held{overflowed: needs.Counted(q.policy, "overflow")}
	if needs.Idle || needs.StateDir == "" {
		if !needs.Idle {
			needs.Log.Warn("quotas are forgotten when the process ends: there is no state_dir", "policy", q.policy)
		}
		h.book = tally.New(q.per, c.Keys, time.Now)
	} else if err := h.open(c, q, identity, needs); err != nil {
		return nil, err
	}
	h.end = needs.Gauged(q.policy, q.name+" keys", func() float64 { return float64(h.book.Keys()) })
	return h, nil
}

func (h *held) open(c *Config, q *quota, identity string, needs *policy.Needs) (err error) {
	log := needs.Log.With("policy", q.policy)
	sum := sha256.Sum256([]byte(identity))
	path := filepath.Join(needs.StateDir, "quota", hex.EncodeToString(sum[:12]))
	if h.book, err = tally.Open(path, q.per, c.Keys, time.Now); err != nil {
		return err
	}
	if h.book.Damaged() {
		log.Warn("a file of quotas was damaged: what could be read of it counts", "path", path)
	}
	lost := needs.Counted(q.policy, "write_failed")
	ctx, stop := context.WithCancel(context.Background())
	h.stop, h.stopped = stop, make(chan struct{})
	go func() { // quota.writer: ends with Close
		defer close(h.stopped)
		h.book.Run(ctx, func(err error) {
			if err == nil {
				log.Info("quotas are written down again", "path", path)
				return
			}
			lost.Add(1)
			log.Error("quotas can't be written down: a restart would forget them", "path", path, "error", err)
		})
	}()
	return nil
}
