//! What the sweep takes is dead already: nobody notices that it went.

use renkei_server::retention::{Turn, walk};
use renkei_store::retention::CLASSES;
use renkei_testing::aoi;

use crate::support::{Bank, LINKAGE_SECONDS};

const DAY: i64 = 86_400;

async fn sweep(bank: &Bank) -> u64 {
    let mut deleted = 0;
    for class in CLASSES {
        deleted += walk(&bank.app, class, &Turn::default()).await.unwrap();
    }
    deleted
}

async fn left(bank: &Bank, table: &'static str) -> i64 {
    bank.count(&aoi(), table).await
}

#[tokio::test]
async fn a_partner_reads_on_whatever_was_swept_and_what_was_dead_stays_dead() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    assert_eq!(sweep(&bank).await, 0, "everything is in use");
    bank.clock.forward(LINKAGE_SECONDS - 60);
    assert!(sweep(&bank).await >= 2, "the token and the identifiers");
    assert_eq!(left(&bank, "SELECT COUNT(*) FROM replays WHERE institution = ?1").await, 0);
    assert!(!bank.is_live(&held.access).await);
    let answer = kakeibo.refresh(&held.refresh).send().await;
    assert_eq!(answer.status, 200);
    assert!(bank.is_live(&answer.text("access_token")).await);
    bank.clock.forward(DAY);
    sweep(&bank).await;
    assert_eq!(left(&bank, "SELECT COUNT(*) FROM codes WHERE institution = ?1").await, 0);
    assert_eq!(kakeibo.redeem(&held.code).send().await.refusal(), (400, "invalid_grant"));
    bank.clock.forward(31 * DAY);
    sweep(&bank).await;
    assert_eq!(left(&bank, "SELECT COUNT(*) FROM refresh_tokens WHERE institution = ?1").await, 0);
    assert_eq!(kakeibo.refresh(&held.refresh).send().await.refusal(), (400, "invalid_grant"));
    assert_eq!(bank.recorded("token_refreshed", "done", "").await, 1, "the trail stays");
}
