//! What a partner sends: drafts of good requests, to be spoiled before they go out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use renkei_domain::institution::InstitutionCode;
use renkei_oauth::client_auth::ASSERTION_TYPE;
use renkei_oauth::jose::{Algorithm, SigningKey};
use renkei_oauth::request_object::TYP;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Bank, CHALLENGE, ORIGIN, REDIRECT_URI, VERIFIER};
use renkei_domain::time::Clock;

/// No two JWTs of one run share a `jti`.
static JTI: AtomicU64 = AtomicU64::new(0);

/// A fresh ES256 key.
pub fn new_key() -> Arc<SigningKey> {
    let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    Arc::new(SigningKey::from_pkcs8(Algorithm::Es256, der.as_ref()).unwrap())
}

pub fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// `jti` of its own.
pub fn jti() -> String {
    format!("jti-{}", JTI.fetch_add(1, Ordering::Relaxed))
}

/// A product of kakeibo at one institution.
#[derive(Clone)]
pub struct Partner {
    pub client_id: String,
    pub institution: InstitutionCode,
    pub key: Arc<SigningKey>,
    pub dpop: Arc<SigningKey>,
    /// Under which origin it knows the listener it talks to; proofs are made for it.
    pub origin: String,
    pub address: String,
    pub clock: Arc<dyn Clock>,
    pub http: reqwest::Client,
}

/// A JWT before it is signed.
#[derive(Clone)]
pub struct Jwt {
    pub header: Value,
    pub claims: Value,
    pub key: Arc<SigningKey>,
}

impl Jwt {
    pub fn sign(&self) -> String {
        self.key.sign_with_header(&self.header, &self.claims).unwrap()
    }

    /// With these claims set anew; `null` takes one away.
    pub fn claims(mut self, changes: Value) -> Jwt {
        change(&mut self.claims, changes);
        self
    }

    /// With these members of the header set anew; `null` takes one away.
    pub fn header(mut self, changes: Value) -> Jwt {
        change(&mut self.header, changes);
        self
    }

    pub fn by(mut self, key: &Arc<SigningKey>) -> Jwt {
        self.key = Arc::clone(key);
        self
    }
}

/// Sets members anew; `null` takes one away.
fn change(object: &mut Value, changes: Value) {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => object.as_object_mut().unwrap().remove(name),
            value => object.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
}

impl Partner {
    pub fn new(bank: &Bank, institution: &InstitutionCode, client_id: &str) -> Partner {
        Partner {
            client_id: client_id.to_owned(),
            institution: institution.clone(),
            key: new_key(),
            dpop: new_key(),
            origin: ORIGIN.to_owned(),
            address: bank.address.clone(),
            clock: Arc::clone(&bank.clock) as Arc<dyn Clock>,
            http: bank.http.clone(),
        }
    }

    pub fn jwks(&self) -> String {
        json!({ "keys": [self.key.to_public_jwk().to_json()] }).to_string()
    }

    pub fn issuer(&self) -> String {
        format!("{ORIGIN}/{}", self.institution)
    }

    pub fn jkt(&self) -> String {
        self.dpop.to_public_jwk().thumbprint()
    }

    fn now(&self) -> i64 {
        self.clock.now().seconds()
    }

    /// A good assertion.
    pub fn assertion(&self) -> Jwt {
        let now = self.now();
        let claims = json!({
            "iss": self.client_id, "sub": self.client_id, "aud": self.issuer(),
            "jti": jti(), "iat": now, "exp": now + 60,
        });
        let header = json!({ "alg": self.key.algorithm().name(), "kid": self.key.to_public_jwk().key_id });
        Jwt { header, claims, key: Arc::clone(&self.key) }
    }

