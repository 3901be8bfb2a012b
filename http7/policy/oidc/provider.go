package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	lib "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weir/internal/fetch"
)

// provider is what is known of the provider. It never changes.
type provider struct {
	lib      *lib.Provider
	verifier *lib.IDTokenVerifier
	endpoint oauth2.Endpoint
	logout   string // its end_session_endpoint; "" if it has none
	tells    bool   // its name comes back with each code (RFC 9207)
	at       time.Time
}

// finder finds the provider when it is first needed, and again after a day. It is safe for concurrent use.
type finder struct {
	issuer, client string
	secret         bool
	algorithms     []string
	http           *http.Client
	now            func() time.Time

	found  atomic.Pointer[provider]
	asking chan struct{} // of one: who has put something in may ask

	mu     sync.Mutex
	failed time.Time // when it last was
	why    error
}

const (
	// pause is how long after a failure nobody asks again.
	pause = 2 * time.Second
	// lasts is how long what a provider says of itself is taken for true.
	lasts = 24 * time.Hour
)

// find returns the provider. It asks at most once at a time; what was known before serves on if nobody answers.
func (f *finder) find(ctx context.Context) (*provider, error) {
	known := f.found.Load()
	if known != nil && f.now().Sub(known.at) < lasts {
		return known, nil
	}
	select {
	case f.asking <- struct{}{}:
		defer func() { <-f.asking }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if again := f.found.Load(); again != known {
		return again, nil
	}
	err := f.recent()
	if err == nil {
		var p *provider
		if p, err = f.ask(ctx); err == nil {
			f.found.Store(p)
			return p, nil
		}
		f.note(ctx, err)
	}
	if known != nil {
		return known, nil
	}
	return nil, err
}

// recent returns the failure of a moment ago, if there was one.
func (f *finder) recent() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why != nil && f.now().Sub(f.failed) < pause {
		return f.why
	}
	return nil
}

// note remembers a failure, unless it was only that nobody waited for the answer.
func (f *finder) note(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	f.mu.Lock()
	f.failed, f.why = f.now(), err
	f.mu.Unlock()
}

// about are the parts of the provider's description that the library does not look at.
type about struct {
	JWKS   string   `json:"jwks_uri"`
	Logout string   `json:"end_session_endpoint"`
	Auth   []string `json:"token_endpoint_auth_methods_supported"`
	Tells  bool     `json:"authorization_response_iss_parameter_supported"`
}

func (f *finder) ask(ctx context.Context) (*provider, error) {
	found, err := lib.NewProvider(lib.ClientContext(ctx, f.http), f.issuer)
	if err != nil {
		return nil, cleaned(err)
	}
	var a about
	if err := found.Claims(&a); err != nil {
		return nil, errors.New("the provider's description can't be read")
	}
	p := &provider{lib: found, endpoint: found.Endpoint(), logout: a.Logout, tells: a.Tells, at: f.now()}
	if err := f.demandURLs(p.endpoint.AuthURL, p.endpoint.TokenURL, a.JWKS); err != nil {
		return nil, err
	}
	if p.logout != "" && f.demandURLs(p.logout) != nil {
		p.logout = ""
	}
	p.endpoint.AuthStyle = oauth2.AuthStyleInHeader // the default of RFC 8414
	if !f.secret || len(a.Auth) > 0 && !slices.Contains(a.Auth, "client_secret_basic") {
		p.endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	p.verifier = found.Verifier(&lib.Config{ClientID: f.client, SupportedSigningAlgs: f.algorithms, Now: f.now})
	return p, nil
}

// demandURLs refuses a provider that is spoken to safely and names a place that is not.
func (f *finder) demandURLs(texts ...string) error {
	safe := strings.HasPrefix(f.issuer, "https:")
	for _, text := range texts {
		u, err := fetch.ParseURL(text)
		if err != nil || safe && u.Scheme != "https" {
			return fmt.Errorf("the provider's description names %q", text)
		}
	}
	return nil
}

// cleaned returns err as logs may have it, and so that it says whether the provider could be asked: libraries put bodies of
// answers, and URLs, into the texts of theirs.
func cleaned(err error) error {
	var refused *oauth2.RetrieveError
	var call *url.Error
	switch text := err.Error(); {
	case errors.As(err, &refused) && refused.Response != nil:
		return &answered{refused.Response.StatusCode, word(refused.ErrorCode)}
	case errors.Is(err, context.DeadlineExceeded):
		return &silent{errors.New("no answer in time")}
	case errors.As(err, &call):
		return &silent{call.Err}
	case strings.Contains(text, "fetching keys"):
		return &silent{errors.New("its keys can't be read")}
	case strings.HasPrefix(text, "oauth2: "):
		return &silent{errors.New("its answer makes no sense")}
	case (strings.HasPrefix(text, "oidc: ") || strings.HasPrefix(text, "failed to verify signature")) && len(text) < 200 && !strings.Contains(text, "\n"):
		return errors.New(text)
	default:
		status, _, _ := strings.Cut(text, " ")
		if n, err := strconv.Atoi(status); err == nil {
			return &answered{n, ""}
		}
	}
	return errors.New("the provider's answer makes no sense")
}

// silent is a provider that could not be asked.
type silent struct{ err error }

// Error says it in the words of a log line.
func (s *silent) Error() string { return "the provider can't be asked: " + s.err.Error() }

// Unwrap returns the reason.
func (s *silent) Unwrap() error { return s.err }

// answered is a refusal of the token endpoint.
type answered struct {
	status int
	code   string // of RFC 6749 §5.2; "" without one
}

// Error says it in the words of a log line.
func (a *answered) Error() string {
	return "the provider answered " + strconv.Itoa(a.status) + " " + a.code
}

// word returns s if it is a word as RFC 6749 has them, else "".
func word(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		return ""
	}
	return s
}
