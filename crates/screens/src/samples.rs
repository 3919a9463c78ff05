//! Filled pages for tests and for looking at: two institutions, one partner, and the cases worth seeing.

use renkei_domain::account::AccountType;
use renkei_domain::flow::{FlowClock, Screen};
use renkei_domain::institution::InstitutionKind;
use renkei_domain::operation::{Operation, Period};
use renkei_domain::time::Timestamp;

use crate::Accent;

use crate::frame::{Asking, CustomerFrame, FlowFrame, Frame, Institution, TimeLeft};
use crate::label::AccountLabel;
use crate::message::Lang;
use crate::pages::*;

mod my;

pub use my::{linkage_line, linkages};

/// A page ready to be shown.
pub struct Sample {
    /// Page and case, usable as a file name.
    pub name: &'static str,
    /// The page's language.
    pub lang: Lang,
    /// The rendered page.
    pub html: String,
}

/// 2026-11-22 14:20 in Japan.
const NOW: Timestamp = Timestamp(1_795_324_800 * 1_000_000);

/// Every page in every case, in this language.
#[must_use]
pub fn all(lang: Lang) -> Vec<Sample> {
    let mut samples = Vec::new();
    macro_rules! add {
        ($($cases:expr),+ $(,)?) => {$(
            samples.extend($cases.into_iter().map(|(name, page)| Sample { name, lang, html: page.render() }));
        )+};
    }
    add!(login(lang), certificate(lang), operations(lang), pins(lang), results(lang), existing(lang));
    add!(
        permission(lang),
        ended(lang),
        accounts(lang),
        linkages(lang),
        my::linkage(lang),
        my::stop(lang),
        my::stopped(lang)
    );
    add!(public(lang), terms(lang), institutions(lang), reference(lang));
    samples
}

fn in_language(lang: Lang, japanese: &str, english: &str) -> String {
    match lang {
        Lang::Japanese => japanese.to_owned(),
        Lang::English => english.to_owned(),
    }
}

/// あおい信用組合.
#[must_use]
pub fn aoi(lang: Lang) -> Institution {
    Institution {
        code: "1001".to_owned(),
        name: in_language(lang, "あおい信用組合", "Aoi Credit Cooperative"),
        kind: InstitutionKind::CreditCooperative,
        accent: "0b5cad".parse().unwrap_or_else(|_| Accent::neutral()),
        telephone: "0120-000-101".to_owned(),
        hours: in_language(lang, "平日 9:00〜17:00", "weekdays 9:00 to 17:00"),
        terms_path: "/1001/terms/2026-04".to_owned(),
        privacy_path: "/1001/terms/privacy".to_owned(),
    }
}

/// みどり信用金庫.
#[must_use]
pub fn midori(lang: Lang) -> Institution {
    Institution {
        code: "1002".to_owned(),
        name: in_language(lang, "みどり信用金庫", "Midori Shinkin Bank"),
        kind: InstitutionKind::Shinkin,
        accent: "2f9e44".parse().unwrap_or_else(|_| Accent::neutral()),
        telephone: "0120-000-102".to_owned(),
        terms_path: "/1002/terms/2026-04".to_owned(),
        privacy_path: "/1002/terms/privacy".to_owned(),
        ..aoi(lang)
    }
}

fn public_frame(lang: Lang, path: &str) -> Frame {
    Frame { lang, path: path.to_owned(), institution: Some(aoi(lang)), csrf: String::new(), flow: None, customer: None }
}

