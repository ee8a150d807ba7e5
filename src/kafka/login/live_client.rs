//! A client that is handed what it logs in with as long as it lives.
//!
//! rdkafka hands a token to clients that are polled alone, and without extensions; so this file has unsafe code.

#![allow(unsafe_code)]

use std::ffi::{CString, c_char};
use std::ops::Deref;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rdkafka::admin::AdminClient;
use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::producer::{FutureProducer, Producer as _};

use crate::config::Secret;
use crate::kafka::login::Login;
use crate::kafka::login::proof::{Proof, Token};

/// What librdkafka says of a token that it doesn't take fits in.
const REFUSAL_BYTES: usize = 512;

/// A client of Kafka, and its place among those that are handed what they log in with.
pub(in crate::kafka) struct LiveClient<T> {
    /// Dropped before the client, as fields are in their order: nobody touches a client that is gone.
    _place: Option<Place>,
    client: T,
}

impl<T> Deref for LiveClient<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.client
    }
}

impl<T: HasHandle> LiveClient<T> {
    pub(in crate::kafka) fn new(client: T, login: Option<Arc<Login>>) -> Self {
        let place = login.map(|login| Place {
            number: login.take_in(Handle(client.native_handle())),
            login,
        });
        Self {
            _place: place,
            client,
        }
    }
}

struct Place {
    number: u64,
    login: Arc<Login>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.login.let_go(self.number);
    }
}

/// What has a client of librdkafka's within.
pub(in crate::kafka) trait HasHandle {
    /// It lives as long as `self`.
    fn native_handle(&self) -> *mut rd::rd_kafka_t;
}

impl<C: ConsumerContext> HasHandle for BaseConsumer<C> {
    fn native_handle(&self) -> *mut rd::rd_kafka_t {
        self.client().native_ptr()
    }
}

impl<C: ClientContext> HasHandle for AdminClient<C> {
    fn native_handle(&self) -> *mut rd::rd_kafka_t {
        self.inner().native_ptr()
    }
}

impl<C: ClientContext + 'static> HasHandle for FutureProducer<C> {
    fn native_handle(&self) -> *mut rd::rd_kafka_t {
        self.client().native_ptr()
    }
}

/// A client that lives: its [`Place`] takes it away from whoever has it before it is gone.
pub(super) struct Handle(*mut rd::rd_kafka_t);

// SAFETY: every call of librdkafka's may be made from any thread.
unsafe impl Send for Handle {}

impl Handle {
    /// Hands over what the client is to log in with from now on. If librdkafka doesn't take it, the client says why.
    pub(super) fn give(&self, proof: &Proof) {
        let given = match proof {
            Proof::Token(token) => self.set_token(token),
            Proof::Password { user, password } => self.set_password(user, password),
        };
        if let Err(why) = given {
            self.tell_failure(&why);
        }
    }

    fn set_password(&self, user: &str, password: &Secret) -> Result<(), String> {
        let (user, password) = (c_text(user)?, c_text(password.expose())?);
        // SAFETY: the client lives; the texts are copied; an error is ours to destroy.
        unsafe {
            let error = rd::rd_kafka_sasl_set_credentials(self.0, user.as_ptr(), password.as_ptr());
            if error.is_null() {
                return Ok(());
            }
            rd::rd_kafka_error_destroy(error);
        }
        Err("librdkafka takes no other password".to_owned())
    }

    /// A client that logs in with tokens says this, once, as an error of its own; a token that it has is used as long as it lives.
    pub(super) fn tell_failure(&self, why: &str) {
        if let Ok(text) = CString::new(why.replace('\0', " ")) {
            // SAFETY: the client lives; the text is copied.
            unsafe { rd::rd_kafka_oauthbearer_set_token_failure(self.0, text.as_ptr()) };
        }
    }

    fn set_token(&self, token: &Token) -> Result<(), String> {
        let (value, principal) = (c_text(token.value.expose())?, c_text(&token.principal)?);
        let since = token
            .expires_at
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let expires_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let expires_ms = expires_ms.min(i64::MAX / 1000); // librdkafka counts microseconds
        let texts = token
            .extensions
            .iter()
            .flat_map(|(name, value)| [name, value]);
        let texts: Vec<CString> = texts.map(|text| c_text(text)).collect::<Result<_, _>>()?;
        let mut extensions: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let mut refusal = [0_u8; REFUSAL_BYTES];
        // SAFETY: the client lives; all texts are copied; the refusal is written within its bounds, with its end.
        let code = unsafe {
            rd::rd_kafka_oauthbearer_set_token(
                self.0,
                value.as_ptr(),
                expires_ms,
                principal.as_ptr(),
                extensions.as_mut_ptr(),
                extensions.len(),
                refusal.as_mut_ptr().cast(),
                refusal.len(),
            )
        };
        if code == RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        let end = refusal.iter().position(|byte| *byte == 0);
        let said = refusal.get(..end.unwrap_or_default()).unwrap_or_default();
        Err(format!(
            "librdkafka doesn't take the token: {}",
            String::from_utf8_lossy(said)
        ))
    }
}

fn c_text(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| "it has a zero in it".to_owned())
}
