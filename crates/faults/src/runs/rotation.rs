//! Keys and certificates are changed again and again under load.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use renkei_domain::time::Timestamp;
use renkei_oauth::jose::{Jws, KeySet};
use reqwest::tls::TlsInfo;
use tokio_postgres::NoTls;

use super::stage::{Size, Stage};
use crate::bank::{Bank, Node, binary, free_port};
use crate::history::Act;
use crate::partner::{INSTITUTION, client_builder};
use crate::report::Report;
use crate::{Trouble, trouble};

/// From one change to the next.
const EVERY: Duration = Duration::from_secs(6);
/// A partner reads the published keys this often. Six minutes pass between publishing a key and signing with it, and
/// partners keep what they read for five; here both are a sixtieth or so.
const READ_EVERY: Duration = Duration::from_secs(1);
const KEPT_MICROS: u64 = 3_000_000;
const SIGNS_AFTER: &str = "UPDATE signing_keys SET signs_from = announced_at + 5000000 \
     WHERE signs_from > announced_at + 5000000";

/// What the partner read of the published keys, and when it asked.
type Sets = Arc<Mutex<Vec<(u64, KeySet)>>>;

/// F-26: signing keys, master keys and TLS certificates are changed so many times under load. Every signed answer
/// verifies, and no connection ends.
///
/// # Errors
/// What failed.
pub async fn f_26(size: &Size, url: &str) -> Result<(), Trouble> {
    let mut report = Report::of("f-26");
    certificates(size.n, &mut report).await?;
    let mut stage = Stage::set(Some(url), 2, size).await?;
    stage.oracle.partner.signed_answers = true;
    let (beside, link) = tokio_postgres::connect(url, NoTls).await.map_err(trouble("a session"))?;
    tokio::spawn(link);
    let sets = Sets::default();
    let reading = tokio::spawn(read_keys(stage.oracle.clone(), Arc::clone(&sets)));
    let load = stage.load(size);
    for round in 0..size.n {
        tokio::time::sleep(EVERY).await;
        stage.bank.run(&["keys", "announce", "--institution", INSTITUTION])?;
        beside.batch_execute(SIGNS_AFTER).await.map_err(trouble("a key's time"))?;
        if round % 2 == 0 {
            change_master_key(&stage).await?;
        }
    }
    tokio::time::sleep(EVERY).await;
    reading.abort();
    let events = stage.oracle.history.events();
    let signed: Vec<(u64, &str)> = events
        .iter()
        .filter(|event| event.act == Act::Permit && !event.fact("response").is_empty())
        .filter_map(|event| Some((event.end?, event.fact("response"))))
        .collect();
    let (wrong, keys) = {
        let sets = sets.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = signed.iter().filter(|(at, text)| !verifies(&sets, *at, text)).count();
        (wrong, sets.last().map_or(0, |(_, set)| set.iter().count()))
    };
    report.say(format!("{} signing keys, {} master keys, {} signed answers", keys, size.n.div_ceil(2), signed.len()));
    report.expect(keys > size.n / 2, "the signing keys were hardly ever changed");
    report.expect(!signed.is_empty(), "nothing was signed");
    report.expect(wrong == 0, format!("{wrong} signed answers did not verify"));
    let events = stage.end(load, report).await?;
    super::deploy::unheard(&events)
}

/// A new master key that seals at once, brought to all nodes, and everything moved under it.
async fn change_master_key(stage: &Stage) -> Result<(), Trouble> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_err(trouble("the time"))?;
    let from = Timestamp::from_seconds(i64::try_from(now.as_secs()).unwrap_or_default() + 3).to_rfc3339();
    stage.bank.run(&["keys", "master", "rotate", "--seals-from", &from])?;
    stage.nodes.iter().try_for_each(Node::hang_up)?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    stage.bank.run(&["keys", "master", "reseal"]).map(drop)
}

