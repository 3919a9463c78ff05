//! What is kept between requests holds exactly as long as what it was found in.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use renkei_domain::id::{AccountId, LinkageId, time_ordered};
use renkei_domain::linkage::{EndedBy, Reason, standing};
use renkei_domain::partner::PartnerState;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::Timestamp;
use renkei_domain::token::Binding;
use renkei_store::db::Param;
use renkei_store::epochs::Epoch;
use renkei_store::institutions::Institution;
use renkei_store::ledger::ReadableAccount;
use renkei_store::linkages::Linkage;
use renkei_store::partners::{Client, Product};
use renkei_store::requests::Request;
use renkei_store::resource_servers::ResourceServer;
use renkei_store::tokens::{AccessToken, RefreshToken};
use renkei_store::{Moment, Random, Session, Step, Store};
use renkei_testing::seed::{self, KAKEIBO};
use renkei_testing::{SystemRandom, aoi, fresh_postgres, fresh_sqlite, midori, on_each_engine};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const LATER: Timestamp = Timestamp::from_seconds(1_800_000_300);
const SERVER: &str = "accounts-server";

/// What tokens, a client and a resource server are found by.
#[derive(Clone)]
struct Keys {
    linkage: LinkageId,
    account: AccountId,
    third: AccountId,
    refresh: Ticket,
    access: Ticket,
    request: Ticket,
}

/// All that is kept, as it is found.
#[derive(Debug, PartialEq)]
struct Found {
    access: Option<(AccessToken, Linkage)>,
    refresh: Option<(RefreshToken, Linkage)>,
    client: Option<Arc<Client>>,
    server: Option<Arc<ResourceServer>>,
    institution: Option<Arc<Institution>>,
    request: Option<(Request, Arc<Product>)>,
    account: Option<ReadableAccount>,
    accounts: Arc<Vec<AccountId>>,
}

fn ticket() -> Ticket {
    let random: &dyn Random = &SystemRandom;
    Ticket::new(time_ordered(NOW, &random.bytes()), &random.bytes())
}

async fn filled(store: &Store) -> Keys {
    seed::institution(store, &aoi(), r#"{"keys":[]}"#).await;
    let who = seed::customer(store, &aoi(), "hanako").await;
    let mut tx = store.begin(&aoi()).await.unwrap();
    let server = ResourceServer {
        server_id: SERVER.into(),
        key: "accounts".into(),
        name: "口座照会".into(),
        resource: None,
        jwks: r#"{"keys":[]}"#.into(),
        signing_alg: "ES256".into(),
        signed_introspection: false,
        state: PartnerState::Active,
    };
    tx.save_resource_server(&server).await.unwrap();
    tx.commit().await.unwrap();
    seed::customer(store, &aoi(), "taro").await;
    let account = seed::account(store, &aoi(), &who, "2000002").await;
    let other = seed::account(store, &aoi(), &who, "2000003").await;
    let third = seed::account(store, &aoi(), &who, "2000004").await;
    let linkage = seed::linkage(store, &aoi(), &who, &[account, other], (NOW, LATER)).await;
    Keys { third, ..tokens(store, linkage, account).await }
}

async fn tokens(store: &Store, linkage: LinkageId, account: AccountId) -> Keys {
    let keys = Keys { linkage, account, third: account, refresh: ticket(), access: ticket(), request: ticket() };
    let refresh = RefreshToken {
        id: keys.refresh.id(),
        linkage,
        client_id: KAKEIBO.into(),
        code: ticket().id(),
        scope: "balances".into(),
        detailed: false,
        revoked_at: None,
    };
    let access = AccessToken {
        id: keys.access.id(),
        linkage,
        client_id: KAKEIBO.into(),
        refresh: refresh.id,
        scope: "balances".into(),
        accounts: None,
        binding: Binding::Dpop("key".into()),
        expires_at: LATER,
        revoked_at: None,
    };
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::add_request(&keys.request, KAKEIBO, "{}".into(), LATER)).await.unwrap();
    tx.apply(Step::add_refresh_token(&keys.refresh, &refresh, NOW)).await.unwrap();
    tx.apply(Step::add_access_token(&keys.access, &access).unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    keys
}

async fn find(session: &mut Session, keys: &Keys) -> Found {
    Found {
        access: session.find_access_token(&keys.access).await.unwrap(),
        refresh: session.find_refresh_token(&keys.refresh).await.unwrap(),
        client: session.find_client(KAKEIBO).await.unwrap(),
        server: session.find_resource_server(SERVER).await.unwrap(),
        institution: session.find_institution().await.unwrap(),
        request: session.find_request_and_product(keys.request.id()).await.unwrap(),
        account: session.find_account_of_token(keys.access.id(), keys.account).await.unwrap(),
        accounts: session.list_accounts_of_token(keys.access.id()).await.unwrap(),
    }
}

/// What a transaction finds, which keeps nothing.
async fn find_anew(store: &Store, keys: &Keys) -> Found {
    find(&mut store.begin(&aoi()).await.unwrap(), keys).await
}

async fn change(store: &Store, sql: &'static str, values: &[Param<'_>]) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    assert!(tx.execute(sql, values).await.unwrap() > 0, "{sql}");
    tx.commit().await.unwrap();
}

