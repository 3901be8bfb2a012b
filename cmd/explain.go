package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"weir/internal/explain"
	"weir/internal/gateway"
	"weir/internal/term"
)

// explainFlags are those of weir explain.
type explainFlags struct {
	asked
	header         []string
	data           string
	from, listener string
}

func (p *program) explainCommand() *cobra.Command {
	f := &explainFlags{}
	c := &cobra.Command{
		Use:   "explain [METHOD] URL",
		Short: "Say what would become of a request, and why",
		Long: "Explain lets a request pass the code that serves, without sending it: it shows every route that came into\n" +
			"question with the condition that failed, the policies in their order with their verdicts, how a split and the\n" +
			"upstream choose, and the request as it would leave. Nothing is consumed or counted.\n\n" +
			"It works from the config of -c FILE, where no endpoint has been asked anything yet; --admin asks a running Weir,\n" +
			"whose health, load and latencies then count. It exits 1 if the config has problems; a request that would be\n" +
			"refused is an answer like any other.",
		Example: `  weir explain -c weir.toml GET https://api.example.com/v1/orders/17
  weir explain POST http://localhost:8080/v1/orders -H X-Tenant:acme --data @order.json --from 192.0.2.7
  weir explain --admin 127.0.0.1:9901 GET http://api.example.com/ --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error { return p.explain(f, args) },
	}
	s := c.Flags()
	s.StringVarP(&f.file, "config", "c", "", "the config `FILE` (default: the usual one)")
	s.StringVar(&f.address, "admin", "", "ask the running Weir with its admin server at `ADDRESS`")
	s.BoolVar(&f.json, "json", false, "print the report as JSON")
	s.StringArrayVarP(&f.header, "header", "H", nil, "a `FIELD` of the header, such as 'X-Tenant: acme'; may be repeated")
	s.StringVar(&f.data, "data", "", "the `CONTENT`, or @FILE, or @- for the standard input; the method is then POST unless given")
	s.StringVar(&f.from, "from", "", "the `IP` address that the connection comes from (default: 127.0.0.1)")
	s.StringVar(&f.listener, "listener", "", "the `NAME` of the listener (default: the one whose port and TLS fit the URL)")
	return c
}

func (p *program) explain(f *explainFlags, args []string) error {
	q, err := f.question(args)
	if err != nil {
		return err
	}
	r, err := p.explained(f, q)
	if err != nil {
		return err
	}
	if f.json {
		return p.printJSON(r)
	}
	return p.print([]byte(r.Text(p.paint())))
}

// paint is colour where the output is a terminal whose user wants it.
func (p *program) paint() term.Paint { return term.Paint{Colour: term.Look(p.out).Colour} }

// question makes of the command line what is asked.
func (f *explainFlags) question(args []string) (explain.Question, error) {
	q := explain.Question{URL: args[len(args)-1], Listener: f.listener}
	content, err := contentOf(f.data)
	if err != nil {
		return q, err
	}
	q.SetContent(content)
	switch {
	case len(args) == 2:
		q.Method = args[0]
	case f.data != "":
		q.Method = "POST"
	default:
		q.Method = "GET"
	}
	for _, h := range f.header {
		name, value, ok := strings.Cut(h, ":")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return q, fmt.Errorf("-H %q: want 'Name: value'", h)
		}
		q.Header = append(q.Header, explain.Field{Name: name, Value: strings.TrimSpace(value)})
	}
	if f.from != "" {
		if q.From, err = netip.ParseAddr(f.from); err != nil {
			return q, fmt.Errorf("--from %q: want an IP address", f.from)
		}
	}
	_, err = q.Send() // what can't be sent is wrong usage
	return q, err
}

// maxContent is how much content a question takes: no condition looks further.
const maxContent = 1 << 20

// contentOf returns the text, or what is in the file behind @.
func contentOf(data string) ([]byte, error) {
	path, ok := strings.CutPrefix(data, "@")
	if !ok {
		return []byte(data), nil
	}
	in := io.Reader(os.Stdin)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, fail(CouldNotRun, fmt.Errorf("--data: %w", err))
		}
		defer file.Close()
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, maxContent+1))
	switch {
	case err != nil:
		return nil, fail(CouldNotRun, fmt.Errorf("--data: %w", err))
	case len(content) > maxContent:
		return nil, fmt.Errorf("--data: more than %d bytes; no condition looks further", maxContent)
	}
	return content, nil
}

// explained asks a running Weir, or the config.
func (p *program) explained(f *explainFlags, q explain.Question) (*explain.Report, error) {
	if f.address == "" {
		return p.explainedBy(f.file, q)
	}
	client, err := p.client(&f.asked)
	if err != nil {
		return nil, err
	}
	r, err := client.Explain(context.Background(), q)
	if err != nil {
		return nil, notAsked(err)
	}
	return r, nil
}

// explainedBy asks what the config at path would do, without sockets.
func (p *program) explainedBy(path string, q explain.Question) (*explain.Report, error) {
	path, err := configFile(path)
	if err != nil {
		return nil, err
	}
	compiled, err := p.load(path)
	if err != nil {
		return nil, err
	}
	offline, err := gateway.NewOffline(compiled)
	if err != nil {
		return nil, fail(CouldNotRun, err)
	}
	r, err := offline.Explain(q)
	var unclear *explain.UnclearError
	if errors.As(err, &unclear) {
		return nil, fmt.Errorf("%w\n  hint: say which by --listener NAME", err)
	}
	return r, err
}

// load loads and compiles a config; its problems, if that fails, go to stderr.
func (p *program) load(path string) (*gateway.Compiled, error) {
	compiled, report := gateway.Rehearse(path, p.handlers)
	if compiled == nil {
		fmt.Fprint(p.err, report.String())
		return nil, &exit{code: Bad}
	}
	return compiled, nil
}
