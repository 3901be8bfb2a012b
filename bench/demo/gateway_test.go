package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"sync/atomic"
	"time"
)

// stand is a gateway of the plainest kind that stands in for Weir: it reads the demo's config by eye, takes turns
// among the endpoints and, if it has patience, tries the next one where one fails.
type stand struct {
	tries int
	apis  []string
	next  atomic.Int64
	seen  atomic.Pointer[string] // the config
}

var (
	listenerAddress = regexp.MustCompile(`(?s)\[listeners\.(\w+)\]\naddress = "([^"]+)"`)
	endpointList    = regexp.MustCompile(`endpoints = \[([^\]]*)\]`)
	quoted          = regexp.MustCompile(`"([^"]+)"`)
	certFiles       = regexp.MustCompile(`cert = "([^"]+)", key = "([^"]+)"`)
)

func (s *stand) start(_ context.Context, _ string, text []byte) (func(context.Context) error, error) {
	config := string(text)
	s.seen.Store(&config)
	at := map[string]string{}
	for _, m := range listenerAddress.FindAllStringSubmatch(config, -1) {
		at[m[1]] = m[2]
	}
	lists := endpointList.FindAllStringSubmatch(config, -1)
	for _, m := range quoted.FindAllStringSubmatch(lists[0][1], -1) {
		s.apis = append(s.apis, m[1])
	}
	echo := quoted.FindStringSubmatch(lists[1][1])[1]
	files := certFiles.FindStringSubmatch(config)
	cert, err := tls.LoadX509KeyPair(files[1], files[2])
	if err != nil {
		return nil, err
	}
	var open []io.Closer
	for name, address := range at {
		l, err := net.Listen("tcp", address)
		if err != nil {
			return nil, err
		}
		open = append(open, l)
		switch name {
		case "echo":
			go relay(l, echo)
		case "secure":
			go http.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{cert}}), s)
		default:
			go http.Serve(l, s)
		}
	}
	return func(context.Context) error {
		var all error
		for _, c := range open {
			all = errors.Join(all, c.Close())
		}
		return all
	}, nil
}

// ServeHTTP forwards a GET.
func (s *stand) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first := s.next.Add(1)
	for try := range int64(s.tries) {
		answer, err := http.Get("http://" + s.apis[(first+try)%int64(len(s.apis))] + r.URL.Path)
		if err != nil {
			continue
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		io.Copy(w, answer.Body)
		return
	}
	w.WriteHeader(http.StatusBadGateway)
}

func relay(l net.Listener, to string) {
	for {
		down, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer down.Close()
			up, err := net.DialTimeout("tcp", to, time.Second)
			if err != nil {
				return
			}
			defer up.Close()
			go io.Copy(up, down)
			io.Copy(down, up)
		}()
	}
}
