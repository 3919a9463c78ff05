//! What partners read before anything else: the authorization server's metadata (RFC 8414) and the account API's
//! (RFC 9728), one of each per institution.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::Extensions;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::operation::Operation;
use renkei_oauth::metadata::{AuthorizationServer, ProtectedResource};

use super::answer::{Answered, Refusal, published, to_json};
use crate::app::App;
use crate::http::connection::Connection;
use crate::http::{acr, tenant};

/// How long a partner may keep a document, in seconds.
pub const KEPT_SECONDS: u32 = 300;

/// `GET /.well-known/oauth-authorization-server/{institution}`.
pub async fn authorization_server(State(app): State<Arc<App>>, Path(segment): Path<String>) -> Answered {
    let institution = tenant::find(&app, &segment).await?.ok_or(Refusal::NotFound)?;
    let logins = acr::offered(&app, &institution);
    let document = AuthorizationServer::new(&app.site.issuer(&institution.code), scopes(), logins);
    let document = match &app.site.partner_origin {
        Some(origin) => document.with_certificates(&format!("{origin}/{}", institution.code)),
        None => document,
    };
    Ok::<_, Refusal>(published(to_json(&document)?, KEPT_SECONDS))
}

/// `GET /.well-known/oauth-protected-resource/{institution}/api/v1`. The listener for certificates has a document of its
/// own: a resource is named by the address it is called at (RFC 9728 §3.3).
pub async fn protected_resource(
    State(app): State<Arc<App>>,
    Path(segment): Path<String>,
    extensions: Extensions,
) -> Answered {
    let institution = existing(&app, &segment).await?;
    let connection = Connection::of(&extensions, &app);
    let resource = format!("{}/api/v1", connection.root(&institution));
    let document = ProtectedResource::new(&resource, &app.site.issuer(&institution), scopes());
    let document = if connection.takes_certificates() { document.with_certificates() } else { document };
    Ok::<_, Refusal>(published(to_json(&document)?, KEPT_SECONDS))
}

/// The institution of this path segment, if there is one.
pub async fn existing(app: &App, segment: &str) -> Result<InstitutionCode, Refusal> {
    let institution = tenant::find(app, segment).await?.ok_or(Refusal::NotFound)?;
    Ok(institution.code.clone())
}

fn scopes() -> Vec<String> {
    Operation::ALL.into_iter().map(|operation| operation.word().to_owned()).collect()
}
