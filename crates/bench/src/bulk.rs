//! Rows by the million, the same in every run: each statement makes its rows in the database itself.

use renkei_domain::institution::InstitutionCode;
use renkei_store::institutions::Institution;
use renkei_store::{Store, Tx, params};

use crate::Problem;
use crate::people::institution;
use crate::stage::Engine;

/// Rows of one statement, and of one transaction.
const PIECE: i64 = 50_000;
/// The same of entries.
const BIG_PIECE: i64 = 1_000_000;
/// Entries of each account.
pub const ENTRIES_EACH: i64 = 100;
/// Institutions are numbered from here.
const FIRST_CODE: usize = 3_000;

/// The numbers from `?2` to below `?3`.
macro_rules! numbered {
    ($into:literal, $select:literal) => {
        concat!(
            "INSERT INTO ",
            $into,
            " WITH RECURSIVE n(i) AS (SELECT CAST(?2 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?3), \
             m(i, id) AS (SELECT i, substr('000000000000' || CAST(i AS TEXT), length(CAST(i AS TEXT)) + 1) FROM n) \
             SELECT ?1, ",
            $select,
            " FROM m"
        )
    };
}

/// What each linkage comes with.
const LINKAGE: [&str; 9] = [
    numbered!(
        "customers (institution, customer_id, number, name, name_kana, contract)",
        "'c0000000-0000-7000-8000-' || id, 'G' || id, '成長商会', 'ｾｲﾁﾖｳｼﾖｳｶｲ', 'active'"
    ),
    numbered!(
        "users (institution, user_id, customer_id, login_id, name, kind, method, operations, state)",
        "'a0000000-0000-7000-8000-' || id, 'c0000000-0000-7000-8000-' || id, 'grown' || id, '成長太郎', 'master', \
         'certificate', 'balances transactions', 'active'"
    ),
    numbered!(
        "accounts (institution, account_id, customer_id, branch, type, number, holder, holder_kana, state, \
         opening_balance, balance, uncleared, overdraft_limit, last_seq)",
        "'b0000000-0000-4000-8000-' || id, 'c0000000-0000-7000-8000-' || id, CAST(?4 AS TEXT), 4, \
         '1' || substr(id, 4), '成長商会', 'ｾｲﾁﾖｳｼﾖｳｶｲ', 'active', 0, 0, 0, 0, 0"
    ),
    numbered!(
        "user_accounts (institution, user_id, account_id, memo)",
        "'a0000000-0000-7000-8000-' || id, 'b0000000-0000-4000-8000-' || id, ''"
    ),
    numbered!(
        "pins (institution, account_id, sealed, registered_by, registered_at)",
        "'b0000000-0000-4000-8000-' || id, COALESCE(?4, CAST(NULL AS BYTEA)), 'a0000000-0000-7000-8000-' || id, 0"
    ),
    numbered!(
        "linkages (institution, linkage_id, client_id, user_id, customer_id, operations, begun_at, renewed_at, ends_at)",
        "'d0000000-0000-7000-8000-' || id, CAST(?4 AS TEXT), 'a0000000-0000-7000-8000-' || id, \
         'c0000000-0000-7000-8000-' || id, '[{\"operation\":\"balances\",\"ends_at\":4000000000000000},\
         {\"operation\":\"transactions\",\"ends_at\":4000000000000000}]', 0, 0, 4000000000000000"
    ),
    numbered!(
        "linkage_accounts (institution, linkage_id, account_id, added_at)",
        "'d0000000-0000-7000-8000-' || id, 'b0000000-0000-4000-8000-' || id, 0"
    ),
    numbered!(
        "consents (institution, consent_id, linkage_id, user_id, method, given_at, terms_version, shown_text, \
         shown_hash, accounts)",
        "'e0000000-0000-7000-8000-' || id, 'd0000000-0000-7000-8000-' || id, 'a0000000-0000-7000-8000-' || id, \
         'certificate', 0, '2026-04', '測定のための同意の文面です。測定のための同意の文面です。測定のための同意の文面です。', \
         COALESCE(?4, CAST(NULL AS BYTEA)), '[]'"
    ),
    numbered!(
        "refresh_tokens (institution, token_id, hash, linkage_id, client_id, code_id, scope, issued_at)",
        "'f0000000-0000-7000-8000-' || id, COALESCE(?5, CAST(NULL AS BYTEA)), 'd0000000-0000-7000-8000-' || id, CAST(?4 AS TEXT), \
         'f1000000-0000-7000-8000-' || id, 'balances transactions', 0"
    ),
];

