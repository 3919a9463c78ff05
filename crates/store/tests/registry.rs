//! What the registry file writes: institutions, partners, products and keys, each in its own institution.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use renkei_domain::customer::LoginMethod;
use renkei_domain::institution::{InstitutionCode, InstitutionKind};
use renkei_domain::operation::Operation;
use renkei_domain::partner::{AuthMethod, PartnerState, Profile, SenderConstraint};
use renkei_domain::time::Timestamp;
use renkei_store::institutions::{Branch, Institution, Terms};
use renkei_store::partners::{OfferedOperation, Partner, Product};
use renkei_store::signing_keys::StoredSigningKey;
use renkei_store::{Store, StoreError};
use renkei_testing::{aoi, midori, on_each_engine};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn institution(code: InstitutionCode) -> Institution {
    Institution {
        code,
        kind: InstitutionKind::CreditCooperative,
        name: "あおい信用組合".into(),
        name_en: "Aoi Credit Cooperative".into(),
        accent: "#14518b".into(),
        telephone: "0120-000-000".into(),
        hours: "平日 9時から17時".into(),
        hours_en: "Weekdays 9:00 to 17:00".into(),
        privacy_url: Some("https://aoi.example/privacy".into()),
        partners_as_of: NOW.day(),
        terms_version: "2026-04".into(),
        user_ca: Some("-----BEGIN CERTIFICATE-----".into()),
        user_ocsp: None,
        minimum_login: LoginMethod::Password,
        dpop_nonces: false,
    }
}

fn kakeibo() -> Partner {
    Partner {
        key: "kakeibo".into(),
        name: "株式会社かけいぼ".into(),
        name_en: "Kakeibo Inc.".into(),
        registration: Some("関東財務局長（電代）第1号".into()),
        domain: "kakeibo.example".into(),
        state: PartnerState::Active,
        position: 1,
    }
}

fn cloud(client_id: &str) -> Product {
    Product {
        client_id: client_id.into(),
        key: "kakeibo-cloud".into(),
        partner: kakeibo(),
        name: "かけいぼクラウド".into(),
        name_en: "Kakeibo Cloud".into(),
        purpose: "帳簿の作成".into(),
        purpose_en: "Book-keeping".into(),
        choice: true,
        operations: vec![OfferedOperation { operation: Operation::Balances, days: 180 }],
        redirect_uris: vec!["https://kakeibo.example/callback".into()],
        jwks: r#"{"keys":[]}"#.into(),
        jwks_uri: None,
        signing_alg: Some("ES256".into()),
        auth_method: AuthMethod::PrivateKeyJwt,
        tls_subject: None,
        sender_constraint: SenderConstraint::Dpop,
        profile: Profile::Security,
        state: PartnerState::Active,
    }
}

fn key(kid: &str) -> StoredSigningKey {
    StoredSigningKey {
        kid: kid.into(),
        alg: "ES256".into(),
        public_jwk: "{}".into(),
        sealed_key: vec![1, 2, 3],
        announced_at: NOW,
        signs_from: NOW,
        retires_at: Some(NOW.plus_seconds(60)),
    }
}

on_each_engine! {
    async fn an_institution_with_terms_and_branches_reads_back_changed_and_alone(store: Store) {
        let mut tx = store.begin_all().await.unwrap();
        let terms = Terms { version: "2026-04".into(), text: "規定".into(), text_en: "Terms".into() };
        let branch = Branch { code: "001".parse().unwrap(), name: "本店".into(), name_en: "Head Office".into() };
        for code in [aoi(), midori()] {
            tx.turn_to(&code);
            tx.save_institution(&institution(code), NOW).await.unwrap();
        }
        tx.add_terms(&terms, NOW).await.unwrap();
        tx.save_branch(&branch).await.unwrap();
        let renamed = Institution { name: "みどり信用組合".into(), ..institution(midori()) };
        tx.save_user_crl(Some("a list")).await.unwrap();
        tx.save_institution(&renamed, NOW).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.read(&midori()).find_institution().await.unwrap(), Some(renamed.into()));
        assert_eq!(store.read(&midori()).find_user_crl().await.unwrap().as_deref(), Some("a list"));
        assert_eq!(store.read(&aoi()).find_user_crl().await.unwrap(), None);
        assert_eq!(store.read(&midori()).list_branches().await.unwrap(), [branch]);
        assert_eq!(store.read(&midori()).find_terms("2026-04").await.unwrap(), Some(terms));
        assert_eq!(store.read(&aoi()).find_institution().await.unwrap(), Some(institution(aoi()).into()));
        assert_eq!(store.read(&aoi()).list_branches().await.unwrap(), []);
        assert_eq!(store.read(&aoi()).find_terms("2026-04").await.unwrap(), None);
    }

    async fn a_version_of_the_terms_is_added_once(store: Store) {
        let mut tx = store.begin(&aoi()).await.unwrap();
        let terms = Terms { version: "2026-04".into(), text: "規定".into(), text_en: "Terms".into() };
        tx.add_terms(&terms, NOW).await.unwrap();
        assert!(matches!(tx.add_terms(&terms, NOW).await, Err(StoreError::Taken)));
    }

    async fn a_product_reads_back_changed_under_the_same_client_id_and_alone(store: Store) {
        let mut tx = store.begin_all().await.unwrap();
        for (code, client_id) in [(aoi(), "c-aoi"), (midori(), "c-midori")] {
            tx.turn_to(&code);
            tx.save_partner(&kakeibo()).await.unwrap();
            tx.save_product(&cloud(client_id)).await.unwrap();
        }
        tx.turn_to(&aoi());
        let suspended = Partner { state: PartnerState::Suspended, ..kakeibo() };
        let changed = Product { partner: suspended.clone(), purpose: "仕訳".into(), choice: false, ..cloud("c-aoi") };
        tx.save_partner(&suspended).await.unwrap();
        tx.save_product(&changed).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.read(&aoi()).list_products().await.unwrap(), [changed]);
        assert_eq!(store.read(&aoi()).list_partners().await.unwrap(), [suspended]);
        assert_eq!(store.read(&midori()).list_products().await.unwrap(), [cloud("c-midori")]);
        assert_eq!(store.read(&midori()).find_product("c-aoi").await.unwrap(), None);
    }

    async fn two_products_cant_have_one_key(store: Store) {
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.save_partner(&kakeibo()).await.unwrap();
        tx.save_product(&cloud("c-one")).await.unwrap();
        assert!(matches!(tx.save_product(&cloud("c-two")).await, Err(StoreError::Taken)));
    }

    async fn a_signing_key_is_published_from_its_announcement_until_it_retires(store: Store) {
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.add_signing_key(&key("a")).await.unwrap();
        tx.commit().await.unwrap();
        let at = |seconds| NOW.plus_seconds(seconds);
        assert_eq!(store.read(&aoi()).list_published_keys(at(-1)).await.unwrap(), []);
        assert_eq!(store.read(&aoi()).list_published_keys(at(0)).await.unwrap(), [key("a")]);
        assert_eq!(store.read(&aoi()).list_published_keys(at(59)).await.unwrap(), [key("a")]);
        assert_eq!(store.read(&aoi()).list_published_keys(at(60)).await.unwrap(), []);
        assert_eq!(store.read(&midori()).list_published_keys(at(0)).await.unwrap(), []);
    }
}
