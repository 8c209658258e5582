//! serve: the REST API, until Ctrl-C.

use redline_server::Server;
use serde_json::json;

use crate::app::App;
use crate::args::Serve;
use crate::failure::{Failure, Outcome, status};
use crate::interrupt::Signals;

pub fn serve(app: &App, a: &Serve) -> Outcome {
    // A key of the environment counts as signed in: its store is there before the first request.
    if app.env_key {
        super::encryption::open_for_once(&app.session()?)?;
    }
    let port = a.port.unwrap_or_else(|| app.redline.settings().api_port);
    let signals = Signals::listen()?;
    let server = Server::start(app.redline.clone(), port)
        .map_err(|e| Failure::new(status::FAILED, e.code(), e.to_string(), e.hint()))?;
    if app.out.json {
        let addresses: Vec<String> = server
            .addresses()
            .iter()
            .map(|a| format!("http://{a}"))
            .collect();
        app.out.object([
            ("address", json!(server.address())),
            ("addresses", json!(addresses)),
        ])?;
    } else {
        app.out.summary(format!(
            "Listening on {}, for programs on this machine only. Ctrl-C stops it.",
            server.address()
        ))?;
        if !app.env_key && app.redline.profiles().is_empty() {
            app.out.note("No key is signed in on this machine yet, so every request is refused. Sign in with: redline login");
        }
    }
    app.out.flush()?;
    signals.wait();
    server.stop();
    if !app.out.json {
        app.out.summary("Stopped.")?;
    }
    Ok(status::DONE)
}
