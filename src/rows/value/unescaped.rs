//! A JSON string compared with a text, whichever of its characters it escapes.

use std::str::Chars;

/// Whether a JSON string, with its quotes, says the text. Ends at the first character that differs.
#[inline]
pub(super) fn says_text(quoted: &str, text: &str) -> bool {
    // nearly every value begins otherwise
    let (said, meant) = (quoted.as_bytes().get(1), text.as_bytes().first());
    let may_say = said == meant || said == Some(&b'\\') || meant.is_none();
    may_say && says_all_of(quoted, text)
}

fn says_all_of(quoted: &str, text: &str) -> bool {
    let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"'));
    // no escape is shorter than what it stands for
    inner
        .is_some_and(|inner| inner.len() >= text.len() && Unescaped(inner.chars()).eq(text.chars()))
}

/// Whether the JSON begins with a string that begins with the text. Ends at the first character that differs.
pub(super) fn begins_with_text(json: &str, text: &str) -> bool {
    json.strip_prefix('"').is_some_and(|inner| {
        let mut said = Unescaped(inner.chars());
        text.chars().all(|character| said.next() == Some(character))
    })
}

/// The characters that a JSON string stands for. Ends where an escape is none.
struct Unescaped<'j>(Chars<'j>);

impl Unescaped<'_> {
    /// What follows `\u`; two of these if one is not enough for the character.
    fn read_utf16(&mut self) -> Option<char> {
        let first = self.read_unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(u32::from(first));
        }
        self.0 = self.0.as_str().strip_prefix("\\u")?.chars();
        let second = self.read_unit()?;
        char::decode_utf16([first, second]).next()?.ok()
    }

    fn read_unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.0.as_str().split_at_checked(4)?;
        self.0 = rest.chars();
        u16::from_str_radix(digits, 16).ok()
    }
}

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self.0.next()? {
            '\\' => {}
            plain => return Some(plain),
        }
        Some(match self.0.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.read_utf16(),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_says_a_text_in_each_of_its_spellings() {
        for (quoted, text) in [
            (r#""__x__""#, "__x__"),
            (r#""\u005f_x\u005F_""#, "__x__"),
            (r#""a\/b\"\\""#, "a/b\"\\"),
            (r#""\b\f\n\r\t""#, "\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\u20ac\ud83d\ude00é""#, "é€😀é"),
            (r#""""#, ""),
        ] {
            assert!(says_text(quoted, text), "{quoted}");
            assert!(begins_with_text(&format!("{quoted},"), text), "{quoted}");
            let parsed: String = serde_json::from_str(quoted).unwrap();
            assert_eq!(parsed, text);
        }
        for (quoted, text) in [
            (r#""__x_""#, "__x__"),
            (r#""__x__ ""#, "__x__"),
            (r#""a\b""#, "a\\b"),
            (r#""\u00""#, "\u{0}"),
            (r#""\ud83d""#, "😀"),
            (r#""\ud83d\u0061""#, "😀"),
            ("__x__", "__x__"),
            ("\"", ""),
        ] {
            assert!(!says_text(quoted, text), "{quoted}");
        }
        assert!(begins_with_text(r#""a\/bc", 1"#, "a/b"));
        for json in ["", "\"", "a/b", r#" "a/b""#, r#""a/""#, r#""ab""#] {
            assert!(!begins_with_text(json, "a/b"), "{json}");
        }
    }
}
