//! One linkage: how it stands, what is permitted, renew and unlink.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use super::{Card, Frame, SyncNote};
use crate::book::Linked;
use crate::http::page;
use crate::language::Language;
use crate::shop::Shop;

/// A permitted operation and its end.
struct Operation {
    name: String,
    until: Option<String>,
}

#[derive(Template)]
#[template(path = "linkage.html")]
struct LinkagePage {
    frame: Frame,
    card: Card,
    operations: Vec<Operation>,
    since: String,
    /// The end of the whole, where the operations don't tell theirs.
    ends: Option<String>,
    id: String,
    note: Option<SyncNote>,
    /// Right after it was unlinked.
    is_unlinked: bool,
}

/// The page of a linkage; none when there is no such linkage.
pub(crate) fn linkage(shop: &Shop, frame: &Frame, id: &str, news: Option<&str>) -> Option<Response> {
    let book = shop.book();
    let linked = book.linkage(id.parse().ok()?)?;
    let t = frame.t;
    let card = Card::of(shop, linked, t);
    let note = linked.last_sync.as_ref().filter(|_| matches!(news, Some("synced" | "linked")));
    let mut note = note.map(|sync| SyncNote::of(sync, t));
    if let (Some("linked"), Some(note)) = (news, &mut note) {
        note.headline = Some(match t {
            Language::Japanese => format!("{}とつながりました", card.institution),
            Language::English => format!("Linked with {}", card.institution),
        });
    }
    let view = LinkagePage {
        card,
        operations: operations(linked, t),
        since: t.day_of(linked.linked_at),
        ends: linked.ends_at().filter(|_| linked.detail.is_none()).map(|end| t.day_of(end)),
        id: linked.grant.grant_id().to_owned(),
        note,
        is_unlinked: news == Some("unlinked") && linked.ended.is_some(),
        frame: frame.clone(),
    };
    Some(page(StatusCode::OK, view.render()))
}

/// What the institution told, or else what the token says.
fn operations(linked: &Linked, t: Language) -> Vec<Operation> {
    match &linked.detail {
        Some(detail) => detail
            .operations
            .iter()
            .map(|permitted| Operation {
                name: operation_name(&permitted.operation, t),
                until: Some(t.moment(&permitted.until)),
            })
            .collect(),
        None => linked
            .grant
            .scope()
            .split(' ')
            .map(|word| Operation { name: operation_name(word, t), until: None })
            .collect(),
    }
}

fn operation_name(word: &str, t: Language) -> String {
    match word {
        "balances" => t.pick("残高照会", "Balance inquiry").to_owned(),
        "transactions" => t.pick("入出金明細照会", "Transaction inquiry").to_owned(),
        other => other.to_owned(),
    }
}

#[derive(Template)]
#[template(path = "unlink.html")]
struct Unlink {
    frame: Frame,
    card: Card,
}

/// The question before unlinking; none when there is no such linkage.
pub(crate) fn confirm_unlink(shop: &Shop, frame: &Frame, id: &str) -> Option<Response> {
    let book = shop.book();
    let linked = book.linkage(id.parse().ok()?)?;
    let view = Unlink { card: Card::of(shop, linked, frame.t), frame: frame.clone() };
    Some(page(StatusCode::OK, view.render()))
}
