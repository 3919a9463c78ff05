//! What verifying a long trail takes. The figure is printed; the long run is made by hand, optimised.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::Instant;

use aws_lc_rs::signature::Ed25519KeyPair;
use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_audit_trail::entry::{Entry, Record};
use renkei_audit_trail::note::{Algorithm, Note, Signer};
use renkei_audit_trail::tile::{self, Kind, put_entry, put_record, write_hashes};
use renkei_audit_trail::tree::{Edge, TILE_WIDTH, leaf_hash};
use renkei_audit_verify::{Trust, verify};

/// How many entries, where another number is wanted: 1000000 for the figures in docs/audit.md.
const ENTRIES: &str = "RENKEI_TEST_SEALED_ENTRIES";
const ORIGIN: &str = "link.example/1001/audit";
/// A checkpoint is signed at each thousand, as by a server.
const CHECKPOINT: u64 = 1_000;

/// A record like that of a read.
fn record(number: u64) -> Record {
    Record {
        id: (0x0190_b0e8_0000_7000_8000_u128 << 48 | u128::from(number)).to_be_bytes(),
        at: 1_800_000_000_000_000 + i64::try_from(number).unwrap() * 1_000,
        node: Some("node-a".into()),
        actor_kind: "product".into(),
        actor: Some("c-0190b0e8-0000-7000-8000-000000000000".into()),
        action: "transactions_read".into(),
        outcome: "done".into(),
        object: Some(format!("b0000000-0000-4000-8000-{number:012}")),
        detail: Some("linkage d0000000-0000-7000-8000-000000000000 page 100".into()),
        request_id: Some(format!("0190b0e8-0000-7000-8000-{number:012}")),
        salt: Some([7; 16]),
    }
}

fn write(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes an export of so many entries, as `renkei audit export` does.
fn make(folder: &Path, entries: u64, signer: &Signer) {
    let (mut edge, mut previous, mut notes) = (Edge::default(), [0; 32], String::new());
    let (mut bundle, mut records, mut newest) = (Vec::new(), Vec::new(), String::new());
    for number in 0..entries {
        let record = record(number);
        let entry = Entry::of(&record, "1001", number, previous, record.at + 1).encode();
        previous = leaf_hash(&entry);
        put_entry(&mut bundle, &entry);
        put_record(&mut records, &record.encode());
        edge.push(previous, |full| {
            let path = tile::path(Kind::Hashes(full.level), full.index, TILE_WIDTH);
            write(folder, &path, &write_hashes(&full.hashes));
        });
        let size = number + 1;
        if size.is_multiple_of(TILE_WIDTH) || size == entries {
            let (index, width) = (number / TILE_WIDTH, number % TILE_WIDTH + 1);
            write(folder, &tile::path(Kind::Entries, index, width), &bundle);
            write(folder, &tile::path(Kind::Records, index, width), &records);
            (bundle, records) = (Vec::new(), Vec::new());
        }
        if size.is_multiple_of(CHECKPOINT) || size == entries {
            let text = Checkpoint { origin: ORIGIN.into(), size, root: edge.root() }.to_string();
            newest = Note { signatures: vec![signer.sign(&text)], text }.to_string();
            notes.push_str(&newest);
        }
    }
    for level in tile::levels(entries) {
        if let Some((index, width @ ..TILE_WIDTH)) = tile::tiles(level, entries).last() {
            write(folder, &tile::path(Kind::Hashes(level), index, width), &write_hashes(edge.level(level)));
        }
    }
    write(folder, "checkpoints", notes.as_bytes());
    write(folder, "checkpoint", newest.as_bytes());
    write(folder, "keys", format!("{}\n", signer.verifier()).as_bytes());
}

#[test]
fn i_11_a_long_trail_is_verified_offline() {
    let entries: u64 = std::env::var(ENTRIES).ok().map_or(2_500, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&aws_lc_rs::rand::SystemRandom::new()).unwrap();
    let signer = Signer::new(ORIGIN, Algorithm::Ed25519, pkcs8.as_ref()).unwrap();
    let began = Instant::now();
    make(folder.path(), entries, &signer);
    eprintln!("{entries} entries made in {:?}", began.elapsed());
    let trust = Trust { keys: vec![signer.verifier().clone()], ..Trust::default() };
    let began = Instant::now();
    let report = verify(folder.path(), &trust).unwrap();
    eprintln!("verified in {:?}, {} checkpoints", began.elapsed(), report.checkpoints);
    assert_eq!(report.size, entries);
    // A changed byte in the last record is found all the same.
    let (index, width) = tile::tiles(0, entries).last().unwrap();
    let path = folder.path().join(tile::path(Kind::Records, index, width));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(verify(folder.path(), &trust).unwrap_err().index, Some(entries - 1));
}
