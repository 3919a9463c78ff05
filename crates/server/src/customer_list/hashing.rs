//! Passwords of a run: which are new, hashed before the transaction begins.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use renkei_store::customers::PasswordHash;

use super::rows::{Placed, UserRow};
use super::{ListError, Run};
use crate::passwords::{self, Verdict};

/// Users looked at at a time. Hashing itself waits for a free processor, so this only keeps each of them busy.
const USERS_AT_A_TIME: usize = 64;

/// For each user, a hash of the password in its row; none where the row has no password or the user has it already.
pub(super) async fn fresh_hashes(
    run: Run<'_>,
    users: &[Placed<UserRow>],
) -> Result<Vec<Option<PasswordHash>>, ListError> {
    let hashing = users.iter().map(|user| fresh_hash(run, &user.row));
    stream::iter(hashing).buffered(USERS_AT_A_TIME).try_collect().await
}

async fn fresh_hash(run: Run<'_>, user: &UserRow) -> Result<Option<PasswordHash>, ListError> {
    let Some(password) = &user.password else {
        return Ok(None);
    };
    let known = run.store.read(run.institution).find_user_by_login(&user.login_id).await?;
    if let Some(known) = known.and_then(|user| user.password_hash)
        && passwords::verify(run.keys, password.clone(), Some(known)).await? == Verdict::Right
    {
        return Ok(None);
    }
    Ok(Some(passwords::hash(run.keys, password.clone(), run.random).await?))
}