/// One of each that a decision may rest on; none of them back to what it was.
const CHANGES: &[&str] = &[
    "UPDATE institutions SET minimum_login = 'certificate' WHERE institution = ?1",
    "UPDATE institutions SET dpop_nonces = 1 WHERE institution = ?1",
    "UPDATE institutions SET user_ocsp = 'http://responder' WHERE institution = ?1",
    "UPDATE institutions SET user_ca = 'an authority' WHERE institution = ?1",
    "UPDATE partners SET state = 'suspended' WHERE institution = ?1",
    "UPDATE products SET profile = 'fapi2_message_signing' WHERE institution = ?1",
    "UPDATE products SET jwks = 'others' WHERE institution = ?1",
    "UPDATE products SET redirect_uris = '[]' WHERE institution = ?1",
    "UPDATE products SET state = 'suspended' WHERE institution = ?1",
    "UPDATE resource_servers SET state = 'suspended' WHERE institution = ?1",
    "UPDATE customers SET contract = 'suspended' WHERE institution = ?1",
    "UPDATE users SET state = 'suspended' WHERE institution = ?1",
    "UPDATE linkages SET operations = '[]' WHERE institution = ?1",
    "UPDATE linkages SET begun_at = begun_at + 1 WHERE institution = ?1",
    "UPDATE linkages SET renewed_at = renewed_at + 1 WHERE institution = ?1",
    "UPDATE linkages SET ends_at = ends_at + 1 WHERE institution = ?1",
    "UPDATE linkages SET login_method = 'certificate' WHERE institution = ?1",
    "UPDATE linkages SET login_at = login_at + 1 WHERE institution = ?1",
    "UPDATE linkages SET ended_at = 1, ended_by = 'customer' WHERE institution = ?1",
    "UPDATE linkages SET ended_by = 'partner' WHERE institution = ?1",
    "UPDATE accounts SET state = 'closed' WHERE institution = ?1",
    "UPDATE accounts SET state = 'active' WHERE institution = ?1",
    "UPDATE accounts SET balance = 5, last_seq = 7 WHERE institution = ?1",
    "UPDATE accounts SET customer_id = NULL WHERE institution = ?1",
    "UPDATE accounts SET customer_id = (SELECT customer_id FROM customers WHERE institution = ?1 AND number = 'hanako') \
     WHERE institution = ?1",
    "DELETE FROM user_accounts WHERE institution = ?1 \
     AND account_id = (SELECT account_id FROM accounts WHERE institution = ?1 AND number = '2000003')",
    "INSERT INTO user_accounts (institution, user_id, account_id, memo) SELECT u.institution, u.user_id, a.account_id, '' \
     FROM users u JOIN accounts a ON a.institution = u.institution \
     WHERE u.institution = ?1 AND u.login_id = 'hanako' AND a.number = '2000003'",
    "UPDATE user_accounts SET user_id = (SELECT user_id FROM users WHERE institution = ?1 AND login_id = 'taro') \
     WHERE institution = ?1 AND account_id = (SELECT account_id FROM accounts WHERE institution = ?1 AND number = '2000003')",
    "UPDATE linkage_accounts SET account_id = (SELECT account_id FROM accounts WHERE institution = ?1 AND number = '2000004') \
     WHERE institution = ?1 \
     AND account_id = (SELECT account_id FROM accounts WHERE institution = ?1 AND number = '2000003')",
    "INSERT INTO pins (institution, account_id, sealed, registered_by, registered_at) \
     SELECT a.institution, a.account_id, t.hash, '', 1 FROM accounts a JOIN access_tokens t ON t.institution = a.institution \
     WHERE a.institution = ?1",
    "UPDATE pins SET stale_at = 2 WHERE institution = ?1",
    "DELETE FROM pins WHERE institution = ?1",
    "DELETE FROM linkage_accounts WHERE institution = ?1",
    "UPDATE access_tokens SET revoked_at = 1 WHERE institution = ?1",
    "UPDATE refresh_tokens SET revoked_at = 1 WHERE institution = ?1",
];

