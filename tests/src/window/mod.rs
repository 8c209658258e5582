//! The real window, driven as a person would: on a virtual display of its own, with a session bus
//! and a keyring of its own, in a home folder that goes away afterwards.
//!
//! A test opens a [`Desktop`], opens the app on it as a [`Window`], and finds things by their
//! `data-testid`. Every wait has a deadline, and a wait that runs out says what the window showed
//! instead and leaves a picture of it. One desktop runs at a time on a machine, across test
//! binaries, since a starved window misses deadlines that matter.
//!
//! Never touches the display, the bus, the keyring or the profiles of whoever runs it, and never
//! ends a process that it did not start.

mod app;
mod desktop;
mod drag;
mod driver;
mod process;

pub use app::{PATIENCE, Window};
pub use desktop::{Desktop, Keyring};
pub use driver::built;
pub use fantoccini::{elements::Element, key::Key};
