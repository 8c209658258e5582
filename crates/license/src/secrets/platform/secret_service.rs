//! Linux: the freedesktop Secret Service over D-Bus. Entries are read and written by
//! `zbus-secret-service-keyring-store`; what it cannot tell is asked here directly: whether
//! a service exists at all, and whether its collection is locked, both without a prompt.
//!
//! Specification: <https://specifications.freedesktop.org/secret-service/latest/>

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keyring_core::api::CredentialStore;
use keyring_core::error::PlatformError;
use keyring_core::{Error as StoreError, Result as StoreResult};
use zbus::DBusError;
use zbus::blocking::connection::Builder;
use zbus::blocking::{Connection, MessageIterator};
use zbus::zvariant::{DynamicType, ObjectPath, OwnedObjectPath, OwnedValue, Type, Value};

use super::super::{KeyringState, KeyringStatus, SecretError};
use super::Purpose;

pub(in super::super) const HAS_LABELS: bool = true;

const SECRETS: &str = "org.freedesktop.secrets";
const SERVICE_PATH: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const PROMPT: &str = "org.freedesktop.Secret.Prompt";
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// How long one D-Bus call of ours may take. Prompts are waited for by signal, not by call.
const CALL_LIMIT: Duration = Duration::from_secs(10);

pub(in super::super) fn open() -> StoreResult<Arc<CredentialStore>> {
    Ok(zbus_secret_service_keyring_store::Store::new()?)
}

/// Reads the `Locked` property of the default collection: nothing on screen.
pub(in super::super) fn probe(_: &str, limit: Duration) -> Result<KeyringStatus, SecretError> {
    let bus = Bus::connect(limit)?;
    if !bus.offers_secrets()? {
        return Err(absent(
            "no program in this session offers one (the Secret Service)",
        ));
    }
    Ok(match bus.default_collection()? {
        None => KeyringStatus::new(
            KeyringState::Locked,
            "the system keyring is empty and will ask for a new password when the first secret is kept",
        ),
        Some(path) if bus.is_locked(&path)? => {
            KeyringStatus::new(KeyringState::Locked, "the system keyring is locked")
        }
        Some(_) => KeyringStatus::new(KeyringState::Ready, "the system keyring is ready"),
    })
}

/// Unlocks the default collection, with the keyring's own prompt where it wants one, and
/// makes one where there is none and `purpose` is to write. `prompting` is told when a
/// prompt goes up and comes down.
pub(in super::super) fn unlock(
    purpose: Purpose,
    prompting: &dyn Fn(bool),
) -> Result<(), SecretError> {
    let bus = Bus::connect(CALL_LIMIT)?;
    let prompt = match bus.default_collection()? {
        Some(path) if !bus.is_locked(&path)? => return Ok(()),
        Some(path) => {
            let (unlocked, prompt): (Vec<OwnedObjectPath>, OwnedObjectPath) =
                bus.call(SECRETS, SERVICE_PATH, SERVICE, "Unlock", &(vec![&path],))?;
            if unlocked.contains(&path) {
                return Ok(());
            }
            prompt
        }
        // There is nothing to read, and the caller will find that out.
        None if purpose == Purpose::Read => return Ok(()),
        None => {
            let label = Value::from("Default keyring");
            let properties = HashMap::from([("org.freedesktop.Secret.Collection.Label", label)]);
            let (made, prompt): (OwnedObjectPath, OwnedObjectPath) = bus.call(
                SECRETS,
                SERVICE_PATH,
                SERVICE,
                "CreateCollection",
                &(properties, "default"),
            )?;
            if made.as_str() != "/" {
                return Ok(());
            }
            prompt
        }
    };
    if prompt.as_str() == "/" {
        return Err(locked("it stayed locked and showed no prompt"));
    }
    prompting(true);
    let accepted = bus.answer_to_prompt(&prompt);
    prompting(false);
    match accepted? {
        true => Ok(()),
        false => Err(locked("its prompt was closed, or could not be shown")),
    }
}

/// One connection for one call of ours: a session that is gone is found out at once.
struct Bus(Connection);

