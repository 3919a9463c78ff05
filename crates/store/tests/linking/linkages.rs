//! Linkages: renewed under the same identifier, ended once.

use renkei_domain::customer::LoginMethod;
use renkei_domain::id::{AccountId, ConsentId, LinkageId};
use renkei_domain::linkage::{EndedBy, PermittedOperation};
use renkei_domain::operation::Operation;
use renkei_domain::time::Timestamp;
use renkei_domain::token::CODE_SECONDS;
use renkei_store::linkages::{Consent, Linkage, Permission};
use renkei_store::{Step, Store, params};
use renkei_testing::seed::{self, KAKEIBO, Who};
use renkei_testing::{aoi, midori, on_each_engine};

use super::{DAY, NOW, new_id, two_institutions, winners};

const ENDS: Timestamp = NOW.plus_seconds(180 * DAY);
const LATER: Timestamp = NOW.plus_seconds(200 * DAY);

fn until(ends_at: Timestamp) -> [PermittedOperation; 1] {
    [PermittedOperation { operation: Operation::Transactions, ends_at }]
}

async fn begun(store: &Store) -> (Who, AccountId, LinkageId) {
    let (who, _) = two_institutions(store).await;
    let account = seed::account(store, &aoi(), &who, "2000001").await;
    let linkage = seed::linkage(store, &aoi(), &who, &[account], (NOW, ENDS)).await;
    (who, account, linkage)
}

async fn find(store: &Store, id: LinkageId) -> Linkage {
    store.read(&aoi()).find_linkage(id).await.unwrap().unwrap()
}

async fn renew(store: &Store, id: LinkageId, client_id: &str, who: &Who) -> bool {
    let accounts = store.read(&aoi()).list_linkage_accounts(id).await.unwrap();
    renew_from(store, id, client_id, who, &accounts).await
}

/// Renews a linkage that was seen with these accounts.
async fn renew_from(store: &Store, id: LinkageId, client_id: &str, who: &Who, accounts: &[AccountId]) -> bool {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let ends_at = LATER.plus_seconds(180 * DAY);
    let (person, operations) = (who.logged_in(LATER), until(ends_at));
    let (operations, known) = (&operations, 1);
    let renewal = Permission { id, client_id, person: &person, operations, known, accounts, now: LATER };
    let renewed = tx.apply(Step::renew_linkage(&renewal).unwrap()).await.unwrap() == 1;
    tx.commit().await.unwrap();
    renewed
}

async fn end(store: &Store, id: LinkageId, by: EndedBy) -> bool {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let ended = tx.end_linkage(id, by, NOW).await.unwrap();
    tx.commit().await.unwrap();
    ended
}

