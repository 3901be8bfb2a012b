package shared

import (
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// server is the connection to Redis. It belongs to [Store.Run].
type server struct {
	options     redis.Options
	client      *redis.Client // connects when it is asked
	rate, quota script
}

// script is a program that the server runs.
type script struct{ text, sum string }

// scriptOf returns text with the name that the server gives it.
func scriptOf(text string) script {
	sum := sha1.Sum([]byte(text))
	return script{text, hex.EncodeToString(sum[:])}
}

// poolSize is how many dials in a row may fail before the library waits with the next. One connection is used.
const poolSize = 16

// connBuffer is the size of the buffers of the connection. A batch takes less.
const connBuffer = 64 << 10

// newServer returns c's server, not connected.
func newServer(c *Config, secure *tls.Config) (*server, error) {
	at, err := parsePlace(c.Redis)
	if err != nil {
		return nil, err
	}
	if at.secure && secure == nil {
		secure = &tls.Config{ServerName: at.host, MinVersion: tls.VersionTLS12}
	}
	if !at.secure {
		secure = nil
	}
	s := &server{rate: scriptOf(rateScript), quota: scriptOf(quotaScript)}
	s.options = redis.Options{
		Network: at.network, Addr: at.address, DB: at.database, Username: at.user, Password: c.Password.Reveal(), TLSConfig: secure,
		// One goroutine asks, and says for how long. What failed is asked again by whoever wants it.
		PoolSize: poolSize, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DialTimeout: connectTime,
		Protocol: 2, DisableIdentity: true, ReadBufferSize: connBuffer, WriteBufferSize: connBuffer,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	s.open()
	return s, nil
}

// hush keeps the library from writing to stderr: what it says of a connection the store logs once.
var hush = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

type silent struct{}

// Printf implements the library's logger.
func (silent) Printf(context.Context, string, ...any) {}

// open makes a client. It keeps options of its own.
func (s *server) open() {
	hush()
	options := s.options
	s.client = redis.NewClient(&options)
}

// connect connects unless there is a connection.
func (s *server) connect(ctx context.Context) error {
	if s.client == nil {
		return errNone
	}
	if err := s.client.Ping(ctx).Err(); err != nil {
		return err
	}
	// A server without a cluster refuses this, and one whose users may not ask: that says nothing.
	if parts := partsOf(s.client.ClusterInfo(ctx).Val()); parts > 1 {
		return errCluster
	}
	return nil
}

// errCluster is said of a node of a cluster that has more than one part: most keys are another's, and which are not is chance.
// errNoScripts is what a Sentinel comes to.
var (
	errCluster   = errors.New("it is a node of a Redis Cluster with several masters, which shared limits can't be kept in: name a server that has all keys")
	errNoScripts = errors.New("it does not know EVALSHA, as a Sentinel or some proxies don't: name the server itself")
)

// partsOf returns how many masters share the keys of a cluster, by its CLUSTER INFO; 0 if that does not say it.
func partsOf(info string) int {
	for line := range strings.Lines(info) {
		if text, is := strings.CutPrefix(line, "cluster_size:"); is {
			n, _ := strconv.Atoi(strings.TrimSpace(text))
			return n
		}
	}
	return 0
}

// meant returns what an answer of the server means that says it in words of its own.
func meant(err error) error {
	switch {
	case redis.HasErrorPrefix(err, "MOVED"), redis.HasErrorPrefix(err, "ASK"):
		return fmt.Errorf("%w (%w)", errCluster, err)
	case redis.HasErrorPrefix(err, "unknown command"):
		return fmt.Errorf("%w (%w)", errNoScripts, err)
	}
	return err
}

// forsake closes the connection to a server that does not do what it is asked: where its name leads to, there may be another
// by now. The library would dial a server that refuses connections once a second only.
func (s *server) forsake() {
	if s.client != nil {
		s.close()
		s.open()
	}
}

func (s *server) close() {
	if s.client != nil {
		_ = s.client.Close() // what is to be said has been said
	}
}

var errNone = errors.New("there is no server")

// ask sends all wishes at once and returns what each is granted. An error says that some were not.
func (s *server) ask(ctx context.Context, prefix string, wishes []wish) ([]grant, error) {
	if s.client == nil {
		return nil, errNone
	}
	results := s.send(ctx, prefix, wishes, false)
	s.teach(ctx, prefix, wishes, results)
	grants := make([]grant, len(wishes))
	for i, result := range results {
		g, err := grantOf(result, wishes[i].need+wishes[i].more)
		if err != nil {
			return nil, err
		}
		grants[i] = g
	}
	return grants, nil
}

// teach asks a server that does not know the scripts once more, such as one that has just begun, for all wishes at once.
func (s *server) teach(ctx context.Context, prefix string, wishes []wish, results []*redis.Cmd) {
	var again []wish
	var at []int
	for i, result := range results {
		if redis.HasErrorPrefix(result.Err(), "NOSCRIPT") {
			again, at = append(again, wishes[i]), append(at, i)
		}
	}
	if len(again) == 0 {
		return
	}
	for i, result := range s.send(ctx, prefix, again, true) {
		results[at[i]] = result
	}
}

// send calls the script of each wish: by its name, or by its text for a server that does not know it.
func (s *server) send(ctx context.Context, prefix string, wishes []wish, whole bool) []*redis.Cmd {
	pipe := s.client.Pipeline()
	results := make([]*redis.Cmd, len(wishes))
	for i := range wishes {
		w, program := &wishes[i], s.rate
		if w.limit.period != nil {
			program = s.quota
		}
		call, name := pipe.EvalSha, program.sum
		if whole {
			call, name = pipe.Eval, program.text
		}
		results[i] = call(ctx, name, []string{w.key(prefix)}, w.arguments()...)
	}
	_, _ = pipe.Exec(ctx) // each result has its error
	return results
}

// longestRetry is more than any rate takes for a token.
const longestRetry = 100 * 365 * 24 * time.Hour

// grantOf reads what a script returns, which gives at most so many tokens.
func grantOf(result *redis.Cmd, most int64) (grant, error) {
	n, err := result.Int64Slice()
	if err != nil {
		return grant{}, meant(err)
	}
	if len(n) != 3 || n[0] < 0 || n[0] > most || n[1] < 0 || n[2] < 0 || n[2] > longestRetry.Microseconds() {
		return grant{}, fmt.Errorf("the server answers a script with %d", n)
	}
	return grant{got: n[0], rest: n[1], retry: time.Duration(n[2]) * time.Microsecond}, nil
}
