//! What each attacker of the FAPI 2.0 attacker model wants, tried from end to end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::browser::answer_of;
use crate::installation::{Installation, Node, accounts_of, number_from};
use crate::support::{Partner, new_key};
use futures_util::future::join_all;

/// A read of this path with a proof by the partner's own key.
async fn status_of(node: &Node, partner: &Partner, access: &str, path: &str) -> (u16, String) {
    let proof = partner.proof_with(path, access).sign();
    let answer = node.read_with(access, &proof, path).await;
    (answer.status, answer.body["error"].as_str().unwrap_or_default().to_owned())
}

/// The account ids a token may read.
async fn account_ids(node: &Node, partner: &Partner, access: &str) -> Vec<String> {
    let answer = node.read(partner, access).await;
    let accounts = answer.body["accounts"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
    accounts.iter().map(|account| account["account_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_185_a_web_attacker_as_user_partner_and_other_server_reaches_nothing_of_an_honest_user() {
    let installation = Installation::on_sqlite(2);
    let node = installation.start().await;
    let honest = node.partner(&installation.kakeibo);
    let evil = node.partner(&installation.stranger);
    let (access, refresh) = node.tokens(&honest, "user0").await;
    let victims = account_ids(&node, &honest, &access).await;
    // As a user with an account of his own: the victim's account does not exist for him.
    let (own, _) = node.tokens(&honest, "user1").await;
    for id in &victims {
        let path = format!("/1001/api/v1/accounts/{id}/balances");
        assert_eq!(status_of(&node, &honest, &own, &path).await.0, 404);
    }
    // As a partner: neither the victim's code nor its tokens are of use to other credentials and keys.
    let code = node.code(&honest, "user0").await;
    assert_eq!(evil.redeem(&code).send().await.refusal(), (400, "invalid_grant"));
    assert_eq!(evil.refresh(&refresh).send().await.refusal(), (400, "invalid_grant"));
    assert_eq!(node.read(&evil, &access).await.status, 401);
    assert_eq!(evil.revoke(&refresh).send().await.status, 200);
    // As another authorization server: what one institution issued is nothing at the other.
    let elsewhere = node.partner(&installation.at_midori);
    assert_eq!(elsewhere.redeem(&code).send().await.refusal(), (400, "invalid_grant"));
    assert_eq!(elsewhere.refresh(&refresh).send().await.refusal(), (400, "invalid_grant"));
    // None of it hurt the honest partner.
    assert_eq!(node.read(&honest, &access).await.status, 200);
    assert_eq!(honest.redeem(&code).send().await.status, 200);
}

/// What a plain-text client reads from the node's port.
fn in_plain_text(node: &Node, words: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", node.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(words).unwrap();
    let mut answer = Vec::new();
    // A reset is a refusal too.
    drop(stream.read_to_end(&mut answer));
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_186_r_020_every_step_refuses_plain_text_and_downgrade_and_says_to_stay_on_tls() {
    let installation = Installation::on_sqlite(1);
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let at = node.pushed(&kakeibo).await;
    let link = "/1001/link/0192f0c0-0000-7000-8000-000000000000/login";
    let steps = [
        ("GET", "/.well-known/oauth-authorization-server/1001"),
        ("GET", "/1001/jwks"),
        ("POST", "/1001/par"),
        ("GET", at.as_str()),
        ("GET", link),
        ("POST", link),
        ("POST", "/1001/token"),
        ("POST", "/1001/revoke"),
        ("GET", "/1001/api/v1/accounts"),
        ("GET", "/1001/my/login"),
    ];
    for (method, path) in steps {
        let words = format!("{method} {path} HTTP/1.1\r\nhost: link.example\r\ncontent-length: 0\r\n\r\n");
        let answer = in_plain_text(&node, words.as_bytes());
        assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{path}");
    }
    // TLS 1.0 and 1.1 hellos, and one that falls back with a warning to do so, end in a fatal alert.
    for minor in [1, 2] {
        let mut hello = vec![3, minor];
        hello.extend([7; 32]);
        hello.extend([0, 0, 6, 0xc0, 0x13, 0x00, 0x2f, 0x56, 0x00, 1, 0]);
        let handshake = [&[1, 0, 0, u8::try_from(hello.len()).unwrap()], hello.as_slice()].concat();
        let record = [&[22, 3, 1, 0, u8::try_from(handshake.len()).unwrap()], handshake.as_slice()].concat();
        let answer = in_plain_text(&node, &record);
        assert_eq!((answer[0], answer[5]), (21, 2), "a fatal alert");
    }
    let mut browser = node.browser();
    for path in ["/1001/", at.as_str(), "/1001/my/login", "/nowhere"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.header("strict-transport-security"), "max-age=63072000; includeSubDomains", "{path}");
        assert!(!answer.header("location").starts_with("http://"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_187_who_reads_the_authorization_request_gets_no_code_of_use() {
    let installation = Installation::on_sqlite(2);
    let node = installation.start().await;
    let honest = node.partner(&installation.kakeibo);
    let path = node.pushed(&honest).await;
    // The attacker opens what he read in a browser of his own and permits his own accounts.
    let mut attacker = node.browser();
    attacker.open(&path).await;
    attacker.log_in("user1").await;
    attacker.register_all().await;
    attacker.submit("results", &[("action", "confirm")]).await;
    let code = answer_of(&attacker.allow().await)["code"].clone();
    // He has neither the partner's key nor its verifier, and brings the code with what he has.
    let evil = node.partner(&installation.stranger);
    assert_eq!(evil.redeem(&code).send().await.refusal(), (400, "invalid_grant"));
    let forged = honest.redeem(&code).signed_by(&new_key());
    assert_eq!(forged.send().await.refusal(), (401, "invalid_client"));
    // The victim's own link is used up; the victim's browser is sent nowhere.
    let answer = node.browser().get(&path).await;
    assert_eq!((answer.status, answer.header("location")), (400, ""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_189_r_018_a_068_a_token_of_one_institution_is_nothing_at_another_and_leaves_no_name_there() {
    let installation = Installation::on_sqlite(1);
    let node = installation.start().await;
    let at_aoi = node.partner(&installation.kakeibo);
    let (access, refresh) = node.tokens(&at_aoi, "user0").await;
    let mut at_midori = node.partner(&installation.at_midori);
    // The same partner, with the very key the token is bound to.
    at_midori.dpop.clone_from(&at_aoi.dpop);
    let answer = node.read(&at_midori, &access).await;
    assert_eq!((answer.status, answer.refusal().1), (401, "invalid_token"));
    assert_eq!(at_midori.refresh(&refresh).send().await.refusal(), (400, "invalid_grant"));
    // Through another client's context, with that client's key.
    let cuckoo = node.partner(&installation.stranger);
    assert_eq!(node.read(&cuckoo, &access).await.status, 401);
    let records = installation.records("1002").await;
    assert!(!records.is_empty());
    for secret in [access.as_str(), refresh.as_str(), "user0", at_aoi.client_id.as_str(), "\"1001\""] {
        assert!(!records.contains(secret), "{secret} in the records of midori");
    }
    assert_eq!(node.read(&at_aoi, &access).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_190_r_093_no_browser_completes_an_authorization_that_its_user_did_not_see() {
    let installation = Installation::on_sqlite(2);
    let node = installation.start().await;
    let evil = node.partner(&installation.stranger);
    // The victim looks at linkages in this browser, and then follows the attacker's link.
    let mut victim = node.browser();
    victim.open("/1001/my/login").await;
    let csrf = victim.page.hidden("csrf");
    let fields = [("csrf", csrf.as_str()), ("login_id", "user0"), ("password", crate::bank::PASSWORD)];
    assert_eq!(victim.post_raw("/1001/my/login", &fields).await.location(), "https://link.example/1001/my/linkages");
    victim.open(&node.pushed(&evil).await).await;
    victim.expect_screen("login");
    // Nothing but a form of our own page, made for this very session, goes on.
    let path = format!("{}/permission", victim.base());
    for fields in [&[][..], &[("action", "allow"), ("intent", "yes"), ("csrf", csrf.as_str()), ("version", "0")]] {
        assert_eq!(victim.post_raw(&path, fields).await.status, 403);
    }
    let cross_site = victim.request(&path, &[("csrf", "x")]).header("origin", "https://evil.example");
    assert_eq!(cross_site.send().await.unwrap().status(), 403);
    // Whoever does log in reads who logged in, who asks and for what.
    victim.log_in("user0").await;
    victim.register_all().await;
    victim.submit("results", &[("action", "confirm")]).await;
    victim.expect_screen("permission");
    for shown in ["user0", "株式会社stranger", "stranger.example", "普通"] {
        assert!(victim.page.text.contains(shown), "{shown} is not shown");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_143_a_070_walking_account_ids_finds_nothing() {
    let mut installation = Installation::on_sqlite(2);
    // Or the linkage's budget would be used up before anything was found.
    installation.sections = "[limits]\nfactor = 100\n";
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (_, refresh) = node.tokens(&kakeibo, "user0").await;
    let (others, _) = node.tokens(&kakeibo, "user1").await;
    let foreign = account_ids(&node, &kakeibo, &others).await.remove(0);
    let mut expected = None;
    let tries: Vec<usize> = (0..number_from("RENKEI_ATTACK_TRIES", 200)).collect();
    for tries in tries.chunks(50) {
        // A token lives five minutes, and a long run longer.
        let access = kakeibo.refresh(&refresh).send().await.text("access_token");
        let looks = tries.iter().map(async |round| {
            let id = match round % 3 {
                0 => foreign.clone(),
                1 => uuid::Uuid::new_v4().to_string(),
                _ => neighbour(&foreign, *round),
            };
            let path = format!("/1001/api/v1/accounts/{id}");
            (node.read_with(&access, &kakeibo.proof_with(&path, &access).sign(), &path).await, id)
        });
        for (answer, id) in join_all(looks).await {
            let mut body = answer.body.clone();
            body.as_object_mut().unwrap().remove("reference");
            let seen = (answer.status, body);
            assert_eq!(*expected.get_or_insert_with(|| seen.clone()), seen, "{id}");
            assert_eq!(seen.0, 404);
        }
    }
}

/// An id that differs from this one in its last digit or two.
fn neighbour(id: &str, round: usize) -> String {
    let (head, _) = id.split_at(id.len() - 2);
    format!("{head}{:02x}", round % 256)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_121_a_055_a_flood_of_proofs_with_huge_identifiers_takes_no_memory() {
    let installation = Installation::on_sqlite(1);
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (access, _) = node.tokens(&kakeibo, "user0").await;
    let path = accounts_of(&kakeibo);
    let before = node.memory();
    for _ in 0..number_from("RENKEI_ATTACK_TRIES", 200) {
        let mut proof = kakeibo.proof_with(&path, &access);
        proof.claims["jti"] = format!("{}{}", crate::support::partner::jti(), "x".repeat(8_192)).into();
        let answer = node.read_with(&access, &proof.sign(), &path).await;
        assert!([401, 429, 431].contains(&answer.status), "{}", answer.status);
    }
    assert!(node.memory() < before + 64 * 1_048_576, "{} after {before}", node.memory());
    assert_eq!(node.read(&kakeibo, &access).await.status, 200);
}
