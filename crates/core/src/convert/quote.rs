//! The line for a shell that does what was done in the window.

use std::collections::BTreeMap;

/// A word as a POSIX shell reads it back: as it is where nothing in it means anything
/// to one, else in single quotes.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// ` --to F --on-reject report --set k=v …`
pub(crate) fn choices(to: &str, options: &BTreeMap<String, String>) -> String {
    let mut line = format!(" --to {}", word(to));
    for (key, value) in options {
        if key == "on_reject" {
            line += &format!(" --on-reject {}", word(value));
        } else {
            line += &format!(" --set {}", word(&format!("{key}={value}")));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_what_needs_quotes_has_them() {
        let options = [
            ("filter", "city = 'Rome'"),
            ("on_reject", "report"),
            ("codec", "zstd"),
            ("null", ""),
        ];
        let options = options
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect();
        assert_eq!(
            choices("parquet", &options),
            " --to parquet --set codec=zstd --set 'filter=city = '\\''Rome'\\''' --set null= --on-reject report"
        );
        assert_eq!(word(""), "''");
    }

    #[cfg(unix)]
    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_back_what_was_meant(text in "[^\\x00]{0,40}") {
            let said = std::process::Command::new("sh")
                .arg("-c")
                .arg(format!("printf %s {}", word(&text)))
                .output()
                .unwrap();
            prop_assert_eq!(String::from_utf8(said.stdout).unwrap(), text);
        }
    }
}