    /// A good proof for this request.
    pub fn proof(&self, method: &str, path: &str) -> Jwt {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.dpop.to_public_jwk().to_json() });
        let claims = json!({ "jti": jti(), "htm": method, "htu": format!("{}{path}", self.origin), "iat": self.now() });
        Jwt { header, claims, key: Arc::clone(&self.dpop) }
    }

    /// A good proof for reading with this token.
    pub fn proof_with(&self, path: &str, access_token: &str) -> Jwt {
        let mut proof = self.proof("GET", path);
        proof.claims["ath"] = base64url(digest(&SHA256, access_token.as_bytes()).as_ref()).into();
        proof
    }

    fn draft(&self, endpoint: &str, form: &[(&str, &str)]) -> Draft {
        let path = format!("/{}/{endpoint}", self.institution);
        let proof = self.proof("POST", &path);
        Draft {
            url: format!("{}{path}", self.address),
            form: form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            assertion: Some(self.assertion()),
            proof: Some(proof.clone()),
            own_proof: proof,
            headers: Vec::new(),
            http: self.http.clone(),
        }
    }

    pub fn push(&self) -> Draft {
        let form = [
            ("response_type", "code"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "balances transactions"),
            ("state", "s"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        self.draft("par", &form).without_proof()
    }

    /// A good request object: what [`Partner::push`] asks for, signed.
    pub fn request_object(&self) -> Jwt {
        let now = self.now();
        let mut claims = json!({
            "iss": self.client_id, "aud": self.issuer(), "nbf": now, "exp": now + 300, "client_id": self.client_id,
        });
        for (name, value) in self.push().form {
            claims[name] = value.into();
        }
        let kid = self.key.to_public_jwk().key_id;
        Jwt { header: json!({ "alg": "ES256", "kid": kid, "typ": TYP }), claims, key: Arc::clone(&self.key) }
    }

    /// A push of this text as request object, and of nothing else.
    pub fn push_object(&self, object: &str) -> Draft {
        self.draft("par", &[("request", object)]).without_proof()
    }

    pub fn redeem(&self, code: &str) -> Draft {
        let form = [("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        self.draft("token", &form)
    }

    pub fn refresh(&self, token: &str) -> Draft {
        self.draft("token", &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    pub fn revoke(&self, token: &str) -> Draft {
        self.draft("revoke", &[("token", token)]).without_proof()
    }

    /// A token of its own, to manage grants with.
    pub fn client_token(&self, scope: &str) -> Draft {
        self.draft("token", &[("grant_type", "client_credentials"), ("scope", scope)])
    }

    /// A call with this token and a proof of this partner's key.
    pub async fn call(&self, method: Method, path: &str, token: &str) -> Answer {
        let mut proof = self.proof_with(path, token);
        proof.claims["htm"] = method.as_str().into();
        let call = self.http.request(method, format!("{}{path}", self.address));
        Answer::to(call.header("authorization", format!("DPoP {token}")).header("dpop", proof.sign())).await
    }

    /// Asks about a grant, or gives it back, with a fresh token for just that.
    pub async fn manage(&self, method: Method, grant: impl ToString) -> Answer {
        let scope = if method == Method::DELETE { "grant_management_revoke" } else { "grant_management_query" };
        let token = self.client_token(scope).send().await;
        assert_eq!(token.status, 200, "{}", token.text);
        let path = format!("/{}/grants/{}", self.institution, grant.to_string());
        self.call(method, &path, &token.text("access_token")).await
    }

    /// For a resource server, which signs its assertions as a partner does.
    pub fn introspect(&self, token: &str) -> Draft {
        self.draft("introspect", &[("token", token)]).without_proof()
    }
}

/// A request that would be good as it is.
#[derive(Clone)]
pub struct Draft {
    pub url: String,
    pub form: Vec<(String, String)>,
    pub assertion: Option<Jwt>,
    pub proof: Option<Jwt>,
    pub headers: Vec<(String, String)>,
    own_proof: Jwt,
    pub http: reqwest::Client,
}

impl Draft {
    /// With this parameter, in place of the one of that name.
    pub fn with(mut self, name: &str, value: &str) -> Draft {
        self = self.without(name);
        self.form.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Draft {
        self.form.retain(|(own, _)| own != name);
        self
    }

    /// With one more parameter, whatever there is already.
    pub fn and(mut self, name: &str, value: &str) -> Draft {
        self.form.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Draft {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn claims(mut self, changes: Value) -> Draft {
        change(&mut self.assertion.as_mut().unwrap().claims, changes);
        self
    }

    pub fn assertion_header(mut self, changes: Value) -> Draft {
        change(&mut self.assertion.as_mut().unwrap().header, changes);
        self
    }

    pub fn signed_by(mut self, key: &Arc<SigningKey>) -> Draft {
        self.assertion.as_mut().unwrap().key = Arc::clone(key);
        self
    }

    pub fn without_assertion(mut self) -> Draft {
        self.assertion = None;
        self
    }

    /// With this text where the assertion stands.
    pub fn asserting(self, text: &str) -> Draft {
        self.without_assertion().and("client_assertion_type", ASSERTION_TYPE).and("client_assertion", text)
    }

    pub fn proof_claims(mut self, changes: Value) -> Draft {
        change(&mut self.proof.as_mut().unwrap().claims, changes);
        self
    }

    pub fn proof_header(mut self, changes: Value) -> Draft {
        change(&mut self.proof.as_mut().unwrap().header, changes);
        self
    }

    /// With a proof by this key in place of the partner's own.
    pub fn proven_by(mut self, key: &Arc<SigningKey>) -> Draft {
        let proof = self.own_proof.clone();
        self.proof = Some(Jwt { key: Arc::clone(key), ..proof });
        self.proof_header(json!({ "jwk": key.to_public_jwk().to_json() }))
    }

    /// With the partner's own proof, where the endpoint asks for none.
    pub fn proven(mut self) -> Draft {
        self.proof = Some(self.own_proof.clone());
        self
    }

    pub fn without_proof(mut self) -> Draft {
        self.proof = None;
        self
    }

    /// Signs what is to be signed, so that the very same request can go out more than once.
    pub fn seal(mut self) -> Draft {
        if let Some(proof) = self.proof.take() {
            self = self.header("DPoP", &proof.sign());
        }
        if let Some(assertion) = self.assertion.take() {
            self = self.asserting(&assertion.sign());
        }
        self
    }

    pub fn request(self) -> reqwest::RequestBuilder {
        let draft = self.seal();
        let request = draft.http.post(&draft.url).form(&draft.form);
        draft.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    pub async fn send(self) -> Answer {
        Answer::to(self.request()).await
    }
}