/// The frame of a page of a flow.
#[must_use]
pub fn flow_frame(lang: Lang, screen: Screen) -> Frame {
    let base = "/1001/link/01932f5e-7c00-7aaa-8bbb-0123456789ab";
    let flow = FlowFrame {
        base: base.to_owned(),
        version: 7,
        steps: vec![Screen::Login, Screen::Operations, Screen::Pins, Screen::Results, Screen::Permission],
        asking: Asking {
            product: "カケイボ会計".to_owned(),
            company: "株式会社カケイボ".to_owned(),
            domain: "kakeibo.example".to_owned(),
            registration: "関東財務局長（電代）第999号".to_owned(),
            return_host: "app.kakeibo.example".to_owned(),
        },
        time: Some(TimeLeft { clock: FlowClock::opened(NOW), now: NOW.plus_seconds(130) }),
        login_id: (screen != Screen::Login).then(|| "aoi-keiri01".to_owned()),
    };
    let frame = public_frame(lang, &format!("{base}/{}", screen.path()));
    Frame { csrf: "kq3Jx0tGm2y8ZrB1sVhU6w".to_owned(), flow: Some(flow), ..frame }
}

/// The frame of a page of one's own linkages.
fn my_frame(lang: Lang, path: &str) -> Frame {
    let customer = CustomerFrame {
        customer_name: "株式会社あさひ商店".to_owned(),
        login_id: "aoi-keiri01".to_owned(),
        base: "/1001/my".to_owned(),
    };
    let frame = public_frame(lang, path);
    Frame { csrf: "kq3Jx0tGm2y8ZrB1sVhU6w".to_owned(), customer: Some(customer), ..frame }
}

fn label(branch_name: &str, branch_code: &str, account_type: AccountType, number: &str, memo: &str) -> AccountLabel {
    AccountLabel {
        branch_name: branch_name.to_owned(),
        branch_code: branch_code.to_owned(),
        account_type,
        number: number.to_owned(),
        memo: memo.to_owned(),
    }
}

fn labels() -> [AccountLabel; 4] {
    [
        label("インターネット支店", "001", AccountType::Ordinary, "2000002", "売上入金用"),
        label("インターネット支店", "001", AccountType::Ordinary, "1111111", ""),
        label("本店営業部", "200", AccountType::Current, "2222222", "手形・小切手決済用　本社経理部管理口座"),
        label("豊洲支店", "450", AccountType::Savings, "3000014", ""),
    ]
}

const ACCOUNT_IDS: [&str; 4] = [
    "6f1c2a34-1111-4aaa-8bbb-000000000001",
    "6f1c2a34-1111-4aaa-8bbb-000000000002",
    "6f1c2a34-1111-4aaa-8bbb-000000000003",
    "6f1c2a34-1111-4aaa-8bbb-000000000004",
];

fn period() -> Period {
    Period::starting(NOW, 180)
}

/// A period that ended twenty days ago.
fn over() -> Period {
    Period { from: period().from.plus_days(-200), until: period().from.plus_days(-20) }
}

fn login(lang: Lang) -> Vec<(&'static str, LoginPage)> {
    let page = LoginPage {
        certificate_only: false,
        frame: flow_frame(lang, Screen::Login),
        purpose: LoginPurpose::Linkage,
        action: "/1001/link/01932f5e-7c00-7aaa-8bbb-0123456789ab/login".to_owned(),
        certificate_url: Some("https://cert.example/1001/link/x/certificate".to_owned()),
        disclaimer: None,
        login_id: String::new(),
        error: None,
    };
    let own = Disclaimer {
        version: "2026-04".to_owned(),
        paragraphs: vec!["一つ目。".to_owned(), "二つ目。".to_owned()],
    };
    let refused = LoginPage { login_id: "aoi-keiri01".to_owned(), error: Some(LoginError::Refused), ..page.clone() };
    let missing = LoginPage { error: Some(LoginError::BothMissing), disclaimer: Some(own), ..page.clone() };
    let only_certificate = LoginPage { certificate_only: true, ..page.clone() };
    let only_password = LoginPage { certificate_url: None, error: Some(LoginError::PasswordMissing), ..page.clone() };
    let no_id = LoginPage { error: Some(LoginError::LoginIdMissing), ..page.clone() };
    let mut midori_frame = flow_frame(lang, Screen::Login);
    midori_frame.institution = Some(midori(lang));
    let at_midori = LoginPage { frame: midori_frame, ..page.clone() };
    let mine = LoginPage {
        frame: Frame { csrf: "c".to_owned(), ..public_frame(lang, "/1001/my/login") },
        purpose: LoginPurpose::MyLinkages,
        action: "/1001/my/login".to_owned(),
        ..page.clone()
    };
    vec![
        ("login", page),
        ("login-refused", refused),
        ("login-missing", missing),
        ("login-no-id", no_id),
        ("login-password-only", only_password),
        ("login-certificate-only", only_certificate),
        ("login-midori", at_midori),
        ("my-login", mine),
    ]
}

