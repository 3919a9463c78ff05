//! Importers that are interrupted, meet one another, or take over.

use std::path::PathBuf;
use std::sync::Mutex;

use renkei_server::ledger::import::{Failure, Importer, Pass, Progress, Step, import_entries};
use renkei_store::leases::Lease;
use renkei_store::{Store, params};
use renkei_testing::{midori, on_each_engine};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Desk, Unwatched, line, new_lines, statement};

/// More lines than one transaction writes, and more records than the importer reads without saying so.
const LINES: i64 = 4_200;

fn long_file(desk: &Desk, opening: i64) -> PathBuf {
    let lines: Vec<_> = (1..=LINES).map(|amount| line(5, amount, "A")).collect();
    desk.put("long.txt", &statement(1, 10, opening, &lines))
}

/// Does something once, in the middle of the second reading.
struct WhileWriting<F>(Option<F>);

impl<F: FnOnce() + Send> Progress for WhileWriting<F> {
    fn step(&mut self, step: Step<'_>) {
        if step.pass == Pass::Write
            && step.bytes < step.of_bytes
            && let Some(act) = self.0.take()
        {
            act();
        }
    }
}

/// Runs something to its end from within a step.
fn meanwhile<T: Send>(work: impl Future<Output = T> + Send) -> T {
    tokio::task::block_in_place(|| Handle::current().block_on(work))
}

/// Drops a run in the middle of the second reading. Somebody holds its lease then, so that it can't come to its end before
/// it is looked whether it is to stop.
async fn interrupt(importer: &Importer<'_>, path: PathBuf) {
    let paths = [path];
    let (stop, stopped) = oneshot::channel();
    let held = Mutex::new(None);
    let mut progress = WhileWriting(Some(|| {
        let tx = meanwhile(async {
            let mut tx = importer.store.begin(importer.institution).await.unwrap();
            tx.execute("UPDATE leases SET holder = holder WHERE institution = ?1", &[]).await.unwrap();
            tx
        });
        *held.lock().unwrap() = Some(tx);
        stop.send(()).unwrap();
    }));
    tokio::select! {
        biased;
        told = stopped => told.unwrap(),
        outcome = import_entries(importer, &paths, &mut progress) => panic!("not interrupted: {outcome:?}"),
    }
}

