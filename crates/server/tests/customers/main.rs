//! The customer list: what it brings, what it refuses, and that a run is taken as a whole or not at all.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod command;
mod guards;
mod linkages;
mod refused;
mod taken;

use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_server::customer_list::{self, FileReport, ListError, ListFile, Run};
use renkei_server::keys::Keys;
use renkei_server::registry::{self, Source};
use renkei_store::Store;
use renkei_testing::SystemRandom;
use zeroize::Zeroizing;

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub const CUSTOMERS: &str = "\
customer,name,name_kana,contract
0001,株式会社花子商店,カ）ハナコショウテン,active
0002,太郎工業株式会社,タロウコウギョウ（カ,suspended
";

pub const USERS: &str = "\
customer,login_id,name,kind,method,operations,state,password
0001,HANAKO01,花子,master,password,balances transactions,active,haru-no-umi-88
0001,jiro01,次郎,ordinary,certificate,balances,active,
0002,taro01,太郎,master,password,balances transactions,active,natsu-no-yama-77
";

pub const CERTIFICATES: &str = "\
login_id,certificate,state
jiro01,00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF,active
";

pub const FINGERPRINT: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

pub const ACCOUNTS: &str = "\
customer,branch,type,number,holder,holder_kana,pin,state
0001,001,普通,2000002,株式会社花子商店,ｶ)ﾊﾅｺｼﾖｳﾃﾝ,7391,active
0001,200,2,3000014,株式会社花子商店,ｶ)ﾊﾅｺｼﾖｳﾃﾝ,,active
0002,001,1,1111111,太郎工業株式会社,,0420,active
";

pub const USER_ACCOUNTS: &str = "\
login_id,branch,type,number,memo,state
hanako01,001,1,2000002,売上用,active
hanako01,200,当座,3000014,,active
jiro01,001,1,2000002,,active
taro01,001,1,1111111,,active
";

/// All five files under their usual names, with one replacement in one of them.
pub fn all_files(name: &str, from: &str, to: &str) -> Vec<ListFile> {
    let files = [
        ("customers.csv", CUSTOMERS),
        ("users.csv", USERS),
        ("certificates.csv", CERTIFICATES),
        ("accounts.csv", ACCOUNTS),
        ("user-accounts.csv", USER_ACCOUNTS),
    ];
    let changed = |(file, text): (&str, &str)| {
        assert!(file != name || text.contains(from), "{from} is not in {file}");
        list_file(file, &if file == name { text.replacen(from, to, 1) } else { text.to_owned() })
    };
    files.map(changed).into()
}

pub fn list_file(name: &str, text: &str) -> ListFile {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/customers").into();
    ListFile { name: name.into(), folder, bytes: Zeroizing::new(text.as_bytes().to_vec()) }
}

pub fn keys() -> Keys {
    Keys::from_master(&[7; 32]).unwrap()
}

/// Institutions 1001 and 1002, without partners.
pub async fn found(store: &Store) {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/registry/full.toml")).unwrap();
    let text = &text[..text.find("[[partners]]").unwrap()];
    let source = Source { name: "registry.toml", text, folder: "".as_ref(), loopback_http: false };
    let before = NOW.plus_seconds(-60);
    let registry = registry::read(source, before).unwrap();
    registry::apply(store, &keys(), &registry, None, "tanaka", before, &SystemRandom).await.unwrap();
}

pub async fn import(
    store: &Store,
    institution: &InstitutionCode,
    files: &[ListFile],
) -> Result<Vec<FileReport>, ListError> {
    let keys = keys();
    let run = Run { store, keys: &keys, institution, operator: "tanaka", now: NOW, random: &SystemRandom };
    customer_list::import(run, files).await
}

/// Added, changed, removed and unchanged rows of each file.
pub fn counts(reports: &[FileReport]) -> Vec<[usize; 4]> {
    reports.iter().map(|report| [report.added, report.changed, report.removed, report.unchanged]).collect()
}
