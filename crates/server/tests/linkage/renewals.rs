//! Renewing a linkage or adding another, and requests that name the linkage they renew.

use renkei_domain::id::LinkageId;
use renkei_domain::linkage::EndedBy;
use renkei_oauth::request::GrantRequest;
use renkei_testing::aoi;
use renkei_testing::seed::{KAKEIBO, Who};

use crate::bank::{Bank, CHOICE, START};
use crate::browser::Browser;

const HALF_YEAR: i64 = 180 * 86_400;

fn naming(linkage: LinkageId) -> GrantRequest {
    GrantRequest::Replace { grant_id: linkage.to_string() }
}

#[tokio::test]
async fn a_renewal_keeps_the_linkage_and_restarts_its_period() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.ready_account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    bank.forward(HALF_YEAR + 86_400);
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("existing");
    browser.submit("existing", &[]).await;
    assert_eq!((browser.page.status, browser.screen()), (422, "existing"), "nothing was chosen");
    browser.submit("existing", &[("renew", &linkage.to_string())]).await;
    let code = browser.allow_for_code().await;
    assert_eq!(bank.code(&code).await.linkage, linkage);
    let linkages = bank.linkages(&hanako).await;
    assert_eq!(linkages.iter().map(|linkage| linkage.id).collect::<Vec<_>>(), [linkage]);
    assert_eq!((linkages[0].begun_at, linkages[0].renewed_at), (START, bank.now()));
    assert!(linkages[0].facts.ends_at > bank.now().plus_seconds(HALF_YEAR));
    assert_eq!(bank.linkage_accounts(linkage).await, [account]);
    assert!(bank.records().await.iter().any(|record| record.0 == "linkage_renewed"));
}

#[tokio::test]
async fn a_second_linkage_stands_beside_the_first() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.ready_account(&hanako).await;
    let first = bank.linkage(&hanako, &[account]).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.submit("existing", &[("renew", "new")]).await;
    let code = browser.allow_for_code().await;
    let second = bank.code(&code).await.linkage;
    assert_ne!(first, second);
    let linkages = bank.linkages(&hanako).await;
    assert_eq!(linkages.len(), 2);
    assert!(linkages.iter().all(|linkage| linkage.ended_at.is_none()));
}

#[tokio::test]
async fn a_linkage_of_another_product_or_user_is_neither_asked_about_nor_ended() {
    let bank = Bank::open().await;
    let (hanako, taro) = (bank.user("hanako").await, bank.user("taro").await);
    let account = bank.ready_account(&hanako).await;
    bank.ready_account(&taro).await;
    let hers = bank.linkage(&hanako, &[account]).await;
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    browser.log_in("hanako").await;
    browser.submit("operations", &[("operation", "balances")]).await;
    browser.allow_for_code().await;
    let mut browser = bank.at_login().await;
    browser.log_in("taro").await;
    browser.allow_for_code().await;
    let first = bank.linkages(&hanako).await.into_iter().find(|linkage| linkage.id == hers).unwrap();
    assert_eq!((first.ended_at, first.renewed_at), (None, START));
    assert_eq!((bank.linkages(&hanako).await.len(), bank.linkages(&taro).await.len()), (2, 1));
}

#[tokio::test]
async fn somebody_elses_linkage_can_not_be_chosen() {
    let bank = Bank::open().await;
    let (hanako, taro) = (bank.user("hanako").await, bank.user("taro").await);
    let account = bank.ready_account(&hanako).await;
    bank.linkage(&hanako, &[account]).await;
    let his = bank.linkage(&taro, &[]).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.submit("existing", &[("renew", &his.to_string())]).await;
    browser.expect_screen("existing");
    assert_eq!(bank.linkages(&taro).await[0].renewed_at, START);
}

#[tokio::test]
async fn a_request_that_names_its_linkage_renews_it_without_a_question() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.ready_account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    bank.linkage(&hanako, &[account]).await;
    let mut browser = bank.at_login_for(KAKEIBO, naming(linkage)).await;
    browser.log_in("hanako").await;
    let code = browser.allow_for_code().await;
    assert_eq!(bank.code(&code).await.linkage, linkage);
    assert_eq!(bank.linkages(&hanako).await.len(), 2);
}

#[tokio::test]
async fn r_165_a_linkage_that_is_not_this_users_is_no_grant_of_hers() {
    let bank = Bank::open().await;
    let (hanako, taro) = (bank.user("hanako").await, bank.user("taro").await);
    let account = bank.ready_account(&hanako).await;
    let his = bank.linkage(&taro, &[]).await;
    let ended = bank.linkage(&hanako, &[account]).await;
    let of_other_product = bank.linkage(&hanako, &[account]).await;
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(ended, EndedBy::Customer, START).await.unwrap());
    tx.commit().await.unwrap();
    for (client_id, grant) in [
        (KAKEIBO, naming(his)),
        (KAKEIBO, naming(ended)),
        (CHOICE, naming(of_other_product)),
        (KAKEIBO, GrantRequest::Replace { grant_id: "no-such-grant".into() }),
    ] {
        let mut browser = bank.at_login_for(client_id, grant).await;
        browser.log_in("hanako").await;
        browser.expect_end("invalid_grant_id", "grant_not_yours");
    }
    assert_eq!(bank.count("SELECT COUNT(*) FROM codes WHERE institution = ?1").await, 0);
}

