//! What a customer finds in the list of linkages when it was the partner, or nobody, who took them.

use renkei_domain::linkage::EndedBy;
use renkei_testing::aoi;

use crate::bank::{Bank, PASSWORD};

#[tokio::test]
async fn r_166_a_linkage_whose_code_was_never_redeemed_leaves_the_list_and_is_not_offered_for_renewal() {
    let (bank, hanako, _) = Bank::with_hanako().await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.allow_for_code().await;
    let linkage = bank.linkages(&hanako).await[0].id;
    let path = format!("/1001/my/linkages/{linkage}");
    let mut own = bank.browser();
    assert_eq!(own.my_login("hanako", PASSWORD).await.status, 303);
    own.open("/1001/my/linkages").await;
    assert!(own.page.text.contains(&path), "{}", own.page.text);
    bank.forward(60);
    own.open("/1001/my/linkages").await;
    assert!(!own.page.text.contains(&path), "{}", own.page.text);
    for path in [path.clone(), format!("{path}/stop"), format!("{path}/accounts")] {
        assert_eq!(own.get(&path).await.status, 404, "{path}");
    }
    let mut again = bank.at_login().await;
    again.log_in("hanako").await;
    again.expect_screen("permission");
}

#[tokio::test]
async fn r_164_r_167_a_linkage_the_partner_gave_back_is_shown_as_that() {
    let (bank, hanako, account) = Bank::with_hanako().await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    let mut own = bank.browser();
    assert_eq!(own.my_login("hanako", PASSWORD).await.status, 303);
    own.open("/1001/my/linkages").await;
    let before = own.page.text.clone();
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(linkage, EndedBy::Partner, bank.now()).await.unwrap());
    tx.commit().await.unwrap();
    own.open("/1001/my/linkages?lang=en").await;
    let told = "Stopped at the partner.";
    assert!(own.page.text.contains(told) && !before.contains(told), "{}", own.page.text);
}