async fn read_keys(oracle: crate::oracle::Oracle, sets: Sets) {
    let url = format!("{}/{INSTITUTION}/jwks", oracle.partner.address);
    loop {
        let at = oracle.history.now();
        if let Ok(answer) = oracle.partner.http.get(&url).send().await
            && let Ok(bytes) = answer.bytes().await
            && let Ok(set) = KeySet::parse(&bytes)
        {
            sets.lock().unwrap_or_else(PoisonError::into_inner).push((at, set));
        }
        tokio::time::sleep(READ_EVERY).await;
    }
}

/// Whether an answer verifies with the keys as a partner has them that read them some time ago.
fn verifies(sets: &[(u64, KeySet)], at: u64, text: &str) -> bool {
    let read = sets.iter().rev().find(|(read, _)| *read + KEPT_MICROS <= at).or(sets.first());
    read.is_some_and(|(_, set)| Jws::parse(text).is_ok_and(|jws| set.verify(&jws).is_ok()))
}

/// TLS certificates of one node: a kept connection stays, a new one meets the newest certificate soon.
async fn certificates(times: usize, report: &mut Report) -> Result<(), Trouble> {
    let authority_key = KeyPair::generate().map_err(trouble("a key"))?;
    let mut params = CertificateParams::new(Vec::new()).map_err(trouble("an authority"))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).map_err(trouble("an authority"))?;
    let issuer = Issuer::new(params, authority_key);
    let port = free_port()?;
    let (program, origin) = (binary()?, format!("https://localhost:{port}"));
    let made = tokio::task::spawn_blocking(move || Bank::new(&program, None, 1, port));
    let mut bank = made.await.map_err(trouble("the installation"))??;
    bank.origin.clone_from(&origin);
    let (certificate, key) = (bank.path("tls.pem"), bank.path("tls.key"));
    issue(&issuer, &certificate, &key)?;
    let program = bank.program().to_owned();
    let node = bank.start_configured(&program, port, "[tls]\ncertificate = \"tls.pem\"\nkey = \"tls.key\"\n", &[])?;
    let root = reqwest::Certificate::from_der(authority.der()).map_err(trouble("an authority"))?;
    let client = |kept: usize| {
        let builder = client_builder().tls_certs_only([root.clone()]).tls_info(true);
        builder.pool_max_idle_per_host(kept).timeout(Duration::from_secs(10)).build().map_err(trouble("a client"))
    };
    let (kept, anew) = (client(1)?, client(0)?);
    let begun = Instant::now();
    while anew.get(format!("{origin}/ready")).send().await.is_err() {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err("the node behind TLS was not ready in a minute".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (mut on_kept, mut on_new, mut failed, mut asked) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..times {
        issue(&issuer, &certificate, &key)?;
        node.hang_up()?;
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            for (client, seen) in [(&kept, &mut on_kept), (&anew, &mut on_new)] {
                asked += 1;
                match client.get(format!("{origin}/health")).send().await.map(|answer| peer(&answer)) {
                    Ok(peer) if seen.contains(&peer) => {}
                    Ok(peer) => seen.push(peer),
                    Err(_) => failed += 1,
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    report.say(format!(
        "{times} TLS certificates: new connections met {}, the kept one {}; {failed} of {asked} requests failed",
        on_new.len(),
        on_kept.len()
    ));
    report.expect(failed == 0, "a request failed while certificates changed");
    report.expect(on_new.len() >= times, "a certificate was not taken up");
    report.expect(on_kept.len() == 1, "the kept connection did not stay");
    Ok(())
}

fn peer(answer: &reqwest::Response) -> Vec<u8> {
    let info = answer.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate);
    info.unwrap_or_default().to_vec()
}

/// A new certificate with a new key, put in place key first: what does not fit together yet is not taken up.
fn issue(issuer: &Issuer<'_, KeyPair>, certificate: &Path, key: &Path) -> Result<(), Trouble> {
    let own = KeyPair::generate().map_err(trouble("a key"))?;
    let params = CertificateParams::new(vec!["localhost".to_owned()]).map_err(trouble("a certificate"))?;
    let issued = params.signed_by(&own, issuer).map_err(trouble("a certificate"))?;
    fs::write(key, own.serialize_pem()).map_err(trouble("a key"))?;
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).map_err(trouble("a key"))?;
    fs::write(certificate, issued.pem()).map_err(trouble("a certificate"))
}
