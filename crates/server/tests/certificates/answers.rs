//! What a responder says of a certificate, and what is made of it.

use renkei_server::certificates::responder::{ANSWER_BYTES_MAX, KEPT_SECONDS, RETRY_SECONDS};

use crate::authority::Authority;
use crate::door::CertificateBank;
use crate::responder::{Answers, Known, OpenSsl, RESPONDER_SERIAL, Server, Signer, reply};

/// A look with this responder and a revocation list of so many days: the status, and the reason of a refusal.
async fn look_with(bank: &CertificateBank, url: &str, days: i32) -> (u16, Option<String>) {
    bank.publish(&bank.list(days, |_| ())).await;
    bank.ask_at(url).await;
    let status = bank.look().await;
    (status, bank.reason().await)
}

fn refused(reason: &str) -> (u16, Option<String>) {
    (403, Some(reason.to_owned()))
}

#[tokio::test]
async fn r_138_a_responder_decides_with_the_words_good_revoked_and_unknown() {
    for (known, expected) in
        [(Known::Good, (200, None)), (Known::Revoked, refused("revoked")), (Known::Nothing, refused("ocsp_unknown"))]
    {
        let bank = CertificateBank::open().await;
        let authority = &bank.authority;
        for signer in [Signer::authority(authority), Signer::delegated(authority, |_| ())] {
            let responder = OpenSsl::start(authority, &signer, known, &["-nmin", "60"]);
            // The list is old, so nothing but the responder's word can let anybody in.
            assert_eq!(look_with(&bank, &responder.url, 9).await, expected);
        }
    }
}

#[tokio::test]
async fn r_138_an_answer_by_key_or_without_an_end_counts_too() {
    for more in [&["-resp_key_id"][..], &[], &["-rmd", "sha384", "-nmin", "5"]] {
        let bank = CertificateBank::open().await;
        let signer = Signer::delegated(&bank.authority, |_| ());
        let responder = OpenSsl::start(&bank.authority, &signer, Known::Good, more);
        assert_eq!(look_with(&bank, &responder.url, 9).await, (200, None), "{more:?}");
    }
}

#[tokio::test]
async fn r_138_an_answer_signed_by_somebody_else_counts_for_nothing() {
    let bank = CertificateBank::open().await;
    let (own, other) = (&bank.authority, Authority::new());
    let client = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    };
    let nothing = |params: &mut rcgen::CertificateParams| params.extended_key_usages = vec![];
    let over = |params: &mut rcgen::CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 2, 1);
    let wrong = [
        Signer::authority(&other),
        Signer::delegated(&other, |_| ()),
        Signer::delegated(own, client),
        Signer::delegated(own, nothing),
        Signer::delegated(own, over),
    ];
    for signer in wrong {
        let responder = OpenSsl::start(own, &signer, Known::Good, &["-nmin", "60"]);
        assert_eq!(look_with(&bank, &responder.url, 9).await, refused("ocsp_unavailable"));
    }
    let responder = OpenSsl::start(own, &Signer::authority(own), Known::Good, &["-nmin", "60", "-badsig"]);
    assert_eq!(look_with(&bank, &responder.url, 9).await, refused("ocsp_unavailable"));
    // Without its certificate nobody can tell who signed.
    let signer = Signer::delegated(own, |_| ());
    let responder = OpenSsl::start(own, &signer, Known::Good, &["-nmin", "60", "-resp_no_certs"]);
    assert_eq!(look_with(&bank, &responder.url, 9).await, refused("ocsp_unavailable"));
}

#[tokio::test]
async fn r_138_a_responder_whose_own_certificate_was_revoked_counts_for_nothing() {
    let bank = CertificateBank::open().await;
    let signer = Signer::delegated(&bank.authority, |_| ());
    let responder = OpenSsl::start(&bank.authority, &signer, Known::Good, &["-nmin", "60"]);
    bank.publish(&bank.list(9, |list| list.revoked_certs[0].serial_number = RESPONDER_SERIAL.into())).await;
    bank.ask_at(&responder.url).await;
    assert_eq!((bank.look().await, bank.reason().await), refused("ocsp_unavailable"));
}

#[tokio::test]
async fn r_138_an_answer_of_yesterday_or_of_tomorrow_counts_for_nothing() {
    for (seconds, more) in [(-3_600, &["-nmin", "60"][..]), (3_600 + 60, &["-nmin", "60"]), (600, &[])] {
        let bank = CertificateBank::open().await;
        let signer = Signer::authority(&bank.authority);
        let responder = OpenSsl::start(&bank.authority, &signer, Known::Good, more);
        bank.bank.forward(seconds);
        assert_eq!(look_with(&bank, &responder.url, 9).await, refused("ocsp_unavailable"), "{seconds}");
    }
}

