//! libFuzzer drives one target of `renkei-fuzzing`: the one this program is called after.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use renkei_fuzzing::Target;

static TARGET: LazyLock<Target> = LazyLock::new(|| renkei_fuzzing::target(env!("CARGO_BIN_NAME")));

fuzz_target!(|data: &[u8]| (TARGET.run)(data));
