//! Rows of a customer list into the store, in one transaction: each against what is there by then, earlier rows included.

use std::collections::HashSet;

use renkei_domain::account::BranchCode;
use renkei_domain::customer::LoginMethod;
use renkei_domain::id::{AccountId, CustomerId, UserId, time_ordered};
use renkei_domain::notice::Happened;
use renkei_domain::pin::{InquiryPin, SealedPin};
use renkei_store::Tx;
use renkei_store::customers::{Account, Customer, PasswordHash, User};
use uuid::Uuid;

use super::cells::Place;
use super::rows::{AccountKey, AccountRow, CertificateRow, CustomerRow, Lists, UserAccountRow, UserRow};
use super::{FileReport, ListError, ListFile, Problem, Run, fail_if_any};
use crate::keys::Purpose;

/// What a row did.
enum Did {
    Added,
    Changed,
    Removed,
    Unchanged,
    /// Nothing: this column is wrong, for this reason.
    Wrong(&'static str, &'static str),
}

/// The transaction and what came of it so far.
struct Writer<'a> {
    tx: &'a mut Tx,
    run: Run<'a>,
    branches: HashSet<BranchCode>,
    reports: Vec<FileReport>,
    problems: Vec<Problem>,
}

/// Writes all rows, or tells everything that keeps them from being written.
pub(super) async fn write(
    tx: &mut Tx,
    run: Run<'_>,
    files: &[ListFile],
    lists: &Lists,
    hashes: Vec<Option<PasswordHash>>,
) -> Result<Vec<FileReport>, ListError> {
    let branches = tx.list_branches().await?.into_iter().map(|branch| branch.code).collect();
    let begun = |(file, kind): (&ListFile, _)| FileReport {
        file: file.name.clone(),
        kind,
        added: 0,
        changed: 0,
        removed: 0,
        unchanged: 0,
    };
    let reports = files.iter().zip(lists.kinds.iter().copied()).map(begun).collect();
    let mut writer = Writer { tx, run, branches, reports, problems: Vec::new() };
    for placed in &lists.customers {
        let did = writer.customer(&placed.row).await?;
        writer.count(placed.place, did);
    }
    for (placed, hash) in lists.users.iter().zip(hashes) {
        let did = writer.user(&placed.row, hash).await?;
        writer.count(placed.place, did);
    }
    for placed in &lists.certificates {
        let did = writer.certificate(&placed.row).await?;
        writer.count(placed.place, did);
    }
    for placed in &lists.accounts {
        let did = writer.account(&placed.row).await?;
        writer.count(placed.place, did);
    }
    for placed in &lists.user_accounts {
        let did = writer.user_account(&placed.row).await?;
        writer.count(placed.place, did);
    }
    let Writer { reports, problems, .. } = writer;
    fail_if_any(problems)?;
    Ok(reports)
}

