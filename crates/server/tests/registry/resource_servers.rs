//! Resource servers outside the program: registered like products, in a register of their own.

use renkei_domain::partner::PartnerState;
use renkei_server::registry::RegistryError;
use renkei_store::Store;
use renkei_testing::{aoi, midori, on_each_engine};

use super::{FULL, apply, read};

const GATEWAY: &str = r#"
[[resource_servers]]
key = "gateway"
institutions = "all"
name = "API gateway"
jwks_file = "kakeibo.jwks.json"
signing_alg = "ES256"
"#;

fn with(server: &str) -> String {
    format!("{FULL}\n{server}")
}

#[track_caller]
fn expect_refused(from: &str, to: &str, begin: &str) {
    assert!(GATEWAY.contains(from), "{from}");
    let Err(RegistryError::Wrong(problems)) = read(&with(&GATEWAY.replace(from, to))) else { panic!("{to}") };
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let expected = format!("registry.toml: resource_servers \"gateway\": {begin}");
    assert!(said.iter().any(|problem| problem.starts_with(&expected)), "{expected} is not in {said:#?}");
}

#[test]
fn what_is_wrong_with_one_is_told() {
    expect_refused("institutions = \"all\"", "institutions = [\"9999\"]", "institutions: \"9999\" is not among");
    expect_refused("jwks_file = \"kakeibo.jwks.json\"", "", "jwks: give one of jwks, jwks_file");
    expect_refused("\"kakeibo.jwks.json\"", "\"none.json\"", "jwks_file: ");
    expect_refused("ES256", "RS256", "signing_alg: \"RS256\" is not one of");
    expect_refused("ES256", "PS256", "jwks_file: it has no key for PS256");
    expect_refused("name = ", "resource = \"http://a.example\"\nname = ", "resource: it must be an https address");
    expect_refused("name = ", "secret = \"x\"\nname = ", "unknown field `secret`");
    expect_refused("[[resource_servers]]", &format!("{GATEWAY}\n[[resource_servers]]"), "key: it stands in the file");
}

on_each_engine! {
    async fn r_031_each_institution_has_its_own_identifier_that_can_be_no_clients(store: Store) {
        let plan = apply(&store, &with(GATEWAY)).await;
        assert!(plan.to_string().contains("  + resource server gateway API gateway\n"), "{plan}");
        let ours = store.read(&aoi()).list_resource_servers().await.unwrap();
        let theirs = store.read(&midori()).list_resource_servers().await.unwrap();
        assert_eq!((ours.len(), theirs.len()), (1, 1));
        assert_ne!(ours[0].server_id, theirs[0].server_id);
        assert!(ours[0].server_id.starts_with("rs-") && ours[0].server_id.len() == 35, "{}", ours[0].server_id);
        let line = format!("    client_id of gateway (active): {}\n", ours[0].server_id);
        assert!(plan.to_string().contains(&line), "{plan}");
        assert_eq!(store.read(&aoi()).find_resource_server(&theirs[0].server_id).await.unwrap(), None);
        assert_eq!((ours[0].resource.as_deref(), ours[0].signed_introspection), (None, false));
        assert!(apply(&store, &with(GATEWAY)).await.is_empty());
    }

    async fn what_changes_is_named_and_what_left_the_file_is_ended(store: Store) {
        apply(&store, &with(GATEWAY)).await;
        let before = store.read(&aoi()).list_resource_servers().await.unwrap();
        let changed = GATEWAY.replace("name = ", "resource = \"https://a.example/api\"\nsigned_introspection = true\nname = ");
        let plan = apply(&store, &with(&changed)).await;
        let line = "  ~ resource server gateway API gateway: resource, signed_introspection\n";
        assert!(plan.to_string().contains(line), "{plan}");
        let plan = apply(&store, FULL).await;
        assert!(plan.to_string().contains("  - resource server gateway API gateway: ended, as it is not"), "{plan}");
        let ended = store.read(&aoi()).find_resource_server(&before[0].server_id).await.unwrap().unwrap();
        assert_eq!(ended.state, PartnerState::Ended);
        apply(&store, &with(GATEWAY)).await;
        let back = store.read(&aoi()).list_resource_servers().await.unwrap();
        assert_eq!(back, before);
    }
}
