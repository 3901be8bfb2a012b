package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"weir/internal/conf"
)

// callTimeout is for calls whose context has no deadline; it is longer than the server's wait
// for a reload.
const callTimeout = reloadTimeout + 10*time.Second

// Client asks the admin server of a running Weir. It is safe for concurrent use and keeps no
// connection between calls. Of a call's context only the deadline counts.
type Client struct {
	name  string // the address as the config has it
	host  string
	token string
	http  *fasthttp.HostClient
}

// NewClient returns a client of the server that cfg describes. One that binds all addresses is
// asked on loopback.
func NewClient(cfg Config) (*Client, error) {
	a := cfg.Address
	if a.IsOff() || a.IsZero() {
		return nil, errors.New("the config has no admin address (admin.address)")
	}
	network, target := a.Network(), a.Dial()
	switch {
	case a.IsUnix():
	case a.Host() == "", a.IP().IsUnspecified():
		loopback := "127.0.0.1"
		if a.IP().Is6() {
			loopback = "::1"
		}
		target = net.JoinHostPort(loopback, fmt.Sprint(a.Port()))
	}
	c := &Client{name: a.String(), host: target, token: cfg.Token.Reveal()}
	if a.IsUnix() {
		c.host = "localhost"
	}
	c.http = &fasthttp.HostClient{
		Addr:                      c.host,
		Dial:                      func(string) (net.Conn, error) { return net.DialTimeout(network, target, 2*time.Second) },
		MaxIdemponentCallAttempts: 1,
		MaxResponseBodySize:       64 << 20,
	}
	return c, nil
}

// ParseTarget reads the address that a person gives on the command line: "127.0.0.1:9901",
// "http://127.0.0.1:9901/" or "unix:/path".
func ParseTarget(s string) (conf.Address, error) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "http://"), "/")
	return conf.ParseAddress(s)
}

// Reload asks for a reload and waits for its verdict. An error means that there is none.
func (c *Client) Reload(ctx context.Context) (Verdict, error) {
	var v Verdict
	err := c.call(ctx, "POST", "/reload", nil, &v, fasthttp.StatusOK, fasthttp.StatusUnprocessableEntity)
	return v, err
}

// Status asks what runs.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.call(ctx, "GET", "/status", nil, &s, fasthttp.StatusOK)
	return s, err
}

// Assign gives endpoints a duty. An [*UnknownError] says that there are none of that name.
func (c *Client) Assign(ctx context.Context, o Order, d Duty) (Standing, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return Standing{}, err
	}
	var st Standing
	err = c.call(ctx, "POST", "/"+string(d), body, &st, fasthttp.StatusOK)
	return st, err
}

// Standing asks where endpoints stand. An [*UnknownError] says that there are none of that name.
func (c *Client) Standing(ctx context.Context, o Order) (Standing, error) {
	q := url.Values{"upstream": {o.Upstream}, "endpoint": {o.Endpoint}}
	var st Standing
	err := c.call(ctx, "GET", "/endpoint?"+q.Encode(), nil, &st, fasthttp.StatusOK)
	return st, err
}

// call makes one call and decodes the body of an answer with one of the statuses into v.
func (c *Client) call(ctx context.Context, method, path string, body []byte, v any, statuses ...int) error {
	req, res := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(res)
	req.Header.SetMethod(method)
	req.SetRequestURI("http://" + c.host + path)
	req.Header.SetContentType("application/json")
	req.SetBodyRaw(body)
	req.SetConnectionClose()
	if c.token != "" {
		req.Header.Set(fasthttp.HeaderAuthorization, "Bearer "+c.token)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(callTimeout)
	}
	if err := c.http.DoDeadline(req, res, deadline); err != nil {
		return fmt.Errorf("admin server at %s: %w", c.name, cause(err))
	}
	for _, status := range statuses {
		if res.StatusCode() == status {
			return json.Unmarshal(res.Body(), v)
		}
	}
	return refusal(res)
}

// refusal turns an unexpected answer into an error that says what the server said.
func refusal(res *fasthttp.Response) error {
	var p problem
	if json.Unmarshal(res.Body(), &p) == nil && p.Title != "" {
		if p.Status == fasthttp.StatusNotFound && len(p.Endpoints) == 0 {
			return &UnknownError{Text: p.Detail}
		}
		return fmt.Errorf("admin server: %d %s: %s", p.Status, p.Title, p.Detail)
	}
	return fmt.Errorf("admin server: unexpected answer with status %d", res.StatusCode())
}
