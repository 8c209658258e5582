//! The license key: how it is read from whatever a person pastes, made, compared and shown.
//! It never says whether a key is *valid*: only a license server knows that.

use std::fmt;

use rand::TryRngCore;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const PREFIX: &str = "RL";
const GROUPS: usize = 3;
const GROUP_LEN: usize = 8;
/// Letters and digits without the dashes: the prefix and three groups of eight.
const COMPACT_LEN: usize = PREFIX.len() + GROUPS * GROUP_LEN;
/// `RL-XXXXXXXX-XXXXXXXX-XXXXXXXX`.
const CANONICAL_LEN: usize = COMPACT_LEN + GROUPS;
/// Nothing that could be a key is longer, however it was spaced. Checked first, so that
/// a whole document on the clipboard is refused without being walked.
const LONGEST_INPUT: usize = 512;
const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// A license key, `RL-XXXXXXXX-XXXXXXXX-XXXXXXXX`: three groups of eight, A-Z and 0-9.
///
/// Prints masked, compares in constant time, is wiped when dropped, and cannot be serialized.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct LicenseKey(String);

/// Why a text is not a license key. Never holds any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    #[error("The license key is empty.")]
    Empty,
    #[error("The text is {found} characters long; a license key has {CANONICAL_LEN}.")]
    TooLong { found: usize },
    #[error("The license key does not begin with \"RL-\".")]
    WrongPrefix,
    /// `position` counts characters from 1, in the text without the space around it.
    #[error("Character {position} of the license key is not a letter A to Z or a digit.")]
    BadCharacter { position: usize },
    /// Groups after the prefix.
    #[error("The license key has {found} of its {GROUPS} groups after \"RL-\".")]
    TooFewGroups { found: usize },
    #[error("The license key has {found} groups after \"RL-\"; it should have {GROUPS}.")]
    TooManyGroups { found: usize },
    /// `group` counts from 1, after the prefix.
    #[error("Group {group} of the license key has {found} characters; it should have {GROUP_LEN}.")]
    GroupLength { group: usize, found: usize },
    /// Only where the text has no dashes to tell its groups apart.
    #[error(
        "The license key has {found} characters after \"RL\"; it should have {}.",
        GROUPS * GROUP_LEN
    )]
    WrongLength { found: usize },
    #[error("The operating system gave no randomness to make a license key from.")]
    NoRandomness,
}

impl KeyError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "paste the key from your e-mail, or start with a free one.",
            Self::NoRandomness => "try again; if it stays, restart the computer.",
            _ => "copy the whole key again: RL-, then three groups of eight letters and digits.",
        }
    }
}

impl LicenseKey {
    /// Reads a key from what a person typed or pasted: any case, any kind of dash or none,
    /// any white space (line breaks and invisible characters from e-mail included).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > LONGEST_INPUT {
            return Err(KeyError::TooLong {
                found: text.chars().count(),
            });
        }
        let text = text.trim_matches(is_blank);
        if text.is_empty() {
            return Err(KeyError::Empty);
        }

        // The letters and digits in order, and where among them the dashes stood.
        // Room for all of it, so that growing never leaves a copy behind.
        let mut compact = Zeroizing::new(String::with_capacity(text.len()));
        let mut cuts = Vec::new();
        let mut bad = None;
        for (index, c) in text.chars().enumerate() {
            if is_blank(c) {
            } else if is_dash(c) {
                if cuts.last() != Some(&compact.len()) {
                    cuts.push(compact.len());
                }
            } else if c.is_ascii_alphanumeric() {
                compact.push(c.to_ascii_uppercase());
            } else {
                bad = bad.or(Some(index + 1));
                compact.push('?');
            }
        }

        if !compact.starts_with(PREFIX) {
            return Err(KeyError::WrongPrefix);
        }
        if let Some(position) = bad {
            return Err(KeyError::BadCharacter { position });
        }
        cuts.retain(|&cut| cut > PREFIX.len() && cut < compact.len());
        let expected = |cut: &usize| (cut - PREFIX.len()).is_multiple_of(GROUP_LEN);
        if compact.len() != COMPACT_LEN || !cuts.iter().all(expected) {
            return Err(shape_error(compact.len(), &cuts));
        }

        let mut key = String::with_capacity(CANONICAL_LEN);
        key.push_str(PREFIX);
        for group in 0..GROUPS {
            let start = PREFIX.len() + group * GROUP_LEN;
            key.push('-');
            key.push_str(&compact[start..start + GROUP_LEN]);
        }
        Ok(Self(key))
    }

    /// Makes a new key from the operating system's randomness: 24 characters out of 36,
    /// 124 bits.
    pub fn generate() -> Result<Self, KeyError> {
        // 252 is the largest multiple of 36 in a byte: above it, a remainder would favour
        // the first letters.
        const EVEN: u8 = 252;
        let mut key = String::with_capacity(CANONICAL_LEN);
        key.push_str(PREFIX);
        let mut made = 0;
        let mut pool = Zeroizing::new([0u8; 64]);
        while made < GROUPS * GROUP_LEN {
            rand::rngs::OsRng
                .try_fill_bytes(&mut *pool)
                .map_err(|_| KeyError::NoRandomness)?;
            for &byte in pool.iter().filter(|&&byte| byte < EVEN) {
                if made == GROUPS * GROUP_LEN {
                    break;
                }
                if made % GROUP_LEN == 0 {
                    key.push('-');
                }
                key.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
                made += 1;
            }
        }
        Ok(Self(key))
    }

    /// `RL-0566····-····CC32`: enough to tell one's own keys apart, 8 characters of 24.
    pub fn masked(&self) -> String {
        let first = &self.0[3..7];
        let last = &self.0[CANONICAL_LEN - 4..];
        format!("{PREFIX}-{first}····-····{last}")
    }

    /// The key itself, in its canonical form. For the keyring, the store's identity and
    /// the license server; never for anything that prints or logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

