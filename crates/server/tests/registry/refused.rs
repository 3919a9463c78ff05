//! What a registry file may not hold, one thing after another, and where the message points.

use renkei_server::registry::RegistryError;

use super::{FULL, read};

/// What is said of the full file after one replacement.
fn said(from: &str, to: &str) -> Vec<String> {
    assert!(FULL.contains(from), "{from} is not in the file");
    match read(&FULL.replacen(from, to, 1)) {
        Err(RegistryError::Wrong(problems)) => problems.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    }
}

#[track_caller]
fn assert_refused(from: &str, to: &str, begin: &str) {
    let said = said(from, to);
    let expected = format!("registry.toml: {begin}");
    assert!(said.iter().any(|problem| problem.starts_with(&expected)), "{expected} is not in {said:#?}");
}

const CLOUD: &str = "partners \"kakeibo\" products \"kakeibo-cloud\": ";
const TAX: &str = "partners \"kakeibo\" products \"kakeibo-tax\": ";
const AOI: &str = "institutions \"1001\": ";

#[test]
fn the_full_file_is_right() {
    assert!(read(FULL).is_ok());
}

#[test]
fn what_is_not_toml_is_told_with_its_line_and_without_its_text() {
    let refused = said("kind = \"shinkin\"", "kind = \"shinkin");
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].starts_with("registry.toml: line 38: "), "{refused:?}");
    assert!(!refused[0].contains("shinkin"), "{refused:?}");
}

#[test]
fn unknown_missing_and_mistyped_keys_are_refused() {
    assert_refused("accent =", "colour =", "institutions \"1001\": unknown field `colour`");
    assert_refused("accent = \"#14518B\"", "", "institutions \"1001\": missing field `accent`");
    assert_refused("period_days = 180", "period_days = \"180\"", "institutions \"1001\": invalid type");
    assert_refused("purpose = \"申告書の作成\"", "", "partners \"kakeibo\" products \"kakeibo-tax\": missing field");
    assert_refused("state = \"suspended\"", "stat = \"suspended\"", "partners \"soroban\": unknown field `stat`");
    assert_refused("[[partners]]", "[[partner]]", "line ");
}

#[test]
fn codes_kinds_colours_and_periods_have_their_form() {
    assert_refused(
        "code = \"1001\"",
        "code = \"101\"",
        "institutions \"101\": code: an institution code is four digits",
    );
    assert_refused("code = \"1002\"", "code = \"1001\"", &format!("{AOI}code: it stands in the file twice"));
    assert_refused("credit_cooperative", "credit_union", &format!("{AOI}kind: \"credit_union\" is not one of"));
    assert_refused("#14518B", "navy", &format!("{AOI}accent: a colour is #"));
    assert_refused("#14518B", "#14518", &format!("{AOI}accent: a colour is #"));
    assert_refused("period_days = 180", "period_days = 0", &format!("{AOI}period_days: it must be 1 to 1830 days"));
    assert_refused("period_days = 90", "period_days = 1831", &format!("{CLOUD}operations #2: it must be 1 to 1830"));
    assert_refused(
        "https://www.aoi.example",
        "http://www.aoi.example",
        &format!("{AOI}privacy_url: it must be an https"),
    );
    assert_refused("code = \"200\"", "code = \"20\"", "institutions \"1001\" branches \"20\": code: a branch code is");
    assert_refused("code = \"200\"", "code = \"001\"", "institutions \"1001\" branches \"001\": code: it stands");
    assert_refused("version = \"2026-04\"", "version = \"../x\"", "institutions \"1001\" terms: version: it must be");
    assert_refused(
        "domain = \"kakeibo.example\"",
        "domain = \"Kakeibo.example\"",
        "partners \"kakeibo\": domain: it must",
    );
    assert_refused("key = \"soroban\"", "key = \"soro ban\"", "partners \"soro ban\": key: it must be 1 to 63");
    assert_refused("key = \"soroban\"", "key = \"kakeibo\"", "partners \"kakeibo\": key: it stands in the file twice");
    assert_refused("key = \"kakeibo-tax\"", "key = \"kakeibo-cloud\"", &format!("{CLOUD}key: it stands in the file"));
    assert_refused(
        "state = \"suspended\"",
        "state = \"paused\"",
        "partners \"soroban\": state: \"paused\" is not one of",
    );
}

