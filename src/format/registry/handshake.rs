//! What stands behind a TLS handshake that fails, and the setting that mends it: OpenSSL's words name neither.

/// Words of OpenSSL's, and what is to be done. The first that are found hold: "certificate verify failed" comes with
/// what failed of it in brackets.
const CAUSES: [(&[&str], &str); 9] = [
    (
        &["certificate has expired"],
        "its certificate has expired: have the registry's certificate renewed",
    ),
    (
        &["certificate is not yet valid"],
        "its certificate isn't valid yet: correct this machine's clock, or the registry's certificate",
    ),
    (
        &["hostname mismatch", "IP address mismatch"],
        "its certificate is for another host: ask by a name that it has, in format.registry.url",
    ),
    (
        &["certificate verify failed"],
        "its certificate is of no authority that is trusted: set format.registry.ca_file to the authority's certificate",
    ),
    (
        &["alert certificate required", "alert handshake failure"],
        "it asks for a client's certificate: set format.registry.cert_file and format.registry.key_file",
    ),
    (
        &[
            "alert unknown ca",
            "alert bad certificate",
            "alert unsupported certificate",
        ],
        "it doesn't trust our certificate: set format.registry.cert_file to one of an authority that it trusts",
    ),
    (
        &["alert certificate expired"],
        "our certificate has expired: have that of format.registry.cert_file renewed",
    ),
    (
        &["alert certificate revoked"],
        "our certificate is revoked: have that of format.registry.cert_file replaced",
    ),
    (
        &["wrong version number", "packet length too long"],
        "it speaks no TLS there: correct format.registry.url, or its https://",
    ),
];

/// What is wrong, if the words of an error are those of a handshake that the next try doesn't mend.
pub(super) fn explain_handshake(said: &str) -> Option<&'static str> {
    let causes = CAUSES.iter();
    let found = causes.filter(|(words, _)| words.iter().any(|word| said.contains(word)));
    found.map(|(_, what)| *what).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_in_brackets_say_more_than_those_before_them() {
        let failed = "certificate verify failed:ssl/statem/statem_clnt.c:2103:";
        let explain = |cause: &str| explain_handshake(&format!("{failed} ({cause})"));
        assert!(explain("certificate has expired").is_some_and(|what| what.contains("renewed")));
        assert!(explain("hostname mismatch").is_some_and(|what| what.contains("url")));
        let of_none = explain("unable to get local issuer certificate");
        assert!(of_none.is_some_and(|what| what.contains("ca_file")));
        assert_eq!(explain_handshake("Connection refused (os error 111)"), None);
    }
}
