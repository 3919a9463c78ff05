//! What every page has around its content: whose page it is, who asks, how far, how long.

use renkei_domain::flow::{EXTENSION_SECONDS, FlowClock, IDLE_SECONDS, Screen};
use renkei_domain::institution::InstitutionKind;
use renkei_domain::time::Timestamp;

use crate::accent::Accent;
use crate::message::{Lang, Say};
use crate::style::style_path;

/// Around the content of every page.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The page's language.
    pub lang: Lang,
    /// Path of this page (with query, if a GET needs one) for the language links. Must not hold a secret.
    pub path: String,
    /// Whose page it is; `None` on pages of the installation itself.
    pub institution: Option<Institution>,
    /// Goes into every form of the page as `csrf`; may be empty on a page without forms.
    pub csrf: String,
    /// Set on the pages of a linkage flow.
    pub flow: Option<FlowFrame>,
    /// Set on the pages of a customer who is logged in to see the linkages.
    pub customer: Option<CustomerFrame>,
}

/// The institution as its pages show it; texts in the language of the page.
#[derive(Debug, Clone)]
pub struct Institution {
    /// 金融機関コード, four digits.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Decides how it speaks of itself (当組合, 当金庫, 当行).
    pub kind: InstitutionKind,
    /// Its colour.
    pub accent: Accent,
    /// Telephone number of its contact.
    pub telephone: String,
    /// When somebody answers there.
    pub hours: String,
    /// Path of the API terms of use in force.
    pub terms_path: String,
    /// Path of the privacy policy.
    pub privacy_path: String,
}

/// The linkage flow a page belongs to.
#[derive(Debug, Clone)]
pub struct FlowFrame {
    /// `/{institution}/link/{flow}`, without a slash at the end.
    pub base: String,
    /// The flow's version, hidden in every form.
    pub version: i64,
    /// The screens of this very flow, in order; skipped ones don't appear. Empty on pages after the end.
    pub steps: Vec<Screen>,
    /// Who asks.
    pub asking: Asking,
    /// How long the flow still lasts; `None` after its end.
    pub time: Option<TimeLeft>,
    /// Login id of who logged in, once somebody has.
    pub login_id: Option<String>,
}

/// Who asks for the linkage. What the partner wrote of itself is shown as text only.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Partner product.
    pub product: String,
    /// Legal name of the partner.
    pub company: String,
    /// The domain registered for the partner.
    pub domain: String,
    /// 電子決済等代行業者 registration: authority and number. Empty when none is stored.
    pub registration: String,
    /// Host name of the redirect URI of this request: where leaving, refusing and allowing lead.
    pub return_host: String,
}

/// The two clocks of the flow, and the time of the answer.
#[derive(Debug, Clone, Copy)]
pub struct TimeLeft {
    /// The flow's clocks.
    pub clock: FlowClock,
    /// Now.
    pub now: Timestamp,
}

/// A customer's user who looks at the linkages.
#[derive(Debug, Clone)]
pub struct CustomerFrame {
    /// The customer (company) name.
    pub customer_name: String,
    /// Login id of the user.
    pub login_id: String,
    /// `/{institution}/my`, without a slash at the end.
    pub base: String,
}

/// A line of the error summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorLine {
    /// Element id of the field it is about.
    pub field: String,
    /// What is wrong and what to do.
    pub text: String,
}

/// What the common frame asks of a page.
pub(crate) trait Page {
    /// The step this page is in a flow.
    const STEP: Option<Screen> = None;
    /// Whether search engines may keep it.
    const PUBLIC: bool = false;

    /// The frame's data.
    fn frame(&self) -> &Frame;

    /// The one `h1`.
    fn heading(&self) -> String;

    /// What was wrong with the form just sent, in the order of its fields.
    fn errors(&self) -> Vec<ErrorLine> {
        Vec::new()
    }

    /// What is wrong with one field.
    fn error_at(&self, field: &str) -> Option<String> {
        self.errors().into_iter().find(|error| error.field == field).map(|error| error.text)
    }

    /// `title`: error, step, heading, institution.
    fn title(&self) -> String {
        let frame = self.frame();
        let mut title = if self.errors().is_empty() { String::new() } else { frame.say("frame-error").to_string() };
        title.push_str(&self.heading());
        if let Some((number, total)) = self.position() {
            let step = frame.say("frame-step").count("number", &number).count("total", &total);
            title.push_str(&frame.say("frame-aside").with("text", step).to_string());
        }
        let owner = frame.institution.as_ref().map_or("Renkei", |institution| institution.name.as_str());
        format!("{title} | {} | {owner}", frame.say("frame-service"))
    }

    /// Which step of how many, counted from 1.
    fn position(&self) -> Option<(i64, i64)> {
        let flow = self.frame().flow.as_ref()?;
        let number = (1..).zip(&flow.steps).find(|(_, step)| Some(**step) == Self::STEP)?.0;
        Some((number, i64::try_from(flow.steps.len()).unwrap_or(number)))
    }

