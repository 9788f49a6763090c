package peers

import (
	"context"
	"net/http"
	"testing"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"golang.org/x/oauth2"
)

// zitadelApp is a web application whose sign-in is the handlers of zitadel/oidc.
type zitadelApp struct {
	url     string
	party   rp.RelyingParty
	arrived chan zitadelArrival
}

type zitadelArrival struct {
	tokens *oidc.Tokens[*oidc.IDTokenClaims]
	user   *oidc.UserInfo
}

// nonceKey is where the library finds the nonce that it shall see in an ID token.
type nonceKey struct{}

func newZitadelApp(t *testing.T, credentials credentials, options ...rp.Option) *zitadelApp {
	t.Helper()
	app := &zitadelApp{arrived: make(chan zitadelArrival, 1)}
	mux := http.NewServeMux()
	app.url = serve(t, mux)
	cookies := httphelper.NewCookieHandler([]byte(random()[:16]), []byte(random()[:16]), httphelper.WithUnsecure())
	expected := func(ctx context.Context) string {
		nonce, _ := ctx.Value(nonceKey{}).(string)
		return nonce
	}
	options = append(
		options,
		rp.WithPKCEFromDiscovery(cookies),
		rp.WithSigningAlgsFromDiscovery(),
		rp.WithVerifierOpts(rp.WithNonce(expected)),
	)
	party, err := rp.NewRelyingPartyOIDC(
		soon(t), issuer, credentials.ID, credentials.Secret, app.url+"/callback", scopes, options...)
	must(t, err)
	app.party = party
	nonce := random()
	mux.HandleFunc("/login", rp.AuthURLHandler(random, party, rp.WithURLParam("nonce", nonce)))
	silent := []rp.URLParamOpt{rp.WithURLParam("nonce", nonce), rp.WithPromptURLParam("none")}
	mux.HandleFunc("/silent", rp.AuthURLHandler(random, party, silent...))
	callback := rp.CodeExchangeHandler(rp.UserinfoCallback(app.arrive), party)
	mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		callback(w, r.WithContext(context.WithValue(r.Context(), nonceKey{}, nonce)))
	})
	return app
}

func (app *zitadelApp) arrive(
	_ http.ResponseWriter, _ *http.Request,
	tokens *oidc.Tokens[*oidc.IDTokenClaims], _ string, _ rp.RelyingParty, user *oidc.UserInfo,
) {
	app.arrived <- zitadelArrival{tokens, user}
}

// signIn has a person sign in.
func (app *zitadelApp) signIn(t *testing.T, person *person) zitadelArrival {
	t.Helper()
	if page := person.visit(t, app.url+"/login"); page.status != http.StatusOK {
		t.Fatalf("%s: %s", page.url, page.body)
	}
	return taken(t, "sign-in", app.arrived)
}

// methods are the ways in which the library says who a client is; each is a client of this name.
var methods = map[string]func(credentials) []rp.Option{
	"basic":  func(credentials) []rp.Option { return []rp.Option{rp.WithAuthStyle(oauth2.AuthStyleInHeader)} },
	"post":   func(credentials) []rp.Option { return []rp.Option{rp.WithAuthStyle(oauth2.AuthStyleInParams)} },
	"public": func(credentials) []rp.Option { return []rp.Option{rp.WithAuthStyle(oauth2.AuthStyleInParams)} },
	"rs256":  func(credentials) []rp.Option { return []rp.Option{rp.WithAuthStyle(oauth2.AuthStyleInHeader)} },
	"keyed": func(client credentials) []rp.Option {
		signer := rp.SignerFromKeyAndKeyID([]byte(client.PEM), "")
		return []rp.Option{rp.WithAuthStyle(oauth2.AuthStyleInParams), rp.WithJWTProfile(signer)}
	},
}