fn shape_error(len: usize, cuts: &[usize]) -> KeyError {
    if cuts.is_empty() {
        return KeyError::WrongLength {
            found: len - PREFIX.len(),
        };
    }
    let mut starts = vec![PREFIX.len()];
    starts.extend(cuts);
    let found = starts.len();
    let ends = starts[1..].iter().copied().chain([len]);
    let odd = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| end - start)
        .enumerate()
        .find(|&(_, length)| length != GROUP_LEN);
    if found < GROUPS {
        KeyError::TooFewGroups { found }
    } else if found > GROUPS {
        KeyError::TooManyGroups { found }
    } else {
        // Three groups, each of eight, would have been a key.
        let (index, found) = odd.unwrap_or((0, 0));
        KeyError::GroupLength {
            group: index + 1,
            found,
        }
    }
}

/// White space, and what e-mail programs and word processors add without showing it.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{00AD}' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{180E}'
        )
}

/// A dash in any of the forms that "smart" typing turns it into.
fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '_' | '\u{2010}'
            ..='\u{2015}'
                | '\u{2043}'
                | '\u{2212}'
                | '\u{30FC}'
                | '\u{FE58}'
                | '\u{FE63}'
                | '\u{FF0D}'
    )
}

impl PartialEq for LicenseKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for LicenseKey {}

impl fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LicenseKey({})", self.masked())
    }
}

