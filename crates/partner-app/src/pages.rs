//! The pages: what each template is given. Words that belong to one page stand in its template, in both
//! languages side by side.

mod account;
mod linkage;

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::StatusCode;
use axum::response::Response;
use base64ct::{Base64UrlUnpadded, Encoding};
use renkei_client::Direction;

pub(crate) use self::account::account;
pub(crate) use self::linkage::{confirm_unlink, linkage};
use crate::book::{Kept, Linked, Sync};
use crate::http::page;
use crate::language::{Language, month_of};
use crate::shop::Shop;
use crate::visitor::Visitor;
use crate::words::{self, Advice};

/// The stylesheet of all pages.
pub(crate) const STYLE: &str = include_str!("../assets/style.css");
/// The site's mark.
pub(crate) const ICON: &str = include_str!("../assets/icon.svg");
/// Characters of the hash in the stylesheet's address.
const STYLE_HASH_CHARS: usize = 12;
/// A linkage that ends within so many seconds is announced: 30 days.
const ENDS_SOON_SECONDS: u64 = 30 * 24 * 60 * 60;

/// The stylesheet's address, which changes with its content.
pub(crate) fn style_path() -> &'static str {
    static PATH: LazyLock<String> = LazyLock::new(|| {
        let hash = Base64UrlUnpadded::encode_string(digest(&SHA256, STYLE.as_bytes()).as_ref());
        let hash: String = hash.chars().take(STYLE_HASH_CHARS).collect();
        format!("/style-{hash}.css")
    });
    &PATH
}

/// What is around every page.
#[derive(Clone)]
pub(crate) struct Frame {
    /// The language; short, because each sentence asks it.
    pub(crate) t: Language,
    csrf: String,
    /// The page's own address, for the language links.
    path: String,
    style: &'static str,
}

impl Frame {
    pub(crate) fn new(visitor: &Visitor, path: &str) -> Self {
        Self { t: visitor.language, csrf: visitor.csrf(), path: path.to_owned(), style: style_path() }
    }
}

/// How a linkage stands.
struct Standing {
    /// `ok`, `soon`, `wait` or `over`: the style's class.
    kind: &'static str,
    label: &'static str,
    advice: Option<Advice>,
}

impl Standing {
    fn of(linked: &Linked, now: u64, t: Language) -> Self {
        let trouble = linked.last_sync.as_ref().and_then(|sync| sync.trouble.as_ref());
        let period_over = linked.ends_at().is_some_and(|end| end <= now);
        let ends_soon = linked.ends_at().is_some_and(|end| end <= now.saturating_add(ENDS_SOON_SECONDS));
        if let Some(reason) = &linked.ended {
            let advice = words::of_reason(reason, t);
            return Self { kind: "over", label: t.pick("終了", "Ended"), advice: Some(advice) };
        }
        if period_over {
            let advice = words::of_reason(&renkei_client::Reason::LinkageExpired, t);
            return Self { kind: "over", label: t.pick("期間終了", "Period over"), advice: Some(advice) };
        }
        if let Some(trouble) = trouble {
            let advice = words::of_reason(&trouble.reason, t);
            return Self { kind: "wait", label: t.pick("取り込み停止中", "Not reading"), advice: Some(advice) };
        }
        if ends_soon {
            return Self { kind: "soon", label: t.pick("まもなく期限", "Ends soon"), advice: None };
        }
        Self { kind: "ok", label: t.pick("連携中", "Linked"), advice: None }
    }

    fn is_over(&self) -> bool {
        self.kind == "over"
    }
}

/// An account in a list.
struct Row {
    number: u32,
    branch: String,
    kind: String,
    digits: String,
    memo: Option<String>,
    balance: Option<String>,
    is_negative: bool,
    /// Why it can't be read.
    note: Option<Advice>,
}

impl Row {
    fn of(kept: &Kept, t: Language) -> Self {
        let balance = kept.current_balance();
        let trouble = kept.last_sync.as_ref().and_then(|sync| sync.trouble.as_ref());
        let reason = kept.unavailable().or_else(|| trouble.map(|trouble| &trouble.reason));
        Self {
            number: kept.number,
            branch: t.name_of(&kept.account.branch),
            kind: t.name_of(&kept.account.account_type),
            digits: kept.account.number.clone(),
            memo: kept.account.memo.clone().filter(|memo| !memo.is_empty()),
            balance: balance.map(|amount| t.yen(amount)),
            is_negative: balance.is_some_and(|amount| amount < 0),
            note: reason.map(|reason| words::of_reason(reason, t)),
        }
    }
}

/// A linkage on a card.
struct Card {
    number: u32,
    institution: String,
    product: String,
    standing: Standing,
    rows: Vec<Row>,
    /// When it was last asked.
    synced: Option<String>,
}

