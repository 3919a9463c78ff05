//! A witness that keeps the rules of C2SP tlog-witness, is away, or finds that the trail was taken back.

use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::Ed25519KeyPair;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use base64ct::{Base64, Encoding};
use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_audit_trail::note::{Algorithm, Note, Signer, VerifierKey};
use renkei_audit_trail::proof::is_consistent;
use renkei_audit_verify::{Trust, verify};
use renkei_domain::time::Clock;
use renkei_server::audit::witness::{Witness, WitnessFault};
use renkei_server::audit::{AuditFault, signer};
use renkei_server::outbound::Outbound;
use renkei_store::{Store, archive};
use renkei_testing::{SystemRandom, aoi, on_each_engine};

use crate::Node;

/// What a witness knows.
struct Desk {
    signer: Signer,
    log: Option<VerifierKey>,
    latest: Checkpoint,
    is_away: bool,
}

type Shared = Arc<Mutex<Desk>>;

async fn add_checkpoint(State(desk): State<Shared>, body: String) -> (StatusCode, String) {
    let mut desk = desk.lock().unwrap();
    if desk.is_away {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let (head, note) = body.split_once("\n\n").unwrap();
    let mut head = head.lines();
    let old: u64 = head.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
    let proof: Vec<[u8; 32]> = head.map(|line| Base64::decode_vec(line).unwrap().try_into().unwrap()).collect();
    let note = Note::parse(note).unwrap();
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    if desk.log.as_ref().and_then(|key| key.verify(&note)).is_none() {
        return (StatusCode::FORBIDDEN, String::new());
    }
    let latest = desk.latest.clone();
    if old != latest.size || (old == checkpoint.size && latest.root != checkpoint.root) {
        return (StatusCode::CONFLICT, format!("{}\n", latest.size));
    }
    if !is_consistent(old, &latest.root, checkpoint.size, &checkpoint.root, &proof) {
        return (StatusCode::UNPROCESSABLE_ENTITY, String::new());
    }
    let line = desk.signer.cosign(&note.text, 1_800_000_000);
    desk.latest = checkpoint;
    (StatusCode::OK, format!("{line}\n"))
}

/// A witness on loopback.
async fn witness(node: &Node) -> (Witness, VerifierKey, Shared) {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let signer = Signer::new("witness.example/w1", Algorithm::Cosignature, pkcs8.as_ref()).unwrap();
    let key = signer.verifier().clone();
    let log = node.trust().await.keys.pop();
    let latest = Checkpoint { origin: String::new(), size: 0, root: [0; 32] };
    let desk = Arc::new(Mutex::new(Desk { signer, log, latest, is_away: false }));
    let router = Router::new().route("/w/add-checkpoint", post(add_checkpoint)).with_state(Arc::clone(&desk));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let prefix = format!("http://{}/w/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (Witness::new(&prefix, &key.to_string()).unwrap(), key, desk)
}

impl Node {
    async fn cosign(&self, witness: &Witness) -> Result<Option<u64>, WitnessFault> {
        witness.cosign(&self.store, &Outbound::default(), &aoi(), self.clock.now()).await
    }
}

on_each_engine! {
    async fn f_30_while_the_witness_is_away_sealing_goes_on_and_afterwards_it_catches_up(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        node.sealed(&mut sealer, 10).await;
        let (witness, key, desk) = witness(&node).await;
        assert_eq!(node.cosign(&witness).await.unwrap(), Some(10));
        assert_eq!(node.cosign(&witness).await.unwrap(), None, "nothing is left to cosign");
        desk.lock().unwrap().is_away = true;
        for _ in 0..3 {
            node.sealed(&mut sealer, 300).await;
            assert!(matches!(node.cosign(&witness).await.unwrap_err(), WitnessFault::Refused(503)));
        }
        let nobody = Witness::new("http://127.0.0.1:9/", &key.to_string()).unwrap();
        assert!(matches!(node.cosign(&nobody).await.unwrap_err(), WitnessFault::Away(_)));
        node.export("export").await.unwrap();
        node.verify("export").await.unwrap();
        desk.lock().unwrap().is_away = false;
        assert_eq!(node.cosign(&witness).await.unwrap(), Some(910));
        node.sealed(&mut sealer, 1).await;
        assert_eq!(node.cosign(&witness).await.unwrap(), Some(911));
        node.export("export").await.unwrap();
        let trust = Trust { witnesses: vec![key], ..node.trust().await };
        assert_eq!(verify(&node.path("export"), &trust).unwrap().cosigned, Some((911, 1_800_000_000)));
    }

    async fn a_witness_that_knows_more_than_the_store_says_where_to_prove_from(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        node.sealed(&mut sealer, 100).await;
        let (witness, key, _) = witness(&node).await;
        node.cosign(&witness).await.unwrap();
        let forget = "DELETE FROM audit_signatures WHERE institution = ?1 AND signer LIKE 'witness.example%'";
        crate::tampering::with_every_right(&node.store, forget).await;
        assert_eq!(node.cosign(&witness).await.unwrap(), Some(100), "the same again");
        crate::tampering::with_every_right(&node.store, forget).await;
        node.sealed(&mut sealer, 100).await;
        assert_eq!(node.cosign(&witness).await.unwrap(), Some(200));
        assert!(Witness::new("ldap://a/", &key.to_string()).is_err());
        assert!(Witness::new("http://127.0.0.1/", &node.trust().await.keys[0].to_string()).is_err());
    }

    async fn a_130_f_10_the_witness_finds_that_an_old_state_was_put_back(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        node.sealed(&mut sealer, 200).await;
        let (witness, _, _) = witness(&node).await;
        node.sealed(&mut sealer, 200).await;
        assert_eq!(node.cosign(&witness).await.unwrap(), Some(400));
        crate::tampering::put_back(&node, 200).await;
        // The last is larger than what the witness knows: then only the proof tells.
        for (count, size) in [(100, 300), (100, 400), (200, 600)] {
            node.sealed(&mut node.sealer(), count).await;
            assert_eq!(node.store.read(&aoi()).trail_size().await.unwrap(), size);
            let fault = node.cosign(&witness).await.unwrap_err();
            assert!(matches!(fault, WitnessFault::Trail(AuditFault::Forked(_))), "{fault}");
        }
    }

    async fn f_10_a_restore_from_a_backup_shows_beside_what_the_witness_holds(store: Store) {
        let node = Node::over(store);
        let mut sealer = node.sealer();
        node.sealed(&mut sealer, 200).await;
        let (witness, key, desk) = witness(&node).await;
        let (mut backup, backup_key) = (Vec::new(), aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &[7; 32]));
        archive::write(&node.store, &backup_key, None, node.now(), &mut backup).await.unwrap();
        node.sealed(&mut sealer, 200).await;
        assert_eq!(node.cosign(&witness).await.unwrap(), Some(400));
        node.export("before").await.unwrap();
        let held = std::fs::read_to_string(node.path("before/checkpoint")).unwrap();

        // What `renkei restore` does with the trail, in a store of its own.
        let fresh = renkei_testing::fresh_sqlite().await;
        let restored = Node { store: fresh.store.clone(), folder: tempfile::tempdir().unwrap(), ..node };
        let mut tx = restored.store.begin_all().await.unwrap();
        archive::load(&mut tx, backup.as_slice()).await.unwrap();
        tx.turn_to(&aoi());
        signer::begin_anew(&mut tx, &restored.keys, &aoi(), restored.now(), &SystemRandom).await.unwrap();
        tx.commit().await.unwrap();

        for (count, said) in [(100, "entries are missing at the end: 400 were signed"), (300, "at size 400")] {
            restored.sealed(&mut restored.sealer(), count).await;
            let refused = restored.cosign(&witness).await.unwrap_err();
            assert!(matches!(refused, WitnessFault::Refused(403)), "nothing under a name it does not know: {refused}");
            restored.export("after").await.unwrap();
            restored.verify("after").await.unwrap();
            let trust = Trust { held: vec![held.clone()], ..restored.trust().await };
            let fault = verify(&restored.path("after"), &trust).unwrap_err();
            assert!(fault.to_string().contains(said), "{fault}");
        }
        // Once somebody has told the witness of the new name, it begins with it anew.
        {
            let log = restored.trust().await.keys.pop();
            let mut desk = desk.lock().unwrap();
            desk.log = log;
            desk.latest = Checkpoint { origin: String::new(), size: 0, root: [0; 32] };
        }
        assert_eq!(restored.cosign(&witness).await.unwrap(), Some(600));
        restored.sealed(&mut restored.sealer(), 1).await;
        assert_eq!(restored.cosign(&witness).await.unwrap(), Some(601));
        restored.export("after").await.unwrap();
        let trust = Trust { witnesses: vec![key], ..restored.trust().await };
        assert!(verify(&restored.path("after"), &trust).is_ok());
    }
}
