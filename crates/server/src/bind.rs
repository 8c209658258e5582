//! The sockets: one on 127.0.0.1, one on ::1 where there is IPv6, the same port.
//!
//! It never listens on anything another machine could reach.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Free ports to try until one is free on both addresses.
const TRIES: usize = 16;

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("Port {port} is taken by another program.")]
    PortTaken { port: u16 },
    #[error("Port {port} needs an administrator.")]
    PortRefused { port: u16 },
    #[error("Could not listen on this machine: {detail}.")]
    Io { detail: String },
}

impl ServeError {
    /// What to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::PortTaken { .. } => {
                "Stop the other program, or choose another port: `redline serve --port 8081`, or `--port 0` for any free one. The window has the port in Settings."
            }
            Self::PortRefused { .. } => "Choose a port from 1024 up.",
            Self::Io { .. } => {
                "Check that this machine's loopback network (127.0.0.1) is up, or choose another port."
            }
        }
    }

    /// A short name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PortTaken { .. } => "port_taken",
            Self::PortRefused { .. } => "port_refused",
            Self::Io { .. } => "io",
        }
    }
}

/// Both listeners, the IPv4 one first; not blocking, ready for tokio.
pub(crate) fn bind(port: u16) -> Result<Vec<TcpListener>, ServeError> {
    let tries = if port == 0 { TRIES } else { 1 };
    let mut last = ServeError::PortTaken { port };
    for _ in 0..tries {
        let v4 = listen(IpAddr::V4(Ipv4Addr::LOCALHOST), port)?;
        let chosen = v4.local_addr().map_err(|e| other(&e))?.port();
        // Whoever has ::1 on this port would be sent the keys of those who say
        // `localhost`, so a port counts as free only where both are.
        match listen(IpAddr::V6(Ipv6Addr::LOCALHOST), chosen) {
            Ok(v6) => return Ok(vec![v4, v6]),
            Err(ServeError::Io { detail }) if detail == NO_IPV6 => return Ok(vec![v4]),
            Err(error) => last = error,
        }
    }
    Err(last)
}

const NO_IPV6: &str = "there is no IPv6";

fn listen(ip: IpAddr, port: u16) -> Result<TcpListener, ServeError> {
    let listener =
        TcpListener::bind(SocketAddr::new(ip, port)).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortTaken { port },
            io::ErrorKind::PermissionDenied => ServeError::PortRefused { port },
            _ if ip.is_ipv6() && lacks_ipv6(&error) => ServeError::Io {
                detail: NO_IPV6.to_owned(),
            },
            _ => other(&error),
        })?;
    listener.set_nonblocking(true).map_err(|e| other(&e))?;
    Ok(listener)
}

fn lacks_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own: 97 on Linux, 47 on macOS, 10047 on Windows.
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(97 | 47 | 10047))
}

fn other(error: &io::Error) -> ServeError {
    let text = error.to_string();
    let detail = text
        .split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned();
    ServeError::Io { detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_free_port_is_the_same_on_both_addresses_and_loopback_only() {
        let listeners = bind(0).unwrap();
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(|l| l.local_addr().unwrap()).collect();
        assert!(
            addresses
                .iter()
                .all(|a| a.ip().is_loopback() && a.port() == addresses[0].port() && a.port() != 0)
        );
        assert!(addresses[0].is_ipv4());
    }

    #[test]
    fn a_taken_port_is_named_whichever_address_has_it() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let error = bind(port).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Port {port} is taken by another program.")
        );
        assert!(error.hint().contains("--port"));

        let Ok(six) = TcpListener::bind("[::1]:0") else {
            return;
        };
        let port = six.local_addr().unwrap().port();
        assert!(matches!(bind(port), Err(ServeError::PortTaken { port: p }) if p == port));
    }
}