#[test]
fn r_042_texts_are_bounded_normal_and_visible() {
    let long = "あ".repeat(101);
    assert_refused("あおい信用組合", &long, &format!("{AOI}name: it has 101 characters; 100 is the limit"));
    assert_refused("あおい信用組合", "", &format!("{AOI}name: it must not be empty"));
    assert_refused("かけいぼクラウド", "か\u{202e}けいぼ", &format!("{CLOUD}name: it holds U+202E"));
    assert_refused("かけいぼクラウド", "か\u{200b}けいぼ", &format!("{CLOUD}name: it holds U+200B"));
    assert_refused("会計帳簿の作成", "会計\\n帳簿", &format!("{CLOUD}purpose: it holds U+000A"));
    assert_refused("株式会社かけいぼ", "株式会社か\u{3099}", "partners \"kakeibo\": name: it is not in Unicode");
    assert_refused("第1条", "第1条\u{2066}", "institutions \"1001\" terms: text: it holds U+2066");
}

#[test]
fn r_029_redirect_uris_are_https_and_whole() {
    let uri = "https://tax.kakeibo.example/callback";
    for (bad, why) in [
        ("http://tax.kakeibo.example/callback", "redirect URI is not https"),
        ("http://127.0.0.1:9000/callback", "redirect URI is not https"),
        ("javascript:alert(1)", "not an absolute https URI"),
        ("https://tax.kakeibo.example/callback#a", "redirect URI has a fragment"),
        ("https://*.kakeibo.example/callback", ""),
        ("https://user@kakeibo.example/callback", "not an absolute https URI"),
    ] {
        assert_refused(uri, bad, &format!("{TAX}redirect_uris #1: {why}"));
    }
    assert_refused("[\"https://tax.kakeibo.example/callback\"]", "[]", &format!("{TAX}redirect_uris: there must be 1"));
    let twice = "[\"https://tax.kakeibo.example/callback\", \"https://tax.kakeibo.example/callback\"]";
    assert_refused("[\"https://tax.kakeibo.example/callback\"]", twice, &format!("{TAX}redirect_uris #2: it stands"));
}

#[test]
fn operations_are_known_and_named_once() {
    assert_refused("operations = [\"transactions\"]", "operations = []", &format!("{TAX}operations: there must be"));
    assert_refused(
        "operations = [\"transactions\"]",
        "operations = [\"transfers\"]",
        &format!("{TAX}operations #1: no such"),
    );
    let twice = "operations = [\"balances\", \"balances\"]";
    assert_refused(
        "operations = [\"transactions\"]",
        twice,
        &format!("{TAX}operations #2: it stands in the list twice"),
    );
}

#[test]
fn r_032_r_033_a_product_proves_itself_in_one_way_and_a_certificate_has_one_name() {
    let with = |items: &str| format!("signing_alg = \"ES256\"\n{items}");
    let refused =
        |items: &str, why: &str| assert_refused("signing_alg = \"ES256\"", &with(items), &format!("{CLOUD}{why}"));
    refused("auth_method = \"client_secret_basic\"", "auth_method: \"client_secret_basic\" is not one of");
    refused("auth_method = \"none\"", "auth_method: \"none\" is not one of");
    refused("sender_constraint = \"bearer\"", "sender_constraint: \"bearer\" is not one of");
    refused("profile = \"oauth2\"", "profile: \"oauth2\" is not one of");
    refused("tls_client_auth_san_dns = \"a.example\"", "tls_client_auth_subject_dn: only auth_method");
    let tls = "auth_method = \"tls_client_auth\"\nprofile = \"fapi2_signed_requests\"";
    refused(tls, "tls_client_auth_subject_dn: it is missing");
    let two = format!("{tls}\ntls_client_auth_san_dns = \"a.example\"\ntls_client_auth_san_ip = \"192.0.2.1\"");
    refused(&two, "tls_client_auth_subject_dn: name the certificate in one way");
    refused(&format!("{tls}\ntls_client_auth_san_ip = \"192.0.2\""), "tls_client_auth_san_ip: ");
    let signs_nothing = "auth_method = \"tls_client_auth\"\ntls_client_auth_san_dns = \"a.example\"";
    refused(signs_nothing, "signing_alg: this product signs nothing");
}