impl Writer<'_> {
    fn count(&mut self, place: Place, did: Did) {
        let Some(report) = self.reports.get_mut(place.file) else { return };
        match did {
            Did::Added => report.added += 1,
            Did::Changed => report.changed += 1,
            Did::Removed => report.removed += 1,
            Did::Unchanged => report.unchanged += 1,
            Did::Wrong(column, reason) => {
                let (file, column, reason) = (report.file.clone(), column.to_owned(), reason.to_owned());
                self.problems.push(Problem { file, line: place.line, column, reason });
            }
        }
    }

    fn new_id(&self) -> Uuid {
        time_ordered(self.run.now, &self.run.random.bytes())
    }

    async fn customer(&mut self, row: &CustomerRow) -> Result<Did, ListError> {
        let known = self.tx.find_customer_by_number(&row.number).await?;
        let known_kana = known.as_ref().map(|known| known.name_kana.clone());
        let customer = Customer {
            id: known.as_ref().map_or_else(|| CustomerId(self.new_id()), |known| known.id),
            number: row.number.clone(),
            name: row.name.clone(),
            name_kana: row.name_kana.clone().or(known_kana).unwrap_or_default(),
            contract: row.contract,
        };
        let did = compare(known.as_ref(), &customer);
        if !matches!(did, Did::Unchanged) {
            self.tx.save_customer(&customer).await?;
        }
        Ok(did)
    }

    async fn user(&mut self, row: &UserRow, fresh: Option<PasswordHash>) -> Result<Did, ListError> {
        let Some(customer) = self.tx.find_customer_by_number(&row.customer).await? else {
            return Ok(Did::Wrong("customer", "there is no such customer"));
        };
        let known = self.tx.find_user_by_login(&row.login_id).await?;
        if known.as_ref().is_some_and(|known| known.customer != customer.id) {
            return Ok(Did::Wrong("login_id", "a user of another customer has this login id"));
        }
        let known_hash = known.as_ref().and_then(|known| known.password_hash.clone());
        let password_hash = match row.method {
            LoginMethod::Certificate => None,
            LoginMethod::Password => fresh.or(known_hash),
        };
        if row.method == LoginMethod::Password && password_hash.is_none() {
            return Ok(Did::Wrong("password", "it is missing: this user has none yet"));
        }
        let user = User {
            id: known.as_ref().map_or_else(|| UserId(self.new_id()), |known| known.id),
            customer: customer.id,
            login_id: row.login_id.clone(),
            name: row.name.clone(),
            kind: row.kind,
            method: row.method,
            password_hash,
            operations: row.operations.clone(),
            state: row.state,
            contract: customer.contract,
            customer_name: customer.name,
        };
        let did = compare(known.as_ref(), &user);
        if !matches!(did, Did::Unchanged) {
            self.tx.save_user(&user).await?;
        }
        Ok(did)
    }

    /// Tells a user what was done to the user's certificates.
    async fn tell(&mut self, user: UserId, what: &Happened) -> Result<(), ListError> {
        Ok(self.tx.add_notice(user, what, self.run.now, self.run.random).await?)
    }

    async fn certificate(&mut self, row: &CertificateRow) -> Result<Did, ListError> {
        let Some(user) = self.tx.find_user_by_login(&row.login_id).await? else {
            return Ok(Did::Wrong("login_id", "there is no such user"));
        };
        if !row.present {
            let removed = self.tx.remove_certificate(&row.fingerprint, user.id).await?;
            if removed {
                self.tell(user.id, &Happened::CertificateRemoved).await?;
            }
            return Ok(if removed { Did::Removed } else { Did::Unchanged });
        }
        if user.method != LoginMethod::Certificate {
            return Ok(Did::Wrong("login_id", "this user logs in by password"));
        }
        match self.tx.find_user_by_certificate(&row.fingerprint).await? {
            Some(holder) if holder.id == user.id => Ok(Did::Unchanged),
            Some(_) => Ok(Did::Wrong("certificate", "another user has this certificate")),
            None => {
                self.tx.add_certificate(&row.fingerprint, user.id, self.run.now).await?;
                self.tell(user.id, &Happened::CertificateAdded).await?;
                Ok(Did::Added)
            }
        }
    }

    async fn account(&mut self, row: &AccountRow) -> Result<Did, ListError> {
        let Some(customer) = self.tx.find_customer_by_number(&row.customer).await? else {
            return Ok(Did::Wrong("customer", "there is no such customer"));
        };
        if !self.branches.contains(&row.key.branch) {
            return Ok(Did::Wrong("branch", "there is no such branch in the registry"));
        }
        let known = self.find_account(&row.key).await?;
        let holder = known.as_ref().and_then(|known| known.customer);
        if holder.is_some_and(|holder| holder != customer.id) {
            return Ok(Did::Wrong("number", "this account is another customer's; accounts don't change hands"));
        }
        let known_kana = known.as_ref().map(|known| known.holder_kana.clone());
        let account = Account {
            id: known.as_ref().map_or_else(|| self.new_account_id(), |known| known.id),
            customer: Some(customer.id),
            branch: row.key.branch.clone(),
            kind: row.key.kind,
            number: row.key.number.clone(),
            holder: row.holder.clone(),
            holder_kana: row.holder_kana.clone().or(known_kana).unwrap_or_default(),
            state: row.state,
        };
        let did = compare(known.as_ref(), &account);
        if !matches!(did, Did::Unchanged) {
            self.tx.save_account(&account).await?;
        }
        let filed = match &row.pin {
            Some(pin) => self.file_pin(account.id, pin).await?,
            None => false,
        };
        Ok(if filed && matches!(did, Did::Unchanged) { Did::Changed } else { did })
    }

    /// Partners see it, so it tells nothing, not even when it was made.
    fn new_account_id(&self) -> AccountId {
        AccountId(uuid::Builder::from_random_bytes(self.run.random.bytes()).into_uuid())
    }

    async fn find_account(&mut self, key: &AccountKey) -> Result<Option<Account>, ListError> {
        Ok(self.tx.find_account_by_number(&key.branch, key.kind, &key.number).await?)
    }

    /// Files the PIN unless it is the one on file. `true`: it was filed.
    async fn file_pin(&mut self, account: AccountId, pin: &InquiryPin) -> Result<bool, ListError> {
        let Run { keys, institution, random, .. } = self.run;
        let place = format!("{institution}/{account}");
        if let Some(SealedPin(sealed)) = self.tx.find_filed_pin(account).await?
            && keys.open(Purpose::FiledPin, &place, &sealed)?.as_slice() == pin.reveal()
        {
            return Ok(false);
        }
        let sealed = keys.seal(Purpose::FiledPin, &place, pin.reveal(), random)?;
        self.tx.file_pin(account, &SealedPin(sealed)).await?;
        Ok(true)
    }

    async fn user_account(&mut self, row: &UserAccountRow) -> Result<Did, ListError> {
        let Some(user) = self.tx.find_user_by_login(&row.login_id).await? else {
            return Ok(Did::Wrong("login_id", "there is no such user"));
        };
        let Some(account) = self.find_account(&row.key).await? else {
            return Ok(Did::Wrong("number", "there is no such account"));
        };
        if account.customer != Some(user.customer) {
            return Ok(Did::Wrong("number", "this account is not one of the user's customer"));
        }
        if !row.present {
            let removed = self.tx.remove_user_account(user.id, account.id).await?;
            return Ok(if removed { Did::Removed } else { Did::Unchanged });
        }
        let known = self.tx.find_user_account(user.id, account.id).await?.map(|known| known.memo);
        let memo = row.memo.clone().or_else(|| known.clone()).unwrap_or_default();
        let did = compare(known.as_ref(), &memo);
        if !matches!(did, Did::Unchanged) {
            self.tx.save_user_account(user.id, account.id, &memo).await?;
        }
        Ok(did)
    }
}

fn compare<T: PartialEq>(known: Option<&T>, wanted: &T) -> Did {
    match known {
        None => Did::Added,
        Some(known) if known == wanted => Did::Unchanged,
        Some(_) => Did::Changed,
    }
}
