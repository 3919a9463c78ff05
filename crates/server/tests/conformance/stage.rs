//! A run of a module: a bank, two clients with different keys, and customers who walk the screens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use rcgen::SanType;
use renkei_domain::partner;
use renkei_domain::pin::{InquiryPin, SealedPin};
use renkei_oauth::authorization_details::TYPE;
use renkei_oauth::jose::{Jws, KeySet};
use renkei_server::keys::Purpose;
use renkei_server::{core_banking, passwords};
use renkei_store::{Step, params};
use renkei_testing::seed;
use renkei_testing::{SystemRandom, aoi};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::bank::{PASSWORD, PIN, STATE};
use crate::browser::Browser;
use crate::checks::{expect_entropy, expect_refusal};
use crate::mtls_bank::{MtlsBank, PARTNER_ORIGIN, http_client, issue};
use crate::support::partner::Jwt;
use crate::support::{Answer, Bank, Draft, ORIGIN, Partner, REDIRECT_URI};
use crate::variant::{Asks, Auth, Bound, Profile, Variant};

/// The one resource the plan reads.
pub const RESOURCE: &str = "/1001/api/v1/accounts";
/// The redirect URI of client 2 has a query.
const SECOND_REDIRECT_URI: &str = "https://kakeibo.example/back?dummy1=lorem&dummy2=ipsum";

/// No two accounts of one run share a number.
static NUMBERS: AtomicU64 = AtomicU64::new(2_000_001);

/// A bank, its listener for certificates, and its two clients.
pub struct Run {
    pub variant: Variant,
    mtls: MtlsBank,
    pub one: Client,
    pub two: Client,
}

/// A client of the plan.
#[derive(Clone)]
pub struct Client {
    pub partner: Partner,
    pub redirect_uri: String,
    /// What the bank signs its answers with.
    keys: Arc<KeySet>,
    variant: Variant,
}

