//! Institutions with their branches and texts.

use std::sync::Arc;

use renkei_domain::account::BranchCode;
use renkei_domain::customer::LoginMethod;
use renkei_domain::institution::{InstitutionCode, InstitutionKind};
use renkei_domain::time::{Day, Timestamp};

use crate::db::Row;
use crate::params;
use crate::{Session, StoreError, Tx, kept};

/// An institution as the registry describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Institution {
    /// 金融機関コード.
    pub code: InstitutionCode,
    /// What kind it is.
    pub kind: InstitutionKind,
    /// Its name.
    pub name: String,
    /// Its name in English.
    pub name_en: String,
    /// The colour of its pages, `#rrggbb`.
    pub accent: String,
    /// Whom customers call.
    pub telephone: String,
    /// When, in Japanese.
    pub hours: String,
    /// When, in English.
    pub hours_en: String,
    /// Its privacy policy.
    pub privacy_url: Option<String>,
    /// The day its partner table was last changed.
    pub partners_as_of: Day,
    /// The terms of use in force.
    pub terms_version: String,
    /// PEM of the authority whose certificates its users log in with.
    pub user_ca: Option<String>,
    /// Address of that authority's OCSP responder.
    pub user_ocsp: Option<String>,
    /// The weakest login whose linkages partners may read.
    pub minimum_login: LoginMethod,
    /// Whether every proof needs a nonce of this server (RFC 9449 §8).
    pub dpop_nonces: bool,
}

/// API利用規定: one version of an institution's terms of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// As the institution counts them.
    pub version: String,
    /// Plain text in Japanese, paragraphs by blank lines.
    pub text: String,
    /// The same in English.
    pub text_en: String,
}

/// 支店: a branch of an institution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// 店番.
    pub code: BranchCode,
    /// Its name.
    pub name: String,
    /// Its name in English.
    pub name_en: String,
}

const FIELDS: &str = "SELECT institution, kind, name, name_en, accent, telephone, hours, hours_en, privacy_url, \
     partners_as_of, terms_version, user_ca, user_ocsp, minimum_login, dpop_nonces";
/// How many columns that is.
const FIELD_COUNT: usize = 15;

impl Session {
    /// The institution of this session.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_institution(&mut self) -> Result<Option<Arc<Institution>>, StoreError> {
        let select = const_format::concatcp!(FIELDS, ", ", kept::VERSION, " FROM institutions WHERE institution = ?1");
        if let Some(kept) = self.recall(|known| &known.institutions, ()).await? {
            return Ok(Some(kept));
        }
        let Some(mut row) = self.row(select, &[]).await? else { return Ok(None) };
        let version = row.get(FIELD_COUNT)?;
        Ok(Some(self.keep(|known| &known.institutions, (), version, read(row)?)))
    }

    /// PEM of the revocation list of the authority whose certificates users log in with. It may be megabytes long, so that
    /// only who verifies a certificate or compares the registry should ask for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_user_crl(&mut self) -> Result<Option<String>, StoreError> {
        let select = "SELECT user_crl FROM institutions WHERE institution = ?1";
        let row = self.rows(select, &[]).await?.into_iter().next();
        row.map_or(Ok(None), |mut row| row.get(0))
    }

    /// Every institution, by code. For a session across institutions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_institutions(&mut self) -> Result<Vec<Institution>, StoreError> {
        let select = const_format::concatcp!(FIELDS, " FROM institutions ORDER BY institution");
        self.rows(select, &[]).await?.into_iter().map(read).collect()
    }

    /// Every version of the terms of use with the instant it was added, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_terms(&mut self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let select = "SELECT version, added_at FROM terms WHERE institution = ?1 ORDER BY added_at DESC, version DESC";
        let rows = self.rows(select, &[]).await?;
        rows.into_iter().map(|mut row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// One version of the terms of use.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_terms(&mut self, version: &str) -> Result<Option<Terms>, StoreError> {
        let select = "SELECT version, text, text_en FROM terms WHERE institution = ?1 AND version = ?2";
        let row = self.row(select, params![version]).await?;
        row.map(|mut row| Ok(Terms { version: row.get(0)?, text: row.get(1)?, text_en: row.get(2)? })).transpose()
    }

    /// Every branch, by code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_branches(&mut self) -> Result<Vec<Branch>, StoreError> {
        let select = "SELECT branch, name, name_en FROM branches WHERE institution = ?1 ORDER BY branch";
        let rows = self.rows(select, &[]).await?;
        rows.into_iter()
            .map(|mut row| Ok(Branch { code: row.get(0)?, name: row.get(1)?, name_en: row.get(2)? }))
            .collect()
    }
}