on_each_engine! {
    async fn a_linkage_ends_with_the_last_of_its_operations(store: Store) {
        let (who, _) = two_institutions(&store).await;
        let operations = [
            PermittedOperation { operation: Operation::Balances, ends_at: ENDS },
            PermittedOperation { operation: Operation::Transactions, ends_at: ENDS.plus_seconds(DAY) },
        ];
        let id = LinkageId(new_id());
        let mut tx = store.begin(&aoi()).await.unwrap();
        let person = who.logged_in(NOW);
        let begun =
            Permission { id, client_id: KAKEIBO, person: &person, operations: &operations, known: 0, accounts: &[], now: NOW };
        assert_eq!(tx.apply(Step::add_linkage(&begun).unwrap()).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let linkage = find(&store, id).await;
        assert_eq!(linkage.facts.ends_at, ENDS.plus_seconds(DAY));
        assert_eq!(linkage.operations, operations);
        assert_eq!((linkage.begun_at, linkage.renewed_at, linkage.ended_at), (NOW, NOW, None));
    }

    async fn a_renewal_is_of_the_very_accounts_that_were_seen(store: Store) {
        let (who, account, id) = begun(&store).await;
        let other = seed::account(&store, &aoi(), &who, "2000002").await;
        let more = [account.min(other), account.max(other)];
        for others in [vec![], vec![other], more.to_vec()] {
            assert!(!renew_from(&store, id, KAKEIBO, &who, &others).await, "{others:?}");
        }
        assert!(renew_from(&store, id, KAKEIBO, &who, &[account]).await);
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.set_linkage_accounts(id, &more, LATER).await.unwrap();
        tx.commit().await.unwrap();
        assert!(!renew_from(&store, id, KAKEIBO, &who, &[account]).await);
        assert!(renew_from(&store, id, KAKEIBO, &who, &more).await);
    }

    async fn a_renewal_after_the_end_keeps_the_identifier_and_the_accounts(store: Store) {
        let (who, account, id) = begun(&store).await;
        assert!(renew(&store, id, KAKEIBO, &who).await);
        let linkage = find(&store, id).await;
        assert_eq!((linkage.id, linkage.begun_at, linkage.renewed_at), (id, NOW, LATER));
        assert_eq!(linkage.facts.ends_at, LATER.plus_seconds(180 * DAY));
        assert_eq!(linkage.operations, until(LATER.plus_seconds(180 * DAY)));
        assert_eq!(store.read(&aoi()).list_linkage_accounts(id).await.unwrap(), [account]);
        assert_eq!(store.read(&aoi()).list_linkages_of_user(who.user).await.unwrap().len(), 1);
    }

    async fn only_the_same_user_with_the_same_product_renews(store: Store) {
        let (who, _, id) = begun(&store).await;
        let taro = seed::customer(&store, &aoi(), "taro").await;
        assert!(!renew(&store, id, KAKEIBO, &taro).await);
        assert!(!renew(&store, id, "another-client", &who).await);
        assert_eq!(find(&store, id).await.renewed_at, NOW);
    }

    async fn an_ended_linkage_is_not_renewed(store: Store) {
        let (who, _, id) = begun(&store).await;
        assert!(end(&store, id, EndedBy::Customer).await);
        assert!(!renew(&store, id, KAKEIBO, &who).await);
        let linkage = find(&store, id).await;
        assert_eq!((linkage.ended_at, linkage.facts.ended_by), (Some(NOW), Some(EndedBy::Customer)));
    }

    async fn what_stands_is_told_as_the_whole_linkage_would_tell_it(store: Store) {
        let (who, _, id) = begun(&store).await;
        let told = async |now| {
            let standings = store.read(&aoi()).list_standings_of_user(who.user).await.unwrap();
            let [standing] = standings.as_slice() else { panic!("{standings:?}") };
            assert_eq!((standing.id, standing.client_id.as_str()), (id, KAKEIBO));
            let linkage = find(&store, id).await;
            assert_eq!(standing.stands(now), linkage.ended_at.is_none() && !linkage.has_lapsed(now));
            assert_eq!(standing.ended_at, linkage.ended_at);
            standing.stands(now)
        };
        assert!(told(LATER).await, "its period is over, and it can be renewed");
        let take = async |at: Option<Timestamp>| {
            let mut tx = store.begin(&aoi()).await.unwrap();
            let update = "UPDATE linkages SET taken_at = ?3 WHERE institution = ?1 AND linkage_id = ?2";
            tx.execute(update, params![id, at]).await.unwrap();
            tx.commit().await.unwrap();
        };
        take(None).await;
        let last = NOW.plus_seconds(CODE_SECONDS - 1);
        assert_eq!((told(last).await, told(last.plus_seconds(1)).await), (true, false), "no code of it was redeemed");
        take(Some(NOW)).await;
        assert!(end(&store, id, EndedBy::Customer).await);
        assert!(!told(NOW).await);
    }

    async fn the_linkage_that_ends_first_comes_first(store: Store) {
        let (who, _, late) = begun(&store).await;
        let soon = seed::linkage(&store, &aoi(), &who, &[], (NOW, NOW.plus_seconds(DAY))).await;
        let standings = store.read(&aoi()).list_standings_of_user(who.user).await.unwrap();
        assert_eq!(standings.iter().map(|standing| standing.id).collect::<Vec<_>>(), [soon, late]);
        let linkages = store.read(&aoi()).list_linkages_of_user(who.user).await.unwrap();
        assert_eq!(linkages.iter().map(|linkage| linkage.id).collect::<Vec<_>>(), [soon, late]);
    }

    async fn of_many_who_end_a_linkage_one_does_and_its_word_stays(store: Store) {
        let (_, _, id) = begun(&store).await;
        let enders = [EndedBy::Customer, EndedBy::Partner, EndedBy::Institution];
        let won = winners(16, |number| {
            let store = store.clone();
            async move { end(&store, id, enders[number % enders.len()]).await }
        })
        .await;
        assert_eq!(won, 1);
        let first = find(&store, id).await.facts.ended_by;
        assert!(!end(&store, id, EndedBy::Partner).await);
        assert_eq!(find(&store, id).await.facts.ended_by, first);
    }

    async fn a_linkage_has_exactly_the_accounts_that_were_left_ticked(store: Store) {
        let (who, first, id) = begun(&store).await;
        let second = seed::account(&store, &aoi(), &who, "2000002").await;
        let third = seed::account(&store, &aoi(), &who, "2000003").await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.set_linkage_accounts(id, &[first, second], NOW).await.unwrap();
        tx.set_linkage_accounts(id, &[third, second], NOW).await.unwrap();
        tx.commit().await.unwrap();
        let mut expected = [second, third];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(store.read(&aoi()).list_linkage_accounts(id).await.unwrap(), expected);
    }

    async fn every_permission_is_kept_with_its_evidence(store: Store) {
        let (who, account, id) = begun(&store).await;
        let consent = Consent {
            id: ConsentId(new_id()),
            linkage: id,
            user: who.user,
            method: LoginMethod::Password,
            given_at: NOW,
            terms_version: "2026-04".into(),
            shown_text: "許可します".into(),
            shown_hash: [3; 32],
            accounts: vec![account],
        };
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.apply(Step::add_consent(&consent).unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.read(&aoi()).list_consents(id).await.unwrap(), [consent]);
        assert_eq!(store.read(&midori()).list_consents(id).await.unwrap(), []);
    }

    async fn r_229_a_linkage_is_of_one_institution(store: Store) {
        let (who, _, id) = begun(&store).await;
        let mut elsewhere = store.begin(&midori()).await.unwrap();
        assert_eq!(elsewhere.find_linkage(id).await.unwrap(), None);
        assert_eq!(elsewhere.list_linkages_of_user(who.user).await.unwrap(), []);
        assert_eq!(elsewhere.list_standings_of_user(who.user).await.unwrap(), []);
        assert_eq!(elsewhere.list_linkages_of_customer(who.customer).await.unwrap(), []);
        assert_eq!(elsewhere.list_linkage_accounts(id).await.unwrap(), []);
        assert!(!elsewhere.end_linkage(id, EndedBy::Partner, NOW).await.unwrap());
        let (person, operations) = (who.logged_in(NOW), until(ENDS));
        let renewal =
            Permission { id, client_id: KAKEIBO, person: &person, operations: &operations, known: 0, accounts: &[], now: NOW };
        assert_eq!(elsewhere.apply(Step::renew_linkage(&renewal).unwrap()).await.unwrap(), 0);
        elsewhere.commit().await.unwrap();
        assert_eq!(find(&store, id).await.ended_at, None);
    }
}