    /// The steps of the flow for the indicator: name, and whether it is done, current or to come.
    fn steps(&self) -> Vec<StepLine> {
        let (Some(flow), Some((number, _))) = (self.frame().flow.as_ref(), self.position()) else { return Vec::new() };
        let line = |(place, step): (i64, &Screen)| StepLine {
            name: self.frame().say(step_name(*step)).to_string(),
            state: match place.cmp(&number) {
                std::cmp::Ordering::Less => "done",
                std::cmp::Ordering::Equal => "now",
                std::cmp::Ordering::Greater => "later",
            },
        };
        (1..).zip(&flow.steps).map(line).collect()
    }
}

/// One step of the indicator.
pub(crate) struct StepLine {
    pub(crate) name: String,
    pub(crate) state: &'static str,
}

fn step_name(step: Screen) -> &'static str {
    match step {
        Screen::Login => "step-login",
        Screen::Operations => "step-operations",
        Screen::Pins => "step-pins",
        Screen::Results => "step-results",
        Screen::Existing => "step-existing",
        Screen::Permission => "step-permission",
        Screen::Ended => "step-ended",
    }
}

impl Frame {
    /// A sentence in the page's language. `$self`, `$institution`, `$telephone`, `$hours`, and in a flow `$product`,
    /// `$company`, `$domain` and `$host`, are filled in already.
    pub(crate) fn say<'a>(&'a self, id: &'a str) -> Say<'a> {
        Say::new(self, id)
    }

    /// What every sentence of the page may use, in the order of the names.
    pub(crate) fn common(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let asking = self.flow.as_ref().map(|flow| &flow.asking);
        let institution = self.institution.as_ref();
        let partner = || Some(self.some_partner());
        let all = [
            ("company", asking.map(|asking| asking.company.as_str()).or_else(partner)),
            ("domain", asking.map(|asking| asking.domain.as_str())),
            ("host", asking.map(|asking| asking.return_host.as_str())),
            ("hours", institution.map(|own| own.hours.as_str())),
            ("institution", institution.map(|own| own.name.as_str())),
            ("product", asking.map(|asking| asking.product.as_str()).or_else(partner)),
            ("self", institution.map(|own| self.self_name(own.kind))),
            ("telephone", institution.map(|own| own.telephone.as_str())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    fn self_name(&self, kind: InstitutionKind) -> &'static str {
        match (self.lang, kind) {
            (Lang::Japanese, kind) => kind.self_name(),
            (Lang::English, InstitutionKind::CreditCooperative) => "this credit cooperative",
            (Lang::English, InstitutionKind::Shinkin) => "this shinkin bank",
            (Lang::English, InstitutionKind::LabourBank) => "this labour bank",
            (Lang::English, InstitutionKind::Bank) => "this bank",
        }
    }

    /// The partner, where a page can't know which.
    fn some_partner(&self) -> &'static str {
        match self.lang {
            Lang::Japanese => "連携先",
            Lang::English => "the partner",
        }
    }

    /// The page's own address with the language changed. A path that a browser would take for another host's address,
    /// as `//elsewhere` or `/\elsewhere`, leads to the front page instead.
    pub(crate) fn path_in(&self, lang: &Lang) -> String {
        let own = self.path.starts_with('/') && !self.path.starts_with("//") && !self.path.contains('\\');
        let path = if own { self.path.as_str() } else { "/" };
        let joint = if path.contains('?') { '&' } else { '?' };
        format!("{path}{joint}lang={}", lang.code())
    }

    pub(crate) fn languages(&self) -> [Lang; 2] {
        Lang::ALL
    }

    pub(crate) fn style_path(&self) -> &'static str {
        style_path()
    }

    pub(crate) fn accent_path(&self) -> String {
        self.institution.as_ref().map_or_else(Accent::neutral, |institution| institution.accent).path()
    }
}

impl Institution {
    /// The first character of the name, for the mark beside it.
    pub(crate) fn mark(&self) -> String {
        self.name.chars().take(1).collect()
    }
}

impl TimeLeft {
    /// Whole minutes until the flow ends whatever happens, at least 0.
    pub(crate) fn minutes(&self) -> i64 {
        (self.now.seconds_until(self.clock.deadline_at) / 60).max(0)
    }

    /// Time of day at which it ends.
    pub(crate) fn until(&self) -> String {
        self.clock.deadline_at.to_clock()
    }

    /// After how many minutes without use it ends.
    pub(crate) fn idle_minutes(&self) -> i64 {
        IDLE_SECONDS / 60
    }

    /// By how many minutes it can be extended.
    pub(crate) fn extension_minutes(&self) -> i64 {
        EXTENSION_SECONDS / 60
    }
}
