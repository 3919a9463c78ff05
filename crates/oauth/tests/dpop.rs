//! DPoP proofs: the examples of RFC 9449, what is accepted, and every way of breaking one.

// Helpers outside the test functions may fail loudly too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::*;
use renkei_oauth::dpop::{self, DpopFault, Proof, Target};
use renkei_oauth::error::{OAuthError, ResourceError};
use renkei_oauth::jose::{JoseFault, Jwk, JwkFault, SigningKey};
use renkei_oauth::json::{JsonFault, Object};
use serde_json::{Value, json};

const URL: &str = "https://bank.example/1001/token";
const API: &str = "https://bank.example/1001/api/v1/accounts";
const TOKEN: &str = "token-of-kakeibo";

fn header_of(key: &SigningKey) -> Value {
    let jwk = key.to_public_jwk().to_json();
    json!({"typ": "dpop+jwt", "alg": jwk["alg"], "jwk": jwk})
}

fn claims() -> Value {
    json!({"jti": "p-1", "htm": "POST", "htu": URL, "iat": NOW})
}

fn check(proof: &str) -> Result<Proof, DpopFault> {
    dpop::check(proof, &Target { method: "POST", url: URL, access_token: None }, NOW)
}

fn with_claims(changes: Value) -> Result<Proof, DpopFault> {
    check(&ES256.sign_with_header(&header_of(&ES256), &with(claims(), changes)).unwrap())
}

fn with_header(changes: Value) -> Result<Proof, DpopFault> {
    check(&ES256.sign_with_header(&with(header_of(&ES256), changes), &claims()).unwrap())
}

fn at_the_api(changes: Value) -> Result<Proof, DpopFault> {
    // SHA-256 of TOKEN in base64url.
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, TOKEN.as_bytes());
    let ath = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(digest.as_ref());
    let good = json!({"jti": "p-1", "htm": "GET", "htu": API, "iat": NOW, "ath": ath});
    let proof = ES256.sign_with_header(&header_of(&ES256), &with(good, changes)).unwrap();
    dpop::check(&proof, &Target { method: "GET", url: API, access_token: Some(TOKEN) }, NOW)
}

const RFC_HEADER: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMz\
    R0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1\
    JEQSIsImNydiI6IlAtMjU2In19";
const RFC_JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

#[test]
fn the_token_request_of_rfc_9449_section_5_is_accepted() {
    let proof = format!(
        "{RFC_HEADER}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wb\
         GUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x\
         7NVY-FNyJK70nfbV37xRZT3Lg"
    );
    let target = Target { method: "POST", url: "https://server.example.com/token", access_token: None };
    let accepted = dpop::check(&proof, &target, 1_562_262_616).unwrap();
    assert_eq!(accepted.jkt, RFC_JKT);
    assert!(accepted.is_by(RFC_JKT));
}

#[test]
fn the_resource_request_of_rfc_9449_section_7_1_is_accepted() {
    let proof = format!(
        "{RFC_HEADER}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcG\
         xlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hT\
         nk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMx\
         hAJpLjA"
    );
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let url = "https://resource.example.org/protectedresource";
    let target = Target { method: "GET", url, access_token: Some(token) };
    assert_eq!(dpop::check(&proof, &target, 1_562_262_618).unwrap().jkt, RFC_JKT);
    let stolen = Target { access_token: Some("other"), ..target };
    assert_eq!(dpop::check(&proof, &stolen, 1_562_262_618), Err(DpopFault::TokenHash));
}

#[test]
fn a_proof_of_each_algorithm_is_accepted_and_names_its_key() {
    for key in [&*ES256, &*PS256, &*EDDSA] {
        let proof = check(&key.sign_with_header(&header_of(key), &claims()).unwrap()).unwrap();
        assert_eq!(proof.jkt, key.to_public_jwk().thumbprint());
        assert!(proof.is_by(&key.to_public_jwk().thumbprint()));
        assert!(!proof.is_by(RFC_JKT));
        assert!(!proof.is_by(""));
    }
}

