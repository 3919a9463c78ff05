//! A thief has a copy of the database, and the program's source, and not the master key.

use renkei_domain::ticket::Ticket;
use renkei_server::core_banking::pin_place;
use renkei_server::keys::{Keys, Purpose, sha256};
use renkei_server::passwords::{self, Verdict};
use renkei_store::customers::PasswordHash;
use renkei_store::{Store, StoreConfig};
use renkei_testing::aoi;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::bank::{PASSWORD, PIN};
use crate::installation::{Installation, Node};
use crate::support::Partner;

/// All bytes of the copied database.
fn bytes_of(folder: &std::path::Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap();
    files.flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

/// What stands in the database in the place of a secret is no secret itself.
async fn expect_hashes_open_nothing(thief: &Store, node: &Node, kakeibo: &Partner) {
    let mut read = thief.read(&aoi());
    let rows = read.rows("SELECT token_id, hash FROM access_tokens WHERE institution = ?1", &[]).await.unwrap();
    let more = read.rows("SELECT token_id, hash FROM refresh_tokens WHERE institution = ?1", &[]).await.unwrap();
    assert!(!rows.is_empty() && !more.is_empty());
    for mut row in rows.into_iter().chain(more) {
        let (id, hash): (Uuid, Vec<u8>) = (row.get(0).unwrap(), row.get(1).unwrap());
        let forged = Ticket::new(id, &hash.try_into().unwrap()).reveal();
        assert_eq!(node.read(kakeibo, &forged).await.status, 401);
        assert_eq!(kakeibo.refresh(&forged).send().await.refusal(), (400, "invalid_grant"));
        assert_eq!(kakeibo.redeem(&forged).send().await.refusal(), (400, "invalid_grant"));
    }
}

/// Without the key there is nothing to compare a guess with: neither PINs nor passwords.
async fn expect_no_oracle(thief: &Store) {
    let mut read = thief.read(&aoi());
    let mut sealed = Vec::new();
    for (select, purpose) in [
        ("SELECT account_id, sealed FROM filed_pins WHERE institution = ?1", Purpose::FiledPin),
        ("SELECT account_id, sealed FROM pins WHERE institution = ?1", Purpose::Pin),
    ] {
        for mut row in read.rows(select, &[]).await.unwrap() {
            sealed.push((row.get(0).unwrap(), row.get::<Vec<u8>>(1).unwrap(), purpose));
        }
    }
    // Every account has the same PIN, which is not to be seen.
    let distinct: std::collections::BTreeSet<&[u8]> = sealed.iter().map(|(_, bytes, _)| bytes.as_slice()).collect();
    assert_eq!((sealed.len(), distinct.len()), (4, 4), "two filed and two registered");
    for guess in 0..100_u16 {
        let keys = Keys::from_master(&sha256(&guess.to_be_bytes())).unwrap();
        for (account, bytes, purpose) in &sealed {
            assert!(keys.open(*purpose, &pin_place(&aoi(), *account), bytes).is_err());
        }
    }
    let select = "SELECT password_hash FROM users WHERE institution = ?1 AND login_id = 'user0'";
    let hash: String = read.row(select, &[]).await.unwrap().unwrap().get(0).unwrap();
    let without_key = Keys::from_master(&[0; 32]).unwrap();
    let typed = Zeroizing::new(PASSWORD.to_owned());
    let verdict = passwords::verify(&without_key, typed, Some(PasswordHash(hash))).await.unwrap();
    assert_eq!(verdict, Verdict::Wrong, "even the right password can't be recognised");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_223_r_112_a_131_a_stolen_database_gives_no_pin_no_token_and_no_password() {
    let installation = Installation::on_sqlite(2);
    let node = installation.start().await;
    let kakeibo = node.partner(&installation.kakeibo);
    let (access, refresh) = node.tokens(&kakeibo, "user0").await;
    let unused = node.code(&kakeibo, "user1").await;
    let open = node.at_login(&kakeibo).await;
    let stolen = tempfile::tempdir().unwrap();
    installation.copy_database(stolen.path());
    let bytes = bytes_of(stolen.path());
    assert!(bytes.len() > 100_000, "{} bytes are no database", bytes.len());
    let cookies = open.cookies.values().map(String::as_str);
    for secret in [access.as_str(), &refresh, &unused].into_iter().chain(cookies) {
        let ticket = Ticket::parse(secret).unwrap();
        assert!(!holds(&bytes, secret.as_bytes()) && !holds(&bytes, &ticket.bytes()[16..]), "a secret is stored");
    }
    assert!(!holds(&bytes, PASSWORD.as_bytes()));
    assert_eq!(PIN.len(), 4, "too short to look for among so many bytes: it is sealed, see below");
    let thief = Store::connect(&StoreConfig::Sqlite { path: stolen.path().join("renkei.db") }).await.unwrap();
    expect_hashes_open_nothing(&thief, &node, &kakeibo).await;
    expect_no_oracle(&thief).await;
    assert_eq!(node.read(&kakeibo, &access).await.status, 200, "the owner's own token is good");
}