#[tokio::test]
async fn r_138_an_answer_to_another_question_counts_for_nothing() {
    let bank = CertificateBank::open().await;
    let server = Server::open(&bank, Known::Good, Answers::Again).await;
    assert_eq!(look_with(&bank, &server.url, 9).await, (200, None));
    bank.bank.forward(KEPT_SECONDS);
    assert_eq!(look_with(&bank, &server.url, 9).await, refused("ocsp_unavailable"));
    assert_eq!(server.asked(), 2);
}

#[tokio::test]
async fn r_138_without_an_answer_a_list_of_today_decides_and_an_older_one_lets_nobody_in() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/ocsp-response\r\n";
    let page = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\nhi".to_vec();
    let elsewhere = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_vec();
    let endless = [head.as_bytes(), b"\r\n", &vec![0x30; 2 * ANSWER_BYTES_MAX]].concat();
    for answers in [
        Answers::Never,
        Answers::Bytes(Vec::new()),
        Answers::Bytes(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_vec()),
        Answers::Bytes(page),
        Answers::Bytes(elsewhere),
        Answers::Bytes(endless),
        Answers::Bytes(format!("{head}content-length: 99999999\r\n\r\n").into_bytes()),
        Answers::Bytes(reply(b"")),
        Answers::Bytes(reply(b"not DER")),
        // tryLater, unauthorized, and successful with nothing in it.
        Answers::Bytes(reply(&[0x30, 3, 0x0a, 1, 3])),
        Answers::Bytes(reply(&[0x30, 3, 0x0a, 1, 6])),
        Answers::Bytes(reply(&[0x30, 3, 0x0a, 1, 0])),
    ] {
        let bank = CertificateBank::open().await;
        let server = Server::open(&bank, Known::Good, answers).await;
        assert_eq!(look_with(&bank, &server.url, 0).await, (200, None));
        assert_eq!(look_with(&bank, &server.url, 9).await, refused("ocsp_unavailable"));
        // That there was no answer stands for a moment, so a second look neither waits nor asks.
        assert_eq!(server.asked(), 1);
        bank.bank.forward(RETRY_SECONDS);
        bank.look().await;
        assert_eq!(server.asked(), 2);
    }
}

#[tokio::test]
async fn r_138_what_the_list_has_revoked_no_responder_makes_good() {
    let bank = CertificateBank::open().await;
    let server = Server::open(&bank, Known::Good, Answers::Rightly).await;
    bank.ask_at(&server.url).await;
    let serial = crate::door::SERIAL;
    bank.publish(&bank.list(0, |list| list.revoked_certs[0].serial_number = serial.into())).await;
    assert_eq!((bank.look().await, bank.reason().await), refused("revoked"));
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn r_138_a_responder_is_found_by_the_address_the_registry_names_and_no_name_leads_inside() {
    let bank = CertificateBank::open().await;
    // Nothing listens there.
    assert_eq!(look_with(&bank, "http://127.0.0.1:1/", 9).await, refused("ocsp_unavailable"));
    // A name that leads to this machine, and an address that does.
    let server = Server::open(&bank, Known::Good, Answers::Rightly).await;
    let by_name = server.url.replace("127.0.0.1", "ocsp.ca.example");
    assert_eq!(look_with(&bank, &by_name, 9).await, refused("ocsp_unavailable"));
    assert_eq!(server.asked(), 0);
    assert_eq!(look_with(&bank, &server.url, 9).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_138_many_looks_at_once_are_one_question_and_its_answer_stands_for_a_while() {
    let bank = CertificateBank::open().await;
    let server = Server::open(&bank, Known::Good, Answers::Rightly).await;
    bank.publish(&bank.list(9, |_| ())).await;
    bank.ask_at(&server.url).await;
    let looks = futures_util::future::join_all((0..12).map(|_| bank.look())).await;
    assert_eq!(looks, [200; 12]);
    assert_eq!(server.asked(), 1);
    bank.bank.forward(KEPT_SECONDS - 1);
    assert_eq!((bank.look().await, server.asked()), (200, 1));
    bank.bank.forward(1);
    assert_eq!((bank.look().await, server.asked()), (200, 2));
}

#[tokio::test]
async fn r_138_a_stranger_s_certificate_is_asked_about_nowhere() {
    let bank = CertificateBank::open_with(|params| params.not_after = rcgen::date_time_ymd(2026, 2, 1)).await;
    let server = Server::open(&bank, Known::Good, Answers::Rightly).await;
    assert_eq!(look_with(&bank, &server.url, 0).await, refused("expired"));
    assert_eq!(server.asked(), 0);
}