/// What a client holds after a whole flow.
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Run {
    pub async fn open(variant: Variant) -> Run {
        let mtls = MtlsBank::open().await;
        let second = mtls.bank.join_product("second-client").await;
        let bank_key = mtls.bank.signing_key(&aoi()).await.to_json();
        let keys = Arc::new(KeySet::parse(json!({ "keys": [bank_key] }).to_string().as_bytes()).unwrap());
        let one = register(&mtls, mtls.kakeibo.clone(), REDIRECT_URI, &keys, variant).await;
        let two = register(&mtls, second, SECOND_REDIRECT_URI, &keys, variant).await;
        Run { variant, mtls, one, two }
    }

    pub fn bank(&self) -> &Bank {
        &self.mtls.bank
    }

    /// A new customer with one account whose PIN is in force; the login id.
    pub async fn customer(&self) -> String {
        let app = &self.bank().app;
        let login_id = format!("user{}", &app.new_id(self.bank().now()).simple().to_string()[16..]);
        let who = seed::customer(&app.store, &aoi(), &login_id).await;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed).to_string();
        let account = seed::account(&app.store, &aoi(), &who, &number).await;
        let hash = passwords::hash(&app.keys, Zeroizing::new(PASSWORD.to_owned()), &SystemRandom).await.unwrap();
        let place = core_banking::pin_place(&aoi(), account);
        let filed = app.keys.seal(Purpose::FiledPin, &place, PIN.as_bytes(), &SystemRandom).unwrap();
        let sealed = core_banking::seal_pin(app, &aoi(), account, &InquiryPin::from_typed(PIN).unwrap()).unwrap();
        let mut tx = app.store.begin(&aoi()).await.unwrap();
        let update = "UPDATE users SET password_hash = ?3 WHERE institution = ?1 AND user_id = ?2";
        assert_eq!(tx.execute(update, params![who.user, hash.0.as_str()]).await.unwrap(), 1);
        tx.file_pin(account, &SealedPin(filed)).await.unwrap();
        tx.apply(Step::register_pin(account, &sealed, who.user, self.bank().now())).await.unwrap();
        tx.commit().await.unwrap();
        login_id
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.bank().address, ORIGIN, self.bank().http.clone())
    }

    /// The authorization URL of a request that is accepted.
    pub async fn url(&self, client: &Client, draft: Draft) -> String {
        client.url_of(&self.expect_pushed(&client.send_push(draft).await))
    }

    /// The `request_uri` of a good answer to a push, which has everything the plan demands.
    pub fn expect_pushed(&self, answer: &Answer) -> String {
        assert_eq!((answer.status, answer.header("content-type")), (201, "application/json"), "{}", answer.text);
        let reference = answer.text("request_uri");
        expect_entropy(&reference);
        assert!((60..=90).contains(&answer.body["expires_in"].as_i64().unwrap()), "{}", answer.text);
        reference
    }

    /// A browser at the login of this URL.
    pub async fn at_login(&self, url: &str) -> Browser {
        let mut browser = self.browser();
        browser.open(url).await;
        browser.expect_screen("login");
        browser
    }

    /// A new customer logs in and permits; the address the browser is sent to.
    pub async fn permit_in(&self, mut browser: Browser) -> String {
        browser.log_in(&self.customer().await).await;
        browser.allow().await
    }

    /// The whole way from a pushed request to the answer at the redirect URI.
    pub async fn permit(&self, client: &Client, draft: Draft) -> BTreeMap<String, String> {
        let url = self.url(client, draft).await;
        let location = self.permit_in(self.at_login(&url).await).await;
        client.answer_at(&location)
    }

    /// The code of a whole walk.
    pub async fn code(&self, client: &Client) -> String {
        self.code_for(client, client.push()).await
    }

    /// The same for a request of the test's own.
    pub async fn code_for(&self, client: &Client, draft: Draft) -> String {
        let mut answer = self.permit(client, draft).await;
        let code = answer.remove("code").unwrap();
        expect_entropy(&code);
        let rest = BTreeMap::from([("iss", client.partner.issuer()), ("state", STATE.to_owned())]);
        assert_eq!(answer, rest.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
        code
    }

    /// The tokens of a whole flow.
    pub async fn tokens(&self, client: &Client) -> Tokens {
        let code = self.code(client).await;
        client.tokens_of(&client.redeem(&code).send().await)
    }

    /// A page of the bank that sends nobody anywhere and names the error in ASCII under an id of its own.
    pub async fn expect_error_page(&self, url: &str, error: &str) {
        let answer = self.browser().get(url).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{url}");
        assert!(answer.has("error-code") && answer.text.contains(error), "{}", answer.text);
    }
}

/// Registers a client as its variant says, and sends it to the listener it needs.
async fn register(
    mtls: &MtlsBank,
    mut partner: Partner,
    redirect_uri: &str,
    keys: &Arc<KeySet>,
    variant: Variant,
) -> Client {
    let store = &mtls.bank.app.store;
    let mut product = store.read(&aoi()).find_product(&partner.client_id).await.unwrap().unwrap();
    product.redirect_uris = vec![redirect_uri.to_owned()];
    product.profile = match variant.profile {
        Profile::Plain => partner::Profile::Security,
        Profile::SignedRequests => partner::Profile::SignedRequests,
        Profile::SignedAnswers => partner::Profile::MessageSigning,
    };
    let name = format!("{}.example", partner.client_id);
    if variant.auth == Auth::Mtls {
        product.auth_method = partner::AuthMethod::TlsClientAuth;
        product.tls_subject = Some(partner::TlsSubject::SanDns(name.clone()));
    }
    if variant.bound == Bound::Mtls {
        product.sender_constraint = partner::SenderConstraint::Mtls;
    }
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.save_product(&product).await.unwrap();
    tx.commit().await.unwrap();
    if variant.auth == Auth::Mtls || variant.bound == Bound::Mtls {
        let names = vec![SanType::DnsName(name.as_str().try_into().unwrap())];
        let identity = issue(Some(&mtls.authority), |params| params.subject_alt_names = names);
        partner.http = http_client(Some((vec![identity.certificate.der().to_vec()], identity.key.serialize_der())));
        partner.address.clone_from(&mtls.door);
        partner.origin = PARTNER_ORIGIN.to_owned();
    }
    Client { partner, redirect_uri: redirect_uri.to_owned(), keys: Arc::clone(keys), variant }
}

