//! What a code is bound to, and that a secret of one kind is nothing of another.

use renkei_oauth::request::REQUEST_URI_PREFIX;
use renkei_testing::aoi;

use crate::support::{Bank, REDIRECT_URI, new_key};

const INVALID_GRANT: (u16, &str) = (400, "invalid_grant");

#[tokio::test]
async fn r_090_a_code_is_bound_to_everything_it_was_given_for() {
    let (bank, kakeibo, at_midori) = Bank::with_two_institutions().await;
    let other = bank.join_product("other-client").await;
    let jkt = kakeibo.jkt();
    let linkage = bank.linkage().await;
    let code = || bank.code(linkage, |code| code.dpop_jkt = Some(jkt.clone()));
    // Another institution or another client does not reach it: it stays good for its owner.
    let kept = code().await;
    assert_eq!(at_midori.redeem(&kept).send().await.refusal(), INVALID_GRANT);
    assert_eq!(other.redeem(&kept).send().await.refusal(), INVALID_GRANT);
    assert_eq!(kakeibo.redeem(&kept).with("redirect_uri", REDIRECT_URI).send().await.status, 200);
    // Another redirect URI, verifier or key does not fit it.
    let elsewhere = kakeibo.redeem(&code().await).with("redirect_uri", "https://kakeibo.example/other");
    assert_eq!(elsewhere.send().await.refusal(), INVALID_GRANT);
    let unproven = kakeibo.redeem(&code().await).with("code_verifier", &"v".repeat(43));
    assert_eq!(unproven.send().await.refusal(), INVALID_GRANT);
    assert_eq!(kakeibo.redeem(&code().await).proven_by(&new_key()).send().await.refusal(), INVALID_GRANT);
    // The user and the consent: the tokens are of this linkage and end with it.
    let answer = kakeibo.redeem(&code().await).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    bank.change("UPDATE linkages SET ends_at = 0 WHERE institution = ?1").await;
    assert!(!bank.is_live(&answer.text("access_token")).await);
    let after_its_end = kakeibo.redeem(&code().await).send().await;
    assert_eq!(after_its_end.refusal(), INVALID_GRANT);
}

#[tokio::test]
async fn r_230_a_secret_of_one_kind_is_nothing_of_another() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let unused = bank.code(held.linkage, |_| ()).await;
    let pushed = kakeibo.push().send().await.text("request_uri");
    let request = pushed.strip_prefix(REQUEST_URI_PREFIX).unwrap();
    for ticket in [held.access.as_str(), held.refresh.as_str(), request] {
        assert_eq!(kakeibo.redeem(ticket).send().await.refusal(), INVALID_GRANT, "as a code");
    }
    for ticket in [held.access.as_str(), unused.as_str(), request] {
        assert_eq!(kakeibo.refresh(ticket).send().await.refusal(), INVALID_GRANT, "as a refresh token");
    }
    let path = "/1001/api/v1/accounts";
    for ticket in [held.refresh.as_str(), unused.as_str(), request] {
        let proof = kakeibo.proof_with(path, ticket).sign();
        let read = bank.http.get(format!("{}{path}", bank.address));
        let read = read.header("authorization", format!("DPoP {ticket}")).header("DPoP", proof);
        assert_eq!(read.send().await.unwrap().status(), 401, "as an access token");
    }
    for ticket in [held.access.as_str(), held.refresh.as_str(), unused.as_str()] {
        let link = format!("/1001/authorize?client_id={}&request_uri={REQUEST_URI_PREFIX}{ticket}", kakeibo.client_id);
        assert_eq!(bank.get(&link).await.status, 400, "as a request_uri");
        let cookie = format!("__Host-renkei-my-1001={ticket}; __Host-renkei-1001={ticket}");
        let list = bank.http.get(format!("{}/1001/my/linkages", bank.address)).header("cookie", cookie);
        assert_eq!(list.send().await.unwrap().status(), 303, "as a session");
    }
    // None of it spent or harmed what it was tried with.
    assert_eq!(kakeibo.redeem(&unused).send().await.status, 200);
    assert_eq!(
        bank.count(&aoi(), "SELECT COUNT(*) FROM requests WHERE institution = ?1 AND consumed_at IS NULL").await,
        1
    );
}
