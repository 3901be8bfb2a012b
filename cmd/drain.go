package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"weir/internal/admin"
)

// drained is what the commands drain and undrain are asked for.
type drained struct {
	asked
	maintenance bool
	wait        bool
	timeout     time.Duration
}

func (p *program) drainCommand() *cobra.Command {
	var d drained
	c := &cobra.Command{
		Use:   "drain UPSTREAM ENDPOINT",
		Short: "Let an endpoint finish what it has, and send it nothing new",
		Long: "Drain takes traffic off an endpoint of a running Weir: what it has goes on, sticky sessions stay, and new\n" +
			"uses come only if every other endpoint is unfit. With --maintenance nothing new comes at all. It lasts\n" +
			"until undrain, across reloads and also while a lookup does not bring the endpoint, for as long as the\n" +
			"upstream is in the config; a restart ends it. ENDPOINT is an address as status shows it, or a configured\n" +
			"host name and port, which stands for all its addresses, those that it gets later too.\n\n" +
			"With --wait the command returns when the endpoint has nothing in flight, and exits 1 if it still has\n" +
			"something after --timeout.",
		Example: `  weir drain api 10.0.0.1:8080
  weir drain api 10.0.0.1:8080 --wait --timeout 2m
  weir drain api 10.0.0.1:8080 --maintenance`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return p.drain(c.Context(), &d, order(args)) },
	}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return p.places(&d.asked, args)
	}
	d.flags(c)
	c.Flags().BoolVar(&d.maintenance, "maintenance", false, "send it nothing new even if every other endpoint is unfit")
	c.Flags().BoolVar(&d.wait, "wait", false, "return when it has nothing in flight")
	c.Flags().DurationVar(&d.timeout, "timeout", 0, "how long --wait waits; 0 is for ever")
	return c
}

func (p *program) undrainCommand() *cobra.Command {
	var d drained
	c := &cobra.Command{
		Use:   "undrain UPSTREAM ENDPOINT",
		Short: "Take back a drain: the endpoint gets traffic again",
		Long: "Undrain takes back what drain has ordered, also for an endpoint that is not present now. An address of a name\n" +
			"that was drained may be undrained alone; the order for the name goes on for the others.",
		Example: `  weir undrain api 10.0.0.1:8080
  weir undrain api api.internal:8080`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return p.undrain(&d, order(args)) },
	}
	c.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return p.places(&d.asked, args)
	}
	d.flags(c)
	return c
}

// completionPatience is how long a shell waits for a Weir that may not answer.
const completionPatience = time.Second

// places completes the words of a command about an endpoint: the upstreams of the running Weir, then
// the endpoints of the one that was named, with their states.
func (p *program) places(a *asked, args []string) ([]string, cobra.ShellCompDirective) {
	client, err := p.client(a)
	if err != nil || len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	s, err := client.Status(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for _, u := range s.Upstreams {
		if len(args) == 0 {
			words = append(words, u.Name+"\t"+u.Balance)
		} else if u.Name == args[0] {
			for i := range u.Endpoints {
				words = append(words, u.Endpoints[i].Address+"\t"+stateOf(&u.Endpoints[i]))
			}
			for i := range u.Orders {
				words = append(words, u.Orders[i].Endpoint+"\t"+u.Orders[i].Operator+", not present")
			}
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

func order(args []string) admin.Order { return admin.Order{Upstream: args[0], Endpoint: args[1]} }

func (p *program) drain(ctx context.Context, d *drained, o admin.Order) error {
	client, err := p.client(&d.asked)
	if err != nil {
		return err
	}
	duty := admin.Drain
	if d.maintenance {
		duty = admin.Maintenance
	}
	st, err := client.Assign(ctx, o, duty)
	if err != nil {
		return notAssigned(err)
	}
	if d.wait {
		st, err = p.awaitEmpty(ctx, client, o, st, d.timeout)
	}
	if told := p.tellStanding(d.json, &st); told != nil {
		return told
	}
	return err
}

func (p *program) undrain(d *drained, o admin.Order) error {
	client, err := p.client(&d.asked)
	if err != nil {
		return err
	}
	st, err := client.Assign(context.Background(), o, admin.Undrain)
	if err != nil {
		return notAssigned(err)
	}
	return p.tellStanding(d.json, &st)
}

// notAssigned says why an order was not taken.
func notAssigned(err error) error {
	var unknown *admin.UnknownError
	if errors.As(err, &unknown) {
		return fail(Bad, err)
	}
	return notAsked(err)
}

// drainPoll is the time between two questions whether an endpoint is empty.
const drainPoll = 200 * time.Millisecond

// awaitEmpty asks until the endpoints have nothing in flight. The standing is the last one.
func (p *program) awaitEmpty(ctx context.Context, client *admin.Client, o admin.Order, st admin.Standing, timeout time.Duration) (admin.Standing, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for st.InFlight > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return st, &exit{code: Bad}
		}
		// Not under ctx: an answer that comes late is better than none.
		now, err := client.Standing(context.Background(), o)
		var unknown *admin.UnknownError
		switch {
		case errors.As(err, &unknown), err == nil && now.Endpoints[0].State == "absent":
			return st, fail(Bad, fmt.Errorf("%s went while it had %d in flight", o.Endpoint, st.InFlight))
		case err != nil:
			return st, notAsked(err)
		}
		now.Changed = st.Changed
		st = now
	}
	return st, nil
}

func (p *program) tellStanding(json bool, st *admin.Standing) error {
	if json {
		return p.printJSON(st)
	}
	state := stateOf(&st.Endpoints[0])
	for i := range st.Endpoints {
		if stateOf(&st.Endpoints[i]) != state {
			state = "in several states, see weir status"
		}
	}
	was := ""
	if !st.Changed {
		was = " already"
	}
	return p.print(fmt.Appendf(nil, "%s: %s is%s %s, %d in flight\n", st.Upstream, names(st), was, state, st.InFlight))
}

// stateOf is an endpoint's state and, where another one is worse, what the operator has said.
func stateOf(e *admin.EndpointStatus) string {
	if e.Operator == "" || e.Operator == e.State {
		return e.State
	}
	return e.State + " (and " + e.Operator + ")"
}
