//! Closed lists of codes. What a list does not name is refused.

/// A code of one or two digits and its meaning.
pub(super) trait Code: Copy + PartialEq + 'static {
    /// Digits the code takes.
    const DIGITS: usize;
    /// Every code there is.
    const ALL: &'static [Self];
    /// The list in words, for a refusal.
    const WORDS: &'static str;
    /// The code's number.
    fn number(self) -> u8;
}

/// 預金種目: what sort of account it is. Each format admits some of these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountType {
    /// 普通.
    #[default]
    Ordinary = 1,
    /// 当座.
    Current = 2,
    /// 納税準備.
    TaxReserve = 3,
    /// 貯蓄.
    Savings = 4,
    /// 通知.
    Notice = 5,
    /// 定期.
    Time = 6,
    /// 積立定期.
    InstalmentTime = 7,
    /// 定期積金.
    Instalment = 8,
    /// その他.
    Other = 9,
}

impl AccountType {
    /// The digit files use, 1 to 9.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl Code for AccountType {
    const DIGITS: usize = 1;
    const ALL: &'static [Self] = &[
        AccountType::Ordinary,
        AccountType::Current,
        AccountType::TaxReserve,
        AccountType::Savings,
        AccountType::Notice,
        AccountType::Time,
        AccountType::InstalmentTime,
        AccountType::Instalment,
        AccountType::Other,
    ];
    const WORDS: &'static str = "1-9";
    fn number(self) -> u8 {
        self.code()
    }
}

/// 入払区分: which way the money went, as the account holder sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// 入金: money in.
    #[default]
    Credit = 1,
    /// 出金: money out.
    Debit = 2,
}

impl Code for Direction {
    const DIGITS: usize = 1;
    const ALL: &'static [Self] = &[Direction::Credit, Direction::Debit];
    const WORDS: &'static str = "1 (入金), 2 (出金)";
    fn number(self) -> u8 {
        self as u8
    }
}

/// 取引区分: what kind of transaction it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// 現金.
    Cash = 10,
    /// 振込.
    Transfer = 11,
    /// 他店券入金: items drawn on another office.
    OtherOffice = 12,
    /// 交換: bill or cheque clearing.
    Clearing = 13,
    /// 振替: book transfer.
    BookTransfer = 14,
    /// 継続: rolled over.
    Continued = 15,
    /// その他.
    Other = 18,
    /// 訂正: corrects an earlier line.
    Correction = 19,
}

impl EntryKind {
    /// The two digits files use, as a number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl Code for EntryKind {
    const DIGITS: usize = 2;
    const ALL: &'static [Self] = &[
        EntryKind::Cash,
        EntryKind::Transfer,
        EntryKind::OtherOffice,
        EntryKind::Clearing,
        EntryKind::BookTransfer,
        EntryKind::Continued,
        EntryKind::Other,
        EntryKind::Correction,
    ];
    const WORDS: &'static str = "10-15, 18, 19";
    fn number(self) -> u8 {
        self.code()
    }
}

/// 手形・小切手区分.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BillKind {
    /// 小切手: cheque.
    Cheque = 1,
    /// 約束手形: promissory note.
    PromissoryNote = 2,
    /// 為替手形: bill of exchange.
    BillOfExchange = 3,
}

impl BillKind {
    /// The digit files use, 1 to 3.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl Code for BillKind {
    const DIGITS: usize = 1;
    const ALL: &'static [Self] = &[BillKind::Cheque, BillKind::PromissoryNote, BillKind::BillOfExchange];
    const WORDS: &'static str = "1 (小切手), 2 (約束手形), 3 (為替手形)";
    fn number(self) -> u8 {
        self.code()
    }
}

/// 貸越区分: the sign of the balance beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The account is in credit.
    Plus = 1,
    /// 貸越: the account is overdrawn.
    Minus = 2,
}

impl Sign {
    /// The sign and the size of a balance.
    pub(super) const fn split(balance: i64) -> (Sign, i64) {
        if balance < 0 { (Sign::Minus, balance.saturating_neg()) } else { (Sign::Plus, balance) }
    }

    /// The balance of this sign and size; a size has 14 digits at most.
    pub(super) const fn join(self, size: i64) -> i64 {
        match self {
            Sign::Plus => size,
            Sign::Minus => size.saturating_neg(),
        }
    }
}

impl Code for Sign {
    const DIGITS: usize = 1;
    const ALL: &'static [Self] = &[Sign::Plus, Sign::Minus];
    const WORDS: &'static str = "1 (plus), 2 (minus)";
    fn number(self) -> u8 {
        self as u8
    }
}
