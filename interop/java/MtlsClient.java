import com.nimbusds.oauth2.sdk.*;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerEndpointMetadata;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.SelfSignedTLSClientAuthentication;
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
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import net.minidev.json.JSONArray;
import net.minidev.json.JSONObject;

/** The library com.nimbusds:oauth2-oidc-sdk with a certificate of the client's own (RFC 8705 section 2.2). */
public final class MtlsClient {
    private static final BufferedReader INPUT = new BufferedReader(new InputStreamReader(System.in));

    private final JSONObject given;
    private final SSLSocketFactory sockets;
    private AuthorizationServerEndpointMetadata endpoints;

    private MtlsClient(JSONObject given) throws Exception {
        this.given = given;
        this.sockets = sockets();
    }

    public static void main(String[] arguments) throws Exception {
        new MtlsClient(JSONObjectUtils.parse(INPUT.readLine())).link();
    }

    private void link() throws Exception {
        URI issuer = new URI(text("issuer"));
        URI metadata = issuer.resolve("/.well-known/oauth-authorization-server" + issuer.getPath());
        HTTPResponse document = new HTTPRequest(HTTPRequest.Method.GET, metadata).send();
        AuthorizationServerMetadata server = AuthorizationServerMetadata.parse(document.getBodyAsJSONObject());
        require(server.getIssuer().equals(new Issuer(issuer)), "another issuer's metadata");
        endpoints = server.getMtlsEndpointAliases();
        tell("discovered", Map.of("issuer", server.getIssuer().getValue()));

        CodeVerifier verifier = new CodeVerifier();
        State state = new State();
        ClientID clientId = new ClientID(text("client_id"));
        AuthorizationRequest request = new AuthorizationRequest.Builder(ResponseType.CODE, clientId)
            .redirectionURI(new URI(text("redirect_uri")))
            .scope(Scope.parse(text("scope")))
            .state(state)
            .codeChallenge(verifier, CodeChallengeMethod.S256)
            .build();
        URI endpoint = endpoints.getPushedAuthorizationRequestEndpointURI();
        HTTPRequest push = new PushedAuthorizationRequest(endpoint, authentication(), request).toHTTPRequest();
        PushedAuthorizationResponse pushed = PushedAuthorizationResponse.parse(push.send());
        require(pushed.indicatesSuccess(), "the push was refused");
        URI requestUri = pushed.toSuccessResponse().getRequestURI();
        tell("pushed", Map.of("request_uri", requestUri.toString()));

        URI authorize = new AuthorizationRequest.Builder(requestUri, clientId)
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

    private ClientAuthentication authentication() {
        return new SelfSignedTLSClientAuthentication(new ClientID(text("client_id")), sockets);
    }

    private Tokens token(AuthorizationGrant grant) throws Exception {
        TokenRequest request = new TokenRequest.Builder(endpoints.getTokenEndpointURI(), authentication(), grant).build();
        TokenResponse response = TokenResponse.parse(request.toHTTPRequest().send());
        require(response.indicatesSuccess(), "the grant was refused");
        return response.toSuccessResponse().getTokens();
    }

    /** The account numbers, asked for with this token. */
    private List<String> read(AccessToken token) throws Exception {
        HTTPRequest request = new HTTPRequest(HTTPRequest.Method.GET, new URI(text("api") + "/accounts"));
        request.setSSLSocketFactory(sockets);
        request.setAuthorization(token.toAuthorizationHeader());
        JSONObject body = request.send().getBodyAsJSONObject();
        List<String> numbers = new ArrayList<>();
        for (Object account : (JSONArray) body.get("accounts")) {
            numbers.add((String) ((JSONObject) account).get("number"));
        }
        return numbers;
    }

    /** Connections that show the client's certificate and trust the demo's authority alone. */
    private SSLSocketFactory sockets() throws Exception {
        char[] none = new char[0];
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, none);
        PrivateKey key = KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pem("key")));
        own.setKeyEntry("own", key, none, new Certificate[] {certificate("certificate")});
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, none);
        KeyStore authority = KeyStore.getInstance("PKCS12");
        authority.load(null, none);
        authority.setCertificateEntry("authority", certificate("ca"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(authority);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    private Certificate certificate(String name) throws Exception {
        return CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem(name)));
    }

    /** What is in a PEM file. */
    private byte[] pem(String name) throws Exception {
        String text = Files.readString(Path.of(text(name)));
        return Base64.getMimeDecoder().decode(text.replaceAll("-----[A-Z ]+-----", ""));
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
