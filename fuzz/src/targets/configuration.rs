//! A configuration file.

use landfall::config::Config;

use crate::Target;

pub const TARGET: Target = Target {
    name: "configuration",
    run,
    seeds: &[
        include_str!("../../../config/landfall.toml"),
        "[kafka]\nbrokers = 'b:1'\ntopics = ['^shop\\.(.*)']\n[postgres]\nurl = 'postgres://u:p@h:5432/d?sslmode=require'\n[[route]]\ntopic = '(?<a>[^.]+)\\.(?<b>.+)'\ntable = '${a}.${b}'\nkey = ['id']\n",
    ],
};

fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match Config::parse(text) {
        Ok(config) => {
            let _ = config.summary();
            for topic in ["shop.public.orders", "a_b_c", ""] {
                let _ = (config.route_for(topic), config.format_of(topic));
            }
        }
        Err(error) => _ = error.to_string(),
    }
}
