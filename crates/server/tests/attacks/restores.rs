//! An old backup is restored: nothing that was revoked or guessed at since may come back to life.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use renkei_store::params;
use renkei_testing::{aoi, midori};

use crate::bank::PIN;
use crate::browser::answer_of;
use crate::installation::{Installation, Node};
use crate::support::Partner;

async fn expect_dead(node: &Node, kakeibo: &Partner, tokens: &[(String, String)]) {
    for (access, refresh) in tokens {
        assert_eq!(node.read(kakeibo, access).await.status, 401);
        assert_eq!(kakeibo.refresh(refresh).send().await.refusal(), (400, "invalid_grant"));
    }
}

/// Enters this PIN for the account of `user2`, whether the page offers it or not.
async fn enter_pin(installation: &Installation, node: &Node, kakeibo: &Partner, pin: &str) {
    let mut browser = node.at_login(kakeibo).await;
    browser.log_in("user2").await;
    browser.expect_screen("pins");
    let select = "SELECT account_id FROM accounts WHERE institution = ?1 AND number = '2000002'";
    let row = installation.store().await.read(&aoi()).row(select, &[]).await.unwrap();
    let account: String = row.unwrap().get(0).unwrap();
    browser.submit("pins", &[("account", &account), (&format!("pin-{account}"), pin)]).await;
}

const VERDICTS: &str =
    "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'pin_tried' AND detail = 'wrong_pin'";
const LOCKED: &str = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'pin_tried' AND detail = 'locked'";

/// As if so many seconds had gone by since the restore.
async fn let_pass(installation: &Installation, seconds: i64) {
    for institution in [aoi(), midori()] {
        let mut tx = installation.store().await.begin(&institution).await.unwrap();
        let update = "UPDATE epochs SET epoch = epoch - ?2 WHERE institution = ?1";
        tx.execute(update, params![seconds * 1_000_000]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn keys_of(node: &Node) -> String {
    node.http.get(format!("{}/1001/jwks", node.address())).send().await.unwrap().text().await.unwrap()
}

async fn an_old_backup(installation: Installation) {
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (revoked, kept) = (node.tokens(&kakeibo, "user0").await, node.tokens(&kakeibo, "user1").await);
    let unused = node.code(&kakeibo, "user1").await;
    let open = node.at_permission(&kakeibo, "user0").await;
    let keys = keys_of(&node).await;
    let file = installation.path("renkei.backup");
    let file = file.to_str().unwrap();
    installation.run(&["backup", "--to", file]);
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);

    // What the backup does not know of.
    assert_eq!(kakeibo.revoke(&revoked.1).send().await.status, 200);
    let later = node.tokens(&kakeibo, "user0").await;
    for guess in ["0000", "0001", "0002"] {
        enter_pin(&installation, &node, &kakeibo, guess).await;
    }
    assert_eq!(installation.count(VERDICTS).await, 3);
    node.stop();

    let refused = installation.output(&["restore", file]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--replace"));
    assert_eq!(installation.count(VERDICTS).await, 3, "nothing was changed");
    installation.run(&["restore", file, "--replace", "--operator", "hanako"]);
    assert_eq!(installation.count(VERDICTS).await, 0, "the backup is from before");
    let_pass(&installation, 600).await;

    let node = installation.start().await;
    let kakeibo = node.serves(&kakeibo);
    expect_dead(&node, &kakeibo, &[revoked, kept, later]).await;
    assert_eq!(kakeibo.redeem(&unused).send().await.refusal(), (400, "invalid_grant"));
    let mut again = node.browser();
    again.cookies = open.cookies.clone();
    let page = again.get(&open.path).await;
    assert!(!page.has("allow"), "the browser's session is over: {}", page.text);
    assert_ne!(keys_of(&node).await, keys, "a key that was taken out since the backup does not sign again");
    for pin in [PIN, "0003"] {
        enter_pin(&installation, &node, &kakeibo, pin).await;
    }
    assert_eq!((installation.count(VERDICTS).await, installation.count(LOCKED).await), (0, 2), "no try more");
    let records = installation.records("1001").await;
    assert!(records.contains("\"restored\"") && records.contains("hanako"), "{records}");

    // The customer's new permission is all that is needed.
    let mut browser = node.at_login(&kakeibo).await;
    browser.log_in("user1").await;
    browser.expect_screen("existing");
    browser.submit("existing", &[("renew", "new")]).await;
    let code = answer_of(&browser.allow().await)["code"].clone();
    let answer = kakeibo.redeem(&code).send().await;
    assert_eq!(node.read(&kakeibo, &answer.text("access_token")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_10_a_restored_old_backup_revives_no_token_and_gives_no_try_more_on_sqlite() {
    an_old_backup(Installation::on_sqlite(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_10_a_restored_old_backup_revives_no_token_and_gives_no_try_more_on_postgresql() {
    let Some(installation) = Installation::on_postgres(3).await else { return };
    an_old_backup(installation).await;
}