fn certificate(lang: Lang) -> Vec<(&'static str, CertificatePage)> {
    let page = CertificatePage {
        frame: flow_frame(lang, Screen::Login),
        purpose: LoginPurpose::Linkage,
        action: "/1001/link/x/certificate".to_owned(),
        customer_name: "株式会社あさひ商店".to_owned(),
        login_id: "aoi-keiri02".to_owned(),
        serial: "4A:1F:09:77:C2".to_owned(),
        valid_until: NOW.plus_seconds(86_400 * 200),
        back_url: "/1001/link/x/login".to_owned(),
    };
    vec![("certificate", page)]
}

fn operations(lang: Lang) -> Vec<(&'static str, OperationsPage)> {
    let lines = |ticked| Operation::ALL.map(|operation| OperationLine { operation, ticked }).to_vec();
    let frame = flow_frame(lang, Screen::Operations);
    let page = OperationsPage { frame, operations: lines(true), none_ticked: false };
    let none = OperationsPage { operations: lines(false), none_ticked: true, ..page.clone() };
    vec![("operations", page), ("operations-none", none)]
}

fn pin_lines(states: [PinState; 4]) -> Vec<PinLine> {
    let row = |((account, label), state): ((&str, AccountLabel), PinState)| PinLine {
        account: account.to_owned(),
        label,
        state,
        ticked: state == PinState::Missing,
        error: None,
    };
    ACCOUNT_IDS.into_iter().zip(labels()).zip(states).map(row).collect()
}

fn with_error(mut lines: Vec<PinLine>, row: usize, error: PinError) -> Vec<PinLine> {
    if let Some(line) = lines.get_mut(row) {
        line.error = Some(error);
    }
    lines
}

fn pins(lang: Lang) -> Vec<(&'static str, PinsPage)> {
    use PinState::{Locked, Missing, Registered, Staged, Stale};
    let first = PinsPage {
        frame: flow_frame(lang, Screen::Pins),
        lines: pin_lines([Missing, Missing, Registered, Stale]),
        can_skip: true,
        none_ticked: false,
    };
    let again = PinsPage { lines: pin_lines([Staged, Missing, Registered, Locked]), ..first.clone() };
    let wrong = with_error(pin_lines([Missing; 4]), 0, PinError::NotFourDigits);
    let mut bad = PinsPage { lines: with_error(wrong, 1, PinError::Empty), can_skip: false, ..first.clone() };
    if let Some(time) = bad.frame.flow.as_mut().and_then(|flow| flow.time.as_mut()) {
        time.clock = time.clock.extended(NOW).unwrap_or(time.clock);
    }
    let none = PinsPage { none_ticked: true, ..first.clone() };
    vec![("pins", first), ("pins-again", again), ("pins-bad", bad), ("pins-none", none)]
}

fn results(lang: Lang) -> Vec<(&'static str, ResultsPage)> {
    use PinResult::{InForce, LeftEmpty, Locked, NotChecked, Registered, Wrong};
    let page = |results: [PinResult; 4]| ResultsPage {
        frame: flow_frame(lang, Screen::Results),
        lines: labels().into_iter().zip(results).map(|(label, result)| ResultLine { label, result }).collect(),
    };
    vec![
        ("results", page([Registered, LeftEmpty, InForce, Registered])),
        ("results-trouble", page([Registered, Wrong { tries_left: Some(1) }, InForce, Locked])),
        ("results-nothing", page([LeftEmpty, Wrong { tries_left: None }, NotChecked, Wrong { tries_left: Some(2) }])),
    ]
}

