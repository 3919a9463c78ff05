//! Guesses at once over two nodes.

use futures_util::future::join_all;

use crate::installation::Installation;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_221_a_101_of_64_pins_over_four_sessions_and_two_nodes_at_most_three_get_a_verdict() {
    let Some(installation) = Installation::on_postgres(1).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    let mut posts = Vec::new();
    let mut browsers = Vec::new();
    for n in 0..4 {
        let mut browser = [&one, &two][n % 2].at_login(&kakeibo).await;
        browser.log_in("user0").await;
        browser.expect_screen("pins");
        browsers.push(browser);
    }
    let account = browsers[0].page.values("account").remove(0);
    let field = format!("pin-{account}");
    for guess in 0..64 {
        let browser = &browsers[guess % 4];
        let (csrf, version) = browser.token();
        let pin = format!("{guess:04}");
        let fields = [("csrf", csrf.as_str()), ("version", &version), ("account", &account), (&field, &pin)];
        posts.push(browser.request(&format!("{}/pins", browser.base()), &fields));
    }
    let answers = join_all(posts.into_iter().map(crate::support::Answer::to)).await;
    assert!(answers.iter().all(|answer| answer.status < 500), "{answers:?}");
    let verdicts =
        "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'pin_tried' AND detail = 'wrong_pin'";
    assert_eq!(installation.count(verdicts).await, 3);
    let locked = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'pin_tried' AND detail = 'locked'";
    let before = installation.count(locked).await;
    // After a restart it is still locked, in a new flow and for the right PIN.
    one.stop();
    let again = installation.start().await;
    let mut browser = again.at_login(&kakeibo).await;
    browser.log_in("user0").await;
    let account = [("account", account.as_str()), (&field, crate::bank::PIN)];
    browser.submit("pins", &account).await;
    assert_eq!((installation.count(verdicts).await, installation.count(locked).await), (3, before + 1));
}
