//! 照会用暗証番号登録 and its results; also adding accounts to a linkage and mending a PIN later.

use askama::Template;
use renkei_domain::flow::Screen;

use crate::frame::{ErrorLine, Frame, Page};
use crate::label::AccountLabel;
use crate::message::Say;
use crate::pages::renders;

/// 登録状態 of a row, and with it whether a PIN can be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinState {
    /// 未登録.
    Missing,
    /// 登録済み.
    Registered,
    /// 登録済み\*: entered in this very flow.
    Staged,
    /// Was in force, but the core system no longer accepts it.
    Stale,
    /// Too many wrong tries; no PIN can be entered for now.
    Locked,
}

impl PinState {
    fn name(&self) -> &'static str {
        match self {
            PinState::Missing => "pin-missing",
            PinState::Registered => "pin-registered",
            PinState::Staged => "pin-staged",
            PinState::Stale => "pin-stale",
            PinState::Locked => "pin-locked",
        }
    }

    fn takes_pin(&self) -> bool {
        matches!(self, PinState::Missing | PinState::Staged | PinState::Stale)
    }
}

/// What is wrong with a row of the form just sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinError {
    /// Ticked, but nothing entered.
    Empty,
    /// Not four digits.
    NotFourDigits,
    /// The core system says it is wrong; on [`AccountsPage`] only, a flow says so on its results.
    Wrong,
    /// Too many wrong tries; on [`AccountsPage`] only.
    Locked,
    /// The core system could not be asked; on [`AccountsPage`] only.
    NotChecked,
}

/// One account of the form. Rows are numbered from 1 in the order given.
#[derive(Debug, Clone)]
pub struct PinLine {
    /// Account id: the value of `account`, and the end of the PIN field's name.
    pub account: String,
    /// How it is named.
    pub label: AccountLabel,
    /// 登録状態.
    pub state: PinState,
    /// Whether it is ticked.
    pub ticked: bool,
    /// What is wrong with it.
    pub error: Option<PinError>,
}

impl PinLine {
    fn error_text(&self, frame: &Frame) -> Option<String> {
        let id = match self.error? {
            PinError::Empty => "pin-error-empty",
            PinError::NotFourDigits => "pin-error-digits",
            PinError::Wrong => "pin-error-wrong",
            PinError::Locked => "pin-error-locked",
            PinError::NotChecked => "pin-error-unchecked",
        };
        Some(frame.say(id).with("account", self.label.short(&frame.lang)).to_string())
    }
}

/// Errors of the rows, or, if no row has one, that none was ticked.
fn pin_errors(frame: &Frame, lines: &[PinLine], none_ticked: bool) -> Vec<ErrorLine> {
    let numbered = lines.iter().zip(1..);
    let of_rows = numbered.clone().filter_map(|(line, n): (&PinLine, usize)| {
        let field = if line.state.takes_pin() { format!("pin-{n}") } else { format!("row-{n}") };
        Some(ErrorLine { field, text: line.error_text(frame)? })
    });
    let mut errors: Vec<ErrorLine> = of_rows.collect();
    if none_ticked && errors.is_empty() {
        let first = numbered.clone().find(|(line, _)| line.state.takes_pin()).map_or(1, |(_, n)| n);
        errors.push(ErrorLine { field: format!("select-{first}"), text: frame.say("pins-none").to_string() });
    }
    errors
}

/// Posts `account` (repeated), `pin-<account id>` and `action` (`register` or `skip`) to `{base}/pins`.
#[derive(Debug, Clone, Template)]
#[template(path = "pins.html")]
pub struct PinsPage {
    /// The common frame, with a flow.
    pub frame: Frame,
    /// Every inquiry account of the user.
    pub lines: Vec<PinLine>,
    /// Whether at least one account is usable already, so that registering (more) may be skipped.
    pub can_skip: bool,
    /// Whether the form comes back because no account was ticked.
    pub none_ticked: bool,
}

impl Page for PinsPage {
    const STEP: Option<Screen> = Some(Screen::Pins);

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("pins-heading").to_string()
    }

    fn errors(&self) -> Vec<ErrorLine> {
        pin_errors(&self.frame, &self.lines, self.none_ticked)
    }
}

