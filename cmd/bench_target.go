package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The families of what bench speaks; flags make sense for some of them.
const (
	web  = "HTTP"
	sock = "WebSocket"
	rpc  = "gRPC"
	raw  = "TCP"
)

// families are the schemes of targets.
var families = map[string]string{
	"http": web, "https": web, "ws": sock, "wss": sock, "grpc": rpc, "grpcs": rpc, "tcp": raw, "tls": raw,
}

// targetOf turns the argument of weir bench into a URL that goes with the flags, and says where it does not.
func (f *benchFlags) targetOf(arg string) (string, error) {
	if f.ws {
		arg = asWebSocket(arg)
	}
	target, u, err := parseTarget(arg, f.scheme())
	if err != nil {
		return "", err
	}
	family := families[u.Scheme]
	if family == raw && f.tcp == "" {
		f.tcp = "echo"
	}
	return target, cmp.Or(f.checkFamily(u, family), f.checkPath(u, family))
}

// asWebSocket turns a URL of HTTP into one of WebSocket, as --ws asks for.
func asWebSocket(arg string) string {
	if rest, ok := strings.CutPrefix(arg, "http://"); ok {
		return "ws://" + rest
	}
	if rest, ok := strings.CutPrefix(arg, "https://"); ok {
		return "wss://" + rest
	}
	return arg
}

// parseTarget completes a target without a scheme and refuses what is none. The text is kept as it was given: url.URL
// would write some paths anew.
func parseTarget(arg, scheme string) (string, *url.URL, error) {
	switch {
	case arg == "":
		return "", nil, errors.New("the URL is empty")
	case strings.HasPrefix(arg, "unix:"):
		return "", nil, fmt.Errorf("%q: bench sends over TCP and UDP, not to sockets of the file system", arg)
	case !strings.ContainsAny(arg, ".:/") && arg != "localhost":
		return "", nil, fmt.Errorf("%q is neither a command nor a URL; for a host of that name write %s://%s/", arg, scheme, arg)
	case !strings.Contains(arg, "://"):
		arg = scheme + "://" + arg
	}
	u, err := url.Parse(arg)
	switch {
	case err != nil:
		// The error of url.Parse repeats the URL, and with it a password.
		return "", nil, fmt.Errorf("the URL can't be read: %w", errors.Unwrap(err))
	case families[u.Scheme] == "":
		return "", nil, fmt.Errorf("target %q: the scheme must be http, https, ws, wss, grpc, grpcs, tcp or tls", u.Redacted())
	}
	return arg, u, nil
}

// checkFamily refuses flags that the target's scheme gives no meaning.
func (f *benchFlags) checkFamily(u *url.URL, family string) error {
	switch {
	case f.ws && family != sock:
		return fmt.Errorf("--ws wants a target of ws:// or wss://, not %s://", u.Scheme)
	case f.tcp != "" && family != raw:
		return fmt.Errorf("--tcp wants a target of tcp:// or tls://, such as tcp://%s, not %s://", u.Host, u.Scheme)
	case u.Scheme == "tls" && f.tcp == "echo":
		return errors.New("tls:// goes with --tcp=connect, bulk, send or receive, not with the echo")
	case f.tcp == "connect" && f.data != "":
		return errors.New("--tcp=connect sends nothing; it takes no --data")
	case (f.http2 || f.http3) && family != web:
		return fmt.Errorf("--http2 and --http3 are for http:// and https://, not for %s://", u.Scheme)
	case family != web && f.method != "":
		return fmt.Errorf("%s has no methods; it takes no -m", family)
	case family == raw && f.header != nil:
		return errors.New("TCP has no header fields; it takes no -H")
	case family == raw && f.scenario != "":
		return errors.New("a --scenario describes requests of HTTP; TCP takes none")
	}
	return nil
}

// checkPath refuses a path that would not be used, and a lack of one.
func (f *benchFlags) checkPath(u *url.URL, family string) error {
	path := u.RequestURI()
	switch {
	case f.scenario != "" && path != "/":
		return fmt.Errorf("a --scenario has paths of its own; leave %s out of the URL", path)
	case family == raw && path != "/":
		return fmt.Errorf("TCP has no path; leave %s out of the URL", path)
	case family == rpc && f.scenario == "" && path == "/":
		return fmt.Errorf("gRPC needs the method: %s://%s/package.Service/Method", u.Scheme, u.Host)
	}
	return nil
}

// scheme is what a target without one gets.
func (f *benchFlags) scheme() string {
	switch {
	case f.tcp != "":
		return "tcp"
	case f.ws:
		return "ws"
	case f.http3:
		return "https"
	}
	return "http"
}

// pick returns the URL among the arguments. As --tcp may stand alone, its value needs a "="; pick also takes a value
// that stands apart.
func (f *benchFlags) pick(args []string) (string, error) {
	if use := slices.IndexFunc(args, func(a string) bool { return slices.Contains(tcpUses, a) }); f.given.Changed("tcp") && use >= 0 {
		f.tcp = args[use]
		args = slices.Delete(slices.Clone(args), use, use+1)
	}
	switch len(args) {
	case 0:
		return "", errors.New("the URL is missing, such as weir bench http://localhost:8080/")
	case 1:
		return args[0], nil
	}
	return "", fmt.Errorf("one URL at a time, and no more: %q", args)
}

// origin is where a replay sends: scheme, host and port.
func (f *replayFlags) origin() (string, error) {
	scheme := "http"
	if f.http3 {
		scheme = "https"
	}
	target, u, err := parseTarget(f.to, scheme)
	switch {
	case err != nil:
		return "", fmt.Errorf("--to: %w", err)
	case families[u.Scheme] != web:
		return "", fmt.Errorf("--to %s: a log holds requests of HTTP; want http:// or https://", f.to)
	case u.RequestURI() != "/":
		return "", fmt.Errorf("--to %s: the log has the paths; want scheme, host and port alone", f.to)
	}
	return target, nil
}

// lookUp asks for the addresses of the target's host before the run: a name that has none is one line then, and not
// every request's failure.
func lookUp(ctx context.Context, target string, patience time.Duration) error {
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" {
		return nil // the run refuses it
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
		return fail(CouldNotRun, fmt.Errorf("can't reach %s: %w", target, err))
	}
	return nil
}
