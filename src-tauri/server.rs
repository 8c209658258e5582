//! The switch for the REST server in Settings. The server answers as long as the
//! app runs and the switch is on; it is never on by itself.

use parking_lot::Mutex;
use redline_core::{CoreError, Redline, ServerStatus};
use redline_server::Server;

#[derive(Default)]
pub struct Switch(Mutex<Option<Server>>);

impl Switch {
    pub fn status(&self) -> ServerStatus {
        let server = self.0.lock();
        let running = server.as_ref().filter(|server| server.is_running());
        ServerStatus {
            running: running.is_some(),
            address: running.map(Server::address),
        }
    }

    /// Turns it on, or moves it to another port. Blocks until requests are accepted.
    pub fn start(&self, core: &Redline, port: u16) -> Result<ServerStatus, CoreError> {
        let mut server = self.0.lock();
        // The port may be the same one, so the old server lets go first.
        drop(server.take());
        let started = Server::start(core.clone(), port)
            .map_err(|error| CoreError::bad_request(error.to_string(), error.hint()))?;
        *server = Some(started);
        drop(server);
        Ok(self.status())
    }

    /// Turns it off. Blocks until the port is free, a few seconds at most.
    pub fn stop(&self) -> ServerStatus {
        drop(self.0.lock().take());
        self.status()
    }
}
