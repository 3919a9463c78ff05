//! Certificates of users and of partners, each at the other's listener.

use std::sync::Arc;

use arc_swap::ArcSwap;
use renkei_server::certificates::partners::PartnerFiles;
use renkei_server::http::certificate_router;
use renkei_server::listener::tls::ClientCertificates;
use renkei_server::listener::{self, Limits, Transport};
use renkei_store::params;
use renkei_testing::aoi;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::authority::Authority;
use crate::bank::{MtlsBank, bare, http_client, in_force, issue};
use crate::support::Answer;

/// The users' listener beside the partners', for an institution whose users have certificates of this authority.
async fn users_door(bank: &MtlsBank, users: &Authority) -> (String, watch::Sender<bool>) {
    let mut tx = bank.bank.app.store.begin(&aoi()).await.unwrap();
    let list = users.list(|list| list.next_update = rcgen::date_time_ymd(2028, 1, 1));
    let update = "UPDATE institutions SET user_ca = ?2, user_crl = ?3 WHERE institution = ?1";
    tx.execute(update, params![users.issuer.pem(), list]).await.unwrap();
    tx.commit().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let files = Authority::new().server(folder.path(), in_force);
    let config = files.load("localhost", &ClientCertificates::Asked(vec![]), bank.bank.now()).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("https://localhost:{}", socket.local_addr().unwrap().port());
    let (stop, stopped) = watch::channel(false);
    let router = certificate_router(Arc::clone(&bank.bank.app));
    let transport = Transport::Tls(Arc::new(ArcSwap::from_pointee(config)));
    tokio::spawn(listener::serve(socket, transport, router, Limits::STANDARD, stopped));
    (address, stop)
}

#[tokio::test]
async fn a_061_r_136_a_certificate_of_the_one_kind_is_refused_at_the_listener_of_the_other() {
    let bank = MtlsBank::with_certificates().await;
    let users = Authority::new();
    let (door, _stop) = users_door(&bank, &users).await;
    // Each has the very names the other would need.
    let (user, partner) = (issue(Some(&users), |_| ()), bank.identity());
    let at_partners = bank.at_door(Some(&user));
    let refused = bare(at_partners.push(), &at_partners.client_id).send().await;
    assert_eq!(refused.refusal(), (401, "invalid_client"));
    assert_eq!(bank.bank.recorded("client_refused", "refused", "certificate: wrong_issuer").await, 1);
    let chain = (vec![partner.certificate.der().to_vec()], partner.key.serialize_der());
    let at_users = http_client(Some(chain)).get(format!("{door}/1001/my/certificate"));
    assert_eq!(Answer::to(at_users).await.status, 403);
    assert_eq!(bank.bank.recorded("login_tried", "refused", "wrong_issuer").await, 1);
    // And nothing of the one is at the other.
    for path in ["/1001/token", "/1001/par"] {
        let answer = Answer::to(http_client(None).post(format!("{door}{path}"))).await;
        assert_eq!((answer.status, answer.header("location")), (303, format!("https://link.example{path}").as_str()));
    }
}

#[test]
fn r_136_authorities_that_share_a_key_or_issue_one_another_meet() {
    let (partners, others, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let ca = folder.path().join("ca.pem");
    let read = |pem: String| {
        std::fs::write(&ca, pem).unwrap();
        PartnerFiles { ca: Some(ca.clone()), crl: None }.read()
    };
    let der = |authority: &Authority| CertificateDer::from(authority.issuer.der().to_vec());
    let trust = read(partners.issuer.pem()).unwrap();
    assert!(trust.meets(&[der(&others), der(&partners)]));
    assert!(!trust.meets(&[]));
    // An authority under the users' own.
    let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.distinguished_name.push(rcgen::DnType::CommonName, "below");
    let below = params.signed_by(&rcgen::KeyPair::generate().unwrap(), &others.issuer).unwrap();
    assert!(read(below.pem()).unwrap().meets(&[der(&others)]));
    // What is no authority is refused outright.
    assert!(read(issue(None, |_| ()).certificate.pem()).is_err());
    assert!(read("nothing".into()).is_err());
}
