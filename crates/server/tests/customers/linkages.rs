//! `renkei linkages` as staff meet it.

use std::path::Path;

use renkei_domain::id::AccountId;
use renkei_domain::linkage::EndedBy;
use renkei_domain::notice::Happened;
use renkei_domain::time::Timestamp;
use renkei_store::{Store, StoreConfig, params};
use renkei_testing::seed::{self, KAKEIBO};
use renkei_testing::{aoi, midori};
use serde_json::Value;

use super::command::renkei;

/// Some time before the commands' clock, and for long after it.
const PERIOD: (Timestamp, Timestamp) = (Timestamp::from_seconds(1_700_000_000), Timestamp::from_seconds(4_000_000_000));
const NONE: [AccountId; 0] = [];

fn list(here: &Path, whose: &[&str]) -> Vec<Value> {
    let output = renkei(here, &[&["linkages", "list", "--institution", "1001", "--json"], whose].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn end(here: &Path, options: &[&str]) -> (Option<i32>, String) {
    let output = renkei(here, &[&["linkages", "end", "--operator", "sato"], options].concat());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn r_167_staff_find_a_linkage_and_end_it_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert!(renkei(here, &["migrate"]).status.success());
    let store = Store::open(&StoreConfig::Sqlite { path: here.join("data/renkei.db") }).await.unwrap();
    for institution in [aoi(), midori()] {
        seed::institution(&store, &institution, "{\"keys\":[]}").await;
    }
    let hanako = seed::customer(&store, &aoi(), "hanako").await;
    let taro = seed::customer(&store, &aoi(), "taro").await;
    let own = seed::linkage(&store, &aoi(), &hanako, &NONE, PERIOD).await.to_string();
    let other = seed::linkage(&store, &aoi(), &taro, &NONE, PERIOD).await.to_string();
    let lapsed = seed::linkage(&store, &aoi(), &taro, &NONE, PERIOD).await;
    let mut tx = store.begin(&aoi()).await.unwrap();
    let forget = "UPDATE linkages SET taken_at = NULL WHERE institution = ?1 AND linkage_id = ?2";
    tx.execute(forget, params![lapsed]).await.unwrap();
    tx.commit().await.unwrap();

    let found = list(here, &["--login-id", "ＨＡＮＡＫＯ"]);
    assert_eq!(found.len(), 1);
    let told = |line: &Value, name: &str| line[name].as_str().unwrap_or("null").to_owned();
    let said = ["linkage", "login_id", "state", "ended_at"].map(|name| told(&found[0], name));
    assert_eq!(said, [own.clone(), "hanako".into(), "in_force".into(), "null".into()]);
    let partner = told(&found[0], "partner");
    let states: Vec<_> = list(here, &["--partner", &partner]).iter().map(|line| told(line, "state")).collect();
    assert_eq!(states.iter().filter(|state| *state == "in_force").count(), 2, "{states:?}");
    assert_eq!(states.iter().filter(|state| *state == "not_taken").count(), 1, "{states:?}");

    let why = ["--reason", "called in, answered the questions"];
    let at = ["--institution", "1001"];
    assert_eq!(end(here, &[&at, [own.as_str()].as_slice()].concat()).0, Some(2), "why?");
    assert_eq!(end(here, &[&at, why.as_slice(), &["x"]].concat()).0, Some(2), "no such name");
    assert_eq!(end(here, &[&["--institution", "1002"], why.as_slice(), &[&own]].concat()).0, Some(1), "another's");
    assert_eq!(end(here, &[&["--institution", "9999"], why.as_slice(), &[&own]].concat()).0, Some(1));
    let (code, said) = end(here, &[&at, why.as_slice(), &[lapsed.to_string().as_str()]].concat());
    assert!(code == Some(1) && said.contains("not redeemed in time"), "{said}");
    assert_eq!(end(here, &[&at, why.as_slice(), &[&own]].concat()), (Some(0), String::new()));
    let (code, said) = end(here, &[&at, why.as_slice(), &[&own]].concat());
    assert!(code == Some(1) && said.contains("ended_by_institution"), "{said}");
    assert_eq!(told(&list(here, &["--login-id", "hanako"])[0], "state"), "ended_by_institution");
    assert_eq!(told(&list(here, &["--login-id", "taro"]).pop().unwrap(), "state"), "in_force");
    assert!(list(here, &["--login-id", "taro"]).iter().any(|line| told(line, "linkage") == other));

    let records = store.read(&aoi()).list_audit(100).await.unwrap();
    let ended: Vec<_> = records.iter().filter(|record| record.action == "linkage_ended").collect();
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].object.as_deref(), ended[0].detail.as_deref()), (Some(own.as_str()), Some(why[1])));
    assert!(records.iter().filter(|record| record.action == "linkages_viewed").count() >= 4);
    let notices = store.read(&aoi()).list_notices(hanako.user, 10).await.unwrap();
    let told: Vec<Happened> = notices.into_iter().map(|(_, what)| what).collect();
    assert_eq!(told, [Happened::Ended(EndedBy::Institution, KAKEIBO.to_owned())]);
}

#[test]
fn whose_linkages_must_be_said_and_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert!(renkei(here, &["migrate"]).status.success());
    let code = |options: &[&str]| renkei(here, &[&["linkages", "list"], options].concat()).status.code();
    assert_eq!(code(&["--institution", "1001"]), Some(2));
    assert_eq!(code(&["--institution", "1001", "--login-id", "hanako", "--partner", "kakeibo"]), Some(2));
    assert_eq!(code(&["--institution", "1001", "--login-id", "hanako"]), Some(1));
}
