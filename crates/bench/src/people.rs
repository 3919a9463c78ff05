//! Rows an installation has before anything is measured: users who will link for the first time, entries to read, a
//! resource server that asks.

use renkei_domain::id::AccountId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::partner::PartnerState;
use renkei_domain::time::Day;
use renkei_server::core_banking::pin_place;
use renkei_server::keys::Purpose;
use renkei_store::resource_servers::ResourceServer;
use renkei_store::{Store, params};
use renkei_testing::SystemRandom;
use renkei_testing::seed::{self, Line};
use uuid::Uuid;

use crate::Problem;
use crate::sign::Key;
use crate::stage::{INSTITUTION, Stage};

/// The inquiry PIN of everybody.
pub const PIN: &str = "4711";
/// What the resource server is called by.
pub const RESOURCE_SERVER: &str = "bench-resource-server";

/// Somebody who links for the first time: one account, whose inquiry PIN is filed and not registered.
#[derive(Debug, Clone)]
pub struct Person {
    /// What to type.
    pub login_id: String,
    /// What to type.
    pub password: String,
    /// The account.
    pub account: AccountId,
}

/// The institution that is measured.
///
/// # Errors
/// Never, as the code is one.
pub fn institution() -> Result<InstitutionCode, Problem> {
    Ok(INSTITUTION.parse().map_err(|_| "no institution code")?)
}

/// Adds so many people, with the password of a user of the demo.
///
/// # Errors
/// When the store refuses.
pub async fn add(stage: &Stage, store: &Store, count: usize) -> Result<Vec<Person>, Problem> {
    let (code, keys, known) = (institution()?, stage.keys()?, stage.user()?);
    let user = store.read(&code).find_user_by_login(&known.login_id).await?.ok_or("the demo's user is gone")?;
    let hash = user.password_hash.ok_or("a user without password")?.0;
    let branch = known.accounts.first().ok_or("a user without accounts")?.branch.clone();
    let mut tx = store.begin(&code).await?;
    let mut people = Vec::with_capacity(count);
    for number in 0..count {
        let (customer, user, account) = (Uuid::now_v7(), Uuid::now_v7(), AccountId(Uuid::new_v4()));
        let login_id = format!("bench{number:05}");
        let statement = "INSERT INTO customers (institution, customer_id, number, name, name_kana, contract) \
             VALUES (?1, ?2, ?3, '測定商会', 'ｿｸﾃｲｼﾖｳｶｲ', 'active')";
        tx.execute(statement, params![customer, &login_id]).await?;
        let statement = "INSERT INTO users (institution, user_id, customer_id, login_id, name, kind, method, \
             password_hash, operations, state) VALUES (?1, ?2, ?3, ?4, '測定花子', 'master', 'password', ?5, \
             'balances transactions', 'active')";
        tx.execute(statement, params![user, customer, &login_id, &hash]).await?;
        let statement = "INSERT INTO accounts (institution, account_id, customer_id, branch, type, number, holder, \
             holder_kana, state, opening_balance, balance, uncleared, overdraft_limit, last_seq) \
             VALUES (?1, ?2, ?3, ?4, 1, ?5, '測定商会', 'ｿｸﾃｲｼﾖｳｶｲ', 'active', 0, 0, 0, 0, 0)";
        let account_number = format!("{:07}", 9_000_000 + number);
        tx.execute(statement, params![account, customer, &branch, &account_number]).await?;
        let statement = "INSERT INTO user_accounts (institution, user_id, account_id, memo) VALUES (?1, ?2, ?3, '')";
        tx.execute(statement, params![user, account]).await?;
        let filed = keys.seal(Purpose::FiledPin, &pin_place(&code, account), PIN.as_bytes(), &SystemRandom)?;
        let statement = "INSERT INTO filed_pins (institution, account_id, sealed) VALUES (?1, ?2, ?3)";
        tx.execute(statement, params![account, &filed]).await?;
        let password = known.password.clone().unwrap_or_default();
        people.push(Person { login_id, password, account });
    }
    tx.commit().await?;
    Ok(people)
}

/// Posts so many entries to an account, ten a day.
///
/// # Errors
/// Never; what goes wrong is a defect of the bench and panics.
pub async fn post(store: &Store, account: AccountId, entries: i64) -> Result<(), Problem> {
    let (code, first): (_, Day) = (institution()?, "2020-01-01".parse().map_err(|_| "no day")?);
    let line = |number: i64| Line {
        booked_on: first.plus_days(i32::try_from(number / 10).unwrap_or(i32::MAX)),
        signed_amount: if number % 3 == 0 { -1_000 - number } else { 2_000 + number },
    };
    let lines: Vec<Line> = (0..entries).map(line).collect();
    seed::post(store, &code, account, 1_000_000, &lines, &move |seq, line, balance| body(account, seq, line, balance))
        .await;
    Ok(())
}

/// An entry as partners get it, of common size.
fn body(account: AccountId, seq: i64, line: &Line, balance: i64) -> String {
    let day = line.booked_on;
    let direction = if line.signed_amount < 0 { "debit" } else { "credit" };
    let amount = line.signed_amount.abs();
    format!(
        "{{\"transaction_id\":\"{account}-{seq}\",\"sequence\":{seq},\"booked_on\":\"{day}\",\"value_on\":\"{day}\",\
         \"direction\":\"{direction}\",\"amount\":{amount},\"uncleared\":0,\"balance_after\":{balance},\
         \"description\":\"ﾃﾞﾝｷﾘﾖｳ\",\"description_normalised\":\"デンキリヨウ\"}}"
    )
}

/// Adds the resource server whose key this is.
///
/// # Errors
/// When the store refuses.
pub async fn add_resource_server(store: &Store, key: &Key) -> Result<(), Problem> {
    let server = ResourceServer {
        server_id: RESOURCE_SERVER.into(),
        key: RESOURCE_SERVER.into(),
        name: "Bench".into(),
        resource: None,
        jwks: key.public_set(),
        signing_alg: "ES256".into(),
        signed_introspection: false,
        state: PartnerState::Active,
    };
    let mut tx = store.begin(&institution()?).await?;
    tx.save_resource_server(&server).await?;
    Ok(tx.commit().await?)
}