impl Bus {
    fn connect(limit: Duration) -> Result<Self, SecretError> {
        Builder::session()
            .and_then(|builder| builder.method_timeout(limit).build())
            .map(Self)
            .map_err(|error| {
                tracing::debug!(%error, "no session bus");
                absent("this session has no message bus (D-Bus) to reach one by")
            })
    }

    fn call<R>(
        &self,
        destination: &str,
        path: &str,
        interface: &str,
        method: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) -> Result<R, SecretError>
    where
        R: serde::de::DeserializeOwned + Type,
    {
        self.0
            .call_method(Some(destination), path, Some(interface), method, body)
            .and_then(|reply| reply.body().deserialize())
            .map_err(|error| explain_bus(&error))
    }

    fn call_bus<R>(
        &self,
        method: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) -> Result<R, SecretError>
    where
        R: serde::de::DeserializeOwned + Type,
    {
        self.call(BUS, BUS_PATH, BUS, method, body)
    }

    fn offers_secrets(&self) -> Result<bool, SecretError> {
        if self.call_bus("NameHasOwner", &(SECRETS,))? {
            return Ok(true);
        }
        let names: Vec<String> = self.call_bus("ListActivatableNames", &())?;
        Ok(names.iter().any(|name| name == SECRETS))
    }

    fn default_collection(&self) -> Result<Option<OwnedObjectPath>, SecretError> {
        let path: OwnedObjectPath =
            self.call(SECRETS, SERVICE_PATH, SERVICE, "ReadAlias", &("default",))?;
        Ok((path.as_str() != "/").then_some(path))
    }

    fn is_locked(&self, collection: &ObjectPath<'_>) -> Result<bool, SecretError> {
        let value: OwnedValue = self.call(
            SECRETS,
            collection.as_str(),
            "org.freedesktop.DBus.Properties",
            "Get",
            &(COLLECTION, "Locked"),
        )?;
        bool::try_from(value).map_err(|_| SecretError::Other {
            detail: "the system keyring did not say whether it is locked".to_owned(),
        })
    }