/// What partners get of an entry, in the accounts that are read.
macro_rules! body {
    () => {
        "'{\"transaction_id\":\"' || a.account_id || '-' || CAST(l.seq AS TEXT) || '\",\"sequence\":' || \
         CAST(l.seq AS TEXT) || ',\"booked_on\":\"' || l.day || '\",\"value_on\":\"' || l.day || \
         '\",\"direction\":\"credit\",\"amount\":1000,\"uncleared\":0,\"balance_after\":' || CAST(l.seq * 1000 AS TEXT) || \
         ',\"description\":\"ｹﾞﾝｷﾝ\",\"description_normalised\":\"ゲンキン\"}'"
    };
}

/// Entries for each account from `?2` to before `?3` that has none, in the order of the key; `?4` each, fifty a day.
macro_rules! entries {
    ($body:expr) => {
        concat!(
            "INSERT INTO entries (institution, account_id, seq, booked_on, credit, debit, balance_after, fingerprint, \
             body, import_id) \
             WITH RECURSIVE n(seq) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT seq + 1 FROM n \
             WHERE seq < CAST(?4 AS BIGINT)), \
             l(seq, day) AS MATERIALIZED (SELECT seq, \
             '2026-07-0' || CAST((seq + 49) / 50 AS TEXT) FROM n) \
             SELECT ?1, a.account_id, l.seq, l.day, 1000, 0, l.seq * 1000, COALESCE(?5, CAST(NULL AS BYTEA)), ",
            $body,
            ", '' FROM accounts a CROSS JOIN l \
             WHERE a.institution = ?1 AND a.account_id >= ?2 AND a.account_id < ?3 AND a.last_seq = 0"
        )
    };
}

const READ_ENTRIES: &str = entries!(body!());
/// Nobody reads these: as many rows and keys as theirs, without what partners get, so that many fit on a disk.
const MERE_ENTRIES: &str = entries!("'{}'");

/// The sums of their days.
const DAYS: &str = "INSERT INTO account_days (institution, account_id, booked_on, credits, credit, debits, debit) \
     WITH RECURSIVE n(i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n \
     WHERE i < CAST(?4 AS BIGINT) / 50), \
     l(day) AS MATERIALIZED (SELECT '2026-07-0' || CAST(i AS TEXT) FROM n) \
     SELECT ?1, a.account_id, l.day, 50, 50000, 0, 0 FROM accounts a CROSS JOIN l \
     WHERE a.institution = ?1 AND a.account_id >= ?2 AND a.account_id < ?3 AND a.last_seq = 0";

/// Puts them in force.
const POST: &str = "UPDATE accounts SET last_seq = CAST(?4 AS BIGINT), balance = CAST(?4 AS BIGINT) * 1000, \
     first_on = '2026-07-01', last_on = '2026-07-31', as_of_at = 0 \
     WHERE institution = ?1 AND account_id >= ?2 AND account_id < ?3 AND last_seq = 0";