#[test]
fn r_035_keys_are_given_in_one_way_only() {
    let file = "jwks_file = \"kakeibo.jwks.json\"";
    let both = format!("{file}\njwks_uri = \"https://kakeibo.example/jwks\"");
    assert_refused(file, &both, &format!("{CLOUD}jwks: it is there twice"));
    assert_refused(
        file,
        "jwks_uri = \"http://kakeibo.example/jwks\"",
        &format!("{CLOUD}jwks_uri: it must be an https"),
    );
}

#[test]
fn r_036_a_043_keys_are_at_an_https_address_of_a_named_host() {
    for (address, reason) in [
        ("file:///etc/passwd", "it must be an https address"),
        ("gopher://keys.kakeibo.example/", "it must be an https address"),
        ("https://127.0.0.1/", "it must name a host, not an IP address"),
        ("https://[::1]/", "it must name a host, not an IP address"),
        ("https://[::ffff:169.254.169.254]/", "it must name a host, not an IP address"),
        ("https://0.0.0.0/", "it must name a host, not an IP address"),
        ("https://169.254.169.254/latest/meta-data/", "it must name a host, not an IP address"),
        ("https://2130706433/", "it must name a host, not an IP address"),
        ("https://0177.0.0.1/", "it must name a host, not an IP address"),
        ("https://0x7f.1/", "it must name a host, not an IP address"),
        ("https://127.1/", "it must name a host, not an IP address"),
        ("https://kakeibo.example@127.0.0.1/", "it must not name a user"),
        ("https://kakeibo.example/jwks#1", "it must not have a fragment"),
        ("https://Kakeibo.example/jwks", "the host must be a domain name in lower-case"),
        ("https://localhost/jwks", "the host must be a domain name"),
        ("https://kakeibo.example:0/jwks", "the port must be a number"),
        ("https://kakeibo.example/a b", "it must be an address in plain ASCII"),
    ] {
        let line = format!("jwks_uri = \"{address}\"");
        assert_refused("jwks_file = \"kakeibo.jwks.json\"", &line, &format!("{CLOUD}jwks_uri: {reason}"));
    }
    assert!(said("jwks_file = \"kakeibo.jwks.json\"", "jwks_uri = \"https://keys.kakeibo.example/jwks\"").is_empty());
}

#[test]
fn r_028_r_032_only_public_keys_of_the_named_algorithm_are_registered() {
    assert_refused(
        "signing_alg = \"ES256\"",
        "signing_alg = \"none\"",
        &format!("{CLOUD}signing_alg: \"none\" is not"),
    );
    assert_refused(
        "signing_alg = \"ES256\"",
        "signing_alg = \"RS256\"",
        &format!("{CLOUD}signing_alg: \"RS256\" is not"),
    );
    assert_refused(
        "signing_alg = \"ES256\"",
        "signing_alg = \"PS256\"",
        &format!("{CLOUD}jwks_file: it has no key for PS256"),
    );
    let private = "kid = \"tax-1\"\nd = \"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"";
    assert_refused("kid = \"tax-1\"", private, &format!("{TAX}jwks: the key is not a public key"));
    assert!(said("kid = \"tax-1\"", private).iter().all(|said| !said.contains("jpsQ")));
    assert_refused("x = \"f83O", "x = \"f83P", &format!("{TAX}jwks: the key material is invalid"));
    assert_refused("jwks_file = \"kakeibo.jwks.json\"", "", &format!("{CLOUD}jwks: it is missing"));
    assert_refused("kakeibo.jwks.json", "nowhere.json", &format!("{CLOUD}jwks_file: nowhere.json: No such file"));
    assert_refused("kakeibo.jwks.json", "full.toml", &format!("{CLOUD}jwks_file: "));
    let both = "jwks_file = \"kakeibo.jwks.json\"\njwks = { keys = [] }";
    assert_refused("jwks_file = \"kakeibo.jwks.json\"", both, &format!("{CLOUD}jwks: it is there twice"));
}

