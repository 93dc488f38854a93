//! The socket beside the store: one line of JSON in, one out. Only the account that runs the web tier can open it.
//!
//! The store belongs to one process, so while that serves, orders go through it.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::{Order, Outcome};
use crate::dialler::Dialler;
use crate::limits::{ADMIN_ANSWER_BYTES_MAX, ADMIN_LINE_BYTES_MAX};
use crate::service::App;

/// Where the socket of a store is.
pub(crate) fn path(store: &Path) -> PathBuf {
    let mut path = store.as_os_str().to_owned();
    path.push(".admin.sock");
    path.into()
}

/// Opens the socket. Whoever holds the store's lock may: a socket that lies there is of a process that has ended.
pub(crate) fn listen(path: &Path) -> std::io::Result<UnixListener> {
    // Made where nobody else can reach, given its mode, and then moved: at no moment can others open it.
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(".d");
    let hidden = PathBuf::from(hidden);
    let _ = std::fs::remove_dir_all(&hidden);
    std::fs::DirBuilder::new().mode(0o700).create(&hidden)?;
    let inside = hidden.join("s");
    let listener = UnixListener::bind(&inside)?;
    std::fs::set_permissions(&inside, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&inside, path)?;
    std::fs::remove_dir(&hidden)?;
    Ok(listener)
}

/// Takes orders, one after the other, until the process ends.
pub(crate) async fn serve(listener: UnixListener, app: App, dialler: Arc<Dialler>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin socket could not accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let talk = answer(stream, app.clone(), dialler.clone());
        match tokio::time::timeout(TALK_MAX, talk).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "an order on the admin socket could not be read or answered")
            }
            Err(_) => tracing::warn!("an order on the admin socket took too long"),
        }
    }
}

async fn answer(stream: UnixStream, app: App, dialler: Arc<Dialler>) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    tokio::io::BufReader::new(reading.take(ADMIN_LINE_BYTES_MAX)).read_line(&mut line).await?;
    let outcome = match serde_json::from_str::<Order>(&line) {
        Ok(order) => tokio::task::spawn_blocking(move || super::serve(&app, &dialler, order))
            .await
            .unwrap_or_else(|_| {
                Outcome::Failed("the order failed inside the web tier; see its log".into())
            }),
        Err(error) => Outcome::Failed(format!(
            "not an order that the serving web tier knows ({error}); is it of the same version?"
        )),
    };
    writing.write_all(line_of(&outcome)?.as_bytes()).await
}

/// Sends an order to the process that serves; `None` when none does.
pub(crate) fn send(path: &Path, order: &Order) -> std::io::Result<Option<Outcome>> {
    let mut stream = match std::os::unix::net::UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(TALK_MAX))?;
    stream.write_all(line_of(order)?.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(ADMIN_ANSWER_BYTES_MAX)).read_line(&mut line)?;
    Ok(Some(serde_json::from_str(&line)?))
}

pub(crate) fn line_of<T: serde::Serialize>(value: &T) -> std::io::Result<String> {
    Ok(serde_json::to_string(value)? + "\n")
}

/// An order is a disk write; this is a disk in trouble.
const TALK_MAX: Duration = Duration::from_secs(10);
