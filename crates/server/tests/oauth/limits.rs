//! Budgets: whoever asks for too much is told to wait, and nobody else is.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_server::http::limits::{self, Budget, Limits, Party, Prefix};
use renkei_testing::seed::KAKEIBO;
use renkei_testing::{aoi, midori};

use crate::support::{Answer, Bank, Linked, Partner};

/// Uses a budget up without as many requests.
fn use_up(limits: &Limits, party: Party<'_>, budget: &Budget, bank: &Bank) {
    while limits.take(party, budget, bank.now()).is_ok() {}
}

fn expect_over(answer: &Answer, budget: &Budget) {
    assert_eq!(answer.refusal(), (429, "temporarily_unavailable"), "{}", answer.text);
    assert!((1..=60).contains(&answer.header("retry-after").parse().unwrap()));
    let quota = format!("\"{}\";q={};w=", budget.name, budget.in_a_row);
    assert!(answer.header("ratelimit-policy").starts_with(&quota), "{}", answer.header("ratelimit-policy"));
    let left = format!("\"{}\";r=0;t={}", budget.name, answer.header("retry-after"));
    assert_eq!(answer.header("ratelimit"), left);
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn r_058_r_072_a_017_a_product_that_pushes_too_fast_waits_and_another_does_not() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    let limits = &bank.app.memory.limits;
    use_up(limits, Party::Product(&aoi(), KAKEIBO), &limits::PRODUCT_PUSHES, &bank);
    let push = kakeibo.push();
    expect_over(&push.send().await, &limits::PRODUCT_PUSHES);
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM requests WHERE institution = ?1").await, 0);
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM replays WHERE institution = ?1").await, 0, "nothing is kept");
    assert_eq!(chobo.push().send().await.status, 201);
    bank.clock.forward(1);
    assert_eq!(kakeibo.push().send().await.status, 201, "after the wait it goes on");
}

#[tokio::test]
async fn r_058_the_request_that_had_to_wait_is_good_as_it_is() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    use_up(&bank.app.memory.limits, Party::Product(&aoi(), KAKEIBO), &limits::PRODUCT_PUSHES, &bank);
    let push = kakeibo.push().seal();
    assert_eq!(push.clone().send().await.status, 429);
    bank.clock.forward(1);
    assert_eq!(push.send().await.status, 201);
}

#[tokio::test]
async fn r_151_tokens_and_revocations_have_budgets_of_their_own() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    let limits = &bank.app.memory.limits;
    use_up(limits, Party::Product(&aoi(), KAKEIBO), &limits::PRODUCT_TOKEN_CARE, &bank);
    expect_over(&kakeibo.revoke(&linked.refresh).send().await, &limits::PRODUCT_TOKEN_CARE);
    assert!(bank.is_live(&linked.access).await);
    assert_eq!(kakeibo.refresh(&linked.refresh).send().await.status, 200);
    use_up(limits, Party::Product(&aoi(), KAKEIBO), &limits::PRODUCT_TOKENS, &bank);
    expect_over(&kakeibo.refresh(&linked.refresh).send().await, &limits::PRODUCT_TOKENS);
    assert_eq!(kakeibo.push().send().await.status, 201);
}

#[tokio::test]
async fn r_151_one_linkage_that_refreshes_too_fast_slows_no_other() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let (first, second) = (bank.linked(&kakeibo).await, bank.linked(&kakeibo).await);
    use_up(&bank.app.memory.limits, Party::Linkage(&aoi(), first.linkage), &limits::LINKAGE_TOKENS, &bank);
    expect_over(&kakeibo.refresh(&first.refresh).send().await, &limits::LINKAGE_TOKENS);
    assert_eq!(kakeibo.refresh(&second.refresh).send().await.status, 200);
}

/// Reads the account list with a fresh proof.
async fn read(partner: &Partner, access: &str) -> Answer {
    let path = format!("/{}/api/v1/accounts", partner.institution);
    let request = partner.http.get(format!("{}{path}", partner.address));
    let proof = partner.proof_with(&path, access).sign();
    Answer::to(request.header("authorization", format!("DPoP {access}")).header("dpop", proof)).await
}

