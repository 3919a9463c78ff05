//! The accounts a run has met, each as it stands after the files read so far.

use std::collections::{HashMap, HashSet};
use std::fmt;

use renkei_domain::account::{AccountNumber, AccountType, BranchCode};
use renkei_domain::id::AccountId;
use renkei_domain::ledger::{KnownLines, Reading, Standing, TooManyKnown};
use renkei_domain::time::{Day, Timestamp};
use renkei_formats::zengin::statement::Header;
use renkei_store::ledger_import::{NewStatement, Posting, UnownedAccount};
use renkei_store::ledger_survey::LedgerBase;
use uuid::Builder;

use super::survey::StatementPlan;
use super::{Failure, Importer};

/// Fingerprints fetched at once.
const KNOWN_AT_ONCE: u32 = 5_000;

/// An account as files name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct AccountKey {
    pub branch: BranchCode,
    pub kind: AccountType,
    pub number: AccountNumber,
}

impl AccountKey {
    /// The account of a statement's header.
    pub fn of(header: &Header) -> Result<AccountKey, Failure> {
        let defect = |_| Failure::Defect("the reader let an account pass that is none".into());
        Ok(AccountKey {
            branch: header.branch_code.parse().map_err(defect)?,
            kind: AccountType::try_from(header.account_type.code()).map_err(defect)?,
            number: header.account_number.parse().map_err(defect)?,
        })
    }
}

/// For messages and logs: the number is masked.
impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.branch, self.kind.code(), self.number.masked())
    }
}

/// One account.
pub(super) struct Ledger {
    pub id: AccountId,
    /// It has no row yet; it is made with the run.
    pub is_new: bool,
    /// 口座名 of the last statement.
    pub holder_kana: String,
    base: LedgerBase,
    opening_balance: i64,
    balance: i64,
    last_seq: i64,
    first_on: Option<Day>,
    last_booked_on: Option<Day>,
    /// First and last day covered by the run's statements, and when the newest was made.
    covered: Option<(Day, Day, Timestamp)>,
    pub statements: Vec<NewStatement>,
}

impl Ledger {
    fn new(id: AccountId, base: Option<LedgerBase>) -> Ledger {
        let is_new = base.is_none();
        let base = base.unwrap_or(LedgerBase {
            opening_balance: 0,
            balance: 0,
            last_seq: 0,
            first_on: None,
            last_booked_on: None,
        });
        Ledger {
            id,
            is_new,
            holder_kana: String::new(),
            base,
            opening_balance: base.opening_balance,
            balance: base.balance,
            last_seq: base.last_seq,
            first_on: base.first_on,
            last_booked_on: base.last_booked_on,
            covered: None,
            statements: Vec::new(),
        }
    }

    /// How the account stands when a statement from this day on is read; `None`: it has had none.
    pub async fn standing(&self, at: &Importer<'_>, from: Day) -> Result<Option<Standing>, Failure> {
        let Some(first_on) = self.first_on else {
            return Ok(None);
        };
        let base_balance = if self.base.first_on.is_some() { self.base.balance } else { self.opening_balance };
        let since = at.store.read(at.institution).sum_booked_from(self.id, from).await?;
        let added = if self.last_seq > self.base.last_seq {
            at.store.read(at.institution).sum_added_before(self.id, self.base.last_seq, from).await?
        } else {
            0
        };
        Ok(Some(Standing {
            first_on,
            last_booked_on: self.last_booked_on,
            balance: self.balance,
            last_seq: self.last_seq,
            balance_before: base_balance.saturating_sub(since).saturating_add(added),
        }))
    }

    /// The lines the ledger has of these days. `None` when they are too many.
    pub async fn known_lines(
        &self,
        at: &Importer<'_>,
        (from, to): (Day, Day),
    ) -> Result<Result<KnownLines, TooManyKnown>, Failure> {
        let mut known = KnownLines::default();
        if self.last_seq == 0 {
            return Ok(Ok(known));
        }
        let mut after = (from, 0);
        loop {
            let page = at.store.read(at.institution).list_known_entries(self.id, after, to, KNOWN_AT_ONCE).await?;
            for entry in &page {
                if let Err(too_many) = known.add(entry.fingerprint) {
                    return Ok(Err(too_many));
                }
            }
            match page.last() {
                Some(last) if page.len() == KNOWN_AT_ONCE as usize => after = last.place,
                _ => return Ok(Ok(known)),
            }
        }
    }

