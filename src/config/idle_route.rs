//! Routes that lead no topic anywhere: mostly a slip in a pattern, whose events go to other tables meanwhile.

use super::{Config, RouteConfig};

/// A route that decides for none of the topics that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdleRoute {
    /// Where it stands among the routes, from 0.
    pub index: usize,
    /// The pattern, as the configuration has it.
    pub pattern: String,
    /// An earlier route that decides for a topic which this one matches too, if it matches any.
    pub overtaken_by: Option<usize>,
}

impl Config {
    /// The routes that decide for none of these topics.
    pub fn find_idle_routes<'t>(
        &self,
        topics: impl IntoIterator<Item = &'t str> + Clone,
    ) -> Vec<IdleRoute> {
        let first_for = |topic: &str| {
            let leads = |route: &RouteConfig| route.table_for(topic).is_some();
            self.routes.iter().position(leads)
        };
        let mut idle = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            let topics = topics.clone().into_iter();
            let matched = topics.filter(|topic| route.table_for(topic).is_some());
            let deciding: Vec<usize> = matched.filter_map(first_for).collect();
            if !deciding.contains(&index) {
                idle.push(IdleRoute {
                    index,
                    pattern: written_pattern(route).to_owned(),
                    overtaken_by: deciding.first().copied(),
                });
            }
        }
        idle
    }
}

/// A route's pattern as it is written, without what makes it match whole names.
pub fn written_pattern(route: &RouteConfig) -> &str {
    let whole = route.topic.as_str();
    let inner = whole
        .strip_prefix("^(?:")
        .and_then(|it| it.strip_suffix(")$"));
    inner.unwrap_or(whole)
}