/// Removes rows and tells whether the next look sees it, which found something before.
async fn is_seen_to_go(store: &Store, keys: &Keys, sql: &'static str) {
    let before = find(&mut store.read(&aoi()), keys).await;
    change(store, sql, &[]).await;
    let after = find(&mut store.read(&aoi()), keys).await;
    assert_eq!(after, find_anew(store, keys).await, "{sql}");
    assert_ne!(after, before, "{sql}");
}

#[tokio::test]
async fn i_3_what_another_process_changes_is_seen_by_the_next_look() {
    let engines = [Some(fresh_sqlite().await), fresh_postgres().await];
    for fresh in engines.into_iter().flatten() {
        let keys = filled(&fresh.store).await;
        let other = Store::connect(&fresh.config).await.unwrap();
        for sql in CHANGES {
            let nodes = [&fresh.store, &other];
            for node in nodes {
                find(&mut node.read(&aoi()), &keys).await;
            }
            change(&other, sql, &[]).await;
            for node in nodes {
                assert_eq!(find(&mut node.read(&aoi()), &keys).await, find_anew(&other, &keys).await, "{sql}");
            }
        }
    }
}

on_each_engine! {
    async fn i_3_whatever_changes_is_seen_by_the_next_look(store: Store) {
        let keys = filled(&store).await;
        let mut before = find(&mut store.read(&aoi()), &keys).await;
        for sql in CHANGES {
            change(&store, sql, &[]).await;
            let after = find(&mut store.read(&aoi()), &keys).await;
            assert_eq!(after, find_anew(&store, &keys).await, "{sql}");
            assert_ne!(after, before, "{sql}");
            before = after;
        }
    }

    async fn i_3_what_is_removed_is_not_found_by_the_next_look(store: Store) {
        let keys = filled(&store).await;
        is_seen_to_go(&store, &keys, "DELETE FROM resource_servers WHERE institution = ?1").await;
        is_seen_to_go(&store, &keys, "DELETE FROM access_tokens WHERE institution = ?1").await;
        let keys = tokens(&store, keys.linkage, keys.account).await;
        is_seen_to_go(&store, &keys, "DELETE FROM refresh_tokens WHERE institution = ?1").await;
        change(&store, "DELETE FROM linkage_accounts WHERE institution = ?1", &[]).await;
        change(&store, "DELETE FROM linkages WHERE institution = ?1", &[]).await;
        is_seen_to_go(&store, &keys, "DELETE FROM products WHERE institution = ?1").await;
    }

    async fn i_3_nothing_is_found_of_an_institution_that_was_removed(store: Store) {
        let keys = filled(&store).await;
        is_seen_to_go(&store, &keys, "DELETE FROM institutions WHERE institution = ?1").await;
    }

    async fn accounts_that_are_added_to_a_linkage_are_listed_by_the_next_look(store: Store) {
        let keys = filled(&store).await;
        let before = find(&mut store.read(&aoi()), &keys).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.set_linkage_accounts(keys.linkage, &[keys.account, keys.third], NOW).await.unwrap();
        tx.commit().await.unwrap();
        let after = find(&mut store.read(&aoi()), &keys).await;
        assert_eq!(after, find_anew(&store, &keys).await);
        assert_ne!(after.accounts, before.accounts);
    }

    async fn one_transaction_makes_one_version_however_much_it_changes(store: Store) {
        let keys = filled(&store).await;
        let version = async || {
            let select = "SELECT version FROM state_versions WHERE institution = ?1";
            store.read(&aoi()).row(select, &[]).await.unwrap().unwrap().get::<Vec<u8>>(0).unwrap()
        };
        let mut versions = vec![version().await];
        for _ in 0..2 {
            let mut tx = store.begin(&aoi()).await.unwrap();
            for _ in 0..3 {
                tx.execute("UPDATE partners SET state = state WHERE institution = ?1", &[]).await.unwrap();
                tx.execute("UPDATE products SET state = state WHERE institution = ?1", &[]).await.unwrap();
            }
            tx.commit().await.unwrap();
            versions.push(version().await);
        }
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), 3);
        assert!(find(&mut store.read(&aoi()), &keys).await.access.is_some());
    }

    async fn looks_of_one_moment_ask_for_one_version(store: Store) {
        let keys = filled(&store).await;
        let account_first = async |within: &Store| {
            let moment = Moment::default();
            let [mut one, mut other] = [(); 2].map(|()| within.read_within(&aoi(), &moment));
            let account = one.find_account_of_token(keys.access.id(), keys.account);
            tokio::join!(account, other.find_access_token(&keys.access))
        };
        let looks = || store.work().done().0;
        let found = account_first(&store).await;
        let begun = looks();
        let again = account_first(&store).await;
        assert_eq!(looks() - begun, 1, "one statement tells of account and version");
        assert_eq!((again.0.unwrap(), again.1.unwrap()), (found.0.unwrap(), found.1.unwrap()));
        // Everything else that is kept: a look for each, or one for all of a moment.
        let before = find(&mut store.read(&aoi()), &keys).await;
        let begun = looks();
        let moment = Moment::default();
        assert_eq!(find(&mut store.read_within(&aoi(), &moment), &keys).await, before);
        assert_eq!(looks() - begun, 3, "the version, what the account holds, and the request");
        let begun = looks();
        assert_eq!(find(&mut store.read(&aoi()), &keys).await, before);
        assert_eq!(looks() - begun, 8);
        // The next moment sees what changed.
        change(&store, "UPDATE users SET state = 'suspended' WHERE institution = ?1", &[]).await;
        let (account, token) = account_first(&store).await;
        let (_, linkage) = token.unwrap().unwrap();
        assert_eq!(standing(&linkage.facts, NOW), Err(Reason::UserSuspended));
        assert_eq!(account.unwrap(), before.account);
    }

    async fn what_is_kept_is_not_asked_for_again(store: Store) {
        let keys = filled(&store).await;
        let found = find(&mut store.read(&aoi()), &keys).await;
        assert_eq!(found.access.as_ref().unwrap().1.last_read_at, None);
        // It makes no new version, so what is kept goes on without it.
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert_eq!(tx.apply(Step::note_read(keys.linkage, NOW)).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(find(&mut store.read(&aoi()), &keys).await, found);
        store.read(&midori()).forget_access_token(keys.access.id());
        assert_eq!(find(&mut store.read(&aoi()), &keys).await, found, "another institution's");
        store.read(&aoi()).forget_access_token(keys.access.id());
        let anew = store.read(&aoi()).find_access_token(&keys.access).await.unwrap().unwrap();
        assert_eq!(anew.1.last_read_at, Some(NOW));
    }

    async fn r_018_what_is_kept_is_for_its_ticket_and_institution_alone(store: Store) {
        let keys = filled(&store).await;
        let found = find(&mut store.read(&aoi()), &keys).await;
        let random: &dyn Random = &SystemRandom;
        let forged = |ticket: &Ticket| Ticket::new(ticket.id(), &random.bytes());
        let others = Keys { refresh: forged(&keys.refresh), access: forged(&keys.access), ..keys.clone() };
        let mut read = store.read(&aoi());
        assert!(read.find_access_token(&others.access).await.unwrap().is_none());
        assert!(read.find_refresh_token(&others.refresh).await.unwrap().is_none());
        seed::institution(&store, &midori(), "other keys").await;
        let elsewhere = find(&mut store.read(&midori()), &keys).await;
        assert!(elsewhere.access.is_none() && elsewhere.refresh.is_none() && elsewhere.server.is_none());
        assert!(elsewhere.account.is_none() && elsewhere.accounts.is_empty() && elsewhere.request.is_none());
        assert_eq!(elsewhere.institution.unwrap().code, midori());
        assert_eq!(elsewhere.client.unwrap().product.jwks, "other keys");
        assert_eq!(find(&mut store.read(&aoi()), &keys).await, found);
    }

    async fn f_10_nothing_kept_outlives_a_restore(store: Store) {
        let keys = filled(&store).await;
        find(&mut store.read(&aoi()), &keys).await;
        for began_at in [NOW, LATER] {
            let mut tx = store.begin(&aoi()).await.unwrap();
            tx.begin_epoch(&Epoch { began_at, taken_at: NOW }, b"archive").await.unwrap();
            tx.commit().await.unwrap();
            let found = find(&mut store.read(&aoi()), &keys).await;
            assert_eq!(found, find_anew(&store, &keys).await);
            assert_eq!(found.access.unwrap().0.revoked_at, Some(NOW));
        }
        // From then on changes make versions again.
        change(&store, CHANGES[0], &[]).await;
        assert_eq!(find(&mut store.read(&aoi()), &keys).await, find_anew(&store, &keys).await);
    }

    async fn an_institution_is_kept_without_its_revocation_list(store: Store) {
        seed::institution(&store, &aoi(), r#"{"keys":[]}"#).await;
        for list in ["a list", "another list"] {
            let update = "UPDATE institutions SET user_crl = ?2 WHERE institution = ?1";
            change(&store, update, &[Param::from(list)]).await;
            let looks_of_a_moment = async || {
                let mut read = store.read(&aoi());
                let begun = store.work().done().0;
                read.find_institution().await.unwrap().unwrap();
                assert_eq!(read.find_user_crl().await.unwrap().as_deref(), Some(list));
                store.work().done().0 - begun
            };
            looks_of_a_moment().await;
            assert_eq!(looks_of_a_moment().await, 2, "the version and the list, which is read each time");
        }
    }

    async fn accounts_of_a_large_customer_are_not_kept_nor_is_what_was_before_there_were_so_many(store: Store) {
        seed::institution(&store, &aoi(), r#"{"keys":[]}"#).await;
        let who = seed::customer(&store, &aoi(), "hanako").await;
        let mut accounts = Vec::new();
        for number in 0..33 {
            accounts.push(seed::account(&store, &aoi(), &who, &format!("{number:07}")).await);
        }
        let linkage = seed::linkage(&store, &aoi(), &who, &accounts[..32], (NOW, LATER)).await;
        let token = tokens(&store, linkage, accounts[0]).await.access.id();
        let listed_with_looks = async || {
            let begun = store.work().done().0;
            let listed = store.read(&aoi()).list_accounts_of_token(token).await.unwrap().len();
            (listed, store.work().done().0 - begun)
        };
        assert_eq!(listed_with_looks().await, (32, 1), "the accounts with the version");
        assert_eq!(listed_with_looks().await, (32, 1), "the version, under which they are kept");
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.set_linkage_accounts(linkage, &accounts, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(listed_with_looks().await, (33, 2), "the version, which is another, and the accounts");
        assert_eq!(listed_with_looks().await, (33, 1), "the accounts: nothing is left to look a version up for");
    }

    async fn without_a_version_nothing_is_kept(store: Store) {
        let keys = filled(&store).await;
        change(&store, "DELETE FROM state_versions WHERE institution = ?1", &[]).await;
        for sql in CHANGES {
            find(&mut store.read(&aoi()), &keys).await;
            change(&store, sql, &[]).await;
            assert_eq!(find(&mut store.read(&aoi()), &keys).await, find_anew(&store, &keys).await, "{sql}");
        }
    }

    async fn f_33_no_look_that_begins_after_an_end_finds_what_was_before(store: Store) {
        seed::institution(&store, &aoi(), r#"{"keys":[]}"#).await;
        let who = seed::customer(&store, &aoi(), "hanako").await;
        let account = seed::account(&store, &aoi(), &who, "2000002").await;
        for _ in 0..20 {
            let linkage = seed::linkage(&store, &aoi(), &who, &[account], (NOW, LATER)).await;
            let keys = tokens(&store, linkage, account).await;
            let is_ended = Arc::new(AtomicBool::new(false));
            let looks = (0..4).map(|_| {
                let (store, keys, is_ended) = (store.clone(), keys.clone(), Arc::clone(&is_ended));
                tokio::spawn(async move {
                    loop {
                        let was_ended = is_ended.load(Ordering::SeqCst);
                        let (_, linkage) = store.read(&aoi()).find_access_token(&keys.access).await.unwrap().unwrap();
                        assert!(!was_ended || linkage.ended_at.is_some());
                        if was_ended {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                })
            });
            let looks: Vec<_> = looks.collect();
            let mut tx = store.begin(&aoi()).await.unwrap();
            assert!(tx.end_linkage(linkage, EndedBy::Customer, NOW).await.unwrap());
            tx.commit().await.unwrap();
            is_ended.store(true, Ordering::SeqCst);
            for look in looks {
                look.await.unwrap();
            }
        }
    }
}