impl Card {
    fn of(shop: &Shop, linked: &Linked, t: Language) -> Self {
        let offer = shop.offer(&linked.slug);
        Self {
            number: linked.number,
            institution: offer.map_or_else(|| linked.slug.clone(), |offer| t.pick(&offer.name, &offer.name_en).clone()),
            product: offer.map(|offer| t.pick(&offer.product, &offer.product_en).clone()).unwrap_or_default(),
            standing: Standing::of(linked, shop.now(), t),
            rows: linked.accounts.iter().map(|kept| Row::of(kept, t)).collect(),
            synced: linked.last_sync.as_ref().map(|sync| t.minute_of(sync.at)),
        }
    }
}

/// What a synchronisation brought.
struct SyncNote {
    /// What it was part of, when that is the greater news.
    headline: Option<String>,
    new: usize,
    at: String,
    advice: Option<Advice>,
    /// Minutes to wait, when the institution named a time.
    wait: Option<u64>,
}

impl SyncNote {
    fn of(sync: &Sync, t: Language) -> Self {
        let trouble = sync.trouble.as_ref();
        Self {
            headline: None,
            new: sync.new,
            at: t.minute_of(sync.at),
            advice: trouble.map(|trouble| words::of_reason(&trouble.reason, t)),
            wait: trouble.and_then(|trouble| trouble.retry_after).map(|seconds| seconds.div_ceil(60)),
        }
    }
}

/// Balances and movements over all accounts.
struct Summary {
    total: String,
    is_negative: bool,
    accounts: usize,
    month_in: String,
    month_out: String,
}

impl Summary {
    /// None when there is no account to sum up. An account linked twice counts once.
    fn of(linkages: &[Linked], now: u64, t: Language) -> Option<Self> {
        let mut kept: Vec<&Kept> = linkages.iter().flat_map(|linked| &linked.accounts).collect();
        kept.sort_by_key(|kept| kept.account.account_id.as_str());
        kept.dedup_by_key(|kept| kept.account.account_id.as_str());
        let known = kept.iter().filter_map(|kept| kept.current_balance());
        let total = known.fold(0_i64, i64::saturating_add);
        let month = month_of(now);
        let moved = |direction: Direction| {
            let lines = kept.iter().flat_map(|kept| &kept.transactions);
            let lines = lines.filter(|line| line.direction == direction && line.booked_on.starts_with(&month));
            t.yen(lines.map(|line| line.amount).fold(0_i64, i64::saturating_add))
        };
        (!kept.is_empty()).then(|| Self {
            total: t.yen(total),
            is_negative: total < 0,
            accounts: kept.len(),
            month_in: moved(Direction::Credit),
            month_out: moved(Direction::Debit),
        })
    }
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    summary: Option<Summary>,
    cards: Vec<Card>,
    note: Option<SyncNote>,
}

/// The dashboard, or an invitation to link; `synced` is the linkage just read.
pub(crate) fn home(shop: &Shop, frame: Frame, synced: Option<u32>) -> Response {
    let book = shop.book();
    let t = frame.t;
    let note = synced.and_then(|number| book.linkage(number)?.last_sync.as_ref());
    let home = Home {
        summary: Summary::of(&book.linkages, shop.now(), t),
        cards: book.linkages.iter().map(|linked| Card::of(shop, linked, t)).collect(),
        note: note.map(|sync| SyncNote::of(sync, t)),
        frame,
    };
    page(StatusCode::OK, home.render())
}

/// An institution and product to choose.
struct Offer {
    slug: String,
    code: String,
    name: String,
    product: String,
    /// Where the browser will go.
    host: String,
}

#[derive(Template)]
#[template(path = "choose.html")]
struct Choose {
    frame: Frame,
    offers: Vec<Offer>,
}

/// The list of institutions.
pub(crate) fn choose(shop: &Shop, frame: Frame) -> Response {
    let offers = shop.offers.iter().map(|(slug, offer)| Offer {
        slug: slug.clone(),
        code: offer.code.clone(),
        name: frame.t.pick(&offer.name, &offer.name_en).clone(),
        product: frame.t.pick(&offer.product, &offer.product_en).clone(),
        host: offer.issuer.split('/').nth(2).unwrap_or_default().to_owned(),
    });
    page(StatusCode::OK, Choose { offers: offers.collect(), frame }.render())
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message {
    frame: Frame,
    advice: Advice,
    /// The institution to try again with, after a flow that came to nothing.
    again: Option<String>,
    is_flow: bool,
}

/// A page that says what happened and where to go.
pub(crate) fn message(status: StatusCode, frame: Frame, advice: Advice) -> Response {
    page(status, Message { frame, advice, again: None, is_flow: false }.render())
}

/// The same after a flow, with a button to begin again.
pub(crate) fn failed_flow(status: StatusCode, frame: Frame, advice: Advice, slug: Option<&str>) -> Response {
    page(status, Message { frame, advice, again: slug.map(str::to_owned), is_flow: true }.render())
}
