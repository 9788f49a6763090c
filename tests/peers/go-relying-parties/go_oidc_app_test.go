package peers

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// goOIDC is a web application that signs people in as the examples of go-oidc do.
type goOIDC struct {
	url      string
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	config   oauth2.Config
	// Sends who has signed in.
	arrived chan arrival

	mutex    sync.Mutex
	attempts map[string]attempt
}

type attempt struct{ nonce, verifier string }

// arrival is a sign-in that has passed every check of the library.
type arrival struct {
	idToken *oidc.IDToken
	raw     string
	token   *oauth2.Token
}

func newGoOIDC(t *testing.T, credentials credentials) *goOIDC {
	t.Helper()
	ctx := soon(t)
	provider, err := oidc.NewProvider(ctx, issuer)
	must(t, err)
	app := &goOIDC{
		provider: provider,
		verifier: provider.Verifier(&oidc.Config{ClientID: credentials.ID}),
		arrived:  make(chan arrival, 1),
		attempts: map[string]attempt{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", app.login)
	mux.HandleFunc("GET /callback", app.callback)
	app.url = serve(t, mux)
	app.config = oauth2.Config{
		ClientID:     credentials.ID,
		ClientSecret: credentials.Secret,
		Endpoint:     provider.Endpoint(),
		RedirectURL:  app.url + "/callback",
		Scopes:       scopes,
	}
	return app
}

// signIn has a person sign in.
func (app *goOIDC) signIn(t *testing.T, person *person) arrival {
	t.Helper()
	if page := person.visit(t, app.url+"/login"); page.status != http.StatusOK {
		t.Fatalf("%s: %s", page.url, page.body)
	}
	return taken(t, "sign-in", app.arrived)
}

func (app *goOIDC) login(w http.ResponseWriter, r *http.Request) {
	state, attempt := random(), attempt{nonce: random(), verifier: oauth2.GenerateVerifier()}
	app.mutex.Lock()
	app.attempts[state] = attempt
	app.mutex.Unlock()
	options := []oauth2.AuthCodeOption{oidc.Nonce(attempt.nonce), oauth2.S256ChallengeOption(attempt.verifier)}
	if prompt := r.FormValue("prompt"); prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
	}
	http.Redirect(w, r, app.config.AuthCodeURL(state, options...), http.StatusFound)
}

func (app *goOIDC) callback(w http.ResponseWriter, r *http.Request) {
	if arrival, err := app.arrive(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	} else {
		app.arrived <- arrival
	}
}

func (app *goOIDC) arrive(r *http.Request) (arrival, error) {
	none := arrival{}
	app.mutex.Lock()
	attempt, known := app.attempts[r.FormValue("state")]
	delete(app.attempts, r.FormValue("state"))
	app.mutex.Unlock()
	if !known {
		return none, errors.New("the state is of no attempt")
	}
	if r.FormValue("iss") != issuer { // RFC 9207, which the library leaves to the application
		return none, fmt.Errorf("the answer is of %q", r.FormValue("iss"))
	}
	if problem := r.FormValue("error"); problem != "" {
		return none, errors.New(problem)
	}
	token, err := app.config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(attempt.verifier))
	if err != nil {
		return none, err
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := app.verifier.Verify(r.Context(), raw)
	if err != nil {
		return none, err
	}
	if idToken.Nonce != attempt.nonce {
		return none, errors.New("the nonce is another")
	}
	return arrival{idToken, raw, token}, idToken.VerifyAccessToken(token.AccessToken)
}