impl fmt::Display for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "RL-0566ABCD-EFGH1234-XYZ9CC32";

    fn reads(text: &str) {
        let key = LicenseKey::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}"));
        assert_eq!(key.expose(), KEY, "{text:?}");
    }

    #[test]
    fn reads_what_people_paste() {
        reads(KEY);
        reads("  rl-0566abcd-efgh1234-xyz9cc32\r\n");
        reads("RL0566ABCDEFGH1234XYZ9CC32");
        reads("RL 0566ABCD EFGH1234 XYZ9CC32");
        reads("RL\u{2013}0566ABCD\u{2011}EFGH1234\u{2014}XYZ9CC32");
        reads("RL\u{2212}0566ABCD -- EFGH1234 \u{2010}XYZ9CC32");
        reads("\u{FEFF}RL-0566ABCD-EF\u{200B}GH1234-XYZ9\n  CC32\u{00A0}");
        reads("RL0566ABCD-EFGH1234-XYZ9CC32");
        reads("RL-0566ABCDEFGH1234-XYZ9CC32-");
    }

    #[test]
    fn names_what_is_wrong() {
        use KeyError::*;
        for (text, want) in [
            ("", Empty),
            (" \u{200B}\n", Empty),
            ("hello there!", WrongPrefix),
            ("0566ABCD-EFGH1234-XYZ9CC32", WrongPrefix),
            ("LR-0566ABCD-EFGH1234-XYZ9CC32", WrongPrefix),
            ("RL-0566ABCD-EFGH1234", TooFewGroups { found: 2 }),
            (
                "RL-0566ABCD-EFGH1234-XYZ9CC32-AAAAAAAA",
                TooManyGroups { found: 4 },
            ),
            (
                "RL-0566ABCD-EFGH123-XYZ9CC32",
                GroupLength { group: 2, found: 7 },
            ),
            (
                "RL-0566ABC-DEFGH1234-XYZ9CC32",
                GroupLength { group: 1, found: 7 },
            ),
            (
                "RL-0566ABCD-EFGH1234-XYZ9CC321",
                GroupLength { group: 3, found: 9 },
            ),
            ("RL0566ABCDEFGH1234XYZ9CC3", WrongLength { found: 23 }),
            ("RL", WrongLength { found: 0 }),
            (
                "RL-0566ABCD-EFGH1234-XYZ9CC3é",
                BadCharacter { position: 29 },
            ),
            (
                " RL-0566.BCD-EFGH1234-XYZ9CC32",
                BadCharacter { position: 8 },
            ),
        ] {
            assert_eq!(LicenseKey::parse(text).unwrap_err(), want, "{text:?}");
        }
        let long = "A".repeat(10_000);
        assert_eq!(
            LicenseKey::parse(&long).unwrap_err(),
            TooLong { found: 10_000 }
        );
    }

    #[test]
    fn prints_masked_everywhere() {
        let key = LicenseKey::parse(KEY).unwrap();
        assert_eq!(key.masked(), "RL-0566····-····CC32");
        assert_eq!(key.to_string(), "RL-0566····-····CC32");
        assert_eq!(format!("{key:?}"), "LicenseKey(RL-0566····-····CC32)");
        assert_eq!(
            format!("{:#?}", Some(&key)),
            "Some(\n    LicenseKey(RL-0566····-····CC32),\n)"
        );
    }

    #[test]
    fn compares_and_is_wiped() {
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        let key = LicenseKey::parse(KEY).unwrap();
        assert_eq!(key, key.clone());
        assert_ne!(key, LicenseKey::generate().unwrap());
        wiped(&key);
    }

    #[test]
    fn generated_keys_use_the_whole_alphabet_evenly() {
        let mut counts = [0u32; 256];
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3_000 {
            let key = LicenseKey::generate().unwrap();
            assert_eq!(LicenseKey::parse(key.expose()).unwrap(), key);
            assert!(seen.insert(key.expose().to_owned()), "the same key twice");
            key.expose()[3..]
                .bytes()
                .for_each(|b| counts[usize::from(b)] += 1);
        }
        // 72,000 draws over 36 letters: 2,000 each, with a deviation of 44. Ten of those
        // is out of chance's reach, and a plain `% 36` (2,250 for the first four) is not.
        let total: u32 = ALPHABET.iter().map(|&b| counts[usize::from(b)]).sum();
        assert_eq!(total, 72_000);
        for &letter in ALPHABET {
            let count = counts[usize::from(letter)];
            assert!(
                (1_780..2_220).contains(&count),
                "{} came {count} times",
                char::from(letter)
            );
        }
    }

    proptest! {
        #[test]
        fn round_trips_however_it_is_written(
            groups in prop::array::uniform3("[A-Z0-9]{8}"),
            dashes in prop::array::uniform3("[-_ \u{2010}-\u{2015}\u{2212}\u{200B}\u{00A0}]{0,3}"),
            lower: bool,
            around in "[ \t\r\n\u{00A0}\u{FEFF}]{0,4}",
        ) {
            let canonical = format!("RL-{}", groups.join("-"));
            let mut written = String::from("RL");
            for (dash, group) in dashes.iter().zip(&groups) {
                written += dash;
                written += group;
            }
            if lower {
                written = written.to_lowercase();
            }
            let key = LicenseKey::parse(&format!("{around}{written}{around}")).unwrap();
            prop_assert_eq!(key.expose(), &canonical);
            prop_assert_eq!(LicenseKey::parse(key.expose()).unwrap(), key);
        }

        #[test]
        fn garbage_is_an_error_that_does_not_echo_it(text in "\\PC{0,60}") {
            if let Err(error) = LicenseKey::parse(&text) {
                let said = format!("{error} {error:?} {}", error.hint());
                let words = text.split_whitespace().filter(|w| w.chars().count() > 9);
                for word in words {
                    prop_assert!(!said.contains(word));
                }
            }
        }

        #[test]
        fn near_misses_never_panic(text in "[RrLl]{0,3}[-A-Za-z0-9\u{2013}é· \u{200B}]{0,60}") {
            if let Ok(key) = LicenseKey::parse(&text) {
                prop_assert_eq!(key.expose().len(), CANONICAL_LEN);
            }
        }

        #[test]
        fn masked_reveals_eight_characters(groups in prop::array::uniform3("[A-Z0-9]{8}")) {
            let key = LicenseKey::parse(&format!("RL-{}", groups.join("-"))).unwrap();
            let masked = key.masked();
            let shown: String = masked
                .strip_prefix("RL-")
                .unwrap()
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            prop_assert_eq!(shown, format!("{}{}", &groups[0][..4], &groups[2][4..]));
            prop_assert!(LicenseKey::parse(&masked).is_err());
        }
    }
}
