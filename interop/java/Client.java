import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.oauth2.sdk.*;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.auth.JWTAuthenticationClaimsSet;
import com.nimbusds.oauth2.sdk.dpop.DPoPProofFactory;
import com.nimbusds.oauth2.sdk.dpop.DefaultDPoPProofFactory;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.Audience;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.pkce.CodeChallengeMethod;
import com.nimbusds.oauth2.sdk.pkce.CodeVerifier;
import com.nimbusds.oauth2.sdk.token.AccessToken;
import com.nimbusds.oauth2.sdk.token.DPoPAccessToken;
import com.nimbusds.oauth2.sdk.token.Tokens;
import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.minidev.json.JSONArray;
import net.minidev.json.JSONObject;

/**
 * The library com.nimbusds:oauth2-oidc-sdk. The caller adds the proof to each request and compares state and issuer of
 * the answer. The address of the metadata is ours too: by itself the library puts the name of the document behind the
 * issuer's path, RFC 8414 before it.
 */
public final class Client {
    private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));

    private final JSONObject given;
    private final ECKey key;
    private final DPoPProofFactory proofs;
    private AuthorizationServerMetadata server;

    private Client(JSONObject given) throws Exception {
        this.given = given;
        this.key = ECKey.parse(JSONObjectUtils.getJSONObject(given, "private_jwk"));
        this.proofs = new DefaultDPoPProofFactory(new ECKeyGenerator(Curve.P_256).generate(), JWSAlgorithm.ES256);
    }

    public static void main(String[] arguments) throws Exception {
        new Client(JSONObjectUtils.parse(INPUT.readLine())).link();
    }

    private void link() throws Exception {
        URI issuer = new URI(text("issuer"));
        URI metadata = issuer.resolve("/.well-known/oauth-authorization-server" + issuer.getPath());
        HTTPResponse document = new HTTPRequest(HTTPRequest.Method.GET, metadata).send();
        server = AuthorizationServerMetadata.parse(document.getBodyAsJSONObject());
        require(server.getIssuer().equals(new Issuer(issuer)), "another issuer's metadata");
        tell("discovered", Map.of("issuer", server.getIssuer().getValue()));

        CodeVerifier verifier = new CodeVerifier();
        State state = new State();
        AuthorizationRequest request = new AuthorizationRequest.Builder(ResponseType.CODE, new ClientID(text("client_id")))
            .redirectionURI(new URI(text("redirect_uri")))
            .scope(Scope.parse(text("scope")))
            .state(state)
            .codeChallenge(verifier, CodeChallengeMethod.S256)
            .build();
        URI endpoint = server.getPushedAuthorizationRequestEndpointURI();
        HTTPRequest push = new PushedAuthorizationRequest(endpoint, authentication(), request).toHTTPRequest();
        PushedAuthorizationResponse pushed = PushedAuthorizationResponse.parse(send(push, null));
        require(pushed.indicatesSuccess(), "the push was refused");
        URI requestUri = pushed.toSuccessResponse().getRequestURI();
        tell("pushed", Map.of("request_uri", requestUri.toString()));

        URI authorize = new AuthorizationRequest.Builder(requestUri, new ClientID(text("client_id")))
            .endpointURI(server.getAuthorizationEndpointURI()).build().toURI();
        System.out.println("authorize " + authorize);
        AuthorizationResponse answer = AuthorizationResponse.parse(new URI(INPUT.readLine()));
        require(answer.indicatesSuccess(), "the customer declined");
        require(state.equals(answer.getState()) && server.getIssuer().equals(answer.getIssuer()), "not our answer");
        tell("authorized", Map.of("iss", answer.getIssuer().getValue()));

        AuthorizationCode code = answer.toSuccessResponse().getAuthorizationCode();
        Tokens tokens = token(new AuthorizationCodeGrant(code, new URI(text("redirect_uri")), verifier));
        AccessToken token = tokens.getAccessToken();
        tell("token", Map.of("token_type", token.getType().getValue(), "scope", token.getScope().toString()));
        tell("accounts", Map.of("numbers", read(token)));
        AccessToken fresh = token(new RefreshTokenGrant(tokens.getRefreshToken())).getAccessToken();
        tell("refreshed", Map.of("is_new", !fresh.getValue().equals(token.getValue())));
        tell("accounts_again", Map.of("numbers", read(fresh)));
    }

    /** An assertion for this server, its issuer the only audience. */
    private ClientAuthentication authentication() throws Exception {
        Audience audience = new Audience(server.getIssuer());
        JWTAuthenticationClaimsSet claims = new JWTAuthenticationClaimsSet(new ClientID(text("client_id")), audience);
        return new PrivateKeyJWT(claims, JWSAlgorithm.ES256, key.toPrivateKey(), key.getKeyID(), null);
    }

    private Tokens token(AuthorizationGrant grant) throws Exception {
        TokenRequest request = new TokenRequest.Builder(server.getTokenEndpointURI(), authentication(), grant).build();
        TokenResponse response = TokenResponse.parse(send(request.toHTTPRequest(), null));
        require(response.indicatesSuccess(), response.toHTTPResponse().getBody());
        return response.toSuccessResponse().getTokens();
    }

    /** The account numbers, asked for with this token. */
    private List<String> read(AccessToken token) throws Exception {
        HTTPRequest request = new HTTPRequest(HTTPRequest.Method.GET, new URI(text("issuer") + "/api/v1/accounts"));
        request.setAuthorization(token.toAuthorizationHeader());
        JSONObject body = send(request, token).getBodyAsJSONObject();
        List<String> numbers = new ArrayList<>();
        for (Object account : (JSONArray) body.get("accounts")) {
            numbers.add((String) ((JSONObject) account).get("number"));
        }
        return numbers;
    }

    /** Sends a request with a fresh proof. */
    private HTTPResponse send(HTTPRequest request, AccessToken token) throws Exception {
        String method = request.getMethod().name();
        URI target = request.getURI();
        request.setDPoP(token == null
            ? proofs.createDPoPJWT(method, target)
            : proofs.createDPoPJWT(method, target, (DPoPAccessToken) token));
        return request.send();
    }

    private String text(String name) {
        return (String) given.get(name);
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }

    /** Tells the runner that a step is done. */
    private static void tell(String step, Map<String, Object> what) {
        Map<String, Object> line = new LinkedHashMap<>(what);
        line.put("step", step);
        System.out.println(JSONObject.toJSONString(line));
    }
}
