//! A node whose role in the database can do its work and nothing to the audit trail.

use std::time::{Duration, Instant};

use renkei_store::rights::ONLY_GROWING;

use crate::installation::Installation;

/// Longer than a node takes to seal and sign, on a busy machine; reaching it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_235_a_node_works_with_a_role_that_can_only_add_to_the_trail() {
    let Some(mut installation) = Installation::on_postgres(2).await else { return };
    let role = format!("serving_{}", uuid::Uuid::now_v7().simple());
    let owner = installation.client().await;
    owner.batch_execute(&format!("CREATE ROLE {role} LOGIN")).await.unwrap();
    installation.run(&["migrate", "--grant", &role]);
    installation.serve_as(&role);
    // All a node does, from pushed request to reading.
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (access, _) = node.tokens(&kakeibo, "user0").await;
    assert_eq!(node.read(&kakeibo, &access).await.status, 200);
    let began = Instant::now();
    let signed = "SELECT COUNT(*) FROM audit_signatures WHERE institution = ?1";
    while installation.count(signed).await == 0 {
        assert!(began.elapsed() < PATIENCE, "nothing is signed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What the same role can't do, whoever holds its password.
    let serving = installation.client().await;
    for table in ONLY_GROWING {
        for change in ["DELETE FROM", "TRUNCATE"] {
            let refused = serving.batch_execute(&format!("{change} {table}")).await.unwrap_err();
            assert_eq!(refused.code().unwrap().code(), "42501", "{change} {table}");
        }
        let refused = serving.batch_execute(&format!("UPDATE {table} SET institution = '1001'")).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "UPDATE {table}");
        let refused = serving.batch_execute(&format!("DROP TABLE {table}")).await.unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "42501", "DROP {table}");
        // And whoever owns the tables has to take down a wall first.
        for change in ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET institution = '1001'"] {
            let refused = owner.batch_execute(&change.replace("{}", table)).await.unwrap_err();
            assert!(refused.as_db_error().unwrap().message().contains("only ever added to"), "{change} {table}");
        }
    }
    drop(node);
    drop(serving);
    owner.batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
}
