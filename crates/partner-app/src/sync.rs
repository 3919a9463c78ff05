//! Reading a linkage: what changed since last time, and nothing else.

use renkei_client::{Client, Error, Fetched, Reason};

use crate::book::{Kept, Linked, Sync, Trouble};

/// Transactions asked for at once.
const PAGE_LINES: usize = 500;
/// Pages read of one account in one go; what is left comes with the next.
const PAGES_MAX: usize = 100;

/// Reads the linkage, or one account of it, and notes how it went.
pub(crate) async fn run(client: &Client, linked: &mut Linked, only: Option<u32>, now: u64) {
    let outcome = read_all(client, linked, only, now).await;
    let trouble = outcome.as_ref().err().map(trouble_of);
    let new = linked
        .accounts
        .iter()
        .filter(|kept| only.is_none_or(|number| kept.number == number))
        .filter_map(|kept| kept.last_sync.as_ref())
        .filter(|sync| sync.at == now)
        .map(|sync| sync.new)
        .sum();
    if let Some(trouble) = trouble.as_ref().filter(|trouble| trouble.reason.ends_linkage()) {
        linked.ended = Some(trouble.reason.clone());
    }
    linked.last_sync = Some(Sync { at: now, new, trouble });
}

/// Notes that not even a connection came about.
pub(crate) fn note_failure(linked: &mut Linked, error: &Error, now: u64) {
    linked.last_sync = Some(Sync { at: now, new: 0, trouble: Some(trouble_of(error)) });
}

/// Stops at the first trouble that concerns the linkage; trouble of one account stays with it.
async fn read_all(client: &Client, linked: &mut Linked, only: Option<u32>, now: u64) -> Result<(), Error> {
    read_accounts(client, linked).await?;
    if only.is_none() {
        linked.detail = Some(client.linkage(&mut linked.grant).await?);
    }
    let mut accounts = std::mem::take(&mut linked.accounts);
    let mut outcome = Ok(());
    for kept in accounts.iter_mut().filter(|kept| only.is_none_or(|number| kept.number == number)) {
        outcome = sync_account(client, linked, kept, now).await;
        if outcome.is_err() {
            break;
        }
    }
    linked.accounts = accounts;
    outcome
}

/// Takes over the account list. An account that is no longer listed is kept with all its transactions.
async fn read_accounts(client: &Client, linked: &mut Linked) -> Result<(), Error> {
    let etag = linked.accounts_etag.clone();
    let Fetched::Fresh { value, etag } = client.accounts(&mut linked.grant, etag.as_deref()).await? else {
        return Ok(());
    };
    linked.accounts_etag = etag;
    for account in value {
        let known = linked.accounts.iter_mut().find(|kept| kept.account.account_id == account.account_id);
        match known {
            Some(kept) => kept.account = account,
            None => linked.accounts.push(Kept {
                number: 0,
                account,
                balance: None,
                balance_etag: None,
                mark: None,
                feed_etag: None,
                transactions: Vec::new(),
                last_sync: None,
            }),
        }
    }
    Ok(())
}

/// Reads one account; an error is returned only when it concerns the linkage as a whole.
async fn sync_account(client: &Client, linked: &mut Linked, kept: &mut Kept, now: u64) -> Result<(), Error> {
    let before = kept.transactions.len();
    let outcome = match kept.unavailable() {
        Some(reason) => Err(Trouble { reason: reason.clone(), retry_after: None }),
        None => match read_account(client, linked, kept).await {
            Err(error) if concerns_linkage(&error) => return Err(error),
            outcome => outcome.map_err(|error| trouble_of(&error)),
        },
    };
    let new = kept.transactions.len().saturating_sub(before);
    kept.last_sync = Some(Sync { at: now, new, trouble: outcome.err() });
    Ok(())
}

async fn read_account(client: &Client, linked: &mut Linked, kept: &mut Kept) -> Result<(), Error> {
    let grant = &mut linked.grant;
    let account_id = kept.account.account_id.clone();
    if grant.permits("balances") {
        let fetched = client.balances(grant, &account_id, kept.balance_etag.as_deref()).await?;
        if let Fetched::Fresh { value, etag } = fetched {
            kept.balance = Some(value);
            kept.balance_etag = etag;
        }
    }
    if !grant.permits("transactions") {
        return Ok(());
    }
    for _ in 0..PAGES_MAX {
        let (mark, etag) = (kept.mark.as_ref(), kept.feed_etag.as_deref());
        let fetched = client.transactions_after(grant, &account_id, mark, PAGE_LINES, etag).await?;
        let Fetched::Fresh { value: page, etag } = fetched else { return Ok(()) };
        // A tag belongs to one address, and the mark is part of it.
        let same_address = kept.mark.as_ref().is_some_and(|mark| mark.next == page.mark.next);
        kept.feed_etag = etag.filter(|_| same_address);
        let nothing = page.transactions.is_empty();
        kept.transactions.extend(page.transactions);
        kept.mark = Some(page.mark);
        if nothing || !page.more {
            break;
        }
    }
    Ok(())
}

/// Whether the other accounts would meet the same error.
fn concerns_linkage(error: &Error) -> bool {
    match error {
        Error::Problem(problem) => {
            !matches!(problem.reason, Reason::PinMissing | Reason::PinStale | Reason::CoreUnreachable)
                && matches!(problem.status, 400 | 401 | 403 | 429 | 503)
        }
        Error::Network(_) => true,
        _ => false,
    }
}

/// The trouble in an error, with a code of the site's own where the institution gave none.
fn trouble_of(error: &Error) -> Trouble {
    match error {
        Error::Problem(problem) => Trouble { reason: problem.reason.clone(), retry_after: problem.retry_after },
        Error::Network(_) => Trouble { reason: Reason::CoreUnreachable, retry_after: None },
        Error::Proof(_) => Trouble { reason: Reason::Other("proof".to_owned()), retry_after: None },
        _ => Trouble { reason: Reason::Other("protocol".to_owned()), retry_after: None },
    }
}
