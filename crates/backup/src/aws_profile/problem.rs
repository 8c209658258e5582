//! Why a profile gives no keys: facts only, words are made where they are shown.

/// Never a secret, and never what a profile's own program wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfileProblem {
    /// `others` are there.
    NotThere { others: Vec<String> },
    /// It has settings, but nothing that leads to keys.
    NoKeys,
    /// One half of a pair of keys is there.
    HalfKeys,
    /// The other profile that it builds on is not there.
    SourceNotThere { source: String },
    /// Profiles that build on each other in a circle.
    Circle,
    /// A role, and not exactly one setting that says with whose keys to take it on.
    RoleWithoutSource,
    /// Single sign-on without an account or a role, or with a session that is not there.
    SignInIncomplete,
    /// A role that asks for the code of an MFA device.
    Mfa,
    /// Keys of `aws login`.
    AwsLogin,
    /// A role may not be taken on; `why` as the service said it.
    RoleRefused { role: String, why: String },
    /// The single sign-on of `source`, this profile or one that it builds on, has ended.
    SignInExpired { source: String },
    /// The program that gives the keys ended with an error, or could not be started.
    ProcessFailed { status: String },
    /// It answered with something that is no keys.
    ProcessAnswer,
    /// Nothing came within this many seconds.
    TooSlow { seconds: u64 },
    /// The keys that came were over already.
    Expired,
    /// Whoever has the keys (a service of this machine, a token) gave none.
    NoneGiven { source: String },
}