#[test]
fn institutions_of_a_partner_are_institutions_of_the_file() {
    assert_refused(
        "institutions = [\"1001\"]",
        "institutions = [\"1003\"]",
        &format!("{TAX}institutions: \"1003\" is not"),
    );
    assert_refused(
        "institutions = \"all\"",
        "institutions = \"some\"",
        "partners \"kakeibo\": institutions: it must be",
    );
    assert_refused("institutions = \"all\"", "institutions = 7", "partners \"kakeibo\": institutions must be \"all\"");
}

#[test]
fn certificate_login_needs_an_authority_and_its_list() {
    let with = |lines: &str| format!("period_days = 180\n{lines}");
    let from = "period_days = 180";
    assert_refused(from, &with("user_ca = \"kakeibo.jwks.json\""), &format!("{AOI}user_crl: it is missing"));
    assert_refused(from, &with("user_crl = \"kakeibo.jwks.json\""), &format!("{AOI}user_ca: it is missing"));
    assert_refused(from, &with("user_ca = \"kakeibo.jwks.json\""), &format!("{AOI}user_ca: the file must hold cert"));
    assert_refused(from, &with("user_crl = \"kakeibo.jwks.json\""), &format!("{AOI}user_crl: the file must hold revo"));
}

#[test]
fn an_authority_is_no_longer_than_every_node_should_keep_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), "x".repeat(64 * 1024 + 1)).unwrap();
    let name = folder.path().join("ca.pem");
    let lines = format!("period_days = 180\nuser_ca = {name:?}");
    assert_refused("period_days = 180", &lines, &format!("{AOI}user_ca: the file is longer than 65536 bytes"));
}

#[test]
fn r_040_everything_that_is_wrong_is_told_at_once() {
    let text = FULL
        .replacen("accent =", "colour =", 1)
        .replacen("#2a6b3c", "green", 1)
        .replacen("domain = \"soroban.example\"", "domain = \"soroban\"", 1)
        .replacen("https://tax.", "http://tax.", 1);
    let Err(RegistryError::Wrong(problems)) = read(&text) else { panic!("it was taken") };
    let places: Vec<(&str, &str)> = problems.iter().map(|found| (found.table.as_str(), found.key.as_str())).collect();
    for place in [
        ("institutions \"1001\"", ""),
        ("institutions \"1002\"", "accent"),
        ("partners \"soroban\"", "domain"),
        ("partners \"kakeibo\" products \"kakeibo-tax\"", "redirect_uris #1"),
    ] {
        assert!(places.contains(&place), "{place:?} is not in {places:?}");
    }
}

/// The reference shows a file that would be taken, were the files it names there.
#[test]
fn the_example_of_the_reference_is_right() {
    let reference = include_str!("../../../../docs/registry.md");
    let begin = reference.find("```toml\n").unwrap() + "```toml\n".len();
    let example = &reference[begin..begin + reference[begin..].find("```\n").unwrap()];
    let Err(RegistryError::Wrong(problems)) = read(&example.replace(".jwks.json", ".nowhere")) else { panic!() };
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["user_ca", "user_crl", "text_file", "text_en_file", "jwks_file"], "{problems:#?}");
}