    /// Shows the prompt and waits for the person: `false` when it was dismissed. Ends, too,
    /// when the keyring's program does.
    fn answer_to_prompt(&self, prompt: &ObjectPath<'_>) -> Result<bool, SecretError> {
        let path = prompt.as_str();
        for rule in [
            format!("type='signal',interface='{PROMPT}',member='Completed',path='{path}'"),
            format!("type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{SECRETS}'"),
        ] {
            self.call_bus::<()>("AddMatch", &(rule,))?;
        }
        let messages = MessageIterator::from(&self.0);
        self.call::<()>(SECRETS, path, PROMPT, "Prompt", &("",))?;
        for message in messages {
            let message = message.map_err(|error| explain_bus(&error))?;
            let header = message.header();
            match header.member().map(|member| member.as_str()) {
                Some("Completed") if header.path().is_some_and(|p| p.as_str() == path) => {
                    let body = message.body();
                    let (dismissed, _): (bool, Value<'_>) =
                        body.deserialize().map_err(|error| explain_bus(&error))?;
                    return Ok(!dismissed);
                }
                Some("NameOwnerChanged") => {
                    let body = message.body();
                    let Ok((name, _, owner)) = body.deserialize::<(&str, &str, &str)>() else {
                        continue;
                    };
                    if name == SECRETS && owner.is_empty() {
                        break;
                    }
                }
                _ => {}
            }
        }
        Err(absent(
            "the keyring's program ended while its prompt was up",
        ))
    }
}

/// Sorts an error of the keyring store into what a person can act on.
pub(in super::super) fn explain(error: StoreError) -> SecretError {
    match error {
        StoreError::PlatformFailure(inner) | StoreError::NoStorageAccess(inner) => {
            explain_platform(&inner)
        }
        StoreError::BadEncoding(_) | StoreError::BadDataFormat(..) => SecretError::Damaged {
            detail: "the keyring's entry is not text".to_owned(),
        },
        // None of these carries what was stored.
        other => SecretError::Other {
            detail: other.to_string(),
        },
    }
}

fn explain_platform(error: &PlatformError) -> SecretError {
    use secret_service::Error as ServiceError;
    match error.downcast_ref::<ServiceError>() {
        // The collection was unlocked before the call, so that this prompt was about the
        // entry: the keyring asks whether this program may have it.
        Some(ServiceError::Prompt) => SecretError::Denied {
            detail: "its question about this entry was answered with no".to_owned(),
        },
        Some(ServiceError::Locked) => locked("the entry is locked"),
        Some(ServiceError::Unavailable) => {
            absent("no program in this session offers one (the Secret Service)")
        }
        Some(ServiceError::PromptDisconnected) => {
            absent("the keyring's program ended while its prompt was up")
        }
        Some(ServiceError::Zbus(error)) => explain_bus(error),
        Some(ServiceError::ZbusFdo(error)) => {
            explain_name(error.name().as_str(), &error.to_string())
        }
        _ => match error.source().and_then(|source| source.downcast_ref()) {
            Some(error) => explain_bus(error),
            None => SecretError::Other {
                detail: error.to_string(),
            },
        },
    }
}

fn explain_bus(error: &zbus::Error) -> SecretError {
    match error {
        zbus::Error::MethodError(name, text, _) => {
            explain_name(name.as_str(), text.as_deref().unwrap_or_default())
        }
        zbus::Error::FDO(error) => explain_name(error.name().as_str(), &error.to_string()),
        zbus::Error::InputOutput(io) if io.kind() == std::io::ErrorKind::TimedOut => timed_out(),
        zbus::Error::InputOutput(_)
        | zbus::Error::Connection(..)
        | zbus::Error::Address(_)
        | zbus::Error::Handshake(_) => absent("the session's message bus (D-Bus) was lost"),
        other => SecretError::Other {
            detail: other.to_string(),
        },
    }
}

/// `name` is a D-Bus error name: the bus's own, or the Secret Service's.
fn explain_name(name: &str, text: &str) -> SecretError {
    let said = || {
        if text.is_empty() {
            name.to_owned()
        } else {
            text.trim_end_matches('.').to_owned()
        }
    };
    match name.rsplit('.').next().unwrap_or(name) {
        "AccessDenied" | "AuthFailed" | "InteractiveAuthorizationRequired" => {
            SecretError::Denied { detail: said() }
        }
        "IsLocked" => locked("the entry is locked"),
        "ServiceUnknown" | "NameHasNoOwner" | "ServiceNotFound" | "ChildExited" | "ExecFailed"
        | "Disconnected" => SecretError::Absent { detail: said() },
        // The bus gives NoReply, too, when the answering program ends.
        "NoReply" | "Timeout" | "TimedOut" => timed_out(),
        _ => SecretError::Other { detail: said() },
    }
}

fn absent(detail: &str) -> SecretError {
    SecretError::Absent {
        detail: detail.to_owned(),
    }
}

fn locked(detail: &str) -> SecretError {
    SecretError::Locked {
        detail: detail.to_owned(),
    }
}

fn timed_out() -> SecretError {
    SecretError::TimedOut {
        detail: "the system keyring did not answer".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_errors_become_states() {
        for (name, want) in [
            ("org.freedesktop.DBus.Error.AccessDenied", "Denied"),
            ("org.freedesktop.Secret.Error.IsLocked", "Locked"),
            ("org.freedesktop.DBus.Error.ServiceUnknown", "Absent"),
            ("org.freedesktop.DBus.Error.Spawn.ChildExited", "Absent"),
            ("org.freedesktop.DBus.Error.NoReply", "TimedOut"),
            ("org.freedesktop.Secret.Error.NoSession", "Other"),
        ] {
            let error = explain_name(name, "because");
            assert!(format!("{error:?}").starts_with(want), "{name}: {error:?}");
        }
    }

    #[test]
    fn a_damaged_entry_shows_none_of_its_bytes() {
        let error = explain(StoreError::BadEncoding(b"hunter2\xff".to_vec()));
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, SecretError::Damaged { .. }));
        assert!(
            !shown.contains("hunter2") && !shown.contains("104"),
            "{shown}"
        );
    }
}
