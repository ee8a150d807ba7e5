//! The URL of a service that is asked over HTTP.

use url::Url;

use super::value::{Refusal, allowed, because};

/// What the configuration says of a service's URL.
pub(super) struct ServiceUrl {
    /// What may be written.
    pub allowed: &'static str,
    /// Where a user and a password are written instead.
    pub login: &'static str,
}

impl ServiceUrl {
    /// The URL without a slash at its end: what is asked for is put after it, as more parts of its path.
    pub fn parse(&self, text: &str) -> Result<Url, Refusal> {
        let mut url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| allowed(self.allowed))?;
        if !url.username().is_empty() || url.password().is_some() {
            let login = self.login;
            return Err(because(format!(
                "holds a user or a password: set {login} instead"
            )));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(because("has a ? or a #: the URL ends with its path"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(url)
    }
}
