package gateway

import (
	"crypto/sha256"
	"fmt"
	"sync/atomic"

	"weir/http7/policy"
	"weir/internal/config"
	"weir/internal/shared"
)

// sharedName stands for what nodes share among the policies whose events are counted.
const sharedName = "shared"

// keptStore is a store with what is shown of it.
type keptStore struct {
	*shared.Store
	ends []func()
}

// Close implements [policy.Ender].
func (k *keptStore) Close() {
	k.Store.Close()
	for _, end := range k.ends {
		end()
	}
}

// shareBy returns the running store of c for what n is for. It outlasts reloads that leave c and its files as they are.
func (g *Gateway) shareBy(c *config.Shared, n *policy.Needs) (*keptStore, error) {
	secure, sum, err := c.Secure()
	if err != nil {
		return &keptStore{}, err
	}
	// The password tells two configs apart as well, and must not stand in a key that somebody may print.
	key := fmt.Sprintf("shared\x00%+v\x00%x\x00%x", *c, sha256.Sum256([]byte(c.Password.Reveal())), sum)
	return policy.Adopt(n.Turn, key, func() (*keptStore, error) {
		s, err := shared.New(c.Config, shared.Needs{
			TLS: secure, Log: g.log.Logger, Counted: func(event string) *atomic.Uint64 { return n.Counted(sharedName, event) },
		})
		if err != nil {
			return &keptStore{}, err
		}
		g.background(s.Run)
		return &keptStore{s, []func(){
			n.Gauged(sharedName, "keys", func() float64 { return float64(s.Stats().Keys) }),
			n.Gauged(sharedName, "down", func() float64 {
				if s.Stats().Down {
					return 1
				}
				return 0
			}),
		}}, nil
	})
}