/// A linkage of another product than kakeibo's.
async fn linked_with(bank: &Bank, chobo: &Partner) -> Linked {
    let (linkage, code) = bank.linkage_with_code().await;
    for sql in [
        "UPDATE linkages SET client_id = 'chobo' WHERE institution = ?1",
        "UPDATE codes SET client_id = 'chobo' WHERE institution = ?1",
    ] {
        bank.change(sql).await;
    }
    let answer = chobo.redeem(&code).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    Linked { linkage, code, access: answer.text("access_token"), refresh: answer.text("refresh_token") }
}

/// As [`expect_over`], in the words of the account API.
fn expect_reads_over(answer: &Answer, budget: &Budget) {
    assert_eq!((answer.status, answer.body["error"].as_str()), (429, Some("too_many_requests")), "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("retry-after"), "1");
    let quota = format!("\"{}\";q={};w=", budget.name, budget.in_a_row);
    assert!(answer.header("ratelimit-policy").starts_with(&quota), "{}", answer.header("ratelimit-policy"));
    assert_eq!(answer.header("ratelimit"), format!("\"{}\";r=0;t=1", budget.name));
    assert_eq!(answer.header("www-authenticate"), "", "the token is good");
}

#[tokio::test]
async fn r_151_a_linkage_that_reads_too_fast_waits_and_its_neighbours_do_not() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    let other = linked_with(&bank, &chobo).await;
    let (first, second) = (bank.linked(&kakeibo).await, bank.linked(&kakeibo).await);
    use_up(&bank.app.memory.limits, Party::Linkage(&aoi(), first.linkage), &limits::LINKAGE_READS, &bank);
    expect_reads_over(&read(&kakeibo, &first.access).await, &limits::LINKAGE_READS);
    assert_eq!(read(&kakeibo, &second.access).await.status, 200, "another linkage of the same product");
    assert_eq!(read(&chobo, &other.access).await.status, 200);
    bank.clock.forward(1);
    assert_eq!(read(&kakeibo, &first.access).await.status, 200, "after the wait it goes on");
}

#[tokio::test]
async fn r_151_a_product_that_reads_too_fast_waits_and_another_does_not() {
    let (bank, kakeibo, at_midori) = Bank::with_two_institutions().await;
    let chobo = bank.join_product("chobo").await;
    let other = linked_with(&bank, &chobo).await;
    let (first, second) = (bank.linked(&kakeibo).await, bank.linked(&kakeibo).await);
    use_up(&bank.app.memory.limits, Party::Product(&aoi(), KAKEIBO), &limits::PRODUCT_READS, &bank);
    for linked in [&first, &second] {
        expect_reads_over(&read(&kakeibo, &linked.access).await, &limits::PRODUCT_READS);
    }
    assert_eq!(read(&chobo, &other.access).await.status, 200);
    assert_eq!(read(&at_midori, &first.access).await.status, 401, "what it may ask elsewhere is another budget");
    assert_eq!(kakeibo.refresh(&first.refresh).send().await.status, 200, "and so is its tokens'");
    bank.clock.forward(1);
    assert_eq!(read(&kakeibo, &second.access).await.status, 200, "after the wait it goes on");
}

#[tokio::test]
async fn r_151_a_read_that_had_to_wait_is_good_as_it_is() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    use_up(&bank.app.memory.limits, Party::Linkage(&aoi(), linked.linkage), &limits::LINKAGE_READS, &bank);
    let path = "/1001/api/v1/accounts";
    let proof = kakeibo.proof_with(path, &linked.access).sign();
    let send = || {
        let request = kakeibo.http.get(format!("{}{path}", kakeibo.address));
        Answer::to(request.header("authorization", format!("DPoP {}", linked.access)).header("dpop", &proof))
    };
    assert_eq!(send().await.status, 429);
    bank.clock.forward(1);
    assert_eq!(send().await.status, 200, "its proof was not used up");
    assert_eq!(send().await.status, 401, "now it is");
}

