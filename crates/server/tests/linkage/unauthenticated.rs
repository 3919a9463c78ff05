//! Nobody is sent away from the bank before logging in.

use crate::bank::Bank;

#[tokio::test]
async fn r_083_before_a_login_no_redirect_leaves_the_bank() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut browser = bank.at_login().await;
    let base = browser.base();
    for screen in ["login", "operations", "pins", "results", "existing", "permission", "ended"] {
        let answer = browser.get(&format!("{base}/{screen}")).await;
        assert!(!answer.header("location").contains("kakeibo.example"), "{screen}");
        assert_eq!(answer.header("refresh"), "", "{screen}");
    }
    let wrong = browser.post("login", &[("login_id", "hanako"), ("password", "wrong")]).await;
    assert!(!wrong.header("location").contains("kakeibo.example"));
    // Who leaves before the login is led over a page of the bank that names the host, by pressing a button of ours.
    let left = browser.post("cancel", &[]).await;
    assert!(left.location().starts_with(&format!("{base}/ended")), "{}", left.location());
    let page = browser.get(left.location()).await;
    assert_eq!((page.status, page.header("location")), (200, ""));
    assert!(page.text.contains("kakeibo.example"));
}
