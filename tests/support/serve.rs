//! Who answers over HTTP in a test.

use axum::Router;
use tokio::net::TcpListener;

/// Serves until the test ends; the URL that it is reached by.
pub async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}
