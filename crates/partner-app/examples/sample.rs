//! The site with two invented institutions that permit everything without asking: for looking at pages.
//!
//! `cargo run -p renkei-partner-app --example sample`, then open <http://127.0.0.1:8099/>.

// An example stops at the first thing that goes wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../tests/site/bank.rs"]
mod bank;

use bank::Bank;

/// Day, kind, description and amount of some weeks of a small company.
const WEEKS: [(&str, &str, &str, i64); 12] = [
    ("01", "振込", "カ）ミナトシヤ", 418_000),
    ("03", "口座振替", "デンキリヨウキン 10ガツブン", -31_482),
    ("05", "振込", "マツバシヨウジ（カ", 152_900),
    ("07", "出金", "カード 本店ATM", -50_000),
    ("10", "口座振替", "リ－スリヨウ キタリ－ス", -88_000),
    ("12", "振込手数料", "テスウリヨウ", -660),
    ("14", "振込", "ワタナベ タロウ", 24_500),
    ("17", "出金", "カ）ホクトウンユ", -120_340),
    ("20", "税金", "ゲンセンシヨトクゼイ", -64_210),
    ("23", "入金", "ゲンキン", 300_000),
    ("25", "総合振込", "キユウヨ 10ガツブン 5ケン", -486_000),
    ("28", "利息", "オリソク", 12),
];

#[tokio::main]
async fn main() {
    let aoi = Bank::open("1001", "あおい信用組合").await;
    let midori = Bank::open("1002", "みどり信用金庫").await;
    let main_account = aoi.add_account("本店", "2000002", Some("メイン口座"), "available");
    let savings = aoi.add_account("豊洲支店", "3000014", Some("納税準備"), "available");
    aoi.add_account("インターネット支店", "1111111", None, "pin_stale");
    let loan = midori.add_account("駅前支店", "0456789", None, "available");
    aoi.book(main_account, "2026-04-01", "繰越", "クリコシ", 1_800_000);
    for month in 5_i64..=10 {
        for (day, kind, description, amount) in WEEKS {
            let amount = if amount.abs() > 100_000 { amount - month * 3_700 } else { amount };
            aoi.book(main_account, &format!("2026-{month:02}-{day}"), kind, description, amount);
        }
    }
    aoi.book(main_account, "2026-11-20", "振込", "フリ－ランス キタガワ ハナコ", 88_000);
    aoi.book(main_account, "2026-11-21", "口座振替", "ツウシンリヨウ", -12_800);
    aoi.book(savings, "2026-11-05", "入金", "フリカエ", 640_000);
    midori.book(loan, "2026-11-02", "出金", "テガタケツサイ", -318_250);
    let base = "http://127.0.0.1:8099";
    let offers = vec![aoi.offer("かけいぼ会計 スタンダード"), midori.offer("かけいぼ会計 スタンダード")];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8099").await.unwrap();
    renkei_partner_app::serve(listener, bank::config(base, offers)).await.unwrap();
}
