//! Step 1 for certificate users, on the listener that asks browsers for a certificate.
//!
//! A `GET` shows whose certificate the browser chose and changes nothing; the button logs in. Both check the
//! certificate against the institution's authority and revocation list anew.

use axum::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use renkei_domain::flow::Screen;
use renkei_screens::{CertificatePage, Ending, LoginPurpose, WayOn};
use renkei_store::customers::User;

use super::Walk;
use super::walk::{OrPage, Sent};
use crate::certificates::{PeerCertificate, describe};
use crate::http::browser::{Visit, see_other};
use crate::http::form::Form;
use crate::http::login::{self, Proof};

/// The certificate the browser showed, if it showed one.
pub type Shown = Option<Extension<PeerCertificate>>;

/// `GET /{institution}/link/{flow}/certificate`.
pub async fn show(visit: Visit, shown: Shown) -> OrPage<Response> {
    let walk = Walk::load(visit).await?.on_certificate_login()?;
    let peer = shown.map(|Extension(peer)| peer);
    let (user, peer) = walk.certificate_user(peer.as_ref()).await?;
    Ok(walk.certificate_page(&user, peer))
}

/// `POST /{institution}/link/{flow}/certificate`.
pub async fn act(visit: Visit, shown: Shown, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(_) = walk.check(form)? else { return Ok(walk.to_main()) };
    let walk = walk.on_certificate_login()?;
    let peer = shown.map(|Extension(peer)| peer);
    let (user, peer) = walk.certificate_user(peer.as_ref()).await?;
    walk.logged_in(&user, Proof::Certificate(peer)).await.map_err(|fault| walk.visit.failure(&fault))
}

/// `POST /{institution}/link/{flow}/extend` on this listener: more time, and the certificate's page again.
pub async fn extend(visit: Visit, form: Form) -> OrPage<Response> {
    let walk = Walk::load(visit).await?;
    let Sent::Current(_) = walk.check(form)? else { return Ok(walk.to_main()) };
    walk.take_extension().await.map_err(|fault| walk.visit.failure(&fault))?;
    let walk = walk.on_certificate_login()?;
    let site = &walk.visit.app.site;
    let here = site.certificate_origin.as_ref().unwrap_or(&site.origin);
    Ok(see_other(&format!("{here}{}/certificate", walk.base())))
}

impl Walk {
    /// The current screen, on the main listener.
    fn to_main(&self) -> Response {
        let path = self.path(self.flow.stage.screen());
        see_other(&format!("{}{path}", self.visit.app.site.origin))
    }

    fn on_certificate_login(self) -> OrPage<Walk> {
        if self.flow.stage.screen() == Screen::Login { Ok(self) } else { Err(self.to_main()) }
    }

    /// The user of the certificate, or one page for every reason against it.
    async fn certificate_user<'a>(&self, peer: Option<&'a PeerCertificate>) -> OrPage<(User, &'a PeerCertificate)> {
        match login::by_certificate(&self.visit, peer).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => {
                let back = format!("{}{}", self.visit.app.site.origin, self.path(Screen::Login));
                let way = Some(WayOn::Login(back));
                Err(self.visit.end(Ending::CertificateRefused, StatusCode::FORBIDDEN, self.frame(), way))
            }
            Err(fault) => Err(self.visit.failure(&fault)),
        }
    }

    fn certificate_page(&self, user: &User, peer: &PeerCertificate) -> Response {
        let about = describe(peer);
        let (serial, valid_until) =
            about.map_or((String::new(), self.visit.now), |about| (about.serial, about.valid_until));
        let page = CertificatePage {
            frame: self.frame(),
            purpose: LoginPurpose::Linkage,
            action: format!("{}/certificate", self.base()),
            customer_name: user.customer_name.clone(),
            login_id: user.login_id.clone(),
            serial,
            valid_until,
            back_url: format!("{}{}", self.visit.app.site.origin, self.path(Screen::Login)),
        };
        self.visit.page_leading_to(page.render(), &self.visit.app.site.origin)
    }
}