impl Tx {
    /// Adds the institution of this transaction, or changes it to this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_institution(&mut self, institution: &Institution, now: Timestamp) -> Result<(), StoreError> {
        let upsert = "INSERT INTO institutions (institution, kind, name, name_en, accent, telephone, hours, hours_en, \
             privacy_url, partners_as_of, terms_version, user_ca, updated_at, user_ocsp, minimum_login, dpop_nonces) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
             ON CONFLICT (institution) DO UPDATE SET kind = excluded.kind, name = excluded.name, \
             name_en = excluded.name_en, accent = excluded.accent, telephone = excluded.telephone, \
             hours = excluded.hours, hours_en = excluded.hours_en, privacy_url = excluded.privacy_url, \
             partners_as_of = excluded.partners_as_of, terms_version = excluded.terms_version, \
             user_ca = excluded.user_ca, updated_at = excluded.updated_at, \
             user_ocsp = excluded.user_ocsp, minimum_login = excluded.minimum_login, \
             dpop_nonces = excluded.dpop_nonces";
        let values = params![
            institution.kind.word(),
            &institution.name,
            &institution.name_en,
            &institution.accent,
            &institution.telephone,
            &institution.hours,
            &institution.hours_en,
            institution.privacy_url.as_deref(),
            institution.partners_as_of,
            &institution.terms_version,
            institution.user_ca.as_deref(),
            now,
            institution.user_ocsp.as_deref(),
            institution.minimum_login.word(),
            i64::from(institution.dpop_nonces),
        ];
        self.execute(upsert, values).await.map(|_| ())
    }

    /// Puts another revocation list of the users' authority in force, or takes it away.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_user_crl(&mut self, pem: Option<&str>) -> Result<(), StoreError> {
        let update = "UPDATE institutions SET user_crl = ?2 WHERE institution = ?1";
        self.execute(update, params![pem]).await.map(|_| ())
    }

    /// Adds a version of the terms of use. A version never changes: customers have agreed to it.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is such a version; the rest of [`StoreError`].
    pub async fn add_terms(&mut self, terms: &Terms, now: Timestamp) -> Result<(), StoreError> {
        let insert = "INSERT INTO terms (institution, version, text, text_en, added_at) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.execute(insert, params![&terms.version, &terms.text, &terms.text_en, now]).await.map(|_| ())
    }

    /// Adds a branch, or changes its names.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_branch(&mut self, branch: &Branch) -> Result<(), StoreError> {
        let upsert = "INSERT INTO branches (institution, branch, name, name_en) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (institution, branch) DO UPDATE SET name = excluded.name, name_en = excluded.name_en";
        self.execute(upsert, params![&branch.code, &branch.name, &branch.name_en]).await.map(|_| ())
    }
}

fn read(mut row: Row) -> Result<Institution, StoreError> {
    Ok(Institution {
        code: row.get(0)?,
        kind: row.word(1, InstitutionKind::from_word)?,
        name: row.get(2)?,
        name_en: row.get(3)?,
        accent: row.get(4)?,
        telephone: row.get(5)?,
        hours: row.get(6)?,
        hours_en: row.get(7)?,
        privacy_url: row.get(8)?,
        partners_as_of: row.get(9)?,
        terms_version: row.get(10)?,
        user_ca: row.get(11)?,
        user_ocsp: row.get(12)?,
        minimum_login: row.word(13, LoginMethod::from_word)?,
        dpop_nonces: row.get::<i64>(14)? != 0,
    })
}
