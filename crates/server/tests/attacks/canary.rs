//! Marked secrets go through a real process that logs all it can, which then crashes.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::bank::{PASSWORD, PIN};
use crate::browser::answer_of;
use crate::installation::Installation;
use crate::support::Partner;

/// Lets processes begun from here on leave core dumps as large as the machine allows.
fn allow_core_dumps() {
    let mut limit = getrlimit(Resource::Core);
    limit.current = limit.maximum;
    setrlimit(Resource::Core, limit).unwrap();
}

/// Whether a process that does nothing against it leaves a core dump on this machine.
fn others_leave_core_dumps() -> bool {
    let folder = tempfile::tempdir().unwrap();
    let crashed = Command::new("sh").args(["-c", "kill -ABRT $$"]).current_dir(folder.path()).status();
    crashed.unwrap().core_dumped()
}

/// Sends a code, tokens and their endings to wrong places and in wrong company; gives what was answered.
async fn misuse(kakeibo: &Partner, code: &str, access: &str, refresh: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for draft in [
        kakeibo.redeem(code),
        kakeibo.redeem(access),
        kakeibo.refresh(access),
        kakeibo.refresh(refresh).with("scope", refresh),
        kakeibo.push().with("state", &format!("{refresh}\u{7}")),
        kakeibo.push().with("redirect_uri", refresh),
        kakeibo.revoke(code),
        kakeibo.push().asserting(refresh),
    ] {
        answers.push(draft.send().await.text);
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_110_r_222_a_process_that_logs_all_it_can_and_crashes_gives_no_secret_away() {
    allow_core_dumps();
    let installation = Installation::on_sqlite(1);
    let (node, _) = installation.start_logging().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let mut browser = node.at_login(&kakeibo).await;
    browser.submit("login", &[("login_id", "user0"), ("password", "wrong-password")]).await;
    browser.log_in("user0").await;
    let account = browser.page.values("account").remove(0);
    browser.submit("pins", &[("account", &account), (&format!("pin-{account}"), "9999")]).await;
    if browser.screen() == "results" {
        browser.submit("results", &[("action", "more")]).await;
    }
    browser.register_all().await;
    browser.submit("results", &[("action", "confirm")]).await;
    let cookies = browser.cookies.values().cloned().collect::<Vec<_>>();
    let code = answer_of(&browser.allow().await)["code"].clone();
    let answer = kakeibo.redeem(&code).send().await;
    let (access, refresh) = (answer.text("access_token"), answer.text("refresh_token"));
    assert_eq!(node.read(&kakeibo, &access).await.status, 200);
    let answers = misuse(&kakeibo, &code, &access, &refresh).await;

    let metrics = node.metrics().await;
    assert!(metrics.contains("institution=\"1001\",endpoint=\"token\",status=\"4xx\""), "{metrics}");
    assert!(!metrics.contains("user0") && !metrics.contains(&account), "metrics are about nobody: {metrics}");

    let tickets = [&[code, access, refresh], cookies.as_slice()].concat();
    let secrets = tickets.iter().map(String::as_str).chain([PASSWORD, "wrong-password"]);
    for secret in secrets {
        assert!(secret.len() > 12, "{secret:?} is too short to be looked for");
        assert!(!installation.wrote(secret), "{secret} was written down");
        assert!(!metrics.contains(secret), "{secret} is among the metrics");
        assert!(answers.iter().all(|answer| !answer.contains(secret)), "{secret} was answered: {answers:#?}");
    }
    for place in [format!("={PIN}"), format!("\"{PIN}\""), format!(" {PIN} "), "=9999".to_owned()] {
        assert!(!installation.wrote(&place), "the PIN was written down");
    }
    let left_a_dump = node.crash();
    assert!(!left_a_dump, "the crash left a core dump; others leave one here: {}", others_leave_core_dumps());
}

#[test]
fn r_222_the_program_leaves_no_core_dump_where_others_do() {
    allow_core_dumps();
    if !others_leave_core_dumps() {
        // Where nobody leaves one there is nothing to compare with; the test above holds all the same.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_renkei"))
        .args(["demo", "--port", "0", "--partner-port", "0", "--certificate-port", "0", "--data"])
        .arg(folder.path().join("demo"))
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(process.stdout.take().unwrap()), &mut line).unwrap();
    let told = Command::new("kill").args(["-ABRT", &process.id().to_string()]).status();
    assert!(told.unwrap().success());
    assert!(!process.wait().unwrap().core_dumped());
}
