//! 取込結果: what an import brought, for the operator and for tools.

use renkei_domain::id::ImportId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::ledger::Reading;
use serde::Serialize;

use super::Failure;
use super::account::Ledgers;
use super::survey::{FilePlan, StatementPlan};

/// What a run brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The institution.
    pub institution: InstitutionCode,
    /// Its files, in the order given.
    pub files: Vec<FileReport>,
}

/// What a file brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// Its name without its folder.
    pub file: String,
    /// The import's identifier, also in the audit trail.
    pub import: ImportId,
    /// Records in it.
    pub records: u64,
    /// Its accounts, in its order.
    pub accounts: Vec<AccountReport>,
}

/// What an account's statement brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccountReport {
    /// 店番.
    pub branch: String,
    /// 預金種目, 1 to 9.
    pub r#type: u8,
    /// 口座番号.
    pub number: String,
    /// Whether the account was made by this run, belonging to no customer yet.
    pub created: bool,
    /// How the statement was read: `imported_before`, `first`, `full_days`, `continuation`.
    pub reading: &'static str,
    /// Lines in the file.
    pub lines: i64,
    /// Lines that became entries.
    pub new: i64,
    /// Lines the ledger had already.
    pub known: i64,
    /// 取引前残高 in the file, in yen.
    pub opening: i64,
    /// 取引後残高 in the file, in yen.
    pub closing: i64,
    /// The account's balance in the ledger after this file, in yen.
    pub balance: i64,
}

impl FileReport {
    pub(super) fn new(import: ImportId, file: &str, plan: &FilePlan, ledgers: &Ledgers) -> Result<FileReport, Failure> {
        let accounts = plan.statements.iter().map(|statement| AccountReport::new(statement, ledgers));
        let accounts = accounts.collect::<Result<_, _>>()?;
        Ok(FileReport { file: file.to_owned(), import, records: plan.records, accounts })
    }

    /// Lines that became entries, of all accounts.
    #[must_use]
    pub fn new_lines(&self) -> i64 {
        self.accounts.iter().map(|account| account.new).sum()
    }
}

impl AccountReport {
    fn new(statement: &StatementPlan, ledgers: &Ledgers) -> Result<AccountReport, Failure> {
        let StatementPlan { key, plan, lines, opening, closing, .. } = statement;
        Ok(AccountReport {
            branch: key.branch.to_string(),
            r#type: key.kind.code(),
            number: key.number.to_string(),
            created: ledgers.get(key)?.is_new,
            reading: match plan.reading {
                Reading::ImportedBefore => "imported_before",
                Reading::First => "first",
                Reading::FullDays => "full_days",
                Reading::Continuation => "continuation",
            },
            lines: *lines,
            new: plan.new_lines,
            known: lines - plan.new_lines,
            opening: *opening,
            closing: *closing,
            balance: plan.balance_after,
        })
    }
}