impl Client {
    /// A good request of this variant.
    pub fn push(&self) -> Draft {
        let draft = self.dressed(self.partner.push()).with("redirect_uri", &self.redirect_uri);
        let draft = match self.variant.profile {
            Profile::SignedAnswers => draft.with("response_mode", "jwt"),
            Profile::Plain | Profile::SignedRequests => draft,
        };
        match self.variant.asks {
            Asks::Scope => draft,
            Asks::Details => {
                let details = json!([{ "type": TYPE, "actions": ["balances", "transactions"] }]);
                draft.without("scope").with("authorization_details", &details.to_string())
            }
        }
    }

    /// With this variant's credentials in place of an assertion and a proof.
    fn dressed(&self, draft: Draft) -> Draft {
        let draft = match self.variant.auth {
            Auth::PrivateKeyJwt => draft,
            Auth::Mtls => draft.without_assertion().with("client_id", &self.partner.client_id),
        };
        match self.variant.bound {
            Bound::Dpop => draft,
            Bound::Mtls => draft.without_proof(),
        }
    }

    /// The same request without any credentials of the client.
    pub fn unauthenticated(&self, draft: Draft) -> Draft {
        match self.variant.auth {
            Auth::PrivateKeyJwt => draft.without_assertion(),
            Auth::Mtls => without_certificate(draft),
        }
    }

    /// The same request without what tokens are bound to.
    pub fn unbound(&self, draft: Draft) -> Draft {
        match self.variant.bound {
            Bound::Dpop => draft.without_proof(),
            Bound::Mtls => without_certificate(draft),
        }
    }

    /// Sends a request as this variant's clients do: as it is, or signed.
    pub async fn send_push(&self, draft: Draft) -> Answer {
        if self.variant.profile == Profile::Plain {
            return draft.send().await;
        }
        let object = self.request_object(&draft).sign();
        let mut signed = draft;
        signed.form.retain(|(name, _)| ["request_uri", "client_id"].contains(&name.as_str()));
        signed.and("request", &object).send().await
    }

    /// The parameters of a request as a request object; what may only stand beside one is left out.
    pub fn request_object(&self, draft: &Draft) -> Jwt {
        let now = self.partner.clock.now().seconds();
        let header = json!({
            "alg": self.partner.key.algorithm().name(), "kid": self.partner.key.to_public_jwk().key_id,
            "typ": "oauth-authz-req+jwt",
        });
        let mut claims = json!({
            "iss": self.partner.client_id, "aud": self.partner.issuer(), "nbf": now, "exp": now + 300,
            "client_id": self.partner.client_id,
        });
        for (name, value) in draft.form.iter().filter(|(name, _)| name != "request_uri") {
            claims[name] = match name.as_str() {
                "authorization_details" => serde_json::from_str(value).unwrap(),
                _ => value.as_str().into(),
            };
        }
        Jwt { header, claims, key: Arc::clone(&self.partner.key) }
    }

    /// A push of this text as request object.
    pub fn push_object(&self, object: &str) -> Draft {
        self.dressed(self.partner.push_object(object))
    }

    pub async fn expect_object_refused(&self, object: &str, errors: &[&str]) {
        expect_refusal(&self.push_object(object).send().await, errors);
    }

    /// A request that is refused when it is pushed.
    pub async fn expect_push_refused(&self, draft: Draft, errors: &[&str]) {
        expect_refusal(&self.send_push(draft).await, errors);
    }

