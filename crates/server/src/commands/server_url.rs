//! A PostgreSQL URL as `libpq` reads it: the driver knows no files, so those that it names are taken out here.

use std::path::PathBuf;

/// A URL for the driver, and what stood in it that the driver does not know.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerUrl {
    /// The rest. Holds a password.
    pub url: String,
    /// `sslrootcert`: the authority of the server's certificate.
    pub ca: Option<PathBuf>,
    /// `sslcert`: the certificate that the server is shown.
    pub certificate: Option<PathBuf>,
    /// `sslkey`: its key.
    pub key: Option<PathBuf>,
    /// Whether nothing but TLS will do.
    pub has_tls: bool,
}

impl ServerUrl {
    /// Takes a URL apart. TLS always means that the server's name and authority are checked, so `verify-full` says no
    /// more than `require`, and what says less is refused.
    ///
    /// # Errors
    /// The sentence for whoever wrote it; it has nothing of the URL in it but names of parameters.
    pub fn read(url: &str) -> Result<ServerUrl, String> {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let mut read = ServerUrl { url: String::new(), ca: None, certificate: None, key: None, has_tls: false };
        let mut rest = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let file = match name {
                "sslrootcert" => &mut read.ca,
                "sslcert" => &mut read.certificate,
                "sslkey" => &mut read.key,
                "sslmode" => {
                    read.has_tls = matches!(value, "require" | "verify-full");
                    if value == "verify-ca" {
                        return Err("sslmode=verify-ca does not check whose certificate it is: use verify-full".into());
                    }
                    rest.push(if value == "verify-full" { "sslmode=require" } else { pair });
                    continue;
                }
                _ => {
                    rest.push(pair);
                    continue;
                }
            };
            *file = Some(absolute(name, value)?);
        }
        read.url = if rest.is_empty() { place.to_owned() } else { format!("{place}?{}", rest.join("&")) };
        Ok(read)
    }
}

fn absolute(name: &str, value: &str) -> Result<PathBuf, String> {
    // A plus is a plus in these URLs, and a space nowhere but in forms.
    let value = value.replace('+', "%2B");
    let text = form_urlencoded::parse(value.as_bytes()).next().map(|(text, _)| text.into_owned()).unwrap_or_default();
    let path = PathBuf::from(text);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("{name} in PostgreSQL's URL: write the whole path of the file"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_027_the_files_of_a_url_are_those_of_libpq() {
        let read = ServerUrl::read(
            "postgres://renkei:a%3Fb@db/renkei?sslmode=verify-full&sslcert=/etc/r%20k/own.pem&application_name=renkei\
             &sslkey=/etc/a+b.key&sslrootcert=/etc/ca.pem",
        )
        .unwrap();
        assert_eq!(read.url, "postgres://renkei:a%3Fb@db/renkei?sslmode=require&application_name=renkei");
        assert_eq!(read.certificate, Some("/etc/r k/own.pem".into()));
        assert_eq!(read.key, Some("/etc/a+b.key".into()));
        assert_eq!((read.ca, read.has_tls), (Some("/etc/ca.pem".into()), true));
        for plain in ["postgres://renkei@db/renkei", "postgres://db?sslmode=disable", "postgres://db?options=-cx%3Dy"] {
            let read = ServerUrl::read(plain).unwrap();
            assert_eq!((read.url.as_str(), read.has_tls, read.key), (plain, false, None));
        }
        for (bad, word) in
            [("sslmode=verify-ca", "verify-full"), ("sslcert=own.pem", "whole path"), ("sslkey=", "sslkey")]
        {
            let said = ServerUrl::read(&format!("postgres://renkei:word@db/renkei?{bad}")).unwrap_err();
            assert!(said.contains(word) && !said.contains(":word@"), "{said}");
        }
    }
}