#[test]
fn r_113_two_dpop_headers_are_refused() {
    let proof: &[u8] = b"a.b.c";
    assert_eq!(dpop::header([]), Ok(None));
    assert_eq!(dpop::header([proof]), Ok(Some("a.b.c")));
    assert_eq!(dpop::header([proof, proof]), Err(DpopFault::Repeated));
    assert!(dpop::header([b"\xff".as_slice()]).is_err());
}

#[test]
fn r_113_a_comma_list_in_one_header_is_refused() {
    let proof = ES256.sign_with_header(&header_of(&ES256), &claims()).unwrap();
    assert_eq!(check(&format!("{proof}, {proof}")), Err(JoseFault::NotCompact.into()));
    assert_eq!(check(&format!("{proof},")), Err(JoseFault::NotCompact.into()));
}

#[test]
fn r_114_each_required_member_must_be_there() {
    assert_eq!(check("not a proof"), Err(JoseFault::NotCompact.into()));
    assert_eq!(with_header(json!({"typ": null})), Err(DpopFault::Typ));
    assert_eq!(with_header(json!({"alg": null})), Err(JoseFault::from(JsonFault::Missing("alg")).into()));
    assert_eq!(with_header(json!({"jwk": null})), Err(DpopFault::NoKey));
    for name in ["jti", "htm", "htu", "iat"] {
        assert_eq!(with_claims(json!({name: null})), Err(JsonFault::Missing(name).into()));
    }
    assert_eq!(at_the_api(json!({"ath": null})), Err(JsonFault::Missing("ath").into()));
}

#[test]
fn r_115_a_031_another_typ_is_refused() {
    for typ in ["JWT", "at+jwt", "client-authentication+jwt", "dpop", ""] {
        assert_eq!(with_header(json!({"typ": typ})), Err(DpopFault::Typ), "{typ}");
    }
}

#[test]
fn r_116_a_025_other_algorithms_are_refused() {
    for alg in ["none", "nOnE", "HS256", "RS256", "ES384"] {
        assert_eq!(with_header(json!({"alg": alg})), Err(JoseFault::Algorithm.into()), "{alg}");
    }
    let header = with(header_of(&PS256), json!({"alg": "RS256"}));
    let proof = PS256.sign_with_header(&header, &claims()).unwrap();
    assert_eq!(check(&proof), Err(JoseFault::Algorithm.into()));
}

#[test]
fn r_117_a_proof_must_be_signed_by_its_own_key() {
    let proof = es256().sign_with_header(&header_of(&ES256), &claims()).unwrap();
    assert_eq!(check(&proof), Err(JoseFault::Signature.into()));
    let proof = ES256.sign_with_header(&with(header_of(&PS256), json!({"alg": "ES256"})), &claims()).unwrap();
    assert_eq!(check(&proof), Err(JoseFault::Algorithm.into()));
}

#[test]
fn a_052_r_117_a_private_key_in_the_header_is_refused() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        let jwk = with(ES256.to_public_jwk().to_json(), json!({name: "AQAB"}));
        assert_eq!(with_header(json!({"jwk": jwk})), Err(JwkFault::Private.into()), "{name}");
    }
    let symmetric = json!({"kty": "oct", "k": "c2VjcmV0"});
    assert_eq!(with_header(json!({"jwk": symmetric})), Err(JwkFault::Private.into()));
}

#[test]
fn a_047_r_118_method_and_url_must_be_those_of_the_request() {
    for method in ["GET", "post", "POST ", ""] {
        assert_eq!(with_claims(json!({"htm": method})), Err(DpopFault::Method), "{method}");
    }
    for url in [
        "https://bank.example/1001/par",
        "https://bank.example/1002/token",
        "https://other.example/1001/token",
        "http://bank.example/1001/token",
        "https://bank.example:444/1001/token",
        "https://user@bank.example/1001/token",
        "/1001/token",
        "",
    ] {
        assert_eq!(with_claims(json!({"htu": url})), Err(DpopFault::Target), "{url}");
    }
    assert_eq!(with_claims(json!({"htu": 1})), Err(JsonFault::WrongType("htu").into()));
}

