//! The end of a consent as a partner meets it: the last second of its last day works, the next one does not.

use renkei_domain::operation::Period;
use renkei_store::Store;
use renkei_testing::{aoi, on_each_engine, seed};

use crate::support::{Bank, NOW, day};

on_each_engine! {
    async fn f_23_a_consent_works_in_its_last_second_and_never_after_it(store: Store) {
        let bank = Bank::open(store).await;
        let hanako = bank.customer(&aoi(), "hanako").await;
        let account = bank.account(&aoi(), &hanako, "2000001").await;
        for until in ["2027-01-31", "2027-02-28", "2027-12-31", "2028-02-29"].map(day) {
            let ends_at = Period { from: NOW.day(), until }.ends_at();
            let linkage = seed::linkage(&bank.store, &aoi(), &hanako, &[account], (NOW, ends_at)).await;
            let partner = bank.token(&aoi(), linkage, "balances transactions").await;
            bank.pass(bank.app.clock.now().seconds_until(ends_at) - 1);
            assert_eq!(bank.app.clock.now().to_rfc3339(), format!("{until}T23:59:59+09:00"));
            let shown = bank.get(&partner, "/linkage").await.json();
            assert_eq!(shown["operations"][0]["until"], until.to_string());
            assert_eq!(shown["ends_at"], ends_at.to_rfc3339());
            assert_eq!(bank.get(&partner, "/accounts").await.status, 200);
            for _ in 0..3 {
                bank.pass(1);
                assert_eq!(bank.get(&partner, "/accounts").await.refusal(), (401, "linkage_expired".into()));
            }
        }
        // Nobody ended them, so the trail has no end; what it has is who came too late.
        let trail = bank.audit(&aoi()).await;
        assert!(trail.iter().all(|(action, ..)| action != "linkage_ended" && action != "token_revoked"));
    }
}
