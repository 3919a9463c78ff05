use super::*;
use renkei_testing::{aoi, midori};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn flood(limits: &Limits, party: Party<'_>, budget: &Budget, now: Timestamp) -> u32 {
    (0..=budget.in_a_row).take_while(|_| limits.take(party, budget, now).is_ok()).count() as u32
}

#[test]
fn r_072_a_017_a_flood_is_slowed_down_and_hurts_no_other_product() {
    let limits = Limits::default();
    let (aoi, midori) = (aoi(), midori());
    let kakeibo = Party::Product(&aoi, "kakeibo");
    assert_eq!(flood(&limits, kakeibo, &PRODUCT_PUSHES, NOW), PRODUCT_PUSHES.in_a_row);
    assert_eq!(limits.take(kakeibo, &PRODUCT_PUSHES, NOW).unwrap_err().wait_seconds, 1);
    for other in [Party::Product(&aoi, "chobo"), Party::Product(&midori, "kakeibo")] {
        assert_eq!(limits.take(other, &PRODUCT_PUSHES, NOW), Ok(()));
    }
    assert_eq!(limits.take(kakeibo, &PRODUCT_TOKENS, NOW), Ok(()), "another budget of the same product");
    let later = NOW.plus_seconds(1);
    assert_eq!(flood(&limits, kakeibo, &PRODUCT_PUSHES, later), PRODUCT_PUSHES.per_second);
}

#[test]
fn no_single_product_can_use_up_its_institution() {
    for (own, all) in [
        (PRODUCT_PUSHES, INSTITUTION_PUSHES),
        (PRODUCT_TOKENS, INSTITUTION_TOKENS),
        (PRODUCT_TOKEN_CARE, INSTITUTION_TOKENS),
        (PRODUCT_READS, INSTITUTION_READS),
        (SOURCE_PAGES, INSTITUTION_PAGES),
    ] {
        assert!(own.per_second * 2 < all.per_second && own.in_a_row * 2 < all.in_a_row, "{}", own.name);
    }
}

#[test]
fn a_source_is_a_whole_ipv4_address_or_a_64_of_ipv6() {
    let prefix = |text: &str| Prefix::of(Some(&Source(text.parse().unwrap()))).to_string();
    assert_eq!(prefix("203.0.113.9"), "203.0.113.9");
    assert_eq!(prefix("::ffff:203.0.113.9"), "203.0.113.9");
    assert_eq!(prefix("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert_ne!(prefix("2001:db8:1:3::1"), prefix("2001:db8:1:2::1"));
}

#[test]
fn r_058_an_answer_says_which_budget_is_used_up_and_when_there_is_room() {
    let limits = Limits::default();
    let aoi = aoi();
    let party = Party::Product(&aoi, "kakeibo");
    flood(&limits, party, &PRODUCT_PUSHES, NOW);
    let answer = limits.take(party, &PRODUCT_PUSHES, NOW).unwrap_err().tell(Response::default());
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(answer.headers()["ratelimit-policy"], "\"product-par\";q=2000;w=20");
    assert_eq!(answer.headers()["ratelimit"], "\"product-par\";r=0;t=1");
}

#[test]
fn a_larger_installation_multiplies_every_budget() {
    let limits = Limits::times(3);
    let aoi = aoi();
    let party = Party::Linkage(&aoi, renkei_domain::id::LinkageId(uuid::Uuid::nil()));
    let taken = (0..10_000).take_while(|_| limits.take(party, &LINKAGE_READS, NOW).is_ok()).count();
    assert_eq!(taken, 3 * LINKAGE_READS.in_a_row as usize);
}
