//! Core banking as the embedded ledger answers for it: is this the inquiry PIN filed for the account?

use renkei_domain::id::AccountId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::pin::{InquiryPin, SealedPin};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::error::Fault;
use crate::keys::Purpose;

/// The place a PIN is sealed for: it opens for this account of this institution and no other.
#[must_use]
pub fn pin_place(institution: &InstitutionCode, account: AccountId) -> String {
    format!("{institution}/{account}")
}

/// Seals a PIN for its account, as linkages keep it.
///
/// # Errors
/// [`Fault`] when it can't be sealed.
pub fn seal_pin(
    app: &App,
    institution: &InstitutionCode,
    account: AccountId,
    pin: &InquiryPin,
) -> Result<SealedPin, Fault> {
    let place = pin_place(institution, account);
    Ok(SealedPin(app.keys.seal(Purpose::Pin, &place, pin.reveal(), &*app.random)?))
}

/// Whether core banking accepts this PIN for the account. The try must have been counted before.
///
/// # Errors
/// [`Fault`] when it can't be asked.
pub async fn accepts_pin(
    app: &App,
    institution: &InstitutionCode,
    account: AccountId,
    pin: &[u8],
) -> Result<bool, Fault> {
    let Some(filed) = app.store.read(institution).find_filed_pin(account).await? else { return Ok(false) };
    let filed = app.keys.open(Purpose::FiledPin, &pin_place(institution, account), &filed.0)?;
    Ok(filed.as_slice().ct_eq(pin).into())
}

/// Whether core banking still accepts the PIN that was registered: asked with every inquiry.
///
/// # Errors
/// [`Fault`] when it can't be asked.
pub async fn accepts_registered_pin(
    app: &App,
    institution: &InstitutionCode,
    account: AccountId,
    sealed: &SealedPin,
) -> Result<bool, Fault> {
    let pin = app.keys.open(Purpose::Pin, &pin_place(institution, account), &sealed.0)?;
    accepts_pin(app, institution, account, &pin).await
}
