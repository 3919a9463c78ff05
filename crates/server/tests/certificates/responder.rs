//! OCSP responders on loopback: `openssl ocsp` as a process of its own, and servers that answer with whatever a test
//! wants.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SerialNumber};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::authority::Authority;
use crate::door::{CertificateBank, SERIAL, in_force};

/// The serial number of delegated responders' certificates.
pub const RESPONDER_SERIAL: u64 = 99;

/// Certificate and key of whoever signs answers, PEM.
pub struct Signer {
    certificate: String,
    key: String,
}

impl Signer {
    /// The authority itself.
    pub fn authority(authority: &Authority) -> Signer {
        Signer { certificate: authority.issuer.pem(), key: authority.issuer.key().serialize_pem() }
    }

    /// Somebody with a certificate of this authority for signing answers, but for what is changed about it.
    pub fn delegated(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> Signer {
        let mut params = CertificateParams::new(vec![]).unwrap();
        in_force(&mut params);
        params.distinguished_name.push(DnType::CommonName, "Aoi responder");
        params.serial_number = Some(SerialNumber::from(RESPONDER_SERIAL));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap().pem();
        Signer { certificate, key: key.serialize_pem() }
    }
}

/// What the responder knows of hanako's certificate.
#[derive(Clone, Copy)]
pub enum Known {
    Good,
    Revoked,
    Nothing,
}

/// The files `openssl ocsp` works with.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn new(authority: &Authority, signer: &Signer, known: Known) -> Files {
        let files = Files { folder: tempfile::tempdir().unwrap() };
        fs::write(files.at("ca.pem"), authority.issuer.pem()).unwrap();
        fs::write(files.at("signer.pem"), &signer.certificate).unwrap();
        fs::write(files.at("signer.key"), &signer.key).unwrap();
        let line = match known {
            Known::Good => format!("V\t401231000000Z\t\t{SERIAL:02X}\tunknown\t/CN=user01\n"),
            Known::Revoked => format!("R\t401231000000Z\t260601000000Z\t{SERIAL:02X}\tunknown\t/CN=user01\n"),
            Known::Nothing => "V\t401231000000Z\t\t7F\tunknown\t/CN=user02\n".to_owned(),
        };
        fs::write(files.at("index.txt"), line).unwrap();
        files
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new("openssl");
        command.current_dir(self.folder.path()).arg("ocsp");
        command
            .args(["-index", "index.txt", "-CA", "ca.pem", "-rsigner", "signer.pem", "-rkey", "signer.key"])
            .args(more);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }
}

/// `openssl ocsp`, listening.
pub struct OpenSsl {
    pub url: String,
    child: Child,
    _files: Files,
}

impl OpenSsl {
    pub fn start(authority: &Authority, signer: &Signer, known: Known, more: &[&str]) -> OpenSsl {
        let files = Files::new(authority, signer, known);
        let mut child = files.command(&[&["-port", "0"], more].concat()).spawn().expect("openssl");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        // ACCEPT [::]:39021 PID=9216
        let port = line.split_whitespace().nth(1).and_then(|place| place.rsplit(':').next()).expect("a port");
        OpenSsl { url: format!("http://127.0.0.1:{port}/"), child, _files: files }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a server of a test's own does with a question.
pub enum Answers {
    /// Lets openssl answer each.
    Rightly,
    /// Lets openssl answer the first, and gives that answer to every other.
    Again,
    /// Writes these bytes and closes.
    Bytes(Vec<u8>),
    /// Says nothing.
    Never,
}

/// A server that counts what it is asked.
pub struct Server {
    pub url: String,
    pub asked: Arc<AtomicUsize>,
}

impl Server {
    pub async fn open(bank: &CertificateBank, known: Known, answers: Answers) -> Server {
        let files = Files::new(&bank.authority, &Signer::authority(&bank.authority), known);
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", socket.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            let (mut kept, mut open) = (None, Vec::new());
            loop {
                let (mut stream, _) = socket.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let question = read_question(&mut stream).await;
                let answer = match &answers {
                    Answers::Rightly => reply(&sign(&files, &question)),
                    Answers::Again => reply(kept.get_or_insert_with(|| sign(&files, &question))),
                    Answers::Bytes(bytes) => bytes.clone(),
                    Answers::Never => {
                        open.push(stream);
                        continue;
                    }
                };
                // Whoever had enough hangs up.
                drop(stream.write_all(&answer).await);
                drop(stream.shutdown().await);
            }
        });
        Server { url, asked }
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// An HTTP answer of this OCSP response.
pub fn reply(response: &[u8]) -> Vec<u8> {
    let length = response.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/ocsp-response\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), response].concat()
}

fn sign(files: &Files, question: &[u8]) -> Vec<u8> {
    fs::write(files.at("question"), question).unwrap();
    let status = files.command(&["-reqin", "question", "-respout", "answer", "-nmin", "60"]).status().expect("openssl");
    assert!(status.success());
    fs::read(Path::new(&files.at("answer"))).unwrap()
}

/// The body of a request that says how long it is.
async fn read_question(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    loop {
        let mut part = [0; 2_048];
        let count = stream.read(&mut part).await.unwrap();
        read.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let (_, length) = text.split_once("content-length: ").expect("a length");
            let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
            if read.len() >= end + 4 + length {
                return read[end + 4..].to_vec();
            }
        }
        assert_ne!(count, 0, "cut short");
    }
}
