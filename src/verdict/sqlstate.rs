//! SQLSTATEs that something is decided by, under the names that Postgres gives them (its manual, appendix A).

pub const CHECK_VIOLATION: &str = "23514";
pub const DEADLOCK_DETECTED: &str = "40P01";
pub const EXCLUSION_VIOLATION: &str = "23P01";
pub const FOREIGN_KEY_VIOLATION: &str = "23503";
pub const INSUFFICIENT_PRIVILEGE: &str = "42501";
pub const INVALID_CATALOG_NAME: &str = "3D000";
pub const INVALID_PASSWORD: &str = "28P01";
pub const INVALID_TEXT: &str = "22P02";
pub const LOCK_NOT_AVAILABLE: &str = "55P03";
pub const NOT_NULL_VIOLATION: &str = "23502";
pub const OUT_OF_MEMORY: &str = "53200";
pub const QUERY_CANCELED: &str = "57014";
pub const STRING_TOO_LONG: &str = "22001";
pub const TOO_MANY_CONNECTIONS: &str = "53300";
pub const UNDEFINED_FUNCTION: &str = "42883";
pub const UNDEFINED_OBJECT: &str = "42704";
pub const UNDEFINED_TABLE: &str = "42P01";
pub const UNIQUE_VIOLATION: &str = "23505";