    pub fn url_of(&self, reference: &str) -> String {
        format!("/1001/authorize?client_id={}&request_uri={reference}", self.partner.client_id)
    }

    pub fn redeem(&self, code: &str) -> Draft {
        self.dressed(self.partner.redeem(code)).with("redirect_uri", &self.redirect_uri)
    }

    pub fn refresh(&self, token: &str) -> Draft {
        self.dressed(self.partner.refresh(token))
    }

    /// The tokens of a good answer of the token endpoint, which has everything the plan demands.
    pub fn tokens_of(&self, answer: &Answer) -> Tokens {
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{}", answer.text);
        assert!(answer.header("cache-control").contains("no-store"));
        assert_eq!(answer.body["token_type"], self.scheme());
        assert!(answer.body["expires_in"].as_i64().unwrap() > 0);
        assert!(answer.body.get("id_token").is_none(), "no OpenID Connect");
        if self.variant.asks == Asks::Details {
            assert_eq!(answer.body["authorization_details"][0]["type"], TYPE, "what was granted is told");
        }
        let refresh = answer.body["refresh_token"].as_str().unwrap_or_default().to_owned();
        let access = answer.text("access_token");
        expect_entropy(&access);
        if !refresh.is_empty() {
            expect_entropy(&refresh);
        }
        Tokens { access, refresh }
    }

    /// The scheme this variant's tokens are shown under.
    pub fn scheme(&self) -> &'static str {
        match self.variant.bound {
            Bound::Dpop => "DPoP",
            Bound::Mtls => "Bearer",
        }
    }

    /// A good read of the resource.
    pub fn read(&self, access: &str) -> reqwest::RequestBuilder {
        self.proven(self.read_as(self.scheme(), access), access)
    }

    /// With a proof where this variant has them.
    pub fn proven(&self, request: reqwest::RequestBuilder, access: &str) -> reqwest::RequestBuilder {
        match self.variant.bound {
            Bound::Dpop => request.header("DPoP", self.partner.proof_with(RESOURCE, access).sign()),
            Bound::Mtls => request,
        }
    }

    /// A read with this scheme and no proof.
    pub fn read_as(&self, scheme: &str, access: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{RESOURCE}", self.partner.address);
        self.partner.http.get(url).header("authorization", format!("{scheme} {access}"))
    }

    pub async fn expect_reads(&self, access: &str) {
        let answer = Answer::to(self.read(access)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    pub async fn expect_reads_nothing(&self, access: &str) {
        let answer = Answer::to(self.read(access)).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
    }

    /// The parameters at this client's redirect URI, which is kept whole.
    pub fn answer_at(&self, location: &str) -> BTreeMap<String, String> {
        let rest = location.strip_prefix(&self.redirect_uri).unwrap_or_else(|| panic!("not to the client: {location}"));
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        let query = rest.strip_prefix(joint).unwrap_or_else(|| panic!("not joined: {location}"));
        assert!(!query.contains(['#', '?']), "{location}");
        let answer: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if self.variant.profile == Profile::SignedAnswers { self.opened(&answer) } else { answer }
    }

    /// The parameters in a signed answer, which is for this client and lives ten minutes at most.
    fn opened(&self, answer: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["response"]);
        let text = &answer["response"];
        self.keys.verify(&Jws::parse(text).unwrap()).unwrap();
        let claims = Base64UrlUnpadded::decode_vec(text.split('.').nth(1).unwrap()).unwrap();
        let mut claims: BTreeMap<String, Value> = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims.remove("aud").unwrap(), self.partner.client_id);
        let lives = claims.remove("exp").unwrap().as_i64().unwrap() - self.partner.clock.now().seconds();
        assert!((1..=600).contains(&lives), "{lives}");
        claims.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())).collect()
    }
}

/// The same request over a connection without a certificate.
fn without_certificate(mut draft: Draft) -> Draft {
    draft.http = http_client(None);
    draft
}
