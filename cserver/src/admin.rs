//! The socket of this host's administrator: metrics, health and readiness in plain HTTP, on a local socket only.
//!
//! It is one of the service manager's, or made where `admin_socket` says. Who may open it is decided by its folder and mode.
//! One request at a time: a person or a collector asks every few seconds.

use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::backend::Clock;
use crate::shared::Shared;

/// Makes a socket that the owner's account and group may open. One that lies there, of a process that ended, gives way; anything else
/// stays, and is an error.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::from(io::ErrorKind::AddrInUse));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::from(io::ErrorKind::AlreadyExists)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Answers until the process ends.
pub fn serve(listener: &UnixListener, shared: &Arc<Shared>, clock: Clock) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                // Whoever asks and goes has nobody to tell.
                let _ = answer(stream, shared, clock);
            }
            Err(error) => {
                tracing::warn!(%error, "the administrator's socket could not accept");
                std::thread::sleep(RETRY);
            }
        }
    }
}

fn answer(mut stream: UnixStream, shared: &Shared, clock: Clock) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = [0; HEAD_BYTES_MAX];
    let mut length = 0;
    while !head[..length].windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut head[length..])? {
            0 => return Ok(()),
            read => length += read,
        }
    }
    let line = head[..length].split(|byte| *byte == b'\r').next().unwrap_or_default();
    let now = clock.now();
    let (status, kind, body) = match line.split(|byte| *byte == b' ').nth(1) {
        Some(b"/metrics") => ("200 OK", "text/plain; version=0.0.4", shared.metrics(now)),
        Some(b"/healthz") => match shared.stuck(now.mono_ms) {
            None => ("200 OK", "text/plain", "ok\n".to_owned()),
            Some(core) => {
                ("503 Service Unavailable", "text/plain", format!("core {core} is stuck\n"))
            }
        },
        Some(b"/readyz") => match shared.not_ready(now.mono_ms) {
            None => ("200 OK", "text/plain", "ready\n".to_owned()),
            Some(why) => ("503 Service Unavailable", "text/plain", format!("{}\n", why.name())),
        },
        _ => {
            ("404 Not Found", "text/plain", "there are /metrics, /healthz and /readyz\n".to_owned())
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(200);
const HEAD_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_was_left_gives_way_and_a_file_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, file) = (folder.path().join("admin.sock"), folder.path().join("public.key"));
        drop(bind(&socket).unwrap());
        let _open = bind(&socket).unwrap();
        assert_eq!(bind(&socket).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        std::fs::write(&file, "key").unwrap();
        assert_eq!(bind(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&file).unwrap(), b"key");
    }
}
