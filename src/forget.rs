use crate::cli::Forget;
use crate::config::Config;
pub async fn forget(_: &Config, _: &Forget) -> Result<(), String> {
    Err("not yet".into())
}
