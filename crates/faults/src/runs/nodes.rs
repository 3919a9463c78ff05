//! Faults of the program's own nodes: killed, at the same rows, asked the same thing twice.

use std::time::Duration;

use super::stage::{Size, Stage, some_time};
use crate::Trouble;
use crate::browser::send;
use crate::history::{Act, Said};
use crate::report::Report;

/// F-01: a node on SQLite is killed at any instant under load, and started again; it is ready within `ready`.
///
/// # Errors
/// What failed.
pub async fn f_01(size: &Size, ready: Duration) -> Result<(), Trouble> {
    let mut stage = Stage::set(None, 1, size).await?;
    let load = stage.load(size);
    let mut took = Vec::new();
    for _ in 0..size.n {
        tokio::time::sleep(some_time(Duration::from_millis(200), Duration::from_secs(3))).await;
        let Some(node) = stage.nodes.pop() else { return Err("no node".into()) };
        let port = node.port;
        node.kill();
        let mut node = stage.bank.start(port)?;
        took.push(node.ready().await?);
        stage.nodes.push(node);
    }
    let mut report = Report::of("f-01");
    report.expect_within("kill to ready", &took, ready);
    stage.end(load, report).await.map(drop)
}

const SEQUENCE: &str = "CREATE SEQUENCE injected";
const FUNCTION: &str = "CREATE FUNCTION inject() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
     IF random() < 0.1 THEN PERFORM nextval(''injected''); \
     RAISE EXCEPTION ''injected'' USING ERRCODE = CASE WHEN random() < 0.5 THEN ''40001'' ELSE ''40P01'' END; END IF; \
     RETURN NEW; END'";
/// Half of the tables are hit at the statement, the audit trail at the commit too.
const TRIGGERS: [&str; 2] = [
    "CREATE TRIGGER inject BEFORE INSERT ON replays FOR EACH ROW EXECUTE FUNCTION inject()",
    "CREATE CONSTRAINT TRIGGER inject AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW \
     EXECUTE FUNCTION inject()",
];

/// F-18: one transaction in ten is taken back by the engine because of others, for so many seconds.
///
/// # Errors
/// What failed.
pub async fn f_18(size: &Size, url: &str) -> Result<(), Trouble> {
    let stage = Stage::set(Some(url), 2, size).await?;
    let store = stage.bank.store().await?;
    for sql in [SEQUENCE, FUNCTION].into_iter().chain(TRIGGERS) {
        let words = |error| format!("the trigger: {error}");
        let mut tx = store.begin_all().await.map_err(words)?;
        tx.execute(sql, &[]).await.map_err(words)?;
        tx.commit().await.map_err(words)?;
    }
    let load = stage.load(size);
    tokio::time::sleep(Duration::from_secs(size.n as u64)).await;
    let words = |error| format!("the count: {error}");
    let row = store.read_all().row("SELECT last_value FROM injected", &[]).await.map_err(words)?;
    let injected: i64 = row.ok_or("no count")?.get(0).map_err(words)?;
    let mut report = Report::of("f-18");
    report.say(format!("{injected} transactions taken back in {} s", size.n));
    report.expect(injected > 1, "nothing was taken back");
    stage.end(load, report).await.map(drop)
}

/// F-28: the same act on two nodes at the same time, so many rounds: 許可, a code, the end of a linkage. PINs are guessed
/// at in two browsers all the while.
///
/// # Errors
/// What failed.
pub async fn f_28(size: &Size, url: &str) -> Result<(), Trouble> {
    let stage = Stage::set(Some(url), 2, size).await?;
    let load = stage.load(&Size { users: 3.min(size.users), ..size.clone() });
    let addresses: Vec<String> = stage.nodes.iter().map(|node| format!("http://127.0.0.1:{}", node.port)).collect();
    let [one, two] = addresses.as_slice() else { return Err("two nodes".into()) };
    let oracle = &stage.oracle;
    let mut report = Report::of("f-28");
    for round in 0..size.n {
        let user = 3 + round % (size.users - 3);
        let Some(code) = oracle.permit_twice(user, [one, two]).await? else { continue };
        let partner = oracle.partner.with_new_proof_key()?;
        let at = |request: crate::partner::Sealed, node: &str| request.at(&partner.address, node).request();
        let (left, right) = tokio::join!(
            send(&oracle.history, Act::Redeem, &code, at(partner.redeem(&code)?, one)),
            send(&oracle.history, Act::Redeem, &code, at(partner.redeem(&code)?, two)),
        );
        for answer in [&left, &right] {
            oracle.history.change(answer.event, |event| {
                event.facts.insert("linkage".into(), answer.member("grant_id"));
            });
        }
        let winners = [&left, &right].into_iter().filter(|answer| answer.said == Said::Done).count();
        report.expect(winners == 1, format!("round {round}: {winners} redemptions won"));
        // A code that came twice takes back what it gave, so the end is tried with another.
        let Some(grant) = oracle.link(user).await? else { continue };
        let (left, right) = tokio::join!(oracle.revoke_at(&grant, one), oracle.revoke_at(&grant, two));
        let ended = [left?, right?].into_iter().filter(|answer| answer.said == Said::Done).count();
        report.expect(ended == 2, format!("round {round}: {ended} of two ends were acknowledged"));
    }
    report.say(format!("{} rounds", size.n));
    stage.end(load, report).await.map(drop)
}
