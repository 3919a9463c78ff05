//! What the buttons do: link, come back, renew, read, unlink.

use std::sync::Arc;

use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use renkei_client::{Error, Reason, unverified_state};

use crate::book::Linked;
use crate::http::{Asking, Posted, see_other, unknown};
use crate::pages::{self, Frame};
use crate::shop::Shop;
use crate::visitor::Visitor;
use crate::{sync, words};

/// Begins a linkage with the chosen institution and product.
pub(crate) async fn start(State(shop): State<Arc<Shop>>, Extension(visitor): Asking, posted: Posted) -> Response {
    let slug = posted.field("institution").to_owned();
    leave(&shop, &visitor, &slug, None).await
}

/// Begins the renewal of a linkage; the institution is told which one.
pub(crate) async fn renew(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Asking,
    Path(id): Path<String>,
    _posted: Posted,
) -> Response {
    match find(&shop, &id) {
        Some(linked) => leave(&shop, &visitor, &linked.slug, Some(linked.grant.grant_id())).await,
        None => unknown(Frame::new(&visitor, "/")),
    }
}

/// Pushes the request and sends the browser to the institution.
async fn leave(shop: &Shop, visitor: &Visitor, slug: &str, grant_id: Option<&str>) -> Response {
    let Some(offer) = shop.offer(slug) else { return unknown(Frame::new(visitor, "/link")) };
    let begun = match shop.client(offer).await {
        Ok(client) => client.begin(&offer.scope, grant_id).await,
        Err(error) => Err(error),
    };
    match begun {
        Ok(pending) => {
            let url = pending.url().to_owned();
            let now = shop.now();
            shop.change(|book| book.wait(slug, visitor.browser(), pending, now));
            see_other(&url)
        }
        Err(error) => failed(visitor, &error, StatusCode::BAD_GATEWAY, Some(slug)),
    }
}

/// The browser comes back. Only the one that was sent out is listened to. After a double click at the
/// institution it gives up its first request for a second: what the first began is finished all the same.
pub(crate) async fn callback(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Asking,
    RawQuery(query): RawQuery,
) -> Response {
    let coming = tokio::spawn(async move { come_back(&shop, &visitor, &query.unwrap_or_default()).await });
    coming.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn come_back(shop: &Shop, visitor: &Visitor, query: &str) -> Response {
    let _alone = shop.returning.lock().await;
    let state = unverified_state(query).unwrap_or_default();
    let state = state.as_str();
    let browser = visitor.browser();
    let earlier = shop.book().led_to(state, &browser);
    if let Some(number) = earlier {
        return to_linked(number);
    }
    let Some(waiting) = shop.change(|book| book.claim(state, &browser)) else {
        return failed(visitor, &Error::State, StatusCode::BAD_REQUEST, None);
    };
    let slug = waiting.slug.as_str();
    let Some(offer) = shop.offer(slug) else { return unknown(Frame::new(visitor, "/link")) };
    let granted = match shop.client(offer).await {
        Ok(client) => client.complete(&waiting.pending, query).await,
        Err(error) => Err(error),
    };
    match granted {
        Ok(grant) => {
            let now = shop.now();
            let number = shop.change(|book| {
                let number = book.keep(slug, grant, now);
                book.finish(&waiting, number);
                number
            });
            read(shop, number, None).await;
            to_linked(number)
        }
        Err(error @ Error::Refused(_)) => failed(visitor, &error, StatusCode::OK, Some(slug)),
        Err(error) => failed(visitor, &error, StatusCode::BAD_REQUEST, Some(slug)),
    }
}

fn to_linked(number: u32) -> Response {
    see_other(&format!("/linkages/{number}?news=linked"))
}

/// Reads all accounts of a linkage.
pub(crate) async fn sync_linkage(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Asking,
    Path(id): Path<String>,
    posted: Posted,
) -> Response {
    let Some(linked) = find(&shop, &id) else { return unknown(Frame::new(&visitor, "/")) };
    read(&shop, linked.number, None).await;
    match posted.field("from") {
        "home" => see_other(&format!("/?synced={}", linked.number)),
        _ => see_other(&format!("/linkages/{}?news=synced", linked.number)),
    }
}

/// Reads one account.
pub(crate) async fn sync_account(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Asking,
    Path(id): Path<String>,
    _posted: Posted,
) -> Response {
    let number = id.parse().unwrap_or(0);
    let linkage = shop.book().account(number).map(|(linked, _)| linked.number);
    let Some(linkage) = linkage else { return unknown(Frame::new(&visitor, "/")) };
    read(&shop, linkage, Some(number)).await;
    see_other(&format!("/accounts/{number}?synced"))
}

/// Revokes a linkage (連携解除). It counts as ended only once the institution has said so.
pub(crate) async fn unlink(
    State(shop): State<Arc<Shop>>,
    Extension(visitor): Asking,
    Path(id): Path<String>,
    _posted: Posted,
) -> Response {
    let _alone = shop.reading.lock().await;
    let Some(linked) = find(&shop, &id) else { return unknown(Frame::new(&visitor, "/")) };
    let Some(offer) = shop.offer(&linked.slug) else { return unknown(Frame::new(&visitor, "/")) };
    let revoked = match shop.client(offer).await {
        Ok(client) => client.revoke(&linked.grant).await,
        Err(error) => Err(error),
    };
    if let Err(error) = revoked {
        return failed(&visitor, &error, StatusCode::BAD_GATEWAY, None);
    }
    shop.change(|book| {
        if let Some(linked) = book.linkage_mut(linked.number) {
            linked.ended.get_or_insert(Reason::EndedByPartner);
        }
    });
    see_other(&format!("/linkages/{}?news=unlinked", linked.number))
}

/// The linkage with the number in a path.
fn find(shop: &Shop, id: &str) -> Option<Linked> {
    shop.book().linkage(id.parse().ok()?).cloned()
}

/// Reads a linkage and puts what came into the book. The book stays open to others meanwhile.
async fn read(shop: &Shop, number: u32, only: Option<u32>) {
    let _alone = shop.reading.lock().await;
    let Some(mut linked) = shop.book().linkage(number).cloned() else { return };
    let Some(offer) = shop.offer(&linked.slug) else { return };
    match shop.client(offer).await {
        Ok(client) => sync::run(&client, &mut linked, only, shop.now()).await,
        Err(error) => sync::note_failure(&mut linked, &error, shop.now()),
    }
    shop.change(|book| book.put_back(linked));
}

fn failed(visitor: &Visitor, error: &Error, status: StatusCode, slug: Option<&str>) -> Response {
    tracing::info!(%error, "a flow did not come to its end");
    let advice = words::of_failed_flow(error, visitor.language);
    pages::failed_flow(status, Frame::new(visitor, "/link"), advice, slug)
}
