import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerEndpointMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.JWTAuthenticationClaimsSet;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.dpop.DPoPProofFactory;
import com.nimbusds.oauth2.sdk.dpop.DefaultDPoPProofFactory;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.Audience;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.token.AccessToken;
import com.nimbusds.oauth2.sdk.token.DPoPAccessToken;
import com.nimbusds.oauth2.sdk.util.JSONObjectUtils;
import java.net.URI;
import net.minidev.json.JSONObject;

/** With signed assertions and proofs. The caller adds the proof to each request. */
public final class Client extends Linking {
    private final ECKey key;
    private final DPoPProofFactory proofs;

    private Client(JSONObject given) throws Exception {
        super(given);
        this.key = ECKey.parse(JSONObjectUtils.getJSONObject(given, "private_jwk"));
        this.proofs = new DefaultDPoPProofFactory(new ECKeyGenerator(Curve.P_256).generate(), JWSAlgorithm.ES256);
    }

    public static void main(String[] arguments) throws Exception {
        new Client(hear()).link();
    }

    /** An assertion for this server, its issuer the only audience. */
    @Override
    ClientAuthentication authentication() throws Exception {
        Audience audience = new Audience(server.getIssuer());
        JWTAuthenticationClaimsSet claims = new JWTAuthenticationClaimsSet(new ClientID(text("client_id")), audience);
        return new PrivateKeyJWT(claims, JWSAlgorithm.ES256, key.toPrivateKey(), key.getKeyID(), null);
    }

    @Override
    HTTPResponse send(HTTPRequest request, AccessToken token) throws Exception {
        String method = request.getMethod().name();
        URI target = request.getURI();
        request.setDPoP(token == null
            ? proofs.createDPoPJWT(method, target)
            : proofs.createDPoPJWT(method, target, (DPoPAccessToken) token));
        return request.send();
    }

    @Override
    AuthorizationServerEndpointMetadata endpoints() {
        return server;
    }
}
