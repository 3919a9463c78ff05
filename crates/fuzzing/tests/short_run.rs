//! Every target with its inputs, and with mutations of them that are the same in every run. Nothing here is random: what
//! fails once fails every time, and the message says with which input.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use renkei_fuzzing::mutation::{Chance, mutated};
use renkei_fuzzing::{TARGETS, Target, corpus};

/// Runs one input, and says which it was when the target panics.
fn run(target: &Target, input: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        let path = std::env::temp_dir().join(format!("renkei-fuzzing-{}", target.name));
        std::fs::write(&path, input).unwrap();
        panic!("{}: {what} makes it panic; the input is in {}: {:?}", target.name, path.display(), preview(input));
    }
}

fn preview(input: &[u8]) -> String {
    String::from_utf8_lossy(&input[..input.len().min(400)]).into_owned()
}

fn short_run(name: &str) {
    let target = renkei_fuzzing::target(name);
    let inputs = corpus::inputs(name);
    for (at, input) in inputs.iter().enumerate() {
        run(&target, input, &format!("input {at} of the corpus"));
    }
    let mut chance = Chance::new(1);
    for count in 0..target.short_run {
        run(&target, &mutated(&inputs, &mut chance), &format!("mutation {count}"));
    }
}

macro_rules! short_runs {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                short_run(stringify!($name));
            }
        )*

        #[test]
        fn no_target_is_left_out() {
            let named: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(named, [$(stringify!($name)),*]);
        }
    };
}

#[test]
fn each_target_has_a_program_under_its_name() {
    let manifest = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/Cargo.toml")).unwrap();
    let (_, programs) = manifest.split_once("[[bin]]").unwrap();
    let lines = programs.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let mut programs: Vec<&str> = lines.collect();
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    programs.sort_unstable();
    targets.sort_unstable();
    assert_eq!(programs, targets);
}

short_runs! {
    jws jwk jwk_set dpop_header dpop_proof dpop_signed assertion assertion_signed form pushed_request request_object
    request_object_signed authorization_details token_request authorization_query authorization_header accept_header
    redirect_uri ticket cursor request_head client_cert statement transfer_notice balance_notice anser
    customer_list registry distinguished_name certificate ocsp_answer
}
