//! Samples of the pages of one's own linkages.

use renkei_domain::customer::LoginMethod;
use renkei_domain::linkage::{EndedBy, Reason};
use renkei_domain::notice::Happened;
use renkei_domain::operation::{Operation, Period};
use renkei_domain::time::Day;

use super::{NOW, labels, my_frame, over, period};
use crate::message::Lang;
use crate::pages::*;

/// A linkage named after its path, for the pages of one's own linkages.
#[must_use]
pub fn linkage_line(name: &str, until: i32, standing: Result<(), Reason>) -> LinkageLine {
    let account = |label| LinkageAccount { label, trouble: None };
    LinkageLine {
        path: format!("/1001/my/linkages/{name}"),
        product: "カケイボ会計".to_owned(),
        company: "株式会社カケイボ".to_owned(),
        domain: "kakeibo.example".to_owned(),
        operations: Operation::ALL.to_vec(),
        accounts: labels().into_iter().take(3).map(account).collect(),
        period: Period { from: over().from, until: NOW.day().plus_days(until) },
        since: over().from,
        ended_on: matches!(
            standing,
            Err(Reason::EndedByCustomer | Reason::EndedByPartner | Reason::EndedByInstitution)
        )
        .then(|| NOW.day()),
        last_used: Some(NOW),
        standing,
    }
}

/// A linkage one of whose PINs went stale and another of whose accounts was closed.
fn stale_line() -> LinkageLine {
    let mut line = linkage_line("stale", 120, Ok(()));
    let troubles = [Some(Reason::PinStale), Some(Reason::AccountUnavailable), None];
    line.accounts.iter_mut().zip(troubles).for_each(|(account, trouble)| account.trouble = trouble);
    line
}

/// One of each kind.
fn notices() -> Vec<NoticeLine> {
    let source = || "203.0.113.9".to_owned();
    let told = [
        Happened::LoggedIn(LoginMethod::Password, source()),
        Happened::LoginsFailed(7),
        Happened::Permitted("カケイボ会計".to_owned()),
        Happened::Ended(EndedBy::Institution, "カケイボ会計".to_owned()),
        Happened::Ended(EndedBy::Partner, "カケイボ会計".to_owned()),
        Happened::LoggedIn(LoginMethod::Certificate, "2001:db8:1:2::/64".to_owned()),
        Happened::CertificateAdded,
        Happened::CertificateRemoved,
        Happened::LoginsFailed(1),
    ];
    (0..).zip(told).map(|(days, what)| NoticeLine { at: NOW.plus_seconds(-days * 86_400), what }).collect()
}

/// Lists of linkages, filled and empty.
#[must_use]
pub fn linkages(lang: Lang) -> Vec<(&'static str, LinkagesPage)> {
    let list = |linkages| LinkagesPage {
        frame: my_frame(lang, "/1001/my/linkages"),
        linkages,
        notices: notices(),
        today: NOW.day(),
    };
    let unused = LinkageLine { last_used: None, ..linkage_line("current", 150, Ok(())) };
    let mixed = vec![
        linkage_line("ended", 60, Err(Reason::EndedByPartner)),
        unused,
        linkage_line("due", 9, Ok(())),
        linkage_line("suspended", 200, Err(Reason::PartnerSuspended)),
        stale_line(),
        linkage_line("expired", -3, Err(Reason::LinkageExpired)),
    ];
    let reasons = [
        Reason::EndedByCustomer,
        Reason::EndedByInstitution,
        Reason::ContractSuspended,
        Reason::ContractEnded,
        Reason::UserSuspended,
        Reason::UserRemoved,
        Reason::PartnerEnded,
    ];
    let every_reason = reasons.into_iter().map(|reason| linkage_line(reason.code(), 90, Err(reason))).collect();
    let nothing_told = LinkagesPage { notices: Vec::new(), ..list(Vec::new()) };
    vec![("linkages", list(mixed)), ("linkages-reasons", list(every_reason)), ("linkages-empty", nothing_told)]
}

pub(super) fn linkage(lang: Lang) -> Vec<(&'static str, LinkagePage)> {
    let consent = |from: Day, reference: &str| ConsentLine {
        at: from.begins_at().plus_seconds(36_000),
        period: Period { from, until: from.plus_days(180) },
        terms_version: "2026-04".to_owned(),
        reference: reference.to_owned(),
    };
    let page = LinkagePage {
        frame: my_frame(lang, "/1001/my/linkages/stale"),
        linkage: stale_line(),
        consents: vec![consent(period().from, "C-8M4T-2WQA"), consent(over().from, "C-1K9P-7XRD")],
        news: None,
        today: NOW.day(),
    };
    let ended = linkage_line("ended", 60, Err(Reason::EndedByCustomer));
    let news = LinkagePage {
        linkage: linkage_line("current", 150, Ok(())),
        news: Some(LinkageNews::AccountsRegistered),
        ..page.clone()
    };
    vec![("linkage", page.clone()), ("linkage-news", news), ("linkage-ended", LinkagePage { linkage: ended, ..page })]
}

pub(super) fn stop(lang: Lang) -> Vec<(&'static str, StopPage)> {
    let linkage = linkage_line("current", 150, Ok(()));
    vec![("stop", StopPage { frame: my_frame(lang, "/1001/my/linkages/current/stop"), linkage })]
}

pub(super) fn stopped(lang: Lang) -> Vec<(&'static str, StoppedPage)> {
    let page = StoppedPage {
        frame: my_frame(lang, "/1001/my/linkages/current/stop"),
        linkage: linkage_line("current", 150, Err(Reason::EndedByCustomer)),
        stopped_at: NOW,
        reference: "S-3H6V-9KTC".to_owned(),
    };
    vec![("stopped", page)]
}