/// Audit records, a millisecond or more apart; `?4` is their salt.
const RECORDS: &str = numbered!(
    "audit (institution, audit_id, at, actor_kind, actor, action, outcome, object, detail, request_id, node, salt)",
    "'0190' || substr(id, 5, 4) || '-' || substr(id, 9, 4) || '-7000-8000-' || id, 1700000000000000 + i * 1000, \
     'product', 'c-0190b0e8-0000-7000-8000-000000000000', 'transactions_read', 'done', \
     'b0000000-0000-4000-8000-' || id, 'linkage d0000000-0000-7000-8000-000000000000 page 100', \
     '0190b0e8-0000-7000-8000-' || id, 'node-a', COALESCE(?4, CAST(NULL AS BYTEA))"
);

/// Writes so many audit records, like those of reads.
///
/// # Errors
/// When the store refuses.
pub async fn audit_records(store: &Store, count: i64) -> Result<(), Problem> {
    for (first, last) in pieces(0, count, PIECE) {
        let mut tx = store.begin(&institution()?).await?;
        tx.execute(RECORDS, params![first, last, &[7_u8; 16]]).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Marks of what was used, in the order of their key and all over it, so that living ones come between; `?4` is the step.
/// When each ran out tells its number.
const REPLAYS_SQLITE: &str =
    numbered!("replays (institution, digest, expires_at)", "unhex(printf('%016x%048x', i * ?4, i)), i");
const REPLAYS_POSTGRESQL: &str = numbered!(
    "replays (institution, digest, expires_at)",
    "decode(lpad(to_hex(i * ?4), 16, '0') || lpad(to_hex(i), 48, '0'), 'hex'), i"
);
/// Access tokens that ran out.
const TOKENS: &str = numbered!(
    "access_tokens (institution, token_id, hash, linkage_id, client_id, refresh_id, scope, bound_to, expires_at)",
    "'01000000-0000-7000-8000-' || id, COALESCE(?4, CAST(NULL AS BYTEA)), 'd0000000-0000-7000-8000-' || id, \
     'c-0190b0e8-0000-7000-8000-000000000000', 'f0000000-0000-7000-8000-' || id, 'balances transactions', \
     '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I', i"
);
/// No row of these ran out later, as far as its number goes.
const NUMBERS_END: i64 = 1_000_000_000_000;

/// Writes so many marks and access tokens that ran out long ago.
///
/// # Errors
/// When the store refuses.
pub async fn dead_rows(store: &Store, engine: Engine, marks: i64, tokens: i64) -> Result<(), Problem> {
    let replays = if engine == Engine::Sqlite { REPLAYS_SQLITE } else { REPLAYS_POSTGRESQL };
    let step = i64::MAX / marks.max(1);
    for (first, last) in pieces(0, marks, PIECE) {
        let mut tx = store.begin(&institution()?).await?;
        tx.execute(replays, params![first, last, step]).await?;
        tx.commit().await?;
    }
    for (first, last) in pieces(0, tokens, PIECE) {
        let mut tx = store.begin(&institution()?).await?;
        tx.execute(TOKENS, params![first, last, &[0_u8; 32]]).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// How many of them are gone: they go in the order of their numbers. All of a kind count as none, so not to the end.
///
/// # Errors
/// When the store refuses.
pub async fn cleared(store: &Store) -> Result<i64, Problem> {
    let marks = "SELECT expires_at FROM replays WHERE institution = ?1 AND expires_at < ?2 \
         ORDER BY institution, digest LIMIT 1";
    let tokens = "SELECT expires_at FROM access_tokens WHERE institution = ?1 AND expires_at < ?2 \
         ORDER BY institution, token_id LIMIT 1";
    let mut gone = 0;
    for select in [marks, tokens] {
        let first = store.read(&institution()?).row(select, params![NUMBERS_END]).await?;
        gone += first.map_or(Ok(0), |mut row| row.get::<i64>(0))?;
    }
    Ok(gone)
}

/// Makes institutions until there are so many, each with the partners and products of the measured one.
///
/// # Errors
/// When the store refuses.
pub async fn institutions(store: &Store, count: usize) -> Result<(), Problem> {
    let known = store.read_all().list_institutions().await?;
    let mut read = store.read(&institution()?);
    let model = read.find_institution().await?.ok_or("no institution")?;
    let (partners, products) = (read.list_partners().await?, read.list_products().await?);
    let codes = (FIRST_CODE..).filter_map(|code| code.to_string().parse::<InstitutionCode>().ok());
    let codes = codes.filter(|code| known.iter().all(|own| own.code != *code));
    for code in codes.take(count.saturating_sub(known.len())) {
        let mut tx = store.begin(&code).await?;
        let mut own = Institution::clone(&model);
        own.code = code;
        tx.save_institution(&own, renkei_domain::time::Timestamp(0)).await?;
        for partner in &partners {
            tx.save_partner(partner).await?;
        }
        for product in &products {
            tx.save_product(product).await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Whether an institution is one of them, by its code.
#[must_use]
pub fn is_made(code: &str) -> bool {
    code.parse().is_ok_and(|code: usize| code >= FIRST_CODE)
}

/// Makes the linkages from one number to below another at the measured institution, each with a customer, a user, an
/// account and what else a linkage has.
///
/// # Errors
/// When the store refuses.
pub async fn linkages(store: &Store, client_id: &str, branch: &str, from: i64, to: i64) -> Result<(), Problem> {
    let hash = [0_u8; 32];
    for (first, last) in pieces(from, to, PIECE) {
        let mut tx = store.begin(&institution()?).await?;
        for statement in LINKAGE {
            if statement.contains("?5") {
                tx.execute(statement, params![first, last, client_id, &hash]).await?;
            } else if statement.contains("COALESCE(?4, CAST(NULL AS BYTEA))") {
                tx.execute(statement, params![first, last, &hash]).await?;
            } else if statement.contains("INTO accounts") {
                tx.execute(statement, params![first, last, branch]).await?;
            } else if statement.contains("?4") {
                tx.execute(statement, params![first, last, client_id]).await?;
            } else {
                tx.execute(statement, params![first, last]).await?;
            }
        }
        tx.commit().await?;
    }
    Ok(())
}

/// Posts [`ENTRIES_EACH`] entries to each account of the linkages from one number to below another that has none.
///
/// # Errors
/// When the store refuses.
pub async fn entries(store: &Store, from: i64, to: i64) -> Result<(), Problem> {
    for (first, last) in pieces(from * ENTRIES_EACH, to * ENTRIES_EACH, BIG_PIECE) {
        let mut tx = store.begin(&institution()?).await?;
        post(&mut tx, MERE_ENTRIES, first / ENTRIES_EACH, last / ENTRIES_EACH).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The same for the account of one linkage, as partners get them.
///
/// # Errors
/// When the store refuses.
pub async fn entries_to_read(tx: &mut Tx, number: i64) -> Result<(), Problem> {
    post(tx, READ_ENTRIES, number, number + 1).await
}

async fn post(tx: &mut Tx, entries: &'static str, from: i64, to: i64) -> Result<(), Problem> {
    let (begin, end) = (id('b', from), id('b', to));
    tx.execute(entries, params![&begin, &end, ENTRIES_EACH, &[0_u8; 1]]).await?;
    tx.execute(DAYS, params![&begin, &end, ENTRIES_EACH]).await?;
    tx.execute(POST, params![&begin, &end, ENTRIES_EACH]).await?;
    Ok(())
}

/// What the statements here call the account (`b`) or the refresh token (`f`) of the linkage of this number.
#[must_use]
pub fn id(kind: char, number: i64) -> String {
    format!("{kind}0000000-0000-{}000-8000-{number:012}", if kind == 'b' { 4 } else { 7 })
}

fn pieces(from: i64, to: i64, rows: i64) -> impl Iterator<Item = (i64, i64)> {
    let starts = (0..).map(move |number| from + number * rows).take_while(move |first| *first < to);
    starts.map(move |first| (first, to.min(first + rows)))
}
