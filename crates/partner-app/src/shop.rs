//! The site's insides: what all pages share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use renkei_client::{Client, ClientConfig, Error};

use crate::book::Book;
use crate::config::{InstitutionConfig, PartnerAppConfig, StartError};

/// Configuration, book and connections.
pub(crate) struct Shop {
    pub(crate) config: PartnerAppConfig,
    /// The institutions by slug: the code, with a count where one code has several products.
    pub(crate) offers: Vec<(String, InstitutionConfig)>,
    book: Mutex<Book>,
    clients: tokio::sync::Mutex<HashMap<String, Arc<Client>>>,
    /// Held while a linkage is read or ended: two readers from one mark would both store what is new.
    pub(crate) reading: tokio::sync::Mutex<()>,
    /// Held while a browser that came back is dealt with: the one that comes twice finds what its first coming
    /// led to.
    pub(crate) returning: tokio::sync::Mutex<()>,
}

impl Shop {
    pub(crate) fn open(config: PartnerAppConfig) -> Result<Self, StartError> {
        let book = Book::open(config.state_file.as_deref())?;
        let mut offers: Vec<(String, InstitutionConfig)> = Vec::new();
        for institution in &config.institutions {
            let earlier = offers.iter().filter(|(_, offer)| offer.code == institution.code).count();
            let slug = match earlier {
                0 => institution.code.clone(),
                _ => format!("{}-{}", institution.code, earlier + 1),
            };
            offers.push((slug, institution.clone()));
        }
        Ok(Self {
            config,
            offers,
            book: Mutex::new(book),
            clients: tokio::sync::Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            returning: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn now(&self) -> u64 {
        self.config.outside.clock.now()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.config.base_url.starts_with("https://")
    }

    pub(crate) fn offer(&self, slug: &str) -> Option<&InstitutionConfig> {
        self.offers.iter().find(|(own, _)| own == slug).map(|(_, offer)| offer)
    }

    /// The book, to look something up; never held while waiting for an institution.
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the book and writes it down. A disk that refuses is told to the operator; the site goes on
    /// from memory.
    pub(crate) fn change<T>(&self, make: impl FnOnce(&mut Book) -> T) -> T {
        let mut book = self.book();
        let made = make(&mut book);
        if let Some(path) = &self.config.state_file
            && let Err(error) = book.save(path)
        {
            tracing::error!(%error, "the state file can't be written");
        }
        made
    }

    /// The connection to an institution; its metadata is read on first use.
    pub(crate) async fn client(&self, offer: &InstitutionConfig) -> Result<Arc<Client>, Error> {
        let name = format!("{} {}", offer.issuer, offer.client_id);
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(&name) {
            return Ok(Arc::clone(client));
        }
        let config = ClientConfig {
            client_id: offer.client_id.clone(),
            key: offer.key.clone(),
            redirect_uri: self.config.redirect_uri(),
            signing: offer.signing,
        };
        let client = Arc::new(Client::discover(&offer.issuer, config, self.config.outside.clone()).await?);
        clients.insert(name, Arc::clone(&client));
        Ok(client)
    }
}
