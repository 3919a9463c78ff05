//! Figures of days: nodes add up, minutes are counted once.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use renkei_domain::time::{Day, Timestamp};
use renkei_store::Store;
use renkei_store::statistics::{FAILING, MINUTES, SERVED, minute_of};
use renkei_testing::{aoi, midori, on_each_engine};

/// 2027-01-15, 17:00 in Japan.
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

async fn minute(store: &Store, at: Timestamp, answers: i64, failures: i64) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.add_minute(minute_of(at), answers, failures).await.unwrap();
    tx.commit().await.unwrap();
}

async fn fold(store: &Store, now: Timestamp) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.fold_minutes(now).await.unwrap();
    tx.commit().await.unwrap();
}

async fn minutes(store: &Store, day: Day) -> (i64, i64) {
    let figures = store.read(&aoi()).figures_of(day).await.unwrap();
    let sum = |measure: &str| {
        let those = figures.iter().filter(|figure| figure.endpoint == MINUTES && figure.measure == measure);
        those.map(|figure| figure.value).sum()
    };
    (sum(SERVED), sum(FAILING))
}

on_each_engine! {
    async fn what_nodes_count_adds_up_and_belongs_to_one_institution(store: Store) {
        for _ in 0..2 {
            let mut tx = store.begin(&aoi()).await.unwrap();
            tx.add_figure(NOW.day(), "token", "2xx", 3).await.unwrap();
            tx.commit().await.unwrap();
        }
        let figures = store.read(&aoi()).figures_of(NOW.day()).await.unwrap();
        assert_eq!((figures.len(), figures[0].value, figures[0].measure.as_str()), (1, 6, "2xx"));
        assert_eq!(store.read(&midori()).figures_of(NOW.day()).await.unwrap(), []);
        assert_eq!(store.read(&aoi()).figures_of(NOW.day().plus_days(1)).await.unwrap(), []);
    }

    async fn a_minute_is_served_if_any_node_served_and_counted_once_when_it_is_old(store: Store) {
        let day = NOW.day();
        minute(&store, NOW, 0, 0).await;
        minute(&store, NOW, 100, 5).await;
        minute(&store, NOW.plus_seconds(60), 50, 0).await;
        minute(&store, NOW.plus_seconds(60), 50, 6).await;
        assert_eq!(minutes(&store, day).await, (2, 1));
        fold(&store, NOW.plus_seconds(86_400)).await;
        assert_eq!(minutes(&store, day).await, (2, 1), "still one by one");
        for _ in 0..2 {
            fold(&store, NOW.plus_seconds(3 * 86_400)).await;
            assert_eq!(minutes(&store, day).await, (2, 1));
        }
        fold(&store, NOW.plus_seconds(801 * 86_400)).await;
        assert_eq!(minutes(&store, day).await, (0, 0), "too old to be kept");
    }

    async fn minutes_belong_to_the_japanese_day(store: Store) {
        let midnight = NOW.day().begins_at();
        minute(&store, midnight.plus_seconds(-60), 1, 0).await;
        minute(&store, midnight, 1, 0).await;
        for days in [0, 10] {
            fold(&store, NOW.plus_seconds(days * 86_400)).await;
            assert_eq!((minutes(&store, NOW.day()).await, minutes(&store, NOW.day().plus_days(-1)).await), ((1, 0), (1, 0)));
        }
    }
}