#[tokio::test]
async fn r_151_one_institution_at_its_limit_slows_no_other() {
    let (bank, kakeibo, at_midori) = Bank::with_two_institutions().await;
    use_up(&bank.app.memory.limits, Party::Institution(&aoi()), &limits::INSTITUTION_PUSHES, &bank);
    expect_over(&kakeibo.push().send().await, &limits::INSTITUTION_PUSHES);
    assert_eq!(at_midori.push().send().await.status, 201);
}

#[tokio::test]
async fn a_source_of_bad_credentials_is_no_longer_looked_at() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let limits = &bank.app.memory.limits;
    let stranger = kakeibo.push().asserting("a.b.c");
    assert_eq!(stranger.clone().send().await.refusal(), (401, "invalid_client"));
    use_up(limits, Party::Source(Prefix::of(None)), &limits::SOURCE_STRANGERS, &bank);
    expect_over(&stranger.send().await, &limits::SOURCE_STRANGERS);
    let answer = bank.get("/1001/api/v1/accounts").await;
    assert_eq!((answer.status, answer.body["error"].as_str()), (429, Some("too_many_requests")));
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(answer.header("ratelimit").starts_with("\"source-unauthenticated\""));
}

#[tokio::test]
async fn a_014_ten_thousand_guessed_links_get_error_pages_and_then_a_wait() {
    let (bank, _) = Bank::with_kakeibo().await;
    let guess = async |number: u32| {
        let ticket = bank.app.new_ticket(bank.now()).reveal();
        let link =
            format!("/1001/authorize?client_id={KAKEIBO}&request_uri=urn:ietf:params:oauth:request_uri:{ticket}");
        assert!(number < 10_000);
        bank.get(&link).await
    };
    for number in 0..limits::SOURCE_PAGES.in_a_row {
        let answer = guess(number).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "guess {number}");
    }
    let answer = guess(limits::SOURCE_PAGES.in_a_row).await;
    assert_eq!(answer.status, 429);
    assert!(answer.header("content-type").starts_with("text/html") && answer.header("retry-after") == "1");
    assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM flows WHERE institution = ?1").await, 0);
    // Then twenty a second, until all that remain of the ten thousand.
    bank.clock.forward(1);
    for number in 0..limits::SOURCE_PAGES.per_second {
        assert_eq!(guess(number).await.status, 400);
    }
    assert_eq!(guess(0).await.status, 429);
}

#[tokio::test]
async fn refusals_of_strangers_are_recorded_one_by_one_and_then_counted() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    for _ in 0..50 {
        let answer = kakeibo.push().asserting("a.b.c").send().await;
        assert_eq!(answer.refusal(), (401, "invalid_client"));
    }
    let recorded = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'client_refused'";
    assert_eq!(bank.count(&aoi(), recorded).await, 20);
    limits::write_counted(&bank.app, false).await.unwrap();
    assert_eq!(bank.count(&aoi(), recorded).await, 20, "the minute is not over");
    bank.clock.forward(60);
    limits::write_counted(&bank.app, false).await.unwrap();
    assert_eq!(bank.recorded("client_refused", "refused", "counted 30 in 60 s").await, 1);
    limits::write_counted(&bank.app, true).await.unwrap();
    assert_eq!(bank.count(&aoi(), recorded).await, 21, "a count is recorded once");
}

#[tokio::test]
async fn a_thousand_sources_fill_no_disk_either() {
    let (bank, _) = Bank::with_kakeibo().await;
    for number in 0..1_000_u32 {
        let source = renkei_server::http::source::Source(std::net::Ipv4Addr::from(0xcb00_7100 + number).into());
        let record = Record::refused(Actor::Visitor, Action::ClientRefused, "no such client");
        let source = Prefix::of(Some(&source));
        limits::record_refusal(&bank.app, &aoi(), source, record, bank.now()).await.unwrap();
    }
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM audit WHERE institution = ?1").await, 600);
    assert_eq!(bank.count(&midori(), "SELECT COUNT(*) FROM audit WHERE institution = ?1").await, 0);
    limits::write_counted(&bank.app, true).await.unwrap();
    assert_eq!(bank.recorded("client_refused", "refused", "counted 400 in 0 s").await, 1);
}