fn existing(lang: Lang) -> Vec<(&'static str, ExistingPage)> {
    let mut frame = flow_frame(lang, Screen::Existing);
    if let Some(flow) = frame.flow.as_mut() {
        flow.steps = vec![Screen::Login, Screen::Operations, Screen::Existing, Screen::Permission];
    }
    let linkage = |id: &str, expired: bool| ExistingLinkage {
        linkage: id.to_owned(),
        period: if expired { over() } else { Period { until: period().from.plus_days(9), ..over() } },
        accounts: labels().into_iter().take(2).collect(),
        last_used: (!expired).then_some(NOW),
        expired,
    };
    let linkages = vec![linkage("l1", true), linkage("l2", false)];
    let page = ExistingPage { frame, linkages, chosen: "l1".to_owned(), none_chosen: false };
    let none = ExistingPage { chosen: String::new(), none_chosen: true, ..page.clone() };
    vec![("existing", page), ("existing-none", none)]
}

/// The permission page and its cases.
#[must_use]
pub fn permission(lang: Lang) -> Vec<(&'static str, PermissionPage)> {
    let mut labels = labels().into_iter();
    let without_pin = labels.next_back().into_iter().collect();
    let account =
        |(account, label): (&str, AccountLabel)| PermissionAccount { account: account.to_owned(), label, ticked: true };
    let page = PermissionPage {
        accounts_asked: false,
        frame: flow_frame(lang, Screen::Permission),
        customer_name: "株式会社あさひ商店".to_owned(),
        purpose: "帳簿の自動作成と資金繰りの表示".to_owned(),
        operations: Operation::ALL.map(|operation| PermittedOperation { operation, until: period().until }).to_vec(),
        accounts: ACCOUNT_IDS.into_iter().zip(labels).map(account).collect(),
        without_pin,
        period: period(),
        renews_until: None,
        terms_version: "2026-04".to_owned(),
        terms_path: "/1001/terms/2026-04".to_owned(),
        drawn: None,
        text_hash: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
        intent: false,
        errors: Vec::new(),
    };
    let mut bad = page.clone();
    bad.errors = vec![PermissionError::NoAccount, PermissionError::IntentNotConfirmed];
    bad.accounts.iter_mut().for_each(|account| account.ticked = false);
    let asked = PermissionPage { accounts_asked: true, ..page.clone() };
    let mut renewal = PermissionPage { renews_until: Some(period().from.plus_days(9)), intent: true, ..page.clone() };
    renewal.errors = vec![PermissionError::TextChanged];
    renewal.without_pin.clear();
    if let Some(line) = renewal.operations.last_mut() {
        line.until = period().from.plus_days(90);
    }
    vec![("permission", page), ("permission-bad", bad), ("permission-renewal", renewal), ("permission-asked", asked)]
}

