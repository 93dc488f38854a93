//! SIGHUP: certificates and limits are read again, while everything that runs goes on.
//!
//! New connections of browsers get the new certificate, the next dialling of a session server shows the new one. With a fault in
//! any of it everything stays as it was, and the log says why. Whatever else was changed waits for a restart.

use std::path::PathBuf;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use host::Notifier;
use tokio::signal::unix::Signal;

use crate::config::Config;
use crate::dialler::Dialler;
use crate::locks::lock;
use crate::serve::{ServeError, files};
use crate::service::App;
use crate::throttle::Throttle;
use crate::tls;

/// What a reload changes.
pub(crate) struct Reload {
    pub(crate) path: PathBuf,
    pub(crate) public: Vec<RustlsConfig>,
    pub(crate) dialler: Arc<Dialler>,
    pub(crate) app: App,
    pub(crate) notifier: Arc<Notifier>,
}

impl Reload {
    /// At each signal, until the process ends.
    pub(crate) async fn at(self, mut hangup: Signal, status: fn(&App) -> String) {
        while hangup.recv().await.is_some() {
            self.notifier.reloading();
            match self.reload() {
                Ok(()) => tracing::info!(
                    "certificates and limits were read again; whatever else was changed waits for a restart"
                ),
                Err(error) => tracing::error!("nothing was reloaded: {error}"),
            }
            self.notifier.ready(&status(&self.app));
        }
    }

    fn reload(&self) -> Result<(), ServeError> {
        let config = Config::read(&self.path)
            .map_err(|error| ServeError::Files { faults: vec![error.to_string()] })?;
        let (server, client) = files(&config)?;
        for public in &self.public {
            public.reload_from_config(server.clone());
        }
        self.dialler.set_tls(client);
        let limits = config.limits;
        *lock(&self.app.starts_by_address) = Throttle::per_minute(limits.starts_per_minute_address);
        *lock(&self.app.starts_by_group) = Throttle::per_minute(limits.starts_per_minute_group);
        tls::note_expiries(&config);
        Ok(())
    }
}
