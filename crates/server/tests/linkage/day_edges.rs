//! The days a permission names and the instants it holds: the end of a month, of a year of the era, of a February with
//! 29 days; and a permission that is read on one day and given on the next.

use renkei_domain::linkage::{Reason, standing};
use renkei_domain::time::Day;

use crate::bank::{Bank, PASSWORD};
use crate::browser::Browser;

const DAY: i64 = 86_400;
/// Days of the product's period.
const PERIOD: i32 = 180;
/// What the list of linkages says of one that is over.
const OVER: &str = "有効期限が過ぎたため";

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

/// hanako at the last page, in the last second of the day whose permissions hold until this one.
async fn at_permission(bank: &Bank, until: Day) -> Browser {
    let given_on = until.plus_days(-PERIOD);
    bank.forward(bank.now().seconds_until(given_on.begins_at()) + DAY - 1);
    assert!(bank.now().to_rfc3339().ends_with("T23:59:59+09:00"));
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("permission");
    browser
}

async fn linkages_page(bank: &Bank) -> String {
    let mut own = bank.browser();
    assert_eq!(own.my_login("hanako", PASSWORD).await.status, 303);
    own.get("/1001/my/linkages").await.text
}

#[tokio::test]
async fn f_23_a_permission_holds_until_the_last_second_of_the_day_it_names() {
    for until in ["2027-06-30", "2027-12-31", "2028-02-29", "2029-02-28"].map(day) {
        let (bank, hanako, _) = Bank::with_hanako().await;
        let mut browser = at_permission(&bank, until).await;
        let shown = format!("{}まで", until.to_japanese());
        assert!(browser.page.text.contains(&shown), "{shown}");
        browser.allow_for_code().await;
        // The partner redeemed the code at once.
        bank.change("UPDATE linkages SET taken_at = renewed_at WHERE institution = ?1").await;
        let linkage = bank.linkages(&hanako).await.remove(0);
        // What is enforced is the instant after the last second of the day that was shown.
        assert_eq!(linkage.facts.ends_at, until.plus_days(1).begins_at());
        assert!(linkage.operations.iter().all(|own| own.ends_at == linkage.facts.ends_at));
        let kept = bank.app.store.read(&renkei_testing::aoi()).list_consents(linkage.id).await.unwrap();
        assert!(kept[0].shown_text.contains(&shown), "the evidence names another day");
        bank.forward(bank.now().seconds_until(linkage.facts.ends_at) - 1);
        assert_eq!(bank.now().to_rfc3339(), format!("{until}T23:59:59+09:00"));
        assert_eq!(standing(&linkage.facts, bank.now()), Ok(()));
        assert!(!linkages_page(&bank).await.contains(OVER));
        bank.forward(1);
        assert_eq!(standing(&linkage.facts, bank.now()), Err(Reason::LinkageExpired));
        let page = linkages_page(&bank).await;
        assert!(page.contains(OVER) && page.contains(&until.to_japanese()), "{page}");
        // Time has ended it, nobody else: there is nothing that could end it twice.
        assert!(bank.linkages(&hanako).await[0].ended_at.is_none());
        assert!(!bank.records().await.iter().any(|record| record.0 == "linkage_ended"));
    }
}

#[tokio::test]
async fn f_23_a_permission_read_before_midnight_and_given_after_it_is_shown_anew() {
    let (bank, hanako, _) = Bank::with_hanako().await;
    let mut browser = at_permission(&bank, day("2028-02-28")).await;
    assert!(browser.page.text.contains("2028年2月28日まで"));
    let read = browser.permission();
    bank.forward(1);
    let answer = browser.send_permission(&read).await;
    assert_eq!(answer.status, 422);
    assert!(bank.linkages(&hanako).await.is_empty());
    browser.page = answer;
    assert!(browser.page.text.contains("2028年2月29日まで"));
    let read = browser.permission();
    assert_eq!(browser.send_permission(&read).await.status, 303);
    let linkage = bank.linkages(&hanako).await.remove(0);
    assert_eq!(linkage.facts.ends_at.to_rfc3339(), "2028-03-01T00:00:00+09:00");
}
