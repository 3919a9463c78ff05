//! Linkages out of the bulk that are used: their tokens and inquiry PINs are good, and there are entries to read.

use renkei_domain::id::AccountId;
use renkei_domain::ticket::{SECRET_BYTES, Ticket};
use renkei_server::core_banking::pin_place;
use renkei_server::keys::Purpose;
use renkei_store::{Store, params};
use renkei_testing::SystemRandom;

use crate::Problem;
use crate::bulk;
use crate::people::{PIN, institution};
use crate::stage::Stage;

/// A linkage in use.
#[derive(Debug)]
pub struct Used {
    /// Its account.
    pub account: AccountId,
    /// Its refresh token.
    pub refresh_token: String,
    /// Its newest access token.
    pub token: String,
    /// The entity tag of its entries.
    pub tag: String,
}

/// Makes so many of the linkages below `linkages` usable, as far from each other as they can be.
///
/// # Errors
/// When the store refuses.
pub async fn make(stage: &Stage, store: &Store, linkages: i64, count: i64) -> Result<Vec<Used>, Problem> {
    let (code, keys) = (institution()?, stage.keys()?);
    let mut used = Vec::new();
    let mut tx = store.begin(&code).await?;
    for number in (0..count).map(|number| number * linkages / count) {
        let account = AccountId(bulk::id('b', number).parse()?);
        let place = pin_place(&code, account);
        let sealed = |purpose| keys.seal(purpose, &place, PIN.as_bytes(), &SystemRandom);
        let pins = "UPDATE pins SET sealed = ?3 WHERE institution = ?1 AND account_id = ?2";
        tx.execute(pins, params![account, &sealed(Purpose::Pin)?]).await?;
        let filed =
            "INSERT INTO filed_pins (institution, account_id, sealed) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        tx.execute(filed, params![account, &sealed(Purpose::FiledPin)?]).await?;
        let ticket = Ticket::new(bulk::id('f', number).parse()?, &[0; SECRET_BYTES]);
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, ticket.bytes());
        let tokens = "UPDATE refresh_tokens SET hash = ?3 WHERE institution = ?1 AND token_id = ?2";
        tx.execute(tokens, params![ticket.id(), &hash.as_ref().to_vec()]).await?;
        bulk::entries_to_read(&mut tx, number).await?;
        used.push(Used { account, refresh_token: ticket.reveal(), token: String::new(), tag: String::new() });
    }
    tx.commit().await?;
    Ok(used)
}
