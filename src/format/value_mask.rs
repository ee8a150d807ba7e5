//! Values that are written as something else: `mask` of a `[[route]]`.

use bumpalo::Bump;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::config::Secret;
use crate::format::unavailable::Unavailable;

/// Hashes values by a key: HMAC-SHA256, in hexadecimal digits.
pub(super) struct ValueMask {
    keyed: Option<Hmac<Sha256>>,
    unavailable: Unavailable,
}

impl ValueMask {
    /// With the key of hashes, and what stands for a value that isn't there.
    pub fn new(key: Option<&Secret>, unavailable: Unavailable) -> Self {
        // any length makes a key
        let keyed = key.and_then(|key| Hmac::new_from_slice(key.expose().as_bytes()).ok());
        Self { keyed, unavailable }
    }

    /// The keyed hash of a field's JSON text, as one: of what a string says, of anything else as it is written. What is
    /// null, or isn't there, stays so. Without a key there is nothing to be hashed, and nothing is shown.
    pub fn hash_value<'r>(&self, raw: &'r str, arena: &'r Bump) -> &'r str {
        if raw == "null" || self.unavailable.is_meant(raw) {
            return raw;
        }
        let Some(mut hash) = self.keyed.clone() else {
            return "null";
        };
        match serde_json::from_str::<String>(raw) {
            Ok(text) => hash.update(text.as_bytes()),
            Err(_) => hash.update(raw.as_bytes()),
        }
        let digits = hash.finalize().into_bytes();
        let digits: String = digits.iter().map(|byte| format!("{byte:02x}")).collect();
        arena.alloc_str(&format!("\"{digits}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: &str, raw: &'static str) -> String {
        let mask = ValueMask::new(Some(&Secret::new(key)), Unavailable::new("gone"));
        mask.hash_value(raw, &Bump::new()).to_owned()
    }

    #[test]
    fn a_hash_is_what_hmac_sha256_says_whoever_computes_it() {
        // RFC 4231, test case 2
        assert_eq!(
            hash("Jefe", r#""what do ya want for nothing?""#),
            r#""5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843""#
        );
    }

    #[test]
    fn equal_values_stay_equal_however_they_are_escaped_and_another_key_makes_them_others() {
        assert_eq!(hash("k", r#""a""#), hash("k", r#""\u0061""#));
        assert_ne!(hash("k", r#""a""#), hash("k", r#""b""#));
        assert_ne!(hash("k", r#""a""#), hash("l", r#""a""#));
        assert_eq!(hash("k", "7"), hash("k", r#""7""#));
    }

    #[test]
    fn null_and_what_the_event_leaves_out_are_no_values() {
        assert_eq!(hash("k", "null"), "null");
        assert_eq!(hash("k", r#""gone""#), r#""gone""#);
    }
}
