//! Keys of self-signed certificates that a partner publishes at an address of its own.

use renkei_domain::partner::{AuthMethod, SenderConstraint};
use renkei_server::partner_keys::{ATTEMPT_SECONDS, KEPT_SECONDS_MAX};

use crate::authentication::{jwks, push_with};
use crate::bank::{Identity, MtlsBank, PARTNER_ORIGIN, issue};
use crate::key_host::{Answer, Authority, HOST, KeyHost, LONG, Names, URI, outbound};
use crate::support::Bank;

fn published(identities: &[&Identity]) -> Answer {
    Answer::json("", jwks(identities).as_bytes())
}

/// A bank with kakeibo, whose certificates' keys are at this server.
async fn bank_with(answer: Answer) -> (MtlsBank, KeyHost) {
    let (authority, names) = (Authority::new(), Names::default());
    let host = KeyHost::open(&authority, HOST, answer).await;
    names.set(HOST, &[&[host.address]]);
    let address = [host.address];
    let bank =
        Bank::open_reaching(Some(PARTNER_ORIGIN), |clock| outbound(&authority, &names, &address, clock, LONG)).await;
    let bank = MtlsBank::over(bank).await;
    bank.register(|product| {
        product.auth_method = AuthMethod::SelfSignedTlsClientAuth;
        product.sender_constraint = SenderConstraint::Mtls;
        product.jwks = r#"{"keys":[]}"#.into();
        product.jwks_uri = Some(URI.into());
    })
    .await;
    (bank, host)
}

#[tokio::test]
async fn r_034_r_036_a_new_certificate_is_known_as_soon_as_it_is_used_and_strangers_make_one_request_a_minute() {
    let (first, second) = (issue(None, |_| ()), issue(None, |_| ()));
    let (bank, host) = bank_with(published(&[&first])).await;
    assert_eq!(push_with(&bank, &first).await.status, 201);
    for _ in 0..5 {
        assert_eq!(push_with(&bank, &second).await.status, 401);
    }
    assert_eq!(host.hits(), 1);
    host.answers(published(&[&first, &second]));
    bank.bank.clock.forward(ATTEMPT_SECONDS);
    assert_eq!(push_with(&bank, &second).await.status, 201);
    assert_eq!(push_with(&bank, &first).await.status, 201);
    for _ in 0..5 {
        assert_eq!(push_with(&bank, &issue(None, |_| ())).await.status, 401);
    }
    assert_eq!(host.hits(), 2);
}

#[tokio::test]
async fn r_036_a_certificate_beside_an_assertion_makes_no_request_to_other_partners() {
    let own = issue(None, |_| ());
    let (bank, host) = bank_with(published(&[&own])).await;
    let chobo = bank.bank.join_product("chobo").await;
    let change = "UPDATE products SET auth_method = 'private_key_jwt', sender_constraint = 'dpop', jwks_uri = NULL \
         WHERE institution = ?1 AND client_id = 'chobo'";
    bank.bank.change(change).await;
    let door = bank.at_door(Some(&own));
    let chobo = crate::support::Partner { address: door.address, http: door.http, ..chobo };
    assert_eq!(chobo.push().send().await.status, 201, "nothing is known of the other's keys");
    assert_eq!(host.hits(), 0);
    assert_eq!(push_with(&bank, &own).await.status, 201);
    assert_eq!(chobo.push().send().await.status, 401);
    bank.bank.clock.forward(KEPT_SECONDS_MAX);
    assert_eq!(chobo.push().send().await.status, 401);
    let two = "more than one authentication method";
    assert_eq!(bank.bank.recorded("client_refused", "refused", two).await, 2);
    assert_eq!(host.hits(), 1);
}
