import com.nimbusds.oauth2.sdk.*;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerEndpointMetadata;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.State;
import com.nimbusds.oauth2.sdk.pkce.CodeChallengeMethod;
import com.nimbusds.oauth2.sdk.pkce.CodeVerifier;
import com.nimbusds.oauth2.sdk.token.AccessToken;
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
 * The steps of a linkage with the library com.nimbusds:oauth2-oidc-sdk. How the client authenticates, and what its tokens
 * are bound to, is told by those who extend this. The caller compares state and issuer of the answer; the address of the
 * metadata is ours too: by itself the library puts the name of the document behind the issuer's path, RFC 8414 before it.
 */
abstract class Linking {
    private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));

    /** What the runner gives. */
    final JSONObject given;
    /** What the server says of itself. */
    AuthorizationServerMetadata server;

    Linking(JSONObject given) {
        this.given = given;
    }

    /** Who the client is. */
    abstract ClientAuthentication authentication() throws Exception;

    /** Sends a request with what the client's tokens are bound to; the token is null where none is sent. */
    abstract HTTPResponse send(HTTPRequest request, AccessToken token) throws Exception;

    /** Where pushed requests and token requests go. */
    abstract AuthorizationServerEndpointMetadata endpoints();

    /** The one line the runner begins with. */
    static JSONObject hear() throws Exception {
        return JSONObjectUtils.parse(INPUT.readLine());
    }

    final void link() throws Exception {
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
        URI endpoint = endpoints().getPushedAuthorizationRequestEndpointURI();
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

    private Tokens token(AuthorizationGrant grant) throws Exception {
        TokenRequest request =
            new TokenRequest.Builder(endpoints().getTokenEndpointURI(), authentication(), grant).build();
        TokenResponse response = TokenResponse.parse(send(request.toHTTPRequest(), null));
        require(response.indicatesSuccess(), response.toHTTPResponse().getBody());
        return response.toSuccessResponse().getTokens();
    }

    /** The account numbers, asked for with this token. */
    private List<String> read(AccessToken token) throws Exception {
        HTTPRequest request = new HTTPRequest(HTTPRequest.Method.GET, new URI(text("api") + "/accounts"));
        request.setAuthorization(token.toAuthorizationHeader());
        JSONObject body = send(request, token).getBodyAsJSONObject();
        List<String> numbers = new ArrayList<>();
        for (Object account : (JSONArray) body.get("accounts")) {
            numbers.add((String) ((JSONObject) account).get("number"));
        }
        return numbers;
    }

    final String text(String name) {
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
