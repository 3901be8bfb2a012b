package certs

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve shakes hands by a store on a free port until the test ends, and answers one byte each.
func serve(t testing.TB, s *Store) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // the test's listener; ends with it
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // its connection; ends with the client's
				c := tls.Server(nc, s.TCP())
				_ = pong(c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func TestNoHandshakeFailsWhileCertificatesAreSwapped(t *testing.T) {
	const workers = 4
	pair := []tls.Certificate{selfSigned(t, "h"), selfSigned(t, "h")}
	ca := newAuthority(t, "ca")
	k := keeper(t)
	s := open(t, k, asking(t, Request, ca), pair[0])
	k.Keep(s)
	address := serve(t, s)
	var failed, done atomic.Int64
	var seen [2]atomic.Int64
	var workersEnd sync.WaitGroup
	over := make(chan struct{})
	for i := range workers {
		client := &tls.Config{ServerName: "h", RootCAs: Pool(pair...), MaxVersion: versions[i%2], CurvePreferences: []tls.CurveID{tls.X25519}}
		if i >= workers/2 { // some come back with tickets
			client.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		}
		workersEnd.Go(func() { // a client; ends when all is over
			for open := true; open; {
				select {
				case <-over:
					open = false
				default:
				}
				of, err := visit(address, client)
				if done.Add(1); err != nil {
					failed.Add(1)
					t.Errorf("a handshake failed: %v", err)
					return
				}
				if of.Equal(pair[1].Leaf) {
					seen[1].Add(1)
				} else {
					seen[0].Add(1)
				}
			}
		})
	}
	swaps, most := 0, time.Now().Add(time.Minute)
	for ; min(int64(swaps), seen[0].Load(), seen[1].Load()) < 50 && failed.Load() == 0 && time.Now().Before(most); swaps++ {
		next := pair[(swaps+1)%2]
		write(t, s.config.Certificates[0].Cert, certPEM(next))
		write(t, s.config.Certificates[0].Key, keyPEM(t, next))
		if swaps%5 == 4 {
			write(t, s.config.ClientAuth.CA, certPEM(newAuthority(t, "ca").Certificate))
		}
		k.Look()
		k.Look()
	}
	close(over)
	workersEnd.Wait()
	t.Logf("%d handshakes, %d swaps, %d and %d saw each certificate", done.Load(), k.Swaps.Load(), seen[0].Load(), seen[1].Load())
	if k.Swaps.Load() < int64(swaps) || k.Broken.Load() > 0 || seen[0].Load() == 0 || seen[1].Load() == 0 {
		t.Errorf("%d swaps of %d, %d broken", k.Swaps.Load(), swaps, k.Broken.Load())
	}
}

// visit shakes hands, exchanges a byte and returns the certificate that it saw.
func visit(address string, client *tls.Config) (*x509.Certificate, error) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = nc.Close() }()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	c := tls.Client(nc, client)
	if err := ping(c); err != nil {
		return nil, err
	}
	return c.ConnectionState().PeerCertificates[0], nil
}
