package oidc

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	zoidc "github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/zitadel/oidc/v3/example/server/storage"
)

const (
	clientID     = "weir"
	clientSecret = "a secret that the provider has given to Weir"
)

// idp is an OpenID provider: zitadel's, which is certified, with one client and one user, and with what a test does to it.
type idp struct {
	*storage.Storage
	server *httptest.Server
	// before is called with every request first, and answers it itself if it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool

	mu     sync.Mutex
	asked  []string       // paths
	claims map[string]any // of ID tokens, besides the user's
	infos  map[string]any // of the userinfo endpoint alone
	weir   string         // base URL of the client
}

// store is what all providers of the tests have in common: making one draws an RSA key, which takes its time.
var store = sync.OnceValue(func() *storage.Storage {
	return storage.NewStorageWithClients(users{}, map[string]*storage.Client{clientID: storage.WebClient(clientID, clientSecret)})
})

func newIDP(t testing.TB) *idp {
	t.Helper()
	p := &idp{claims: map[string]any{"groups": []string{"staff", "admins"}, "plan": "gold"}}
	p.server = httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(p.server.Close)
	p.Storage = store()
	provider, err := op.NewProvider(&op.Config{
		CryptoKey: sha256.Sum256([]byte("test")), CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: true,
		DefaultLogoutRedirectURI: "/bye",
	}, p, op.StaticIssuer(p.server.URL), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	callback := op.AuthCallbackURL(provider)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/username", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<form>who are you?</form>")
	})
	mux.HandleFunc("POST /login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.FormValue("authRequestID")
		if err := p.CheckUsernamePassword(r.FormValue("username"), r.FormValue("password"), id); err != nil {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		http.Redirect(w, r, callback(r.Context(), id), http.StatusFound)
	}))
	mux.Handle("/", provider)
	p.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, mux) })
	return p
}

// serve passes a request to next unless the test has other plans with it.
func (p *idp) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	p.mu.Lock()
	p.asked = append(p.asked, r.URL.Path)
	before := p.before
	p.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	next.ServeHTTP(w, r)
}

// breaks makes every request be answered by f, or none if it is nil.
func (p *idp) breaks(f func(w http.ResponseWriter, r *http.Request) bool) {
	p.mu.Lock()
	p.before = f
	p.mu.Unlock()
}

// count returns how often a path was asked for.
func (p *idp) count(path string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.asked {
		if a == path {
			n++
		}
	}
	return n
}

// calls returns how many requests there were.
func (p *idp) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

// client is the registration of weir, as the test's addresses want it.
type client struct {
	op.Client
	weir string
}

func (c client) RedirectURIs() []string               { return []string{c.weir + "/oauth2/callback"} }
func (c client) PostLogoutRedirectURIs() []string     { return []string{c.weir + "/"} }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return true }
func (c client) IsScopeAllowed(string) bool           { return true }

// GetClientByClientID implements [op.OPStorage].
func (p *idp) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := p.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{c, p.weir}, nil
}

// SetUserinfoFromRequest implements [op.CanSetUserinfoFromRequest].
func (p *idp) SetUserinfoFromRequest(ctx context.Context, info *zoidc.UserInfo, r op.IDTokenRequest, scopes []string) error {
	if err := p.Storage.SetUserinfoFromRequest(ctx, info, r, scopes); err != nil {
		return err
	}
	for name, value := range p.claims {
		info.AppendClaims(name, value)
	}
	return nil
}

// SetUserinfoFromToken implements [op.OPStorage].
func (p *idp) SetUserinfoFromToken(ctx context.Context, info *zoidc.UserInfo, token, subject, origin string) error {
	if err := p.Storage.SetUserinfoFromToken(ctx, info, token, subject, origin); err != nil {
		return err
	}
	for name, value := range p.infos {
		info.AppendClaims(name, value)
	}
	return nil
}

// users is the store of the provider's one user.
type users struct{}

var ann = &storage.User{ID: "ann-1", Username: "ann", Password: "opensesame", FirstName: "Ann", LastName: "Smith", Email: "ann@example.com", EmailVerified: true}

func (users) ExampleClientID() string { return "service" }
func (users) GetUserByID(id string) *storage.User {
	if id == ann.ID {
		return ann
	}
	return nil
}
func (users) GetUserByUsername(name string) *storage.User {
	if name == ann.Username {
		return ann
	}
	return nil
}
