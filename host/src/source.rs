//! Where a certificate or key comes from: a file, a credential of the service, or a file that was open before the start.
//!
//! | in the configuration | read from |
//! |---|---|
//! | `credential:NAME` | `$CREDENTIALS_DIRECTORY/NAME`, which `LoadCredential=NAME:/path` fills |
//! | `descriptor:NAME` | the open file of that name, which `OpenFile=/path:NAME:read-only` hands over |
//! | anything else | the file of that path |

use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::inherited::{Inherited, inherited};

/// A path of a configuration that stands in `folder`.
pub fn relative_to(folder: &Path, path: &Path) -> PathBuf {
    match form(path) {
        Form::File(path) => folder.join(path),
        _ => path.to_owned(),
    }
}

/// All bytes of a source.
pub fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    read_among(
        path,
        inherited(),
        std::env::var_os("CREDENTIALS_DIRECTORY").as_deref().map(Path::new),
    )
}

/// What to say of secrets among these files that every account of this host can read; nothing where all is well.
pub fn open_secrets<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<String> {
    let is_open = |path: &Path| {
        let mode = |path: &Path| std::fs::metadata(path).map(|file| file.permissions().mode());
        // What a service manager hands over is its own to guard.
        matches!(form(path), Form::File(path) if mode(path).is_ok_and(|mode| mode & 0o004 != 0))
    };
    let open = paths.into_iter().filter(|path| is_open(path));
    open.map(|path| {
        format!(
            "{0} can be read by every account of this host, and is a secret: chmod 0640 {0}, with the service's group",
            path.display()
        )
    })
    .collect()
}

/// A source that gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file is not there, or not ours to read.
    #[error("{error}{}", remedy(error))]
    Read {
        /// Why.
        error: io::Error,
    },
    /// Longer than any certificate.
    #[error("longer than {BYTES_MAX} bytes: this is no certificate or key")]
    TooLong,
    /// No such descriptor was handed over.
    #[error(
        "no open file of the name {0:?} was handed over: add OpenFile=/path/of/it:{0}:read-only to the unit"
    )]
    NoDescriptor(String),
    /// The service has no credentials.
    #[error("the service has no credentials: add LoadCredential={0}:/path/of/it to the unit")]
    NoCredentials(String),
}

enum Form<'a> {
    File(&'a Path),
    Credential(&'a str),
    Descriptor(&'a str),
}

fn form(path: &Path) -> Form<'_> {
    let text = path.to_str().unwrap_or_default();
    if let Some(name) = text.strip_prefix("credential:") {
        Form::Credential(name)
    } else if let Some(name) = text.strip_prefix("descriptor:") {
        Form::Descriptor(name)
    } else {
        Form::File(path)
    }
}

fn read_among(
    path: &Path,
    inherited: &Inherited,
    credentials: Option<&Path>,
) -> Result<Vec<u8>, SourceError> {
    let file = |path: &Path| {
        let opened = std::fs::File::open(path).map_err(|error| SourceError::Read { error })?;
        read_whole(&opened)
    };
    match form(path) {
        Form::File(path) => file(path),
        Form::Credential(name) => {
            let folder = credentials.ok_or_else(|| SourceError::NoCredentials(name.to_owned()))?;
            file(&folder.join(name))
        }
        Form::Descriptor(name) => match inherited.file(name) {
            Some(open) => read_whole(open),
            None => Err(SourceError::NoDescriptor(name.to_owned())),
        },
    }
}

/// From its beginning, wherever it was read to before: a reload reads it once more.
fn read_whole(file: &std::fs::File) -> Result<Vec<u8>, SourceError> {
    let mut bytes = vec![0; BYTES_MAX + 1];
    let mut length = 0;
    loop {
        match file.read_at(&mut bytes[length..], length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(SourceError::Read { error }),
        }
    }
    if length > BYTES_MAX {
        return Err(SourceError::TooLong);
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ": check the path, which counts from the configuration's folder",
        io::ErrorKind::PermissionDenied => {
            ": give the service's account the right to read it, or hand it over with LoadCredential="
        }
        io::ErrorKind::IsADirectory => ": name the file in it",
        _ => "",
    }
}

/// A chain of a dozen large certificates is 30 KB.
const BYTES_MAX: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_where_it_says() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("s1.pem"), "a certificate").unwrap();
        let nothing = Inherited::default();
        let read = |path: &str, folder| read_among(Path::new(path), &nothing, folder);
        let here = Some(folder.path());
        assert_eq!(read("credential:s1.pem", here).unwrap(), b"a certificate");
        let path = folder.path().join("s1.pem");
        assert_eq!(read(path.to_str().unwrap(), None).unwrap(), b"a certificate");
        for (path, folder, told) in [
            ("credential:s1.pem", None, "LoadCredential=s1.pem"),
            ("credential:s2.pem", here, "check the path"),
            ("descriptor:s1.pem", here, "OpenFile="),
        ] {
            let error = read(path, folder).unwrap_err().to_string();
            assert!(error.contains(told), "{path}: {error}");
        }
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("s1.key");
        std::fs::write(&key, "a key").unwrap();
        let told = |mode| {
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
            open_secrets([&*key, Path::new("credential:s1.key"), Path::new("/nonexistent")])
        };
        for mode in [0o600, 0o640, 0o440] {
            assert!(told(mode).is_empty(), "{mode:o}");
        }
        for mode in [0o644, 0o604, 0o777] {
            let lines = told(mode);
            let [line] = &lines[..] else { panic!("{mode:o}: {lines:?}") };
            assert!(line.contains("s1.key") && line.contains("chmod 0640"), "{line}");
        }
    }

    #[test]
    fn an_endless_file_is_refused() {
        let error = read(Path::new("/dev/zero")).unwrap_err();
        assert!(matches!(error, SourceError::TooLong));
    }

    #[test]
    fn only_files_count_from_the_configurations_folder() {
        let at = |path: &str| relative_to(Path::new("/etc/x"), Path::new(path));
        assert_eq!(at("a.pem"), Path::new("/etc/x/a.pem"));
        assert_eq!(at("/b.pem"), Path::new("/b.pem"));
        assert_eq!(at("credential:c"), Path::new("credential:c"));
    }
}