fn ended(lang: Lang) -> Vec<(&'static str, EndedPage)> {
    let partner = WayOn::Partner("https://app.kakeibo.example/callback?error=access_denied&state=xyz".to_owned());
    let back = WayOn::Back("/1001/link/x/pins".to_owned());
    let home = WayOn::Home("/1001/".to_owned());
    let in_flow = |ending, way_on: Option<WayOn>| {
        let mut frame = flow_frame(lang, Screen::Ended);
        if let Some(flow) = frame.flow.as_mut() {
            (flow.time, flow.login_id) = (None, None);
            flow.steps.clear();
        }
        EndedPage { frame, ending, way_on, reference: String::new() }
    };
    let alone = |ending, way_on: Option<WayOn>, reference: &str| EndedPage {
        frame: public_frame(lang, "/1001/authorize?client_id=kakeibo"),
        ending,
        way_on,
        reference: reference.to_owned(),
    };
    let no_institution = EndedPage {
        frame: Frame { institution: None, ..public_frame(lang, "/nowhere") },
        ending: Ending::NotFound,
        way_on: Some(WayOn::Institutions("/".to_owned())),
        reference: "R-7K2M-9QXD".to_owned(),
    };
    vec![
        ("ended-declined", in_flow(Ending::Declined, Some(partner.clone()))),
        ("ended-cancelled", in_flow(Ending::Cancelled, Some(partner.clone()))),
        ("ended-timed-out", in_flow(Ending::TimedOut, Some(partner.clone()))),
        ("ended-done", in_flow(Ending::AlreadyDone, None)),
        ("ended-locked", alone(Ending::Locked, Some(home.clone()), "R-7K2M-9QXD")),
        ("ended-user-changed", in_flow(Ending::UserChanged, None)),
        ("ended-elsewhere", in_flow(Ending::AnsweredElsewhere, None)),
        ("ended-link", alone(Ending::LinkNotValid, None, "R-7K2M-9QXD")),
        ("ended-login-not-met", in_flow(Ending::LoginNotMet, Some(partner.clone()))),
        ("ended-not-allowed", in_flow(Ending::NotAllowed, Some(partner.clone()))),
        (
            "ended-certificate",
            alone(Ending::CertificateRefused, Some(WayOn::Login("/1001/link/x/login".to_owned())), ""),
        ),
        ("ended-lapsed", in_flow(Ending::CertificateLapsed, Some(partner.clone()))),
        (
            "ended-lapsed-my",
            alone(Ending::CertificateLapsed, Some(WayOn::Login("/1001/my/login".to_owned())), "R-7K2M-9QXD"),
        ),
        ("ended-form", alone(Ending::FormNotValid, Some(back.clone()), "R-7K2M-9QXD")),
        ("ended-not-found", no_institution),
        ("ended-method", alone(Ending::MethodNotAllowed, None, "")),
        ("ended-too-many", alone(Ending::TooManyRequests, None, "")),
        ("ended-maintenance", alone(Ending::Maintenance { until: Some(NOW.plus_seconds(7200)) }, Some(home), "")),
        (
            "ended-failure-my",
            alone(Ending::Failure, Some(WayOn::Linkages("/1001/my/linkages".to_owned())), "R-7K2M-9QXD"),
        ),
        ("ended-alone-timed-out", alone(Ending::TimedOut, None, "")),
        ("ended-alone-declined", alone(Ending::Declined, None, "")),
        ("ended-alone-cancelled", alone(Ending::Cancelled, None, "")),
        ("ended-alone-user-changed", alone(Ending::UserChanged, None, "")),
        ("ended-unknown", alone(Ending::OutcomeUnknown, Some(back.clone()), "R-7K2M-9QXD")),
        ("ended-failure", alone(Ending::Failure, Some(back.clone()), "R-7K2M-9QXD")),
    ]
}

fn accounts(lang: Lang) -> Vec<(&'static str, AccountsPage)> {
    use PinState::{Locked, Missing, Registered, Stale};
    let lines = pin_lines([Missing, Stale, Registered, Locked]);
    let page = AccountsPage {
        frame: my_frame(lang, "/1001/my/linkages/x/accounts"),
        linkage_path: "/1001/my/linkages/x".to_owned(),
        product: "カケイボ会計".to_owned(),
        company: "株式会社カケイボ".to_owned(),
        lines: with_error(with_error(lines.clone(), 1, PinError::Wrong), 3, PinError::Locked),
        none_ticked: false,
    };
    let unchecked = AccountsPage { lines: with_error(lines, 0, PinError::NotChecked), ..page.clone() };
    let empty = AccountsPage { lines: Vec::new(), ..page.clone() };
    vec![("accounts", page), ("accounts-unchecked", unchecked), ("accounts-empty", empty)]
}