on_each_engine! {
    async fn an_interrupted_run_leaves_nothing_to_be_seen_and_the_next_one_works(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let path = long_file(&desk, 70);
        interrupt(&desk.importer(true), path.clone()).await;
        assert!(desk.number("SELECT COUNT(*) FROM entries WHERE institution = ?1").await > 0, "written, but not in force");
        assert_eq!(desk.number("SELECT COUNT(*) FROM accounts WHERE institution = ?1").await, 0);

        let early = desk.import(std::slice::from_ref(&path)).await;
        assert!(matches!(early, Err(Failure::Busy(_))), "its lease has not expired: {early:?}");
        desk.wait(61);
        let report = desk.import(&[path]).await.unwrap();
        assert_eq!((new_lines(&report), desk.balance().await), (vec![LINES], 70 + LINES * (LINES + 1) / 2));
        assert_eq!(desk.number("SELECT COUNT(*) FROM entries WHERE institution = ?1").await, LINES);
        let open = "SELECT COUNT(*) FROM imports WHERE institution = ?1 AND ended_at IS NULL";
        assert_eq!(desk.number(open).await, 0);
    }

    async fn a_run_interrupted_over_an_account_that_has_entries_takes_none_of_them_along(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        desk.import_bytes(&statement(1, 4, 0, &[line(2, 70, "B")])).await.unwrap();
        let before = desk.ledger().await.1;
        interrupt(&desk.importer(true), long_file(&desk, 70)).await;
        assert_eq!(desk.ledger().await.1, before, "the account is as it was");
        desk.wait(61);
        let next = desk.import_bytes(&statement(6, 9, 70, &[line(7, 5, "C")])).await.unwrap();
        assert_eq!((new_lines(&next), desk.balance().await), (vec![1], 75));
        assert_eq!(desk.number("SELECT COUNT(*) FROM entries WHERE institution = ?1").await, 2);
        assert_eq!(desk.number("SELECT CAST(SUM(credit) AS BIGINT) FROM account_days WHERE institution = ?1").await, 75);
    }

    async fn a_second_importer_is_told_who_is_at_it(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let path = long_file(&desk, 0);
        let mut told = None;
        let second = || {
            told = Some(meanwhile(import_entries(&desk.importer(true), std::slice::from_ref(&path), &mut Unwatched)));
        };
        let mut progress = WhileWriting(Some(second));
        let first = import_entries(&desk.importer(true), std::slice::from_ref(&path), &mut progress).await;
        assert_eq!(new_lines(&first.unwrap()), [LINES]);
        let failure = told.unwrap().unwrap_err();
        assert!(matches!(&failure, Failure::Busy(lease) if lease.holder.starts_with("hanako (desk 1), run ")), "{failure}");
        assert!(failure.to_japanese().contains("hanako (desk 1)"), "{}", failure.to_japanese());
    }

    async fn an_importer_that_was_overtaken_puts_nothing_in_force(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let path = long_file(&desk, 0);
        let overtake = || {
            meanwhile(async {
                desk.wait(61);
                let now = desk.clock_now();
                let mut tx = store.begin(&desk.institution).await.unwrap();
                let other = Lease { holder: "taro".into(), expires_at: now.plus_seconds(60) };
                assert!(tx.claim_lease("import", &other, now).await.unwrap());
                tx.commit().await.unwrap();
            });
        };
        let overtaken =
            import_entries(&desk.importer(true), std::slice::from_ref(&path), &mut WhileWriting(Some(overtake))).await;
        assert!(matches!(overtaken, Err(Failure::Overtaken)), "{overtaken:?}");
        assert_eq!(desk.number("SELECT COUNT(*) FROM accounts WHERE institution = ?1").await, 0);
        let lease = store.read(&desk.institution).find_lease("import").await.unwrap().unwrap();
        assert_eq!(lease.holder, "taro", "the other's lease is left alone");
        desk.wait(61);
        assert_eq!(new_lines(&desk.import(&[path]).await.unwrap()), [LINES]);
        assert_eq!(desk.number("SELECT COUNT(*) FROM entries WHERE institution = ?1").await, LINES);
    }

    async fn institutions_import_side_by_side_and_apart(store: Store) {
        let desk = Desk::of_aoi(&store).await;
        let other = Desk::of(&store, midori(), &[]).await;
        let path = long_file(&desk, 0);
        let mut theirs = super::header(1, 10, 5);
        theirs.institution_code = "1002".into();
        let their_path = other.put("their.txt", &super::file(&[(theirs, vec![line(2, 1, "A")])]));
        let mut outcome = None;
        let second = || outcome = Some(meanwhile(other.import(std::slice::from_ref(&their_path))));
        let mut progress = WhileWriting(Some(second));
        let first = import_entries(&desk.importer(true), std::slice::from_ref(&path), &mut progress).await;
        assert_eq!(new_lines(&first.unwrap()), [LINES]);
        assert_eq!((new_lines(&outcome.unwrap().unwrap()), other.balance().await), (vec![1], 6));
        assert_eq!(desk.entries_of_others(&midori()).await, 1);
    }
}

impl Desk {
    fn clock_now(&self) -> renkei_domain::time::Timestamp {
        renkei_domain::time::Clock::now(&self.clock)
    }

    async fn entries_of_others(&self, institution: &renkei_domain::institution::InstitutionCode) -> i64 {
        let select = "SELECT COUNT(*) FROM entries WHERE institution = ?1";
        self.store.read(institution).row(select, params![]).await.unwrap().unwrap().get(0).unwrap()
    }
}
