package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/valyala/fasthttp"
)

// Duty is what an operator lets an endpoint do.
type Duty string

// The duties, each the path of the call that orders it.
const (
	// Drain lets an endpoint finish what it has; sticky sessions stay on it.
	Drain Duty = "drain"
	// Maintenance takes an endpoint out: nothing new reaches it, whatever happens to the others.
	Maintenance Duty = "maintenance"
	// Undrain takes back either.
	Undrain Duty = "undrain"
)

// Order names the endpoints of an upstream that an operator speaks about.
type Order struct {
	// Upstream is the upstream's name.
	Upstream string `json:"upstream"`
	// Endpoint is an address as status shows it, or a configured host name and port, which stands
	// for every address that it has.
	Endpoint string `json:"endpoint"`
}

// Standing is where the endpoints of an order stand.
type Standing struct {
	Upstream string `json:"upstream"`
	// Changed says that the order has changed a state.
	Changed bool `json:"changed"`
	// InFlight is how many requests and sessions they still have, together.
	InFlight int64 `json:"in_flight"`
	// Endpoints are those that the order names, at least one.
	Endpoints []EndpointStatus `json:"endpoints"`
}

// UnknownError says that there is nothing of a name; the call is answered 404.
type UnknownError struct {
	// Text says what there is not, and what may have been meant.
	Text string
}

// Error implements error.
func (e *UnknownError) Error() string { return e.Text }

// assign returns the answer of the call that orders d.
func (s *Server) assign(d Duty) func(context.Context, *fasthttp.RequestCtx) {
	return func(_ context.Context, r *fasthttp.RequestCtx) {
		o, err := readOrder(r.PostBody())
		if err != nil {
			refuse(r, problem{Status: fasthttp.StatusBadRequest, Detail: err.Error()})
			return
		}
		answerStanding(r, func() (Standing, error) { return s.gateway.Assign(o, d) })
	}
}

// standing answers where endpoints stand, and changes nothing.
func (s *Server) standing(_ context.Context, r *fasthttp.RequestCtx) {
	q := r.QueryArgs()
	o := Order{Upstream: string(q.Peek("upstream")), Endpoint: string(q.Peek("endpoint"))}
	if err := o.check(); err != nil {
		refuse(r, problem{Status: fasthttp.StatusBadRequest, Detail: err.Error()})
		return
	}
	answerStanding(r, func() (Standing, error) { return s.gateway.Standing(o) })
}

func answerStanding(r *fasthttp.RequestCtx, ask func() (Standing, error)) {
	st, err := ask()
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		refuse(r, problem{Status: fasthttp.StatusNotFound, Detail: unknown.Text})
	case err != nil:
		refuse(r, problem{Status: fasthttp.StatusConflict, Detail: err.Error()})
	default:
		answerJSON(r, fasthttp.StatusOK, st)
	}
}

// readOrder reads the body of a call that orders something.
func readOrder(body []byte) (o Order, err error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		if errors.Is(err, io.EOF) {
			return o, errNoOrder
		}
		return o, errors.New(`the body is no order such as {"upstream": "api", "endpoint": "10.0.0.1:8080"}: ` + err.Error())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return o, errors.New("the body goes on behind its JSON object")
	}
	return o, o.check()
}

var errNoOrder = errors.New(`name the endpoint: {"upstream": "api", "endpoint": "10.0.0.1:8080"}`)

func (o Order) check() error {
	if o.Upstream == "" || o.Endpoint == "" {
		return errNoOrder
	}
	return nil
}