impl PinsPage {
    fn has_staged(&self) -> bool {
        self.lines.iter().any(|line| line.state == PinState::Staged)
    }
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinResult {
    /// Accepted just now or earlier in this flow; comes into force with the permission.
    Registered,
    /// In force before this flow.
    InForce,
    /// The core system says it is wrong; tries left before the lock, where the institution shows them.
    Wrong {
        /// Tries left; `None` hides them.
        tries_left: Option<i64>,
    },
    /// Too many wrong tries.
    Locked,
    /// The core system could not be asked.
    NotChecked,
    /// Nothing was entered.
    LeftEmpty,
}

impl PinResult {
    fn state(&self) -> PinState {
        match self {
            PinResult::Registered => PinState::Staged,
            PinResult::InForce => PinState::Registered,
            PinResult::Locked => PinState::Locked,
            PinResult::Wrong { .. } | PinResult::NotChecked | PinResult::LeftEmpty => PinState::Missing,
        }
    }

    fn text(&self, frame: &Frame) -> String {
        let say = match self {
            PinResult::Registered => frame.say("result-registered"),
            PinResult::InForce => frame.say("result-in-force"),
            PinResult::Wrong { tries_left: None } => frame.say("result-wrong"),
            PinResult::Wrong { tries_left: Some(tries) } => frame.say("result-wrong-tries").count("tries", tries),
            PinResult::Locked => frame.say("result-locked"),
            PinResult::NotChecked => frame.say("result-unchecked"),
            PinResult::LeftEmpty => frame.say("result-empty"),
        };
        say.to_string()
    }

    fn tone(&self) -> &'static str {
        match self {
            PinResult::Registered => "good",
            PinResult::InForce | PinResult::LeftEmpty => "calm",
            PinResult::Wrong { .. } | PinResult::Locked | PinResult::NotChecked => "bad",
        }
    }
}

/// One account of the results.
#[derive(Debug, Clone)]
pub struct ResultLine {
    /// How it is named.
    pub label: AccountLabel,
    /// What became of it.
    pub result: PinResult,
}

/// 照会用暗証番号登録結果. Posts `action` (`confirm` or `more`) to `{base}/results`.
#[derive(Debug, Clone, Template)]
#[template(path = "results.html")]
pub struct ResultsPage {
    /// The common frame, with a flow.
    pub frame: Frame,
    /// Every inquiry account of the user, in the order of the form.
    pub lines: Vec<ResultLine>,
}

impl Page for ResultsPage {
    const STEP: Option<Screen> = Some(Screen::Results);

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("results-heading").to_string()
    }
}

impl ResultsPage {
    fn has_staged(&self) -> bool {
        self.lines.iter().any(|line| line.result == PinResult::Registered)
    }

    /// Without a usable account there is nothing to confirm.
    fn can_confirm(&self) -> bool {
        self.lines.iter().any(|line| matches!(line.result, PinResult::Registered | PinResult::InForce))
    }

    fn lead(&self) -> Say<'_> {
        let trouble = self.lines.iter().any(|line| line.result.tone() == "bad");
        self.frame.say(match (self.can_confirm(), trouble) {
            (false, _) => "results-nothing",
            (true, true) => "results-lead-trouble",
            (true, false) => "results-lead",
        })
    }
}

/// Adding accounts to a linkage and mending PINs. Posts `account` (repeated) and `pin-<account id>` to
/// `{my}/linkages/{id}/accounts`.
#[derive(Debug, Clone, Template)]
#[template(path = "accounts.html")]
pub struct AccountsPage {
    /// The common frame, with a customer.
    pub frame: Frame,
    /// The linkage's own page; the form goes to `{linkage_path}/accounts`.
    pub linkage_path: String,
    /// Partner product.
    pub product: String,
    /// Legal name of the partner.
    pub company: String,
    /// Accounts that are not in the linkage yet, and those of it whose PIN is missing or stale. One whose PIN is
    /// [`PinState::Registered`] needs no PIN to be added.
    pub lines: Vec<PinLine>,
    /// Whether the form comes back because no account was ticked.
    pub none_ticked: bool,
}

impl Page for AccountsPage {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn heading(&self) -> String {
        self.frame.say("accounts-heading").to_string()
    }

    fn errors(&self) -> Vec<ErrorLine> {
        pin_errors(&self.frame, &self.lines, self.none_ticked)
    }
}

renders!(PinsPage, ResultsPage, AccountsPage);
