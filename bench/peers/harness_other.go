//go:build !linux

package peers

import (
	"context"
	"errors"
)

// Run measures on Linux alone; here it returns an error.
func Run(context.Context, Options) (*Result, error) {
	return nil, errors.New("bench peers: processor time per process and pinning are read from Linux; this is another system")
}
