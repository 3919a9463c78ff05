//! Pushed requests, codes, tokens and replays: what happens once happens once, and what hangs on a linkage ends with it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::id::{AccountId, LinkageId, time_ordered};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::{EndedBy, Reason, standing};
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_domain::token::Binding;
use renkei_store::codes::{Code, RequestFacts};
use renkei_store::tokens::{AccessToken, RefreshToken};
use renkei_store::{Ended, Random, Step, Store, Unit, params};
use renkei_testing::seed::{self, KAKEIBO};
use renkei_testing::{SystemRandom, aoi, midori, on_each_engine};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LATER: Timestamp = Timestamp::from_seconds(1_800_000_300);

fn ticket() -> Ticket {
    let random: &dyn Random = &SystemRandom;
    Ticket::new(time_ordered(NOW, &random.bytes()), &random.bytes())
}

/// The same first part, another secret.
fn forged(ticket: &Ticket) -> Ticket {
    let random: &dyn Random = &SystemRandom;
    Ticket::new(ticket.id(), &random.bytes())
}

async fn linkage(store: &Store, code: &InstitutionCode) -> LinkageId {
    seed::institution(store, code, r#"{"keys":[]}"#).await;
    let who = seed::customer(store, code, "hanako").await;
    seed::linkage(store, code, &who, &[], (NOW, LATER)).await
}

async fn code(store: &Store, linkage: LinkageId) -> (Ticket, Code) {
    let ticket = ticket();
    let code = Code {
        id: ticket.id(),
        linkage,
        client_id: KAKEIBO.into(),
        redirect_uri: "https://kakeibo.example/back".into(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        dpop_jkt: None,
        request: RequestFacts { signed: true, answer_signed: false },
        scope: "balances transactions".into(),
        detailed: true,
        expires_at: NOW.plus_seconds(60),
    };
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_code(&ticket, &code)).await.unwrap();
    tx.commit().await.unwrap();
    (ticket, code)
}

fn refresh_token(ticket: &Ticket, linkage: LinkageId, code: &Code) -> RefreshToken {
    RefreshToken {
        id: ticket.id(),
        linkage,
        client_id: KAKEIBO.into(),
        code: code.id,
        scope: "balances".into(),
        detailed: true,
        revoked_at: None,
    }
}

fn access_token(ticket: &Ticket, refresh: &RefreshToken) -> AccessToken {
    AccessToken {
        id: ticket.id(),
        linkage: refresh.linkage,
        client_id: KAKEIBO.into(),
        refresh: refresh.id,
        scope: "balances".into(),
        accounts: Some(vec![AccountId(uuid::Uuid::from_u128(7))]),
        binding: Binding::Dpop("key".into()),
        expires_at: LATER,
        revoked_at: None,
    }
}

/// A refresh token and an access token that came with it.
async fn tokens(store: &Store, linkage: LinkageId) -> (Ticket, Ticket, RefreshToken) {
    let (_, code) = code(store, linkage).await;
    let (refresh, access) = (ticket(), ticket());
    let token = refresh_token(&refresh, linkage, &code);
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_refresh_token(&refresh, &token, NOW)).await.unwrap();
    tx.apply(Step::add_access_token(&access, &access_token(&access, &token)).unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    (refresh, access, token)
}

/// Claims the code and adds tokens if that was the first claim.
async fn redeem(store: &Store, ticket_of_code: &Ticket) -> bool {
    let code = store.read(&aoi()).find_code(ticket_of_code).await.unwrap().unwrap();
    let mut unit = Unit::new(&aoi());
    unit.claim(Step::claim_code(code.id, NOW));
    let refresh = ticket();
    unit.then(Step::add_refresh_token(&refresh, &refresh_token(&refresh, code.linkage, &code), NOW));
    store.leave(unit).await.unwrap() == Ended::Done
}

on_each_engine! {
    async fn a_request_opens_by_its_whole_ticket_in_its_institution_and_is_consumed_once(store: Store) {
        let ticket = ticket();
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.apply(Step::add_request(&ticket, KAKEIBO, r#"{"a":1}"#.into(), LATER)).await.unwrap();
        tx.commit().await.unwrap();
        let request = store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap();
        assert_eq!((request.client_id.as_str(), request.body.as_str()), (KAKEIBO, r#"{"a":1}"#));
        assert!(request.is_open(NOW) && !request.is_open(LATER));
        assert_eq!(store.read(&aoi()).find_request(&forged(&ticket)).await.unwrap(), None);
        assert_eq!(store.read(&midori()).find_request(&ticket).await.unwrap(), None);
        for first in [true, false] {
            let mut tx = store.begin(&aoi()).await.unwrap();
            assert_eq!(tx.claim_request(request.id, NOW).await.unwrap(), first);
            tx.commit().await.unwrap();
        }
        assert!(!store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap().is_open(NOW));
    }

    async fn r_049_a_digest_is_claimed_once_until_it_runs_out_and_for_each_institution(store: Store) {
        let after = LATER.plus_seconds(1);
        for (institution, at, until, first) in [
            (aoi(), NOW, LATER, true),
            (aoi(), NOW, LATER, false),
            (aoi(), LATER, after, false),
            (midori(), NOW, LATER, true),
            (aoi(), after, after.plus_seconds(60), true),
            (aoi(), after, after.plus_seconds(60), false),
        ] {
            let mut tx = store.begin(&institution).await.unwrap();
            let claimed = tx.claim_replay(&[7; 32], until, at).await;
            assert_eq!(claimed.unwrap(), first, "{institution} {at:?}");
            tx.commit().await.unwrap();
        }
    }

    async fn r_049_of_twenty_claims_of_one_digest_at_once_one_succeeds(store: Store) {
        let claims = (0..20).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin(&aoi()).await.unwrap();
                let first = tx.claim_replay(&[9; 32], LATER, NOW).await.unwrap();
                tx.commit().await.unwrap();
                first
            })
        });
        let mut first = 0;
        for claim in claims.collect::<Vec<_>>() {
            first += u32::from(claim.await.unwrap());
        }
        assert_eq!(first, 1);
    }

    async fn r_049_of_units_at_once_each_digest_is_claimed_by_one_and_every_record_tells_how_it_ended(store: Store) {
        let record = |outcome: &str| Record::refused(Actor::System, Action::ReadRefused, outcome);
        let ask = |number: u8| {
            let mut unit = Unit::new(&aoi());
            unit.claim_replay(&[number % 10; 32], LATER, NOW);
            unit.record_loss(&record("lost the first"), NOW, &SystemRandom);
            unit.claim_replay(&[100 + number % 20; 32], LATER, NOW);
            unit.record_loss(&record("lost the second"), NOW, &SystemRandom);
            unit.record(&record("done"), NOW, &SystemRandom);
            let store = store.clone();
            tokio::spawn(async move { store.leave(unit).await.unwrap() })
        };
        let mut ended = Vec::new();
        for asked in (0..40).map(ask).collect::<Vec<_>>() {
            ended.push(asked.await.unwrap());
        }
        let count = |wanted: Ended| ended.iter().filter(|own| **own == wanted).count();
        assert_eq!((count(Ended::Done), count(Ended::Lost(0)), count(Ended::Lost(1))), (10, 30, 0));
        let mut again = Unit::new(&aoi());
        again.claim_replay(&[200; 32], LATER, NOW);
        again.record_loss(&record("lost the first"), NOW, &SystemRandom);
        again.claim_replay(&[100; 32], LATER, NOW);
        again.record_loss(&record("lost the second"), NOW, &SystemRandom);
        again.record(&record("done"), NOW, &SystemRandom);
        // Which of two second digests went with the first one depends on who of four came first.
        assert_ne!(store.leave(again.clone()).await.unwrap(), Ended::Lost(0));
        assert_eq!(store.leave(again).await.unwrap(), Ended::Lost(0), "what was claimed before stays claimed");
        let records = store.read(&aoi()).list_audit(100).await.unwrap();
        let told = |word: &str| records.iter().filter(|record| record.detail.as_deref() == Some(word)).count();
        assert_eq!((told("done") + told("lost the second"), told("lost the first")), (11, 31));
        assert_eq!(store.read(&midori()).list_audit(10).await.unwrap(), [], "and nothing elsewhere");
    }

    async fn of_units_at_once_each_row_is_claimed_once_and_one_that_all_may_claim_by_all(store: Store) {
        seed::institution(&store, &aoi(), r#"{"keys":[]}"#).await;
        let who = seed::customer(&store, &aoi(), "hanako").await;
        let linkage = seed::linkage(&store, &aoi(), &who, &[], (NOW, LATER)).await;
        let mut codes = Vec::new();
        for _ in 0..12 {
            codes.push(code(&store, linkage).await.1.id);
        }
        let ask = |number: usize| {
            let mut unit = Unit::new(&if number < 36 { aoi() } else { midori() });
            unit.claim(Step::hold_user(who.user));
            unit.claim(Step::claim_code(codes[number % 12], NOW));
            unit.otherwise(Step::revoke_tokens_of_code(codes[number % 12], NOW));
            let store = store.clone();
            tokio::spawn(async move { store.leave(unit).await.unwrap() })
        };
        let mut ended = Vec::new();
        for asked in (0..40).map(ask).collect::<Vec<_>>() {
            ended.push(asked.await.unwrap());
        }
        let count = |wanted: Ended| ended.iter().filter(|own| **own == wanted).count();
        assert_eq!((count(Ended::Done), count(Ended::Lost(1)), count(Ended::Lost(0))), (12, 24, 4));
        assert!(ended.iter().skip(36).all(|own| *own == Ended::Lost(0)), "another institution's");
    }

    async fn one_unit_that_fails_takes_no_other_with_it(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let unit = |broken: bool| {
            let mut unit = Unit::new(&aoi());
            unit.then(Step::note_read(linkage, if broken { Timestamp(i64::MIN) } else { NOW }));
            let detail = if broken { "a\0b" } else { "whole" };
            unit.record(&Record::refused(Actor::System, Action::ReadRefused, detail), NOW, &SystemRandom);
            let store = store.clone();
            tokio::spawn(async move { store.leave(unit).await })
        };
        let mut whole = 0;
        for (number, asked) in (0..20).map(|number| unit(number == 7)).collect::<Vec<_>>().into_iter().enumerate() {
            let ended = asked.await.unwrap();
            // PostgreSQL takes no zero byte in text; SQLite does.
            assert!(number == 7 || matches!(ended, Ok(Ended::Done)), "{ended:?}");
            whole += usize::from(number != 7);
        }
        let records = store.read(&aoi()).list_audit(100).await.unwrap();
        assert_eq!(records.iter().filter(|record| record.detail.as_deref() == Some("whole")).count(), whole);
    }

    async fn the_steps_of_a_unit_are_not_mixed_with_those_of_others(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let (_, code) = code(&store, linkage).await;
        let renew = |_| {
            let refresh = ticket();
            let mut unit = Unit::new(&aoi());
            unit.then(Step::revoke_tokens_of_linkage(linkage, NOW));
            unit.then(Step::add_refresh_token(&refresh, &refresh_token(&refresh, linkage, &code), NOW));
            let store = store.clone();
            tokio::spawn(async move { (store.leave(unit).await.unwrap(), refresh) })
        };
        let mut all = Vec::new();
        for renewed in (0..40).map(renew).collect::<Vec<_>>() {
            let (ended, refresh) = renewed.await.unwrap();
            assert_eq!(ended, Ended::Done);
            all.push(refresh);
        }
        let mut in_force = 0;
        for refresh in all {
            let (token, _) = store.read(&aoi()).find_refresh_token(&refresh).await.unwrap().unwrap();
            in_force += u32::from(token.revoked_at.is_none());
        }
        assert_eq!(in_force, 1, "each replaces all before it");
    }

    async fn rows_of_many_units_at_once_are_each_its_own(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let (_, _, refresh) = tokens(&store, linkage).await;
        let add = |number: usize| {
            let (own, pushed) = (ticket(), ticket());
            let mut unit = Unit::new(&aoi());
            unit.add(Step::add_access_token(&own, &access_token(&own, &refresh)).unwrap());
            if number.is_multiple_of(3) {
                unit.add(Step::add_request(&pushed, KAKEIBO, format!("[{number}]"), LATER));
            }
            unit.record(&Record::done(Actor::System, Action::RequestPushed).on(number), NOW, &SystemRandom);
            let store = store.clone();
            tokio::spawn(async move { (store.leave(unit).await.unwrap(), own, pushed) })
        };
        let mut read = store.read(&aoi());
        for (number, added) in (0..75).map(add).collect::<Vec<_>>().into_iter().enumerate() {
            let (ended, own, pushed) = added.await.unwrap();
            assert_eq!(ended, Ended::Done);
            assert_eq!(read.find_access_token(&own).await.unwrap().unwrap().0.id, own.id());
            let request = read.find_request(&pushed).await.unwrap().map(|request| request.body);
            assert_eq!(request, number.is_multiple_of(3).then(|| format!("[{number}]")));
        }
        let mut recorded: Vec<usize> =
            read.list_audit(100).await.unwrap().into_iter().filter_map(|record| record.object?.parse().ok()).collect();
        recorded.sort_unstable();
        assert_eq!(recorded, (0..75).collect::<Vec<usize>>());
    }

    async fn a_004_a_code_is_found_by_its_whole_ticket_in_its_institution(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let (ticket, code) = code(&store, linkage).await;
        assert_eq!(store.read(&aoi()).find_code(&ticket).await.unwrap(), Some(code));
        assert_eq!(store.read(&aoi()).find_code(&forged(&ticket)).await.unwrap(), None);
        assert_eq!(store.read(&midori()).find_code(&ticket).await.unwrap(), None);
    }

    async fn r_097_eight_hundred_racing_redemptions_of_a_hundred_codes_give_a_hundred_tokens(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let mut codes = Vec::new();
        for _ in 0..100 {
            codes.push(code(&store, linkage).await.0);
        }
        let racers = (0..8).map(|racer| {
            let (store, codes) = (store.clone(), codes.clone());
            tokio::spawn(async move {
                let mut won = 0;
                for turn in 0..codes.len() {
                    // Every other racer comes from the other end, so that all codes are raced for.
                    let place = if racer % 2 == 0 { turn } else { codes.len() - 1 - turn };
                    won += u32::from(redeem(&store, &codes[place]).await);
                }
                won
            })
        });
        let mut won = 0;
        for racer in racers.collect::<Vec<_>>() {
            won += racer.await.unwrap();
        }
        assert_eq!(won, 100);
        let count = "SELECT COUNT(*), COUNT(DISTINCT code_id) FROM refresh_tokens WHERE institution = ?1";
        let mut row = store.read(&aoi()).row(count, &[]).await.unwrap().unwrap();
        assert_eq!((row.get::<i64>(0).unwrap(), row.get::<i64>(1).unwrap()), (100, 100));
    }

    async fn r_112_no_ticket_stands_in_clear(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let (refresh, access, _) = tokens(&store, linkage).await;
        for (table, ticket) in [
            ("SELECT hash FROM refresh_tokens WHERE institution = ?1", refresh),
            ("SELECT hash FROM access_tokens WHERE institution = ?1", access),
        ] {
            let stored: Vec<u8> = store.read(&aoi()).row(table, &[]).await.unwrap().unwrap().get(0).unwrap();
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, ticket.bytes());
            assert_eq!(stored, digest.as_ref());
        }
    }

    async fn r_018_a_token_is_found_by_its_whole_ticket_in_its_institution(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let (refresh, access, token) = tokens(&store, linkage).await;
        let (found, its_linkage) = store.read(&aoi()).find_refresh_token(&refresh).await.unwrap().unwrap();
        assert_eq!((found, its_linkage.id), (token.clone(), linkage));
        let (found, its_linkage) = store.read(&aoi()).find_access_token(&access).await.unwrap().unwrap();
        assert_eq!((found, its_linkage.id), (access_token(&access, &token), linkage));
        assert_eq!(standing(&its_linkage.facts, NOW), Ok(()));
        assert!(store.read(&aoi()).find_refresh_token(&forged(&refresh)).await.unwrap().is_none());
        assert!(store.read(&aoi()).find_access_token(&forged(&access)).await.unwrap().is_none());
        assert!(store.read(&midori()).find_refresh_token(&refresh).await.unwrap().is_none());
        assert!(store.read(&midori()).find_access_token(&access).await.unwrap().is_none());
    }

    async fn r_169_an_account_is_found_by_a_token_as_long_as_its_linkage_gives_it(store: Store) {
        seed::institution(&store, &aoi(), r#"{"keys":[]}"#).await;
        let who = seed::customer(&store, &aoi(), "hanako").await;
        let account = seed::account(&store, &aoi(), &who, "2000002").await;
        let unticked = seed::account(&store, &aoi(), &who, "2000003").await;
        let linkage = seed::linkage(&store, &aoi(), &who, &[account], (NOW, LATER)).await;
        let (_, access, _) = tokens(&store, linkage).await;
        let mut read = store.read(&aoi());
        let listed = read.list_linked_accounts(linkage).await.unwrap();
        assert_eq!(listed.iter().map(|own| own.id).collect::<Vec<_>>(), [account]);
        assert_eq!(*read.list_accounts_of_token(access.id()).await.unwrap(), [account]);
        for _ in 0..2 {
            let found = read.find_account_of_token(access.id(), account).await.unwrap().unwrap();
            assert_eq!((found.id, found.pin, &found.ledger), (account, listed[0].pin, &listed[0].ledger));
        }
        // Another linkage of the same user, and another customer's: each token finds its own accounts.
        let stranger = seed::customer(&store, &aoi(), "taro").await;
        let strangers = seed::account(&store, &aoi(), &stranger, "2000004").await;
        let own = [(&who, unticked), (&stranger, strangers)];
        for (person, their) in own {
            let linkage = seed::linkage(&store, &aoi(), person, &[their], (NOW, LATER)).await;
            let (_, token, _) = tokens(&store, linkage).await;
            assert_eq!(*read.list_accounts_of_token(token.id()).await.unwrap(), [their]);
            assert_eq!(read.find_account_of_token(token.id(), account).await.unwrap(), None);
        }
        assert_eq!(*read.list_accounts_of_token(access.id()).await.unwrap(), [account]);
        for other in [unticked, strangers, AccountId(uuid::Uuid::nil())] {
            assert_eq!(read.find_account_of_token(access.id(), other).await.unwrap(), None);
        }
        assert_eq!(read.find_account_of_token(ticket().id(), account).await.unwrap(), None);
        assert_eq!(store.read(&midori()).find_account_of_token(access.id(), account).await.unwrap(), None);
        assert_eq!(*store.read(&midori()).list_accounts_of_token(access.id()).await.unwrap(), []);
        for change in [
            "UPDATE accounts SET state = 'closed' WHERE institution = ?1 AND account_id = ?2",
            "UPDATE accounts SET customer_id = NULL WHERE institution = ?1 AND account_id = ?2",
            "DELETE FROM user_accounts WHERE institution = ?1 AND account_id = ?2",
            "DELETE FROM linkage_accounts WHERE institution = ?1 AND account_id = ?2",
        ] {
            let mut tx = store.begin(&aoi()).await.unwrap();
            assert_eq!(tx.execute(change, params![account]).await.unwrap(), 1);
            assert_eq!(tx.find_account_of_token(access.id(), account).await.unwrap(), None, "{change}");
            assert_eq!(*tx.list_accounts_of_token(access.id()).await.unwrap(), [], "{change}");
        }
    }

    async fn r_159_an_access_token_ends_with_its_refresh_token_and_no_other_does(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let (_, kept, _) = tokens(&store, linkage).await;
        let (_, gone, token) = tokens(&store, linkage).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert_eq!(tx.apply(Step::revoke_tokens_of_code(token.code, NOW)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let mut read = store.read(&aoi());
        assert_eq!(read.find_access_token(&gone).await.unwrap().unwrap().0.revoked_at, Some(NOW));
        assert_eq!(read.find_access_token(&kept).await.unwrap().unwrap().0.revoked_at, None);
    }

    async fn an_access_token_revoked_alone_leaves_its_refresh_token(store: Store) {
        let linkage = linkage(&store, &aoi()).await;
        let (refresh, access, _) = tokens(&store, linkage).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert_eq!(tx.apply(Step::revoke_access_token(access.id(), NOW)).await.unwrap(), 1);
        assert_eq!(tx.apply(Step::revoke_access_token(access.id(), NOW)).await.unwrap(), 0);
        tx.commit().await.unwrap();
        let mut read = store.read(&aoi());
        assert_eq!(read.find_access_token(&access).await.unwrap().unwrap().0.revoked_at, Some(NOW));
        assert_eq!(read.find_refresh_token(&refresh).await.unwrap().unwrap().0.revoked_at, None);
    }

    async fn r_160_no_token_added_while_its_linkage_ends_is_of_any_use(store: Store) {
        seed::institution(&store, &aoi(), r#"{"keys":[]}"#).await;
        let who = seed::customer(&store, &aoi(), "hanako").await;
        for round in 0..50 {
            let linkage = seed::linkage(&store, &aoi(), &who, &[], (NOW, LATER)).await;
            let (_, _, token) = tokens(&store, linkage).await;
            let ticket = ticket();
            let (adding, ending) = (store.clone(), store.clone());
            let added = access_token(&ticket, &token);
            let add = tokio::spawn({
                let ticket = ticket.clone();
                async move {
                    let mut tx = adding.begin(&aoi()).await.unwrap();
                    tx.apply(Step::add_access_token(&ticket, &added).unwrap()).await.unwrap();
                    tx.commit().await.unwrap();
                }
            });
            let end = tokio::spawn(async move {
                let mut tx = ending.begin(&aoi()).await.unwrap();
                assert!(tx.end_linkage(linkage, EndedBy::Partner, NOW).await.unwrap());
                tx.commit().await.unwrap();
            });
            add.await.unwrap();
            end.await.unwrap();
            let (_, found) = store.read(&aoi()).find_access_token(&ticket).await.unwrap().unwrap();
            assert_eq!(standing(&found.facts, NOW), Err(Reason::EndedByPartner), "round {round}");
        }
    }
}
