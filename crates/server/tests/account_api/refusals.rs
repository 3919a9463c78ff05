//! Who gets nothing, and what it is told.

use renkei_domain::id::AccountId;
use renkei_store::Store;
use renkei_testing::{aoi, midori, on_each_engine};

use crate::feed::linked;
use crate::support::{NOW, ORIGIN};

on_each_engine! {
    async fn r_149_without_a_token_there_is_a_challenge_without_an_error(store: Store) {
        let (bank, ..) = linked(store).await;
        let reply = bank.send("GET", "/1001/api/v1/accounts", &[]).await;
        assert_eq!(reply.refusal(), (401, "no_token".into()));
        assert_eq!(
            reply.header("www-authenticate"),
            format!("DPoP algs=\"ES256 PS256 EdDSA Ed25519\", \
                     resource_metadata=\"{ORIGIN}/.well-known/oauth-protected-resource/1001/api/v1\"")
        );
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(bank.audit(&aoi()).await, [], "anybody could fill the trail");
    }

    async fn r_140_a_token_in_the_query_is_not_looked_at(store: Store) {
        let (bank, partner, _) = linked(store).await;
        let [(_, token), (_, proof)] = partner.headers(NOW, "/1001/api/v1/accounts");
        let path = format!("/1001/api/v1/accounts?access_token={}", token.trim_start_matches("DPoP "));
        assert_eq!(bank.send("GET", &path, &[("dpop", &proof)]).await.refusal(), (401, "no_token".into()));
    }

    async fn r_142_a_token_of_one_institution_is_nothing_at_another(store: Store) {
        let (bank, partner, _) = linked(store).await;
        let path = "/1002/api/v1/accounts";
        let [(_, token), (_, proof)] = partner.headers(NOW, path);
        let reply = bank.send("GET", path, &[("authorization", &token), ("dpop", &proof)]).await;
        assert_eq!(reply.refusal(), (401, "invalid_token".into()));
    }

    async fn r_143_a_070_every_foreign_account_answers_as_if_it_did_not_exist(store: Store) {
        let (bank, partner, _) = linked(store).await;
        let neighbour = bank.customer(&aoi(), "user02").await;
        let neighbours = bank.account(&aoi(), &neighbour, "2000003").await;
        bank.post(&aoi(), neighbours, 0, &[("2026-10-01", 1)]).await;
        let stranger = bank.customer(&midori(), "user03").await;
        let strangers = bank.account(&midori(), &stranger, "2000004").await;
        let linkage = bank.store.read(&aoi()).find_linkage(partner.linkage).await.unwrap().unwrap();
        let who = renkei_testing::seed::Who { user: linkage.user, customer: linkage.customer };
        let own_not_permitted = bank.account(&aoi(), &who, "2000005").await;
        let unknown = AccountId(uuid::Uuid::new_v4());
        for path in ["", "/balances", "/transactions", "/transactions?from=2026-10-01&to=2026-10-31"] {
            let expected = bank.get(&partner, &format!("/accounts/{unknown}{path}")).await.without_reference();
            assert_eq!(expected.0.as_u16(), 404);
            let ids = [neighbours.to_string(), strangers.to_string(), own_not_permitted.to_string(), "1".into(),
                "..%2F".into(), neighbours.to_string().to_uppercase(), "%00".into()];
            for id in ids {
                let reply = bank.get(&partner, &format!("/accounts/{id}{path}")).await;
                assert_eq!(reply.without_reference(), expected, "{id}{path}");
            }
        }
    }

    async fn a_077_an_account_is_gone_at_the_next_call_after_the_right_to_it(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 1)]).await;
        let path = format!("/accounts/{account}/transactions");
        let tag = bank.get(&partner, &path).await.header("etag").to_owned();
        bank.change(&aoi(), "DELETE FROM user_accounts WHERE institution = ?1").await;
        assert_eq!(bank.get_with(&partner, &path, &[("if-none-match", &tag)]).await.refusal(), (404, "not_found".into()));
        assert_eq!(bank.get(&partner, "/accounts").await.json(), serde_json::json!({"accounts": []}));
    }

    async fn r_141_r_168_each_end_and_suspension_of_a_linkage_has_its_own_reason(store: Store) {
        let (bank, partner, _) = linked(store).await;
        let cases = [
            ("UPDATE partners SET state = 'suspended' WHERE institution = ?1", "partner_suspended"),
            ("UPDATE users SET state = 'suspended' WHERE institution = ?1", "user_suspended"),
            ("UPDATE customers SET contract = 'suspended' WHERE institution = ?1", "contract_suspended"),
            ("UPDATE linkages SET ends_at = 0 WHERE institution = ?1", "linkage_expired"),
            ("UPDATE users SET state = 'removed' WHERE institution = ?1", "user_removed"),
            ("UPDATE customers SET contract = 'ended' WHERE institution = ?1", "contract_ended"),
            ("UPDATE products SET state = 'ended' WHERE institution = ?1", "partner_ended"),
            ("UPDATE linkages SET ended_at = 1, ended_by = 'institution' WHERE institution = ?1", "ended_by_institution"),
            ("UPDATE linkages SET ended_at = 1, ended_by = 'partner' WHERE institution = ?1", "ended_by_partner"),
            ("UPDATE linkages SET ended_at = 1, ended_by = 'customer' WHERE institution = ?1", "ended_by_customer"),
            ("UPDATE refresh_tokens SET revoked_at = 1 WHERE institution = ?1", "ended_by_customer"),
        ];
        for (change, reason) in cases {
            bank.change(&aoi(), change).await;
            let reply = bank.get(&partner, "/accounts").await;
            assert_eq!(reply.refusal(), (401, reason.into()), "{change}");
            let challenge = format!("DPoP error=\"invalid_token\", error_description=\"{reason}\", ");
            assert!(reply.header("www-authenticate").starts_with(&challenge), "{}", reply.header("www-authenticate"));
            let body = reply.json();
            assert_eq!(body["type"], format!("{ORIGIN}/1001/api/#{reason}"));
            assert_eq!(body["reference"], reply.header("x-request-id"));
        }
        let audit = bank.audit(&aoi()).await;
        assert_eq!(audit.len(), cases.len());
        assert!(audit.iter().all(|(action, outcome, _)| (action.as_str(), outcome.as_str()) == ("read_refused", "refused")));
    }

    async fn r_145_a_revoked_token_is_refused_at_once(store: Store) {
        let (bank, partner, _) = linked(store).await;
        assert_eq!(bank.get(&partner, "/accounts").await.status, 200);
        bank.change(&aoi(), "UPDATE access_tokens SET revoked_at = 1 WHERE institution = ?1").await;
        assert_eq!(bank.get(&partner, "/accounts").await.refusal(), (401, "invalid_token".into()));
    }

    async fn r_120_a_046_a_proof_works_once_and_a_repetition_reads_nothing_and_is_recorded(store: Store) {
        let (bank, partner, _) = linked(store).await;
        let path = "/1001/api/v1/accounts";
        let [(_, token), (_, proof)] = partner.headers(NOW, path);
        let headers = [("authorization", token.as_str()), ("dpop", proof.as_str())];
        assert_eq!(bank.send("GET", path, &headers).await.status, 200);
        let again = bank.send("GET", path, &headers).await;
        assert_eq!(again.refusal(), (401, "invalid_dpop_proof".into()));
        assert!(again.header("www-authenticate").contains("error=\"invalid_dpop_proof\""));
        let mut records = bank.audit(&aoi()).await;
        records.sort();
        let actions: Vec<_> = records.iter().map(|(action, outcome, _)| (action.as_str(), outcome.as_str())).collect();
        assert_eq!(actions, [("accounts_read", "done"), ("read_refused", "refused")]);
    }

    async fn r_233_a_call_whose_token_or_proof_does_not_hold_is_recorded_up_to_a_bound(store: Store) {
        let (bank, partner, _) = linked(store).await;
        let path = "/1001/api/v1/accounts";
        let [(_, token), (_, proof)] = partner.headers(NOW, path);
        let thief = bank.token(&aoi(), partner.linkage, "balances").await.headers(NOW, path);
        let stolen = [("authorization", token.as_str()), ("dpop", thief[1].1.as_str())];
        let unknown = [("authorization", "DPoP unknown"), ("dpop", proof.as_str())];
        for (headers, why) in [(stolen, "invalid_dpop_proof"), (unknown, "invalid_token")] {
            assert_eq!(bank.send("GET", path, &headers).await.refusal(), (401, why.into()));
        }
        let records = bank.audit(&aoi()).await;
        assert_eq!(records.len(), 2);
        for (action, outcome, detail) in &records {
            assert_eq!((action.as_str(), outcome.as_str()), ("read_refused", "refused"));
            assert!(detail.as_ref().is_some_and(|detail| !detail.is_empty() && !detail.contains(&token)));
        }
        // Nobody fills the trail like this, and none is begun for an institution that does not exist.
        for _ in 0..50 {
            bank.send("GET", path, &unknown).await;
            assert_eq!(bank.send("GET", "/9999/api/v1/accounts", &unknown).await.status, 401);
        }
        assert_eq!(bank.audit(&aoi()).await.len(), 20);
        assert_eq!(bank.audit(&"9999".parse().unwrap()).await, []);
    }

    async fn r_141_r_168_an_operation_needs_its_scope_and_its_own_period(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 1)]).await;
        let narrow = bank.token(&aoi(), partner.linkage, "balances").await;
        let (balances, transactions) = (format!("/accounts/{account}/balances"), format!("/accounts/{account}/transactions"));
        assert_eq!(bank.get(&narrow, &balances).await.status, 200);
        let refused = bank.get(&narrow, &transactions).await;
        assert_eq!(refused.refusal(), (403, "insufficient_scope".into()));
        assert!(refused.header("www-authenticate").contains("error=\"insufficient_scope\""));
        bank.change(&aoi(), "UPDATE linkages SET operations = \
            '[{\"operation\":\"balances\",\"ends_at\":9000000000000000},{\"operation\":\"transactions\",\"ends_at\":1}]' \
            WHERE institution = ?1").await;
        assert_eq!(bank.get(&partner, &balances).await.status, 200);
        assert_eq!(bank.get(&partner, &transactions).await.refusal(), (403, "operation_expired".into()));
    }

    async fn a_pin_found_stale_is_marked_whatever_becomes_of_the_page(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 1)]).await;
        let path = format!("/accounts/{account}/transactions");
        bank.file_pin(&aoi(), account, b"0000").await;
        bank.define("ALTER TABLE entries RENAME TO entries_away").await;
        assert_eq!(bank.get(&partner, &path).await.refusal(), (403, "pin_stale".into()));
        bank.file_pin(&aoi(), account, b"7391").await;
        assert_eq!(bank.get(&partner, &path).await.refusal(), (403, "pin_stale".into()));
        let found = bank.audit(&aoi()).await.iter().filter(|(action, ..)| action == "pin_found_stale").count();
        assert_eq!(found, 1);
    }

    async fn a_token_is_judged_before_what_is_wrong_with_the_account(store: Store) {
        let (bank, partner, account) = linked(store).await;
        let narrow = bank.token(&aoi(), partner.linkage, "transactions").await;
        let path = format!("/accounts/{account}/balances");
        bank.define("ALTER TABLE branches RENAME TO branches_away").await;
        assert_eq!(bank.get(&partner, &path).await.status, 503);
        assert_eq!(bank.get(&narrow, &path).await.refusal(), (403, "insufficient_scope".into()));
        bank.change(&aoi(), "UPDATE access_tokens SET revoked_at = 1 WHERE institution = ?1").await;
        assert_eq!(bank.get(&partner, &path).await.refusal(), (401, "invalid_token".into()));
    }

    async fn a_pin_found_stale_is_marked_at_once_and_core_banking_is_not_asked_again(store: Store) {
        let (bank, partner, account) = linked(store).await;
        bank.post(&aoi(), account, 0, &[("2026-10-01", 1)]).await;
        let path = format!("/accounts/{account}/balances");
        bank.file_pin(&aoi(), account, b"0000").await;
        assert_eq!(bank.get(&partner, &path).await.refusal(), (403, "pin_stale".into()));
        bank.file_pin(&aoi(), account, b"7391").await;
        for path in ["balances", "transactions"] {
            let reply = bank.get(&partner, &format!("/accounts/{account}/{path}")).await;
            assert_eq!(reply.refusal(), (403, "pin_stale".into()), "{path}");
        }
        assert_eq!(bank.get(&partner, "/accounts").await.json()["accounts"][0]["state"], "pin_stale");
        let found = bank.audit(&aoi()).await.iter().filter(|(action, ..)| action == "pin_found_stale").count();
        assert_eq!(found, 1);

        bank.change(&aoi(), "DELETE FROM pins WHERE institution = ?1").await;
        assert_eq!(bank.get(&partner, &path).await.refusal(), (403, "pin_missing".into()));
        assert_eq!(bank.get(&partner, "/accounts").await.json()["accounts"][0]["state"], "pin_missing");
    }

    async fn r_150_page_sizes_and_parameters_out_of_bounds_are_refused(store: Store) {
        let (bank, partner, account) = linked(store).await;
        for (query, code) in [
            ("limit=0", "invalid_limit"), ("limit=-1", "invalid_limit"), ("limit=1000000000", "invalid_limit"),
            ("from=2026-10-02&to=2026-10-01", "invalid_range"), ("from=2026-10-02", "invalid_range"),
            ("sort=amount", "invalid_parameter"), ("limit=1&limit=2", "invalid_parameter"),
        ] {
            let reply = bank.get(&partner, &format!("/accounts/{account}/transactions?{query}")).await;
            assert_eq!(reply.refusal(), (400, code.into()), "{query}");
        }
    }
}