    /// Whether the very same statement was imported before, in this run or an earlier one.
    pub async fn has_statement(&self, at: &Importer<'_>, digest: &[u8; 32]) -> Result<bool, Failure> {
        let in_run = self.statements.iter().any(|statement| statement.digest == *digest);
        Ok(in_run || at.store.read(at.institution).has_statement(self.id, digest).await?)
    }

    /// Takes a statement in, its entries written.
    pub fn take_in(&mut self, statement: &StatementPlan, last_booked_on: Option<Day>, taken: NewStatement) {
        let plan = statement.plan;
        if plan.reading == Reading::ImportedBefore {
            return;
        }
        if plan.reading == Reading::First {
            self.opening_balance = plan.balance_before;
        }
        // A continuation says nothing of days before the ledger's first, whatever its header covers.
        let from = match (plan.reading, self.first_on) {
            (Reading::Continuation, Some(first_on)) => first_on.max(statement.from),
            _ => statement.from,
        };
        self.first_on = Some(self.first_on.map_or(from, |first_on| first_on.min(from)));
        self.balance = plan.balance_after;
        self.last_seq = plan.last_seq.saturating_add(plan.new_lines);
        self.last_booked_on = self.last_booked_on.max(last_booked_on);
        let covered = (from, statement.to, statement.made_on.begins_at());
        self.covered = Some(match self.covered {
            Some(until_now) => (until_now.0.min(covered.0), until_now.1.max(covered.1), until_now.2.max(covered.2)),
            None => covered,
        });
        self.holder_kana.clone_from(&statement.holder_kana);
        self.statements.push(taken);
    }

    /// The row of an account that is new.
    pub fn to_account(&self, key: &AccountKey) -> UnownedAccount {
        let AccountKey { branch, kind, number } = key.clone();
        UnownedAccount { id: self.id, branch, kind, number, holder_kana: self.holder_kana.clone() }
    }

    /// What comes into force; `None` when the run brought no statement that was not there.
    pub fn posting(&self) -> Option<Posting> {
        let (from_on, until_on, made_at) = self.covered?;
        Some(Posting {
            account: self.id,
            base_seq: self.base.last_seq,
            last_seq: self.last_seq,
            opening_balance: self.opening_balance,
            balance: self.balance,
            from_on,
            until_on,
            made_at,
        })
    }
}

/// Every account the run has met.
#[derive(Default)]
pub(super) struct Ledgers {
    ledgers: HashMap<AccountKey, Ledger>,
    branches: HashSet<BranchCode>,
}

impl Ledgers {
    /// The account of a statement; one that nobody has named yet is new.
    pub async fn find_or_new(&mut self, at: &Importer<'_>, key: &AccountKey) -> Result<&Ledger, Failure> {
        if !self.ledgers.contains_key(key) {
            let mut session = at.store.read(at.institution);
            let found = session.find_account_by_number(&key.branch, key.kind, &key.number).await?;
            let ledger = match found {
                Some(account) => Ledger::new(account.id, session.find_ledger_base(account.id).await?),
                None => Ledger::new(new_account_id(at), None),
            };
            self.ledgers.insert(key.clone(), ledger);
        }
        self.get(key)
    }

    /// Whether the institution has this branch.
    pub async fn has_branch(&mut self, at: &Importer<'_>, branch: &BranchCode) -> Result<bool, Failure> {
        if self.branches.contains(branch) {
            return Ok(true);
        }
        let found = at.store.read(at.institution).has_branch(branch).await?;
        if found {
            self.branches.insert(branch.clone());
        }
        Ok(found)
    }

    /// An account met before.
    pub fn get(&self, key: &AccountKey) -> Result<&Ledger, Failure> {
        self.ledgers.get(key).ok_or_else(|| Failure::Defect("an account was not surveyed".into()))
    }

    /// An account met before, to be changed.
    pub fn get_mut(&mut self, key: &AccountKey) -> Result<&mut Ledger, Failure> {
        self.ledgers.get_mut(key).ok_or_else(|| Failure::Defect("an account was not surveyed".into()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountKey, &Ledger)> {
        self.ledgers.iter()
    }
}

/// Random, so that it tells partners nothing (RFC 9562 version 4).
fn new_account_id(at: &Importer<'_>) -> AccountId {
    AccountId(Builder::from_random_bytes(at.random.bytes()).into_uuid())
}
