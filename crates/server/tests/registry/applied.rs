//! What applying changes.

use renkei_domain::linkage::{Facts, Reason, standing};
use renkei_domain::partner::PartnerState;
use renkei_oauth::jose::{Algorithm, SigningKey};
use renkei_server::keys::Purpose;
use renkei_server::registry::{self, RegistryError};
use renkei_store::Store;
use renkei_testing::{SystemRandom, aoi, midori, on_each_engine};

use super::{FULL, NOW, apply, apply_at, keys, read};

/// The file without what stands between these two marks.
fn without(from: &str, to: &str) -> String {
    let begin = FULL.find(from).unwrap();
    let end = FULL[begin..].find(to).map_or(FULL.len(), |end| begin + end);
    format!("{}{}", &FULL[..begin], &FULL[end..])
}

fn only_aoi() -> String {
    without("[[institutions]]\ncode = \"1002\"", "[[partners]]")
}

on_each_engine! {
    async fn the_plan_of_a_first_application_names_everything(store: Store) {
        let plan = registry::preview(&store, &read(FULL).unwrap(), NOW).await.unwrap();
        insta::allow_duplicates! {
            insta::assert_snapshot!(plan, @r"
            1001 あおい信用組合
              + institution
              + signing key ES256
              + terms 2026-04
              + branch 001 本店
              + branch 200 駅前支店
              + partner kakeibo 株式会社かけいぼ
              + partner soroban そろばん株式会社
              + product kakeibo-cloud かけいぼクラウド
              + product kakeibo-tax かけいぼ税務
                client_id of kakeibo-cloud (active): made when applied
                client_id of kakeibo-tax (active): made when applied

            1002 みどり信用金庫
              + institution
              + signing key ES256
              + terms 1
              + branch 001 本店
              + partner kakeibo 株式会社かけいぼ
              + product kakeibo-cloud かけいぼクラウド
                client_id of kakeibo-cloud (active): made when applied

            15 added, 0 changed, 0 ended.
            ");
        }
        assert!(store.read_all().list_institutions().await.unwrap().is_empty(), "a plan changes nothing");
    }

    async fn applying_twice_changes_nothing_and_leaves_one_audit_record(store: Store) {
        let first = apply(&store, FULL).await;
        let second = apply_at(&store, FULL, NOW.plus_seconds(86_400)).await.unwrap();
        assert!(second.is_empty());
        assert!(second.to_string().ends_with("\nNothing changes."), "{second}");
        assert_eq!(second.institutions[0].products, first.institutions[0].products);
        for code in [aoi(), midori()] {
            let records = store.read(&code).list_audit(10).await.unwrap();
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].actor.as_deref(), Some("tanaka"));
            assert!(records[0].detail.as_deref().unwrap().starts_with("added="), "{records:?}");
        }
    }

    async fn r_031_each_institution_has_its_own_client_ids_made_here(store: Store) {
        let plan = apply(&store, FULL).await;
        let client_ids: Vec<_> = plan.institutions.iter().flat_map(|plan| &plan.products).collect();
        let client_ids: std::collections::BTreeSet<_> = client_ids.iter().map(|line| line.client_id.clone()).collect();
        assert_eq!(client_ids.len(), 3);
        for client_id in client_ids.iter().flatten() {
            assert_eq!((client_id.len(), &client_id[..2]), (34, "c-"));
        }
        let ours = store.read(&aoi()).list_products().await.unwrap();
        let theirs = store.read(&midori()).list_products().await.unwrap();
        assert_eq!((ours.len(), theirs.len()), (2, 1));
        assert_eq!(store.read(&midori()).find_product(&ours[0].client_id).await.unwrap(), None);
    }

    async fn a_period_of_its_own_goes_before_the_institutions(store: Store) {
        apply(&store, FULL).await;
        for (code, balances) in [(aoi(), 180), (midori(), 365)] {
            let products = store.read(&code).list_products().await.unwrap();
            let days: Vec<u16> = products[0].operations.iter().map(|offered| offered.days).collect();
            assert_eq!(days, [balances, 90]);
        }
    }

    async fn a_change_names_its_fields_and_nothing_else_changes(store: Store) {
        apply(&store, FULL).await;
        let changed = FULL.replace("0120-100-100", "0120-100-999").replace("https://app.", "https://app2.");
        let plan = registry::preview(&store, &read(&changed).unwrap(), NOW).await.unwrap();
        let lines: Vec<String> = plan.institutions.iter().flat_map(|plan| &plan.changes).map(ToString::to_string).collect();
        assert_eq!(lines, [
            "  ~ institution: telephone",
            "  ~ product kakeibo-cloud かけいぼクラウド: redirect_uris",
            "  ~ product kakeibo-cloud かけいぼクラウド: redirect_uris",
        ]);
    }

    async fn the_day_of_the_partner_table_changes_only_with_the_table(store: Store) {
        apply(&store, FULL).await;
        let later = NOW.plus_seconds(10 * 86_400);
        let telephone = FULL.replace("0120-100-100", "0120-100-999");
        apply_at(&store, &telephone, later).await.unwrap();
        let as_of = async |code| store.read(&code).find_institution().await.unwrap().unwrap().partners_as_of;
        assert_eq!(as_of(aoi()).await, NOW.day());
        apply_at(&store, &telephone.replace("かけいぼ税務", "かけいぼ申告"), later).await.unwrap();
        assert_eq!(as_of(aoi()).await, later.day());
        assert_eq!(as_of(midori()).await, NOW.day());
    }

    async fn what_left_the_file_is_ended_and_never_deleted(store: Store) {
        apply(&store, FULL).await;
        let plan = apply(&store, &without("[[partners]]\nkey = \"kakeibo\"", "[[partners]]\nkey = \"soroban\"")).await;
        assert_eq!(plan.institutions[1].changes.len(), 2, "{plan}");
        assert!(plan.to_string().contains("  - product kakeibo-cloud かけいぼクラウド: ended, as it is not in the file"));
        let products = store.read(&midori()).list_products().await.unwrap();
        assert_eq!((products[0].state, products[0].partner.state), (PartnerState::Ended, PartnerState::Ended));
        let facts = Facts {
            ended_by: None,
            ends_at: NOW.plus_seconds(1),
            contract: renkei_domain::customer::ContractState::Active,
            user: renkei_domain::customer::UserState::Active,
            partner: products[0].partner.state,
            product: products[0].state,
        };
        assert_eq!(standing(&facts, NOW), Err(Reason::PartnerEnded));
        assert!(apply(&store, &without("[[partners]]\nkey = \"kakeibo\"", "[[partners]]\nkey = \"soroban\"")).await.is_empty());
    }

    async fn what_comes_back_keeps_its_client_id(store: Store) {
        let first = apply(&store, FULL).await;
        apply(&store, &without("[[partners]]\nkey = \"kakeibo\"", "[[partners]]\nkey = \"soroban\"")).await;
        let back = apply(&store, FULL).await;
        assert_eq!(back.institutions[0].products, first.institutions[0].products);
        assert!(back.to_string().contains("~ product kakeibo-tax かけいぼ税務: state"), "{back}");
    }

    async fn an_institution_or_branch_not_in_the_file_stays_as_it_is(store: Store) {
        apply(&store, FULL).await;
        let before = store.read(&midori()).list_products().await.unwrap();
        let ekimae = "[[institutions.branches]]\ncode = \"200\"\nname = \"駅前支店\"\nname_en = \"Ekimae Branch\"\n";
        let plan = apply(&store, &only_aoi().replace(ekimae, "")).await;
        assert!(plan.is_empty());
        assert!(plan.to_string().contains("  = not in the file, kept: branches 200\n"), "{plan}");
        assert!(plan.to_string().contains("Not in the file, left alone: 1002\n"), "{plan}");
        assert_eq!(store.read(&midori()).list_products().await.unwrap(), before);
        assert_eq!(store.read(&aoi()).list_branches().await.unwrap().len(), 2);
    }

    async fn each_institution_gets_a_signing_key_sealed_for_its_place(store: Store) {
        apply(&store, FULL).await;
        let ours = store.read(&aoi()).list_published_keys(NOW).await.unwrap();
        let theirs = store.read(&midori()).list_published_keys(NOW).await.unwrap();
        assert_eq!((ours.len(), theirs.len()), (1, 1));
        assert_ne!(ours[0].kid, theirs[0].kid);
        let place = format!("1001/{}", ours[0].kid);
        let private = keys().open(Purpose::SigningKey, &place, &ours[0].sealed_key).unwrap();
        let key = SigningKey::from_pkcs8(Algorithm::Es256, &private).unwrap();
        assert_eq!(key.to_public_jwk().to_json().to_string(), ours[0].public_jwk);
        let elsewhere = format!("1002/{}", ours[0].kid);
        assert!(keys().open(Purpose::SigningKey, &elsewhere, &ours[0].sealed_key).is_err());
    }

    async fn a_text_customers_agreed_to_cant_change_and_then_nothing_does(store: Store) {
        apply(&store, FULL).await;
        let changed = FULL.replace("0120-100-100", "0120-100-999").replace("text = \"規定\"", "text = \"新規定\"");
        let RegistryError::Wrong(problems) = apply_at(&store, &changed, NOW).await.unwrap_err() else { panic!() };
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().starts_with("registry.toml: institutions \"1002\" terms: version: "));
        let kept = store.read(&aoi()).find_institution().await.unwrap().unwrap();
        assert_eq!(kept.telephone, "0120-100-100");
        let versioned = changed.replace("version = \"1\"", "version = \"2\"");
        let plan = apply(&store, &versioned).await;
        assert!(plan.to_string().contains("  ~ institution: terms\n  + terms 2\n"), "{plan}");
        assert_eq!(store.read(&midori()).find_terms("1").await.unwrap().unwrap().text, "規定");
    }

    async fn a_product_cant_go_over_to_another_partner(store: Store) {
        apply(&store, FULL).await;
        let marks = ("[[partners.products]]\nkey = \"kakeibo-tax\"", "[[partners]]\nkey = \"soroban\"");
        let begin = FULL.find(marks.0).unwrap();
        let product = &FULL[begin..begin + FULL[begin..].find(marks.1).unwrap()];
        let moved = format!("{}\n{product}", without(marks.0, marks.1));
        let refused = apply_at(&store, &moved, NOW).await.unwrap_err().to_string();
        assert!(refused.contains("partners \"soroban\" products \"kakeibo-tax\": key: another partner"), "{refused}");
    }

    async fn a_plan_that_was_overtaken_is_not_applied(store: Store) {
        let registry = read(FULL).unwrap();
        let shown = registry::preview(&store, &registry, NOW).await.unwrap();
        apply(&store, &only_aoi()).await;
        let late = registry::apply(&store, &keys(), &registry, Some(&shown), "sato", NOW, &SystemRandom).await;
        assert!(matches!(late, Err(RegistryError::Overtaken)));
        assert_eq!(store.read(&midori()).find_institution().await.unwrap(), None);
    }
}
