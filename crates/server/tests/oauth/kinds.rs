//! Every kind of JWT there is, in every place that takes one: each is taken in its own and nowhere else.

use renkei_oauth::introspection::MEDIA_TYPE;
use renkei_oauth::jarm::{self, SignedResponse};
use renkei_oauth::redirect::Outcome;
use renkei_server::signing;
use renkei_testing::aoi;
use serde_json::json;

use crate::support::{Answer, Bank, Linked, Partner};

const PATH: &str = "/1001/api/v1/linkage";

/// One genuine object of a kind, freshly made.
struct Kind {
    name: &'static str,
    /// The one place that takes it; none for what goes from us to others.
    place: Option<Place>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Assertion,
    TokenProof,
    ApiProof,
    RequestObject,
    AccessToken,
}

const PLACES: [Place; 5] =
    [Place::Assertion, Place::TokenProof, Place::ApiProof, Place::RequestObject, Place::AccessToken];

async fn kinds(bank: &Bank, kakeibo: &Partner, gateway: &Partner, linked: &Linked) -> Vec<Kind> {
    let kind = |name, place, text| Kind { name, place, text };
    let typed = |typ: &str| json!({ "typ": typ });
    let (issuer, now) = (kakeibo.issuer(), bank.now());
    let claims = SignedResponse::new(Outcome::Code("code"), Some("s"), &issuer, &kakeibo.client_id, now.seconds());
    let response = signing::sign(&bank.app, &aoi(), jarm::TYP, &claims, now).await.unwrap();
    let introspected = gateway.introspect(&linked.access).header("accept", MEDIA_TYPE).send().await;
    assert_eq!(introspected.header("content-type"), MEDIA_TYPE);
    let assertion = kakeibo.assertion();
    // What only another `typ` keeps from being a good assertion or request object.
    let disguised = kakeibo.assertion().header(typed("at+jwt"));
    let logged_out = kakeibo.request_object().header(typed("logout+jwt"));
    vec![
        kind("assertion", Some(Place::Assertion), assertion.sign()),
        kind(
            "typed assertion",
            Some(Place::Assertion),
            kakeibo.assertion().header(typed("client-authentication+jwt")).sign(),
        ),
        kind("proof for the token endpoint", Some(Place::TokenProof), kakeibo.proof("POST", "/1001/token").sign()),
        kind("proof for the account API", Some(Place::ApiProof), kakeibo.proof_with(PATH, &linked.access).sign()),
        kind("request object", Some(Place::RequestObject), kakeibo.request_object().sign()),
        kind(
            "untyped request object",
            Some(Place::RequestObject),
            kakeibo.request_object().header(json!({ "typ": null })).sign(),
        ),
        kind("access token", Some(Place::AccessToken), linked.access.clone()),
        kind("introspection answer", None, introspected.text),
        kind("signed authorization response", None, response),
        kind("JWT access token of the client's", None, disguised.sign()),
        kind("JWT of another specification", None, logged_out.sign()),
    ]
}

async fn try_in(place: Place, kakeibo: &Partner, linked: &Linked, text: &str) -> Answer {
    let api = |access: &str, proof: &str| {
        let request = kakeibo.http.get(format!("{}{PATH}", kakeibo.address));
        Answer::to(request.header("authorization", format!("DPoP {access}")).header("dpop", proof))
    };
    match place {
        Place::Assertion => kakeibo.push().asserting(text).send().await,
        Place::TokenProof => kakeibo.refresh(&linked.refresh).without_proof().header("DPoP", text).send().await,
        Place::RequestObject => kakeibo.push_object(text).send().await,
        Place::ApiProof => api(&linked.access, text).await,
        Place::AccessToken => api(text, &kakeibo.proof_with(PATH, text).sign()).await,
    }
}

#[tokio::test]
async fn r_181_a_031_each_kind_of_jwt_is_taken_in_its_own_place_and_in_no_other() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    bank.signing_key(&aoi()).await;
    let gateway = bank.join_server(&aoi(), |_| ()).await;
    let linked = bank.linked(&kakeibo).await;
    for place in PLACES {
        let mut taken = 0;
        for Kind { name, place: own, text } in kinds(&bank, &kakeibo, &gateway, &linked).await {
            let answer = try_in(place, &kakeibo, &linked, &text).await;
            if own == Some(place) {
                assert!([200, 201].contains(&answer.status), "{name} in its place {place:?}: {}", answer.text);
                taken += 1;
            } else {
                assert!([400, 401].contains(&answer.status), "{name} in {place:?}: {} {}", answer.status, answer.text);
            }
        }
        assert!(taken > 0, "{place:?} takes nothing");
    }
}
