package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"

	"weir/http7"
	"weir/http7/serve"
	"weir/internal/config"
	"weir/internal/plan"
)

// knowledge is what an access log written under one config tells of requests. It belongs to one goroutine.
type knowledge struct {
	// fields are the selectors that the log writes, by listener.
	fields map[string]map[string]bool
	// Values of secrets stand in the log as hashes by key, nil if that is not to be had. texts are what
	// conditions compare them with, by selector.
	key   []byte
	texts map[string][]string
	// alike are the routes, by name, that redirect under both configs, from the same template.
	alike map[string]bool
}

func newKnowledge(old, next *Compiled) *knowledge {
	k := &knowledge{fields: map[string]map[string]bool{}, texts: map[string][]string{}, alike: redirectsAlike(old.Config, next.Config)}
	for listener, reads := range old.reads {
		k.fields[listener] = make(map[string]bool, len(reads))
		for _, s := range reads {
			k.fields[listener][s] = true
		}
	}
	if dir, _ := old.Config.State(os.Getenv); dir != "" {
		k.key, _ = readLogKey(dir) // without it less can be decided
	}
	for _, c := range []*config.Config{old.Config, next.Config} {
		eachCondition(c, func(s string, cond *http7.Condition) {
			if cond.Test == http7.Equals && !slices.Contains(k.texts[s], cond.Value) {
				k.texts[s] = append(k.texts[s], cond.Value)
			}
		})
	}
	return k
}

func redirectsAlike(old, next *config.Config) map[string]bool {
	alike, was := map[string]bool{}, map[string]*config.Route{}
	for _, r := range old.Routes {
		was[r.Name] = r
	}
	for _, r := range next.Routes {
		o := was[r.Name]
		if o == nil || o.Redirect == nil || r.Redirect == nil || *o.Redirect != *r.Redirect {
			continue
		}
		captures := strings.Contains(r.Redirect.To, "{path.") || strings.Contains(r.Redirect.To, "{rest")
		alike[r.Name] = !captures || slices.Equal(o.Match.Path, r.Match.Path)
	}
	return alike
}

// eachCondition calls f with the conditions on headers and cookies, and their selectors: those whose values
// may be secrets.
func eachCondition(c *config.Config, f func(selector string, cond *http7.Condition)) {
	for _, r := range c.Routes {
		list := r.Match.Conditions()
		for i := range list {
			switch list[i].On {
			case http7.OnHeader:
				f("header:"+strings.ToLower(list[i].Name), &list[i])
			case http7.OnCookie:
				f("cookie:"+list[i].Name, &list[i])
			}
		}
	}
}

// blind returns the selectors whose hashed values are not enough for c: a regular expression is looked for in
// them, a step or a template reads them, or they are compared and the key is not to be had.
func (k *knowledge) blind(c *Compiled) map[string]bool {
	blind := map[string]bool{}
	eachCondition(c.Config, func(s string, cond *http7.Condition) {
		if cond.Test == http7.Matches || cond.Test == http7.Equals && k.key == nil {
			blind[s] = true
		}
	})
	for _, site := range c.sites {
		for _, s := range textsOf(site) {
			blind[s] = true
		}
	}
	return blind
}

// question makes a request of what a line of the log tells. ok is false if it can't be written as one.
func (k *knowledge) question(rec *plan.Record, blind map[string]bool) (q *serve.Question, ok bool) {
	r := *rec
	r.Match = slices.Clone(rec.Match)
	known := &http7.Recorded{Fields: k.fields[rec.Listener], Consumer: rec.Consumer}
	q = &serve.Question{Client: rec.Client, Peer: netip.AddrPortFrom(rec.Client, anyPort), Recorded: known, BodyLength: rec.Body}
	for i := range r.Match {
		selector, value := r.Match[i][0], &r.Match[i][1]
		if selector == "sni" {
			q.SNI = *value
		}
		if name, is := strings.CutPrefix(selector, "claim:"); is {
			known.Claims = append(known.Claims, http7.Claim{Name: name, Value: []byte(*value)})
		}
		switch selector {
		case "groups":
			known.Groups = append(known.Groups, *value)
		case "scopes":
			known.Scopes = append(known.Scopes, *value)
		}
		hidden := strings.HasPrefix(*value, hashTag)
		if hidden {
			*value = k.reveal(selector, *value)
		}
		if tells := !hidden || !blind[selector]; known.Fields[selector] != tells {
			known.Fields = maps.Clone(known.Fields)
			if known.Fields == nil {
				known.Fields = map[string]bool{}
			}
			known.Fields[selector] = tells
		}
	}
	q.Head, ok = r.AppendHead(nil)
	return q, ok
}

// anyPort stands for the client's, which the log does not tell.
const anyPort = 49152

// hashTag begins a value that the access log hides: see [serve.NewReads].
const hashTag = "hmac:"

// reveal returns the text that a hash is of, if a condition compares with it; otherwise the hash, which is
// equal to none of those.
func (k *knowledge) reveal(selector, hash string) string {
	if k.key == nil {
		return hash
	}
	mac := hmac.New(sha256.New, k.key)
	for _, text := range k.texts[selector] {
		mac.Reset()
		_, _ = mac.Write([]byte(text)) // never fails
		if hashTag+hex.EncodeToString(mac.Sum(nil)[:16]) == hash {
			return text
		}
	}
	return hash
}
