//! What Connect's default converter makes of a struct in a header: JSON, but that dates and times stand there without
//! quotes, and control characters of a text as they are.

/// JSON out of such a text. What is no such text becomes no JSON either.
pub fn quote_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, is_value) = match first {
            '"' => (string_length(rest), false),
            '{' | '}' | '[' | ']' | ',' | ':' => (first.len_utf8(), false),
            // a time has colons
            _ => (rest.find([',', '}', ']']).unwrap_or(rest.len()), true),
        };
        let (token, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if is_value && serde_json::from_str::<&serde_json::value::RawValue>(token).is_err() {
            out.push_str(&serde_json::Value::from(token).to_string());
        } else {
            push_escaped(&mut out, token);
        }
        rest = behind;
    }
    out
}

/// With both quotes.
fn string_length(quoted: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in quoted.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    quoted.len()
}

fn push_escaped(out: &mut String, token: &str) {
    for c in token.chars() {
        match c {
            c if c.is_ascii_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_quoted_and_control_characters_escaped() {
        let cases = [
            (r#"{"id":42,"name":"a"}"#, r#"{"id":42,"name":"a"}"#),
            (r#"{"d":2020-01-02,"n":1}"#, r#"{"d":"2020-01-02","n":1}"#),
            (r#"{"t":12:30:00.000Z}"#, r#"{"t":"12:30:00.000Z"}"#),
            (
                r#"{"t":2020-01-02T12:30:00.000Z,"b":true}"#,
                r#"{"t":"2020-01-02T12:30:00.000Z","b":true}"#,
            ),
            (
                "{\"n\":\"a\n\\\"é,}\",\"m\":1.50}",
                r#"{"n":"a\u000a\"é,}","m":1.50}"#,
            ),
            (
                r#"{"v":NaN,"a":[2020-01-02,-1]}"#,
                r#"{"v":"NaN","a":["2020-01-02",-1]}"#,
            ),
        ];
        for (text, json) in cases {
            assert_eq!(quote_values(text), json);
            assert!(
                serde_json::from_str::<serde_json::Value>(json).is_ok(),
                "{json}"
            );
        }
    }

    #[test]
    fn whatever_a_header_holds_is_read_to_its_end() {
        for odd in [
            "", "\"", "{\"", "\"\\", "é", "{{", "}}:,", "\"a\\\"", "\u{0}",
        ] {
            quote_values(odd);
        }
    }
}
