use crate::config::Config;
pub async fn status(_: &Config, _: bool) -> Result<(), String> {
    Err("not yet".into())
}
