//! `renkei guards` and `renkei unlock` as staff meet them.

use renkei_domain::account::AccountType;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::guard::{GuardPolicy, LOGIN, LOGIN_DEVICE, PIN};
use renkei_domain::time::Timestamp;
use renkei_server::keys::Keys;
use renkei_store::guards::Subject;
use renkei_store::guesses::{Guess, count_guess};
use renkei_store::{Store, StoreConfig};
use renkei_testing::{SystemRandom, aoi};

use super::command::{FILES, IMPORT, folder, renkei};

/// Far enough ahead for the commands, which look at the real clock, to find a lock in force.
const LATER: Timestamp = Timestamp::from_seconds(4_000_000_000);

async fn fail(store: &Store, subject: Subject, name: &str, policy: &GuardPolicy, times: usize) {
    let mut now = LATER;
    for _ in 0..times {
        let alarm = Record::refused(Actor::System, Action::GuessingNoticed, "logins");
        let guess = Guess { guards: &[(subject, name, policy)], spread: None };
        count_guess(store, &aoi(), &guess, &alarm, now, &SystemRandom).await.unwrap().unwrap();
        now = now.plus_seconds(86_400);
    }
}

#[tokio::test]
async fn r_216_a_106_staff_see_what_is_locked_and_open_it_with_a_reason() {
    let folder = folder();
    let here = folder.path();
    assert!(renkei(here, &[IMPORT.as_slice(), &FILES].concat()).status.success());
    let store = Store::open(&StoreConfig::Sqlite { path: here.join("data/renkei.db") }).await.unwrap();
    let keys =
        Keys::load_or_create(&here.join("data/keys/master.key"), None, Timestamp::from_seconds(0), &SystemRandom)
            .unwrap();
    let hanako = keys.login_guard("hanako01");
    let (branch, number) = ("001".parse().unwrap(), "2000002".parse().unwrap());
    let account = store.read(&aoi()).find_account_by_number(&branch, AccountType::Ordinary, &number).await;
    let account = account.unwrap().unwrap().id.to_string();
    fail(&store, Subject::Login, &hanako, &LOGIN, 100).await;
    fail(&store, Subject::LoginDevice, &format!("{hanako}/00ff"), &LOGIN_DEVICE, 5).await;
    fail(&store, Subject::Login, &keys.login_guard("nobody"), &LOGIN, 1).await;
    fail(&store, Subject::Pin, &account, &PIN, 3).await;

    let listed = |json: bool| {
        let options: &[&str] = if json { &["--json"] } else { &[] };
        let output = renkei(here, &[&["guards", "--institution", "1001"], options].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let lines: serde_json::Value = serde_json::from_str(&listed(true)).unwrap();
    let of = |guard: &str, of: &str| {
        lines.as_array().unwrap().iter().find(|line| line["guard"] == guard && line["of"] == of).unwrap().clone()
    };
    assert_eq!(
        (&of("login", "hanako01")["staff_only"], &of("login", "hanako01")["failures"]),
        (&true.into(), &100.into())
    );
    assert_eq!(of("login_device", "hanako01")["locked_until"], "2096-10-06T16:07:40+09:00");
    assert_eq!(of("pin", "001-1-2000002")["failures"], 3);
    let text = listed(false);
    assert!(text.contains("locked until `renkei unlock`") && text.contains("(nobody's login id)"), "{text}");

    let unlock = |options: &[&str]| renkei(here, &[&["unlock", "--institution", "1001"], options].concat());
    let why = ["--reason", "本人から電話、折り返しで確認", "--operator", "sato"];
    assert_eq!(unlock(&why).status.code(), Some(2), "whom?");
    assert_eq!(unlock(&["--login-id", "hanako01"]).status.code(), Some(2), "why?");
    assert_eq!(
        unlock(&[&["--login-id", "taro01"], why.as_slice()].concat()).status.code(),
        Some(1),
        "nothing is locked"
    );
    assert_eq!(unlock(&[&["--account", "001-1-9999999"], why.as_slice()].concat()).status.code(), Some(1));
    assert!(unlock(&[&["--login-id", "ＨＡＮＡＫＯ０１"], why.as_slice()].concat()).status.success());
    assert!(unlock(&[&["--account", "001-1-2000002"], why.as_slice()].concat()).status.success());
    let left: serde_json::Value = serde_json::from_str(&listed(true)).unwrap();
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
    let records = store.read(&aoi()).list_audit(100).await.unwrap();
    let opened: Vec<_> = records.iter().filter(|record| record.action == "guard_unlocked").collect();
    assert_eq!(opened.len(), 2);
    for record in opened {
        let said = (record.actor.as_deref(), record.detail.as_deref());
        assert_eq!(said, (Some("sato"), Some("本人から電話、折り返しで確認")));
    }
}
