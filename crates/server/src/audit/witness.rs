//! A witness (C2SP tlog-witness): a machine elsewhere that cosigns each checkpoint once it is shown that the trail goes on
//! from the one before. Whoever takes the trail back then has to answer for two histories.

use std::sync::Arc;
use std::time::Duration;

use base64ct::{Base64, Encoding};
use renkei_audit_trail::Hash;
use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_audit_trail::note::{Algorithm, Note, SignatureLine, VerifierKey};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::audit_checkpoints::StoredCheckpoint;
use renkei_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;

use super::AuditFault;
use super::trail::Trail;
use crate::app::App;
use crate::outbound::{Outbound, OutboundFault, ResponderUrl};

/// Between two looks for something to be cosigned.
const EVERY: Duration = Duration::from_secs(10);
/// Between two lines in the log about the same trouble.
const LOGGED_EVERY_SECONDS: i64 = 60;
/// Most bytes of a witness's answer: a few signature lines.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Who cosigns, and how it is reached.
#[derive(Debug, Clone)]
pub struct Witness {
    url: ResponderUrl,
    key: VerifierKey,
}

/// Why a checkpoint was not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum WitnessFault {
    /// The trail could not be read, or does not go on from what the witness cosigned.
    #[error(transparent)]
    Trail(#[from] AuditFault),
    /// The witness can't be reached.
    #[error("the witness: {0}")]
    Away(#[from] OutboundFault),
    /// It answers, and does not cosign.
    #[error("the witness answers {0} and does not cosign")]
    Refused(u16),
}

impl From<StoreError> for WitnessFault {
    fn from(error: StoreError) -> WitnessFault {
        WitnessFault::Trail(error.into())
    }
}

impl Witness {
    /// The witness with this submission prefix and this public key.
    ///
    /// # Errors
    /// A sentence about what is wrong with one of them.
    pub fn new(prefix: &str, key: &str) -> Result<Witness, String> {
        let url = format!("{}/add-checkpoint", prefix.strip_suffix('/').unwrap_or(prefix));
        let url = url.parse::<ResponderUrl>().map_err(|fault| fault.to_string())?;
        let key: VerifierKey = key.parse().map_err(|error| format!("{error}"))?;
        match key.algorithm {
            Algorithm::Cosignature => Ok(Witness { url, key }),
            Algorithm::Ed25519 => Err("the key is one of a log; a witness's is for cosignatures".into()),
        }
    }

    /// Gets the newest signed checkpoint of a trail cosigned. Tells its size; none where nothing is left to cosign.
    ///
    /// # Errors
    /// [`WitnessFault`]; the next time tries again, with whatever is the newest then.
    pub async fn cosign(
        &self,
        store: &Store,
        outbound: &Outbound,
        institution: &InstitutionCode,
        now: Timestamp,
    ) -> Result<Option<u64>, WitnessFault> {
        let mut read = store.read(institution);
        let Some(key) = read.list_audit_keys().await?.pop() else { return Ok(None) };
        let Some(newest) = read.newest_checkpoint(&key.origin).await? else { return Ok(None) };
        let note = note(&newest)?;
        if note.signatures.is_empty() || self.key.verify(&note).is_some() {
            return Ok(None);
        }
        let Some(trail) = Trail::load(&mut read).await? else { return Ok(None) };
        let signer = self.key.to_string();
        let size = newest.checkpoint.size;
        let mut old = read.newest_cosigned(&key.origin, &signer).await?.unwrap_or(0);
        // The witness may know more than this store remembers: it says where to prove from, once.
        for _ in 0..2 {
            let proof = trail.prove_from(&mut read, old, size).await?;
            let (status, answer) = outbound.submit(&self.url, body(old, &proof, &note), ANSWER_BYTES_MAX).await?;
            let answer = String::from_utf8_lossy(&answer);
            match status {
                200 => {
                    let line = self.cosignature(&note, &answer).ok_or(WitnessFault::Refused(status))?;
                    let mut tx = store.begin(institution).await?;
                    match tx.add_checkpoint_signature(&newest.checkpoint, &signer, &line.to_string(), now).await {
                        Ok(()) => tx.commit().await?,
                        Err(StoreError::Taken) => {}
                        Err(error) => return Err(error.into()),
                    }
                    return Ok(Some(size));
                }
                409 => match answer.trim_end().parse::<u64>() {
                    Ok(known) if known < size && known != old => old = known,
                    Ok(known) if known == size && old != size => old = known,
                    _ => return Err(forked(&newest.checkpoint, &answer).into()),
                },
                422 => return Err(forked(&newest.checkpoint, &answer).into()),
                _ => return Err(WitnessFault::Refused(status)),
            }
        }
        Err(forked(&newest.checkpoint, "another size each time").into())
    }

    fn cosignature(&self, note: &Note, answer: &str) -> Option<SignatureLine> {
        let lines = answer.lines().filter_map(|line| SignatureLine::parse(line).ok());
        let mut right =
            lines.filter(|line| self.key.verify(&Note { signatures: vec![line.clone()], ..note.clone() }).is_some());
        right.next()
    }
}

fn note(stored: &StoredCheckpoint) -> Result<Note, AuditFault> {
    let lines = stored.signatures.iter().map(|line| SignatureLine::parse(line));
    let signatures = lines.collect::<Result<Vec<_>, _>>().map_err(|error| AuditFault::Broken(error.to_string()))?;
    Ok(Note { text: stored.checkpoint.to_string(), signatures })
}

fn body(old: u64, proof: &[Hash], note: &Note) -> Vec<u8> {
    let proof: String = proof.iter().map(|hash| format!("{}\n", Base64::encode_string(hash))).collect();
    format!("old {old}\n{proof}\n{note}").into_bytes()
}

fn forked(checkpoint: &Checkpoint, answer: &str) -> AuditFault {
    let Checkpoint { origin, size, .. } = checkpoint;
    let known: String = answer.chars().filter(char::is_ascii_digit).take(20).collect();
    AuditFault::Forked(format!("{origin} at {size} entries is not what the witness cosigned (it knows {known:?})"))
}

/// Gets the newest checkpoints of all institutions cosigned, until told to stop. While the witness is away everything
/// goes on, and the log says so.
pub async fn keep_witnessed(app: Arc<App>, witness: Witness, mut stop: watch::Receiver<bool>) {
    let mut logged_at = Timestamp(i64::MIN);
    loop {
        tokio::select! {
            () = sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let Ok(institutions) = app.store.read_all().list_institutions().await else { continue };
        for institution in institutions {
            let now = app.now();
            let Err(error) = witness.cosign(&app.store, &app.outbound, &institution.code, now).await else { continue };
            if logged_at.plus_seconds(LOGGED_EVERY_SECONDS) <= now {
                logged_at = now;
                tracing::error!(%error, institution = %institution.code, "audit_alarm: a checkpoint is not cosigned");
            }
        }
    }
}
