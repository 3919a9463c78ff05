// The Go package github.com/bluesky-social/indigo/atproto/auth/oauth.
//
// The library's: the pushed request with PKCE, client assertions, DPoP proofs, the token requests, calls with a token.
// Ours: reading the metadata, the authorization URL and the checks of the answer, which the library ties to the
// identifiers of its own network.
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/bluesky-social/indigo/atproto/atcrypto"
	"github.com/bluesky-social/indigo/atproto/auth/oauth"
	"github.com/golang-jwt/jwt/v5"
)

type given struct {
	Issuer      string            `json:"issuer"`
	ClientID    string            `json:"client_id"`
	RedirectURI string            `json:"redirect_uri"`
	Scope       string            `json:"scope"`
	PrivateJWK  map[string]string `json:"private_jwk"`
}

// tell tells the runner that a step is done.
func tell(step string, what map[string]any) {
	what["step"] = step
	line, err := json.Marshal(what)
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// discover reads the metadata of the issuer (RFC 8414).
func discover(issuer string) *oauth.AuthServerMetadata {
	at, err := url.Parse(issuer)
	check(err)
	at.Path = "/.well-known/oauth-authorization-server" + at.Path
	answer, err := http.Get(at.String())
	check(err)
	defer answer.Body.Close()
	var found oauth.AuthServerMetadata
	check(json.NewDecoder(answer.Body).Decode(&found))
	return &found
}

// read gives the account numbers, asked for with the session's token.
func read(session *oauth.ClientSession, issuer string) []string {
	request, err := http.NewRequest("GET", issuer+"/api/v1/accounts", nil)
	check(err)
	answer, err := session.DoWithAuth(http.DefaultClient, request, "")
	check(err)
	defer answer.Body.Close()
	var body struct {
		Accounts []struct {
			Number string `json:"number"`
		} `json:"accounts"`
	}
	check(json.NewDecoder(answer.Body).Decode(&body))
	numbers := []string{}
	for _, account := range body.Accounts {
		numbers = append(numbers, account.Number)
	}
	return numbers
}

func main() {
	ctx := context.Background()
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	check(err)
	var given given
	check(json.Unmarshal(line, &given))

	// FAPI 2.0 wants the audience as a string, not as a list of one.
	jwt.MarshalSingleStringAsArray = false
	secret, err := base64.RawURLEncoding.DecodeString(given.PrivateJWK["d"])
	check(err)
	key, err := atcrypto.ParsePrivateBytesP256(secret)
	check(err)
	config := oauth.NewPublicConfig(given.ClientID, given.RedirectURI, strings.Fields(given.Scope))
	check(config.SetClientSecret(key, given.PrivateJWK["kid"]))
	app := oauth.NewClientApp(&config, oauth.NewMemStore())

	server := discover(given.Issuer)
	tell("discovered", map[string]any{"issuer": server.Issuer})
	pending, err := app.SendAuthRequest(ctx, server, config.Scopes, "")
	if err != nil {
		// One key in 128 has a coordinate that begins with a zero byte. The library leaves that byte out, against RFC
		// 7518 section 6.2.1.2, and the proof is refused. Each request has a new key.
		pending, err = app.SendAuthRequest(ctx, server, config.Scopes, "")
	}
	check(err)
	tell("pushed", map[string]any{"request_uri": pending.RequestURI})
	query := url.Values{"client_id": {given.ClientID}, "request_uri": {pending.RequestURI}}
	fmt.Printf("authorize %s?%s\n", server.AuthorizationEndpoint, query.Encode())

	back, err := input.ReadString('\n')
	check(err)
	answer, err := url.Parse(strings.TrimSpace(back))
	check(err)
	got := answer.Query()
	if got.Get("state") != pending.State || got.Get("iss") != server.Issuer {
		check(fmt.Errorf("somebody else's answer: %s", answer))
	}
	tell("authorized", map[string]any{"iss": got.Get("iss")})

	tokens, err := app.SendInitialTokenRequest(ctx, got.Get("code"), *pending)
	check(err)
	// The library keeps no token type: it uses every token with the DPoP scheme.
	tell("token", map[string]any{"token_type": "DPoP", "scope": tokens.Scope})
	dpop, err := atcrypto.ParsePrivateMultibase(pending.DPoPPrivateKeyMultibase)
	check(err)
	session := &oauth.ClientSession{
		Client:         http.DefaultClient,
		Config:         &config,
		DPoPPrivateKey: dpop,
		Data: &oauth.ClientSessionData{
			AuthServerURL:           server.Issuer,
			AuthServerTokenEndpoint: server.TokenEndpoint,
			AccessToken:             tokens.AccessToken,
			RefreshToken:            tokens.RefreshToken,
		},
		PersistSessionCallback: func(context.Context, *oauth.ClientSessionData) {},
	}
	tell("accounts", map[string]any{"numbers": read(session, given.Issuer)})
	fresh, err := session.RefreshTokens(ctx)
	check(err)
	tell("refreshed", map[string]any{"is_new": fresh != "" && fresh != tokens.AccessToken})
	tell("accounts_again", map[string]any{"numbers": read(session, given.Issuer)})
}