fn public(lang: Lang) -> Vec<(&'static str, PublicPage)> {
    let partner = |company: &str, products: &[&str], domain: &str, registration: &str| PublicPartner {
        company: company.to_owned(),
        products: products.iter().map(|&product| product.to_owned()).collect(),
        domain: domain.to_owned(),
        registration: registration.to_owned(),
    };
    let page = PublicPage {
        frame: public_frame(lang, "/1001/"),
        as_of: NOW.day(),
        partners: vec![
            partner(
                "株式会社カケイボ",
                &["カケイボ会計", "カケイボ青色申告"],
                "kakeibo.example",
                "関東財務局長（電代）第999号",
            ),
            partner("そろばんソフト株式会社", &["そろばん会計クラウド"], "soroban.example", ""),
        ],
        terms: vec![TermsLink {
            version: "2026-04".to_owned(),
            from: NOW.day().plus_days(-235),
            path: "/1001/terms/2026-04".to_owned(),
        }],
        my_login_path: "/1001/my/login".to_owned(),
    };
    let mut at_midori = PublicPage { partners: Vec::new(), ..page.clone() };
    at_midori.frame.institution = Some(midori(lang));
    vec![("public", page), ("public-midori", at_midori)]
}

fn terms(lang: Lang) -> Vec<(&'static str, TermsPage)> {
    let clause = |heading: &str, text: &str| Clause { heading: heading.to_owned(), paragraphs: vec![text.to_owned()] };
    let page = TermsPage {
        frame: public_frame(lang, "/1001/terms/2026-04"),
        kind: TermsKind::Terms,
        version: "2026-04".to_owned(),
        from: Some(NOW.day().plus_days(-235)),
        clauses: vec![
            clause("第1条（目的）", "この規定は、API連携サービスのご利用にあたっての条件を定めるものです。"),
            clause("第2条（情報の提供）", "お客さまが許可した業務と口座の情報を、許可した期間、連携先に提供します。"),
        ],
    };
    let unheaded = clause("", "お客さまの情報は、法令に従って取り扱います。");
    let privacy = TermsPage {
        kind: TermsKind::Privacy,
        version: String::new(),
        from: None,
        clauses: vec![unheaded],
        ..page.clone()
    };
    vec![("terms", page), ("privacy", privacy)]
}

fn institutions(lang: Lang) -> Vec<(&'static str, InstitutionsPage)> {
    let line = |institution: Institution| InstitutionLine {
        path: format!("/{}/", institution.code),
        code: institution.code,
        name: institution.name,
    };
    let frame = Frame { institution: None, ..public_frame(lang, "/") };
    vec![("institutions", InstitutionsPage { frame, institutions: vec![line(aoi(lang)), line(midori(lang))] })]
}

fn reference(lang: Lang) -> Vec<(&'static str, ReferencePage)> {
    let row = |cells: [&str; 2]| ReferenceRow { id: cells[0].to_owned(), cells: cells.map(str::to_owned).to_vec() };
    let table = ReferenceTable {
        columns: vec![in_language(lang, "項目", "Item"), in_language(lang, "内容", "Meaning")],
        rows: vec![row(["pin_stale", "照会用暗証番号が変更されています。"])],
    };
    let part = ReferencePart {
        id: "reasons".to_owned(),
        heading: in_language(lang, "エラーと理由", "Errors and reasons"),
        code: "GET /1001/api/v1/accounts".to_owned(),
        paragraphs: vec![in_language(lang, "errorのコードで判断してください。", "Decide by the error code.")],
        table: Some(table),
    };
    let page = ReferencePage {
        frame: public_frame(lang, "/1001/api/"),
        heading: in_language(lang, "口座情報API", "Account API"),
        lead: in_language(lang, "連携先の開発者向けの説明です。", "For developers of partners."),
        document: ("/1001/api/openapi.json".to_owned(), "OpenAPI 3.1".to_owned()),
        parts: vec![part],
    };
    vec![("reference", page)]
}
