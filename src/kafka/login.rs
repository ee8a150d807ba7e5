//! What clients log in with, where that is renewed while they live: tokens, and passwords that others change.
//!
//! librdkafka asks for a token by an event, which only clients bring that are polled; those that are merely asked
//! something never would. So a thread of ours asks for it once, for all clients, and hands it to each.

mod endpoint;
mod live_client;
mod proof;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use crate::config::{KafkaConfig, KafkaLogin, Secret};
use crate::kafka::login::endpoint::EndpointClient;
use crate::kafka::login::live_client::Handle;
pub(super) use crate::kafka::login::live_client::{HasHandle, LiveClient};
use crate::kafka::login::proof::{Proof, ProofError, Token};
use crate::locked::Locked;

/// When it is asked for again after it wasn't given.
const RETRY_INTERVAL: Duration = Duration::from_secs(2);

/// A token is asked for again when so much of its life is over,
const RENEWED_AFTER: f64 = 0.8;
/// but not more often than this.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(500);

/// How often a file is read, whether it has another secret by now,
const FILE_INTERVAL: Duration = Duration::from_secs(1);
/// and a command run, which costs more.
const COMMAND_INTERVAL: Duration = Duration::from_secs(60);

static LOGINS: LazyLock<Locked<Vec<Arc<Login>>>> = LazyLock::new(Locked::default);

/// How the clients of one configuration log in.
pub(super) struct Login {
    source: KafkaLogin,
    state: Locked<State>,
}

#[derive(Default)]
struct State {
    /// The clients that live, each by its number.
    clients: BTreeMap<u64, Handle>,
    next_number: u64,
    /// What was given last.
    proof: Option<Proof>,
    /// Why nothing was given after that.
    failure: Option<String>,
}

impl Login {
    /// The one for this configuration, whose clients all have the same; `None` where librdkafka has all that it needs. The
    /// first time it may block its thread, for the ten seconds that a command for a password has.
    pub(super) fn of_config(config: &KafkaConfig) -> Option<Arc<Self>> {
        let source = config.login.as_ref()?;
        let mut logins = LOGINS.lock();
        if let Some(login) = logins.iter().find(|login| login.source == *source) {
            return Some(login.clone());
        }
        let login = Arc::new(Self {
            source: source.clone(),
            state: Locked::default(),
        });
        let (kept, (first, answered)) = (login.clone(), mpsc::channel());
        let thread = std::thread::Builder::new().name("kafka-login".into());
        match thread.spawn(move || kept.renew_without_end(&first)) {
            // a client is made with its password; a token it waits for by itself
            Ok(_) if matches!(source, KafkaLogin::Password { .. }) => _ = answered.recv(),
            Ok(_) => {}
            Err(error) => login.note_answer(Err(format!("can't start a thread: {error}"))),
        }
        logins.push(login.clone());
        Some(login)
    }

    /// The password as it is now; `None`: clients log in with something else.
    ///
    /// # Errors
    /// There was none yet: why.
    pub(super) fn password(&self) -> Result<Option<Secret>, String> {
        let KafkaLogin::Password { .. } = &self.source else {
            return Ok(None);
        };
        let state = self.state.lock();
        match (&state.proof, &state.failure) {
            (Some(Proof::Password { password, .. }), _) => Ok(Some(password.clone())),
            (_, failure) => Err(failure.clone().unwrap_or_default()),
        }
    }

    fn renew_without_end(&self, first: &mpsc::Sender<()>) {
        loop {
            let answer = self.ask();
            let pause = match &answer {
                Ok(proof) => self.pause_after(proof),
                Err(_) => RETRY_INTERVAL,
            };
            self.note_answer(answer.map_err(|error| error.to_string()));
            let _ = first.send(()); // nobody waits for a second one
            std::thread::sleep(pause);
        }
    }

    fn ask(&self) -> Result<Proof, ProofError> {
        match &self.source {
            KafkaLogin::Password { user, password } => Ok(Proof::Password {
                user: user.clone(),
                password: password.read_blocking()?,
            }),
            KafkaLogin::Token(source) => {
                let token = Token::of_text(source.read_blocking()?);
                Ok(Proof::Token(token.unless_expired(source.key())?))
            }
            // made anew each time: the files of its certificates may be others by now
            KafkaLogin::Endpoint(endpoint) => {
                let token = EndpointClient::new(endpoint)?.ask_for_token()?;
                Ok(Proof::Token(token.unless_expired(endpoint.url.as_str())?))
            }
        }
    }

    fn pause_after(&self, proof: &Proof) -> Duration {
        let looked_at = match &self.source {
            KafkaLogin::Password {
                password: source, ..
            }
            | KafkaLogin::Token(source) => Some(if source.is_command() {
                COMMAND_INTERVAL
            } else {
                FILE_INTERVAL
            }),
            KafkaLogin::Endpoint(_) => None,
        };
        let lives = match proof {
            Proof::Token(token) => Some(token.lifetime_left().mul_f64(RENEWED_AFTER)),
            Proof::Password { .. } => None,
        };
        let first = looked_at.into_iter().chain(lives).min();
        first.unwrap_or(RETRY_INTERVAL).max(SHORTEST_INTERVAL)
    }

    fn note_answer(&self, answer: Result<Proof, String>) {
        let mut state = self.state.lock();
        match answer {
            Ok(proof) => {
                if state.proof.as_ref() != Some(&proof) || state.failure.is_some() {
                    state
                        .clients
                        .values()
                        .for_each(|client| client.give(&proof));
                }
                (state.proof, state.failure) = (Some(proof), None);
            }
            Err(why) => {
                state
                    .clients
                    .values()
                    .for_each(|client| client.tell_failure(&why));
                if state.failure.as_ref() != Some(&why) {
                    tracing::warn!("what Kafka's clients log in with can't be had: {why}");
                }
                state.failure = Some(why);
            }
        }
    }

    /// Hands to the client what there is now, and whatever comes later.
    fn take_in(&self, client: Handle) -> u64 {
        let mut state = self.state.lock();
        if let Some(proof) = &state.proof {
            client.give(proof);
        }
        if let Some(why) = &state.failure {
            client.tell_failure(why);
        }
        let number = state.next_number;
        state.next_number += 1;
        state.clients.insert(number, client);
        number
    }

    /// Once this has returned, the client isn't touched any more.
    fn let_go(&self, number: u64) {
        self.state.lock().clients.remove(&number);
    }
}