#[tokio::test]
async fn a_linkage_ended_while_its_renewal_was_on_screen_stays_ended() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.ready_account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    let mut browser = bank.at_login_for(KAKEIBO, naming(linkage)).await;
    browser.log_in("hanako").await;
    let fields = browser.permission();
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(linkage, EndedBy::Customer, START).await.unwrap());
    tx.commit().await.unwrap();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.submit("permission", &fields).await;
    browser.expect_end("invalid_grant_id", "grant_not_yours");
    assert_eq!(bank.linkages(&hanako).await[0].facts.ended_by, Some(EndedBy::Customer));
    assert_eq!(bank.count("SELECT COUNT(*) FROM codes WHERE institution = ?1").await, 0);
}

#[tokio::test]
async fn a_merge_keeps_what_the_grant_had() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.ready_account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    let path = bank
        .push_with(KAKEIBO, |request| {
            request.grant = GrantRequest::Merge { grant_id: linkage.to_string() };
            request.scope = vec!["balances".to_owned()];
        })
        .await;
    let mut browser = bank.browser();
    browser.open(&path).await;
    browser.log_in("hanako").await;
    let code = browser.allow_for_code().await;
    let code = bank.code(&code).await;
    assert_eq!((code.linkage, code.scope.as_str()), (linkage, "balances transactions"));
}

/// A customer at the permission of two walks for the same product, in two tabs of one browser.
async fn two_tabs(bank: &Bank) -> (Browser, Browser, Who) {
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut first = bank.at_login().await;
    first.log_in("hanako").await;
    let mut second = first.clone();
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    second.open(&path).await;
    second.log_in("hanako").await;
    second.expect_screen("permission");
    first.cookies.clone_from(&second.cookies);
    let here = first.path.clone();
    first.open(&here).await;
    first.expect_screen("permission");
    (first, second, hanako)
}

#[tokio::test]
async fn r_203_the_second_of_two_walks_is_asked_about_what_the_first_began() {
    let bank = Bank::open().await;
    let (mut first, mut second, hanako) = two_tabs(&bank).await;
    let begun = first.allow_for_code().await;
    let begun = bank.code(&begun).await.linkage;
    // 許可 on the page that was open already gives nothing; the question comes first.
    let base = second.base();
    let fields = second.permission();
    assert_eq!(second.send_permission(&fields).await.location(), format!("{base}/existing"));
    assert_eq!(bank.linkages(&hanako).await.len(), 1);
    second.open(&format!("{base}/permission")).await;
    second.expect_screen("existing");
    assert!(second.page.text.contains(&begun.to_string()));
    second.submit("existing", &[("renew", &begun.to_string())]).await;
    let renewed = second.allow_for_code().await;
    assert_eq!(bank.code(&renewed).await.linkage, begun);
    assert_eq!(bank.linkages(&hanako).await.len(), 1);
}

#[tokio::test]
async fn whoever_was_asked_may_still_add_another_one() {
    let bank = Bank::open().await;
    let (mut first, mut second, hanako) = two_tabs(&bank).await;
    first.allow_for_code().await;
    let here = second.path.clone();
    second.open(&here).await;
    second.expect_screen("existing");
    second.submit("existing", &[("renew", "new")]).await;
    second.allow_for_code().await;
    assert_eq!(bank.linkages(&hanako).await.len(), 2);
}

/// Gives both permissions at the same moment: one begins a linkage, the other is asked about it.
async fn race(bank: &Bank) {
    let (first, second, hanako) = two_tabs(bank).await;
    let permissions = [first, second].map(|mut browser| {
        tokio::spawn(async move {
            let fields = browser.permission();
            (browser.send_permission(&fields).await.location().to_owned(), browser.base())
        })
    });
    let mut given = 0;
    for permission in permissions {
        let (location, base) = permission.await.unwrap();
        given += usize::from(location.contains("code="));
        assert!(location.contains("code=") || location == format!("{base}/existing"), "{location}");
    }
    assert_eq!((given, bank.linkages(&hanako).await.len()), (1, 1));
    let open = "SELECT COUNT(*) FROM requests WHERE institution = ?1 AND consumed_at IS NULL";
    assert_eq!(bank.count(open).await, 1, "the walk that is asked can still be finished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_203_of_two_permissions_at_once_one_begins_and_the_other_is_asked() {
    for _ in 0..4 {
        race(&Bank::open().await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_203_of_two_permissions_at_once_on_postgres_too() {
    for _ in 0..4 {
        let Some(bank) = Bank::on_postgres().await else { return };
        race(&bank).await;
    }
}
