//! Codes and tokens on two nodes.

use futures_util::future::join_all;
use reqwest::Method;

use crate::installation::{Installation, rounds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_097_a_002_of_fifty_redemptions_over_two_nodes_one_succeeds_in_every_round() {
    let Some(installation) = Installation::on_postgres(rounds()).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    for round in 0..rounds() {
        let code = one.code(&kakeibo, &format!("user{round}")).await;
        let redemptions = (0..50).map(|n| [&one, &two][n % 2].serves(&kakeibo).redeem(&code).send());
        let answers = join_all(redemptions).await;
        let winners = answers.iter().filter(|answer| answer.status == 200).count();
        let losers = answers.iter().filter(|answer| answer.refusal() == (400, "invalid_grant")).count();
        assert_eq!((winners, losers), (1, 49), "round {round}");
        // Freshly signed second attempts take back what the first one gave.
        let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
        assert_eq!(two.read(&kakeibo, &winner.text("access_token")).await.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_001_a_code_used_again_at_another_node_takes_its_tokens_back_everywhere() {
    let Some(installation) = Installation::on_postgres(1).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    let code = one.code(&kakeibo, "user0").await;
    let first = kakeibo.redeem(&code).seal();
    let answer = first.clone().send().await;
    let (access, refresh) = (answer.text("access_token"), answer.text("refresh_token"));
    // The network brings the very same request again: it ends at its assertion and takes nothing back.
    assert_eq!(first.send().await.refusal(), (401, "invalid_client"));
    assert_eq!(two.read(&kakeibo, &access).await.status, 200);
    assert_eq!(two.serves(&kakeibo).redeem(&code).send().await.refusal(), (400, "invalid_grant"));
    for node in [&one, &two] {
        assert_eq!(node.read(&kakeibo, &access).await.status, 401);
        assert_eq!(node.serves(&kakeibo).refresh(&refresh).send().await.refusal(), (400, "invalid_grant"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_145_r_160_a_067_after_a_revocation_no_node_takes_a_token_of_a_refresh_beside_it() {
    let Some(installation) = Installation::on_postgres(rounds()).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    for round in 0..rounds() {
        let (access, refresh) = one.tokens(&kakeibo, &format!("user{round}")).await;
        let refreshes = join_all((0..6).map(|n| [&one, &two][n % 2].serves(&kakeibo).refresh(&refresh).send()));
        let (refreshed, revoked) = tokio::join!(refreshes, two.serves(&kakeibo).revoke(&refresh).send());
        assert_eq!(revoked.status, 200, "{}", revoked.text);
        let minted = refreshed.iter().filter(|answer| answer.status == 200).map(|answer| answer.text("access_token"));
        for token in minted.chain([access]) {
            for node in [&one, &two] {
                assert_eq!(node.read(&kakeibo, &token).await.status, 401, "round {round}");
            }
        }
        assert_eq!(one.serves(&kakeibo).refresh(&refresh).send().await.refusal(), (400, "invalid_grant"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_038_r_039_a_suspended_partner_is_refused_by_every_node_from_the_answer_to_the_operator_on() {
    let Some(mut installation) = Installation::on_postgres(2).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    let stranger = one.partner(&installation.stranger);
    let (access, refresh) = one.tokens(&kakeibo, "user0").await;
    let path = one.pushed(&kakeibo).await;
    assert_eq!(two.read(&kakeibo, &access).await.status, 200);
    installation.apply("suspended");
    for node in [&one, &two] {
        let at = node.serves(&kakeibo);
        assert_eq!(at.push().send().await.refusal(), (401, "invalid_client"));
        assert_eq!(at.refresh(&refresh).send().await.refusal(), (401, "invalid_client"));
        assert_eq!(node.read(&kakeibo, &access).await.status, 401);
        assert_eq!(node.browser().get(&path).await.status, 400);
        // Giving tokens back is refused too, and nothing a partner holds makes it active again.
        assert_eq!(at.revoke(&refresh).send().await.refusal(), (401, "invalid_client"));
        assert_eq!(at.push().send().await.refusal(), (401, "invalid_client"));
        assert_eq!(node.serves(&stranger).push().send().await.status, 201);
    }
    installation.apply("active");
    assert_eq!(two.read(&kakeibo, &access).await.status, 200, "the linkage was kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_164_r_167_r_145_a_linkage_ended_by_partner_or_operator_is_over_at_every_node_at_once() {
    let Some(installation) = Installation::on_postgres(2).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    let stranger = one.partner(&installation.stranger);
    for (user, reason) in [("user0", "ended_by_partner"), ("user1", "ended_by_institution")] {
        let code = one.code(&kakeibo, user).await;
        let given = kakeibo.redeem(&code).send().await;
        let (access, refresh, grant) =
            (given.text("access_token"), given.text("refresh_token"), given.text("grant_id"));
        assert_eq!(two.read(&kakeibo, &access).await.status, 200);
        let foreign = stranger.manage(Method::DELETE, &grant).await;
        assert_eq!((foreign.refusal(), two.read(&kakeibo, &access).await.status), ((404, "invalid_grant_id"), 200));
        if reason == "ended_by_partner" {
            assert_eq!(one.serves(&kakeibo).manage(Method::DELETE, &grant).await.status, 204);
        } else {
            installation.end_linkage(&grant);
        }
        for node in [&two, &one] {
            let read = node.read(&kakeibo, &access).await;
            assert_eq!((read.status, read.text("error").as_str()), (401, reason));
            let refused = node.serves(&kakeibo).refresh(&refresh).send().await;
            assert_eq!((refused.refusal(), refused.text("reason").as_str()), ((400, "invalid_grant"), reason));
            let asked = node.serves(&kakeibo).manage(Method::GET, &grant).await;
            assert_eq!((asked.refusal(), asked.text("reason").as_str()), ((404, "invalid_grant_id"), reason));
        }
    }
}
