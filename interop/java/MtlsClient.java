import com.nimbusds.oauth2.sdk.as.AuthorizationServerEndpointMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.SelfSignedTLSClientAuthentication;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.token.AccessToken;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import net.minidev.json.JSONObject;

/** With a certificate of the client's own (RFC 8705 section 2.2). */
public final class MtlsClient extends Linking {
    private final SSLSocketFactory sockets;

    private MtlsClient(JSONObject given) throws Exception {
        super(given);
        this.sockets = sockets();
    }

    public static void main(String[] arguments) throws Exception {
        new MtlsClient(hear()).link();
    }

    @Override
    ClientAuthentication authentication() {
        return new SelfSignedTLSClientAuthentication(new ClientID(text("client_id")), sockets);
    }

    @Override
    HTTPResponse send(HTTPRequest request, AccessToken token) throws Exception {
        request.setSSLSocketFactory(sockets);
        return request.send();
    }

    @Override
    AuthorizationServerEndpointMetadata endpoints() {
        return server.getMtlsEndpointAliases();
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
}
