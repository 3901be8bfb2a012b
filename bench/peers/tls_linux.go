package peers

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/net/http2/hpack"

	"weir/internal/certs"
)

// certificate is the one that every proxy shows, made for the run: ECDSA P-256.
type certificate struct {
	pair       tls.Certificate
	chain, key []byte // PEM
}

func newCertificate() (*certificate, error) {
	pair, err := certs.SelfSigned(hostName)
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return nil, err
	}
	return &certificate{
		pair:  pair,
		chain: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}),
		key:   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}, nil
}

// write makes the files that the templates name.
func (c *certificate) write(at setup) error {
	return errors.Join(
		os.WriteFile(at.Cert(), c.chain, 0o600),
		os.WriteFile(at.Key(), c.key, 0o600),
		os.WriteFile(at.Both(), slices.Concat(c.chain, c.key), 0o600))
}

// client is what every client handshakes with: one version, one suite, one group, no resumption, so that each proxy
// does the same work.
func (c *certificate) client() *tls.Config {
	return &tls.Config{
		ServerName: hostName, MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"},
		CurvePreferences: []tls.CurveID{tls.X25519},
		// Comparing bytes proves as much here as verifying a chain, and leaves more of the core to the endpoint.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if !bytes.Equal(s.PeerCertificates[0].Raw, c.pair.Certificate[0]) {
				return errors.New("another certificate than the one of this run")
			}
			if s.CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
				return fmt.Errorf("%s instead of AES_128_GCM: unequal work", tls.CipherSuiteName(s.CipherSuite))
			}
			return nil
		},
	}
}

// crew is the load of clients that speak TLS: a closed loop in each of so many goroutines.
type crew struct {
	address string
	tls     *tls.Config
	request []byte
	fields  []hpack.HeaderField // of each request, over HTTP/2
	anew    bool                // a new connection for each request
	until   time.Time           // what has not come by then has failed

	stop     atomic.Bool
	counting atomic.Bool // latencies
	answers  atomic.Int64
	failed   atomic.Int64
	why      atomic.Pointer[error] // of the first failure

	all     sync.WaitGroup
	lock    sync.Mutex
	latency *hdrhistogram.Histogram
}

func newCrew(port int, s *Scenario, c *certificate, patience time.Duration) *crew {
	w := &crew{
		address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), tls: c.client(), request: s.request(""),
		anew: s.Kind == Handshake, until: time.Now().Add(patience), latency: newLatency(),
	}
	if s.Kind == H2 {
		w.tls, w.fields = overH2(w.tls), s.h2Fields()
	}
	return w
}

// work is the goroutine of one client. It ends at stop, or with its first failure: a round with one is void.
func (w *crew) work() {
	latency := newLatency()
	defer func() {
		w.lock.Lock()
		defer w.lock.Unlock()
		w.latency.Merge(latency)
	}()
	var conn net.Conn
	block := make([]byte, 16<<10)
	for !w.stop.Load() {
		begin := nanos()
		var err error
		if conn == nil {
			conn, err = w.dial()
		}
		if err == nil {
			err = w.exchange(conn, block)
		}
		if err != nil {
			w.failed.Add(1)
			w.why.CompareAndSwap(nil, &err)
			break
		}
		w.answers.Add(1)
		if w.counting.Load() {
			// Within its bounds RecordValue cannot fail.
			_ = latency.RecordValue(min(max(nanos()-begin, 1), int64(time.Minute)))
		}
		if w.anew {
			conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		conn.Close()
	}
}

func (w *crew) dial() (net.Conn, error) {
	raw, err := net.Dial("tcp", w.address)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, w.tls)
	// One for all that the connection does: a deadline for each request would be a timer's work for each.
	raw.SetDeadline(w.until)
	if err := conn.Handshake(); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// exchange sends one request and reads its answer.
func (w *crew) exchange(conn net.Conn, block []byte) error {
	if _, err := conn.Write(w.request); err != nil {
		return err
	}
	for have := 0; ; {
		n, err := conn.Read(block[have:])
		have += n
		end, known, ok := answerEnd(block[:have])
		switch {
		case !ok || have > end && known:
			return fmt.Errorf("an answer of another kind: %.60q", block[:have])
		case known && have == end:
			return nil
		case err != nil:
			return err
		}
	}
}

// byCrew measures a round whose clients speak TLS.
func (st *stage) byCrew(ctx context.Context, c *child) (Sample, error) {
	st.origin.begin(st.scenario)
	w := newCrew(st.port(c), st.scenario, st.shown, st.options.Warmup+st.options.Round+5*time.Second)
	work := w.work
	if st.scenario.Kind == H2 {
		work = w.workH2
	}
	for range st.connections {
		w.all.Go(work)
	}
	ended := make(chan error, 1)
	go func() { w.all.Wait(); ended <- nil }() // the goroutine that notices the crew's end
	sample, err := st.crewRound(ctx, c, w)
	w.stop.Store(true)
	if e := st.serve(context.WithoutCancel(ctx), ended); err == nil {
		err = e
	}
	sample.Failed = w.failed.Load()
	if sample.Requests > 0 {
		sample.P50, sample.P99 = time.Duration(w.latency.ValueAtQuantile(50)), time.Duration(w.latency.ValueAtQuantile(99))
	}
	if why := w.why.Load(); err == nil && why != nil && sample.Requests == 0 {
		err = *why
	}
	return sample, err
}

// crewRound is the endpoint while the crew warms up and works.
func (st *stage) crewRound(ctx context.Context, c *child, w *crew) (Sample, error) {
	st.turnFor(ctx, st.options.Warmup)
	before, err := st.read(c)
	if err != nil {
		return Sample{}, err
	}
	w.counting.Store(true)
	was := w.answers.Load()
	st.turnFor(ctx, st.options.Round)
	w.counting.Store(false)
	return st.since(before, w.answers.Load()-was, nil)
}

// turnFor serves the loop for so long.
func (h *harness) turnFor(ctx context.Context, long time.Duration) {
	for end := nanos() + int64(long); nanos() < end && ctx.Err() == nil; {
		if h.loop.turn(1) != nil {
			return // the next turn says it again
		}
	}
}