#[test]
fn a_047_r_118_other_spellings_of_the_same_url_are_accepted() {
    for url in [
        "https://bank.example/1001/token?a=b",
        "https://bank.example/1001/token#part",
        "HTTPS://BANK.example/1001/token",
        "https://bank.example:443/1001/token",
    ] {
        assert!(with_claims(json!({"htu": url})).is_ok(), "{url}");
    }
}

#[test]
fn r_119_ten_seconds_either_way_are_accepted_and_an_hour_refused() {
    for offset in [-60, -10, 0, 10, 30] {
        assert!(with_claims(json!({"iat": NOW + offset})).is_ok(), "{offset}");
    }
    for offset in [-3_600, -61, 31, 3_600] {
        assert_eq!(with_claims(json!({"iat": NOW + offset})), Err(DpopFault::IssuedAt), "{offset}");
    }
}

#[test]
fn r_120_a_trace_is_kept_longer_than_the_proof_could_be_used() {
    for offset in [-60, 0, 30] {
        let replay = with_claims(json!({"iat": NOW + offset})).unwrap().replay;
        assert!(replay.remember_until > NOW + offset + 60, "{offset}");
    }
    let one = with_claims(json!({})).unwrap().replay;
    assert_eq!(with_claims(json!({"iat": NOW - 1})).unwrap().replay.digest, one.digest);
    assert_ne!(with_claims(json!({"jti": "p-2"})).unwrap().replay.digest, one.digest);
}

#[test]
fn a_055_r_121_a_huge_jti_is_refused() {
    assert_eq!(with_claims(json!({"jti": "j".repeat(10_000)})), Err(DpopFault::Jti));
    assert_eq!(with_claims(json!({"jti": ""})), Err(DpopFault::Jti));
}

#[test]
fn r_125_ath_must_be_the_hash_of_the_token() {
    assert!(at_the_api(json!({})).is_ok());
    assert_eq!(at_the_api(json!({"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"})), Err(DpopFault::TokenHash));
    assert_eq!(at_the_api(json!({"ath": 1})), Err(JsonFault::WrongType("ath").into()));
}

#[test]
fn r_129_unknown_members_are_ignored() {
    assert!(with_header(json!({"x": {"y": [1, 2]}, "kid": "k"})).is_ok());
    assert!(with_claims(json!({"x": null, "nbf": NOW, "exp": NOW + 60, "nonce": "n"})).is_ok());
}

#[test]
fn a_032_r_180_a_claim_of_the_wrong_type_is_refused() {
    for value in [json!("1790000000"), json!(-1), json!([]), json!({}), json!(true), json!(1e300)] {
        assert_eq!(with_claims(json!({"iat": value})), Err(JsonFault::WrongType("iat").into()));
    }
    let text = claims().to_string().replace(&NOW.to_string(), "null");
    let proof = sign_text(&ES256, &header_of(&ES256).to_string(), &text);
    assert_eq!(check(&proof), Err(JsonFault::WrongType("iat").into()));
}

#[test]
fn a_refused_proof_is_400_at_the_token_endpoint_and_401_at_the_api() {
    let error = OAuthError::from(DpopFault::Missing);
    assert_eq!((error.code.as_str(), error.status()), ("invalid_dpop_proof", 400));
    assert_eq!(ResourceError::from(DpopFault::Missing).status(), 401);
}

#[test]
fn the_key_of_rfc_9449_has_the_thumbprint_of_section_6_1() {
    let jwk = br#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
        "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#;
    assert_eq!(Jwk::read(&Object::parse(jwk).unwrap()).unwrap().thumbprint(), RFC_JKT);
}
