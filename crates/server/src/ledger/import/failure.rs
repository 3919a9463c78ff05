//! Why an import did not happen, for the operator, in English and in Japanese.

use std::fmt;

use renkei_domain::institution::InstitutionCode;
use renkei_domain::ledger::{KNOWN_LINES_MAX, Misfit};
use renkei_formats::refusal::Refusal;
use renkei_store::StoreError;
use renkei_store::leases::Lease;

/// The most unknown accounts a refusal lists.
pub(super) const UNKNOWN_LISTED_MAX: usize = 20;

/// Why a run was given up. None of its files is in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A file is refused.
    #[error("{0}")]
    Refused(Box<Refused>),
    /// Another import is under way.
    #[error("another import of this institution is under way: {}, until {} at the latest if it is no longer running",
        .0.holder, .0.expires_at.to_rfc3339())]
    Busy(Lease),
    /// Another import took over, because this one was not heard of for too long.
    #[error("another import took over, because this one was not heard of for too long")]
    Overtaken,
    /// A file can't be read.
    #[error("{file}: {reason}")]
    Unreadable {
        /// Its path.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// A defect of this program.
    #[error("defect: {0}")]
    Defect(String),
}

/// A file that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its name without its folder.
    pub file: String,
    /// Where in the file.
    pub place: Option<Place>,
    /// The account, its number masked: `001-1-****002`.
    pub account: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The record, counted from 1.
    pub record: u64,
    /// The byte at which the item begins, counted from 0.
    pub offset: u64,
    /// The item's name in the layout.
    pub item: &'static str,
}

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is not sound; the refusal says where.
    Unsound(Refusal),
    /// It is sound in its own way but of another type: its name in Japanese and in English.
    OtherType(&'static str, &'static str),
    /// It is another institution's.
    OtherInstitution {
        /// 銀行コード in the file.
        found: String,
        /// The institution it was given for.
        expected: InstitutionCode,
    },
    /// It has accounts that no customer list names.
    UnknownAccounts {
        /// How many.
        count: usize,
        /// The first of them: the record, and the account with its number masked.
        listed: Vec<(u64, String)>,
    },
    /// It has an account of a branch the registry does not name.
    UnknownBranch(String),
    /// It does not fit the ledger.
    Misfit(Misfit),
    /// The ledger holds too many entries within the statement's days.
    TooManyKnown,
    /// It changed while it was read.
    Changed,
}

impl Failure {
    /// The reason as an ASCII word, for records.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Failure::Refused(refused) => refused.word(),
            Failure::Unreadable { .. } => "unreadable",
            Failure::Busy(_) | Failure::Overtaken => "busy",
            Failure::Store(_) | Failure::Defect(_) => "failed",
        }
    }

    /// The same for people who read Japanese.
    #[must_use]
    pub fn to_japanese(&self) -> String {
        match self {
            Failure::Refused(refused) => refused.to_japanese(),
            Failure::Busy(lease) => format!(
                "この金融機関の取込が実行中です：{}（停止している場合は{}以降に再実行できます）",
                lease.holder,
                lease.expires_at.to_rfc3339()
            ),
            Failure::Overtaken => "応答が途絶えたため、別の取込に引き継がれました".into(),
            Failure::Unreadable { file, reason } => format!("{file}：読み取れません（{reason}）"),
            Failure::Store(error) => format!("データベースを利用できません（{error}）"),
            Failure::Defect(reason) => format!("プログラムの不具合です（{reason}）"),
        }
    }
}

impl Refused {
    /// The reason as an ASCII word, for records.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.reason {
            Reason::Unsound(_) => "unsound",
            Reason::OtherType(..) => "other_type",
            Reason::OtherInstitution { .. } => "other_institution",
            Reason::UnknownAccounts { .. } => "unknown_accounts",
            Reason::UnknownBranch(_) => "unknown_branch",
            Reason::Misfit(_) => "does_not_fit",
            Reason::TooManyKnown => "period_too_long",
            Reason::Changed => "file_changed",
        }
    }

    /// The same for people who read Japanese.
    #[must_use]
    pub fn to_japanese(&self) -> String {
        let place = self.place.map_or(String::new(), |Place { record, offset, item }| {
            format!("{record}件目、先頭から{offset}バイト目の{item}：")
        });
        let account = self.account.as_ref().map_or(String::new(), |account| format!("口座{account}："));
        format!("{}：{place}{account}{}", self.file, self.reason.to_japanese())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let Some(Place { record, offset, item }) = self.place {
            write!(f, "record {record}, byte {offset}, {item}: ")?;
        }
        if let Some(account) = &self.account {
            write!(f, "account {account}: ")?;
        }
        write!(f, "{}", self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Unsound(refusal) => write!(f, "{refusal}"),
            Reason::OtherType(_, english) => {
                write!(f, "this is {english}; renkei import entries reads account statements (type 03)")
            }
            Reason::OtherInstitution { found, expected } => {
                write!(f, "the file is of institution {found}, not of {expected}")
            }
            Reason::UnknownAccounts { count, listed } => write!(
                f,
                "no customer list names {count} of its accounts: {}; import the customer list first, or give \
                 --create-accounts",
                list(listed, *count, "record ", "")
            ),
            Reason::UnknownBranch(branch) => {
                write!(f, "the registry has no branch {branch}; renkei apply registers branches")
            }
            Reason::Misfit(misfit) => write!(f, "{misfit}"),
            Reason::TooManyKnown => write!(
                f,
                "the ledger holds more than {KNOWN_LINES_MAX} entries within the statement's days; send shorter periods"
            ),
            Reason::Changed => f.write_str("the file changed while it was read"),
        }
    }
}

impl Reason {
    /// The reason for people who read Japanese.
    #[must_use]
    pub fn to_japanese(&self) -> String {
        match self {
            Reason::Unsound(refusal) => refusal.to_japanese(),
            Reason::OtherType(japanese, _) => {
                format!("{japanese}のファイルです。renkei import entriesが取り込むのは入出金取引明細（種別03）です")
            }
            Reason::OtherInstitution { found, expected } => {
                format!("金融機関コード{found}のファイルです（指定された金融機関は{expected}）")
            }
            Reason::UnknownAccounts { count, listed } => format!(
                "顧客リストにない口座が{count}件あります：{}。先に顧客リストを取り込むか、--create-accountsを指定してください",
                list(listed, *count, "", "件目")
            ),
            Reason::UnknownBranch(branch) => {
                format!("支店コード{branch}は登録されていません。renkei applyで支店を登録してください")
            }
            Reason::Misfit(misfit) => misfit.to_japanese(),
            Reason::TooManyKnown => {
                format!("明細の期間に元帳の明細が{KNOWN_LINES_MAX}件を超えてあります。期間を短くしてください")
            }
            Reason::Changed => "読み取り中にファイルが変わりました".into(),
        }
    }
}

/// `001-1-****002 (record 1), …`, with an ellipsis when there are more.
fn list(listed: &[(u64, String)], count: usize, before: &str, after: &str) -> String {
    let each: Vec<_> = listed.iter().map(|(record, account)| format!("{account} ({before}{record}{after})")).collect();
    format!("{}{}", each.join(", "), if count > listed.len() { ", …" } else { "" })
}
