//! An identity provider: gives tokens to who has the client's secret, and serves the key that they are signed with.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::USER;

pub const CLIENT_SECRET: &str = "hunter2-of-the-endpoint";

pub struct TokenEndpoint {
    url: String,
    issuer: Arc<Issuer>,
}

struct Issuer {
    key: PKey<Private>,
    /// One that nobody knows of.
    other_key: PKey<Private>,
    given: AtomicUsize,
}

impl TokenEndpoint {
    /// Lives as long as the tests' process.
    pub fn start() -> Self {
        let key = || PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
        let issuer = Arc::new(Issuer {
            key: key(),
            other_key: key(),
            given: AtomicUsize::new(0),
        });
        let app = Router::new()
            .route("/keys", get(serve_keys))
            .route("/{kind}/token", post(give_token))
            .with_state(issuer.clone());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        listener.set_nonblocking(true).expect("for tokio");
        // a runtime of its own: a test's ends with the test
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("bound");
                let _ = axum::serve(listener, app).await;
            });
        });
        Self { url, issuer }
    }

    /// Below it tokens of a kind are at `KIND/token`: `hour`, `seconds` (they live for five), `expired`, `foreign` (another
    /// issuer's).
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where brokers find the public key.
    pub fn keys_url(&self) -> String {
        format!("{}/keys", self.url)
    }

    /// How many tokens were given.
    pub fn given(&self) -> usize {
        self.issuer.given.load(Ordering::Relaxed)
    }

    /// A token, as a command would print it.
    pub fn token(&self, lifetime: i64) -> String {
        self.issuer.sign(&self.issuer.key, lifetime)
    }
}

async fn serve_keys(State(issuer): State<Arc<Issuer>>) -> String {
    let rsa = issuer.key.rsa().expect("it is one");
    let encode = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
    let key = json!({
        "kty": "RSA", "kid": "tests", "use": "sig", "alg": "RS256",
        "n": encode(rsa.n().to_vec()), "e": encode(rsa.e().to_vec()),
    });
    json!({"keys": [key]}).to_string()
}

async fn give_token(
    State(issuer): State<Arc<Issuer>>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let wanted = format!(
        "Basic {}",
        STANDARD.encode(format!("{USER}:{CLIENT_SECRET}"))
    );
    let login = headers.get("authorization").and_then(|it| it.to_str().ok());
    if login != Some(&wanted) {
        let said = json!({"error": "invalid_client", "error_description": "the secret is wrong"});
        return (StatusCode::UNAUTHORIZED, said.to_string());
    }
    assert!(body.contains("grant_type=client_credentials"), "{body}");
    let (key, lifetime) = match &*kind {
        "hour" => (&issuer.key, 3600),
        "seconds" => (&issuer.key, 5),
        "expired" => (&issuer.key, -60),
        "foreign" => (&issuer.other_key, 3600),
        _ => return (StatusCode::NOT_FOUND, String::new()),
    };
    issuer.given.fetch_add(1, Ordering::Relaxed);
    let token = issuer.sign(key, lifetime);
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime});
    (StatusCode::OK, answer.to_string())
}

impl Issuer {
    /// A token of RS256, for so many seconds.
    fn sign(&self, key: &PKey<Private>, lifetime: i64) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let now = now.as_secs() as i64;
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = encode(json!({"alg": "RS256", "typ": "JWT", "kid": "tests"}));
        let claims = encode(json!({
            "iss": "tests", "sub": USER, "aud": "kafka", "scope": "kafka",
            "iat": now - 120, "exp": now + lifetime,
        }));
        let signed = format!("{head}.{claims}");
        let mut signer = Signer::new(MessageDigest::sha256(), key).expect("RS256");
        let signature = signer
            .sign_oneshot_to_vec(signed.as_bytes())
            .expect("signed");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
