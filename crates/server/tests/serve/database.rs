//! A real PostgreSQL server that wants to see a certificate of its clients, and is shown one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, date_time_ymd};
use renkei_server::commands::data::DataArgs;
use renkei_server::listener::tls::TlsFiles;
use renkei_store::Store;

use crate::authority::Authority;

/// A server of the test's own, on loopback, which takes nobody but `renkei` with a certificate in that name.
struct Server {
    folder: tempfile::TempDir,
    bin: PathBuf,
    port: u16,
}

fn in_force(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2040, 12, 31);
}

/// Where PostgreSQL's programs are, as Debian has them. Without any the test is not run, but in CI it has to be.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).collect();
    found.sort();
    assert!(!found.is_empty() || std::env::var_os("CI").is_none(), "there is no PostgreSQL to test on");
    found.pop()
}

fn is_root() -> bool {
    let own = Command::new("id").arg("-u").output().unwrap();
    own.stdout.trim_ascii() == b"0"
}

impl Server {
    fn start(bin: PathBuf, clients: &Authority, own: &Authority) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().to_owned();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        own.server(&place, in_force);
        fs::write(place.join("clients.pem"), clients.issuer.pem()).unwrap();
        let mut server = Server { folder, bin, port: 0 };
        if is_root() {
            assert!(Command::new("chown").args(["-R", "postgres"]).arg(&place).status().unwrap().success());
        }
        let path = |name: &str| place.join(name).display().to_string();
        let data = path("data");
        server.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
        let rules = "local all all trust\nhostssl all renkei 127.0.0.1/32 trust clientcert=verify-full\n";
        fs::write(place.join("data/pg_hba.conf"), rules).unwrap();
        for _ in 0..5 {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            server.port = free.local_addr().unwrap().port();
            drop(free);
            let options = format!(
                "-p {} -c listen_addresses=127.0.0.1 -k {} -c fsync=off -c ssl=on -c ssl_cert_file={} -c ssl_key_file={} \
                 -c ssl_ca_file={}",
                server.port,
                place.display(),
                path("server.pem"),
                path("server.key"),
                path("clients.pem"),
            );
            if server.try_run("pg_ctl", &["-D", &data, "-o", &options, "-l", &path("log"), "-w", "-s", "start"]) {
                let port = server.port.to_string();
                let role = "CREATE ROLE renkei LOGIN SUPERUSER";
                server.run("psql", &["-h", &place.display().to_string(), "-p", &port, "-U", "postgres", "-qc", role]);
                return server;
            }
        }
        panic!("{}", fs::read_to_string(place.join("log")).unwrap_or_default());
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        assert!(self.try_run(program, arguments), "{program} failed");
    }

    /// Runs one of PostgreSQL's programs, which refuse to be root.
    fn try_run(&self, program: &str, arguments: &[&str]) -> bool {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    fn url(&self, host: &str, more: &[(&str, &Path)]) -> String {
        let files: String = more.iter().map(|(name, path)| format!("&{name}={}", path.display())).collect();
        format!("postgres://renkei@{host}:{}/postgres?sslmode=verify-full{files}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.path().join("data").display().to_string();
        self.try_run("pg_ctl", &["-D", &data, "-m", "immediate", "-s", "stop"]);
    }
}

/// A client's certificate in this name and its key, as files.
fn client(authority: &Authority, folder: &Path, name: &str) -> TlsFiles {
    let mut params = CertificateParams::new(vec![]).unwrap();
    in_force(&mut params);
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    let files = TlsFiles { certificate: folder.join("client.pem"), key: folder.join("client.key") };
    fs::create_dir_all(folder).unwrap();
    fs::write(&files.certificate, params.signed_by(&key, &authority.issuer).unwrap().pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    fs::set_permissions(&files.key, fs::Permissions::from_mode(0o600)).unwrap();
    files
}

/// Connects as every command does; the reason when that fails.
async fn connect(data: &Path, url: Option<&str>) -> Result<Store, String> {
    let store = url.map(|url| url.parse().unwrap());
    let arguments = DataArgs { data: data.to_owned(), config: None, store };
    arguments.open().await.map(|data| data.store).map_err(|error| error.to_string())
}

#[tokio::test]
async fn r_027_the_program_shows_postgresql_a_certificate_of_its_own_and_checks_the_server_s() {
    let Some(bin) = programs() else { return eprintln!("not run: there is no PostgreSQL in /usr/lib/postgresql") };
    let (clients, own, other) = (Authority::new(), Authority::new(), Authority::new());
    let server = Server::start(bin, &clients, &own);
    let folder = tempfile::tempdir().unwrap();
    let (data, at) = (folder.path().join("data"), |name: &str| folder.path().join(name));
    let good = client(&clients, &at("good"), "renkei");
    let [ca, others] = [("ca.pem", &own), ("other.pem", &other)].map(|(name, authority)| {
        fs::write(at(name), authority.issuer.pem()).unwrap();
        at(name)
    });
    let with = |files: &TlsFiles, host: &str, ca: &Path| {
        server.url(host, &[("sslrootcert", ca), ("sslcert", &files.certificate), ("sslkey", &files.key)])
    };
    let store = connect(&data, Some(&with(&good, "localhost", &ca))).await.unwrap();
    assert_eq!(store.read_all().list_institutions().await.unwrap().len(), 0);
    // Nobody without a certificate, with one in another name, or with one of another authority.
    for bad in [
        server.url("localhost", &[("sslrootcert", &ca)]),
        with(&client(&clients, &at("jiro"), "jiro"), "localhost", &ca),
        with(&client(&other, &at("stranger"), "renkei"), "localhost", &ca),
        // No server but the right one: by its name, and by its authority.
        with(&good, "127.0.0.1", &ca),
        with(&good, "localhost", &others),
    ] {
        assert!(connect(&data, Some(&bad)).await.is_err(), "{bad}");
    }
    // What would show the key to others, or the certificate to nobody.
    fs::set_permissions(&good.key, fs::Permissions::from_mode(0o640)).unwrap();
    let said = connect(&data, Some(&with(&good, "localhost", &ca))).await.err().unwrap();
    assert!(said.contains("set its mode to 600"), "{said}");
    fs::set_permissions(&good.key, fs::Permissions::from_mode(0o600)).unwrap();
    let said =
        connect(&data, Some(&with(&good, "localhost", &ca).replace("verify-full", "prefer"))).await.err().unwrap();
    assert!(said.contains("sslmode=verify-full"), "{said}");
    let half = server.url("localhost", &[("sslrootcert", &ca), ("sslcert", &good.certificate)]);
    assert!(connect(&data, Some(&half)).await.err().unwrap().contains("name both"));
    // The same named in the configuration.
    let config = format!(
        "origin = \"http://127.0.0.1:8080\"\nlisten = \"127.0.0.1:8080\"\n[postgres]\nurl = \"{}\"\nca = \"{}\"\n\
         certificate = \"../good/client.pem\"\nkey = \"../good/client.key\"\n",
        server.url("localhost", &[]),
        ca.display(),
    );
    fs::write(data.join("renkei.toml"), config).unwrap();
    fs::set_permissions(data.join("renkei.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    connect(&data, None).await.unwrap();
}
