//! Password hashes: argon2id, a few at a time.
//!
//! Owns hashing, checking and the bound on how much of it happens at once. Who may try how often is `login.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::limits::{
    PASSWORD_BYTES_MAX, PASSWORD_BYTES_MIN, PASSWORD_CHECKS_MAX, PASSWORD_QUEUE_MAX,
};

/// Checks passwords on blocking threads, at most [`PASSWORD_CHECKS_MAX`] at once.
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// Checked for accounts that do not exist, so that they take as long.
    nobody: Arc<str>,
    runs: Runs,
}

/// How often a password was hashed to be compared. Only tests read it.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU64>);

/// Too many checks are waiting already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// A password cannot be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    /// Too short or too long.
    #[error("a password has {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes; this one has {0}")]
    Length(usize),
    /// The hash function gave up.
    #[error("cannot hash the password: {0}")]
    Hash(argon2::password_hash::Error),
}

impl Passwords {
    /// An idle pool. The first of a process takes as long as one check.
    pub(crate) fn new() -> Result<Self, PasswordError> {
        static NOBODY: OnceLock<Arc<str>> = OnceLock::new();
        let nobody = match NOBODY.get() {
            Some(nobody) => nobody.clone(),
            None => {
                let random: [u8; 16] = crate::random::bytes();
                let text: String = random.iter().map(|b| format!("{b:02x}")).collect();
                let made = hash(&text)?.into();
                NOBODY.get_or_init(|| made).clone()
            }
        };
        Ok(Self {
            running: Arc::new(Semaphore::new(PASSWORD_CHECKS_MAX)),
            admitted: Arc::new(Semaphore::new(PASSWORD_CHECKS_MAX + PASSWORD_QUEUE_MAX)),
            nobody,
            runs: Runs::default(),
        })
    }

    /// Hashes made so far to compare a password.
    #[cfg(test)]
    pub(crate) fn runs(&self) -> u64 {
        self.runs.0.load(Ordering::SeqCst)
    }

    /// Whether the password fits the hash; without a hash never, after the same work.
    pub(crate) async fn check(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<bool, Busy> {
        // Both permits go with the work: a client that hangs up makes no room that is not there.
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        let (nobody, runs) = (Arc::clone(&self.nobody), self.runs.clone());
        let work = tokio::task::spawn_blocking(move || {
            let _permits = (admitted, running);
            let known = hash.is_some();
            fits(&password, hash.as_deref().unwrap_or(&nobody), &runs) && known
        });
        work.await.map_err(|_| Busy)
    }
}

impl Passwords {
    /// The hash of a new password, made by the same few threads.
    pub(crate) async fn make(
        &self,
        password: Zeroizing<String>,
    ) -> Result<Result<String, PasswordError>, Busy> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        let work = tokio::task::spawn_blocking(move || {
            let _permits = (admitted, running);
            hash(&password)
        });
        work.await.map_err(|_| Busy)
    }
}

/// The text form of a new password's hash. Blocks for some tens of milliseconds.
pub(crate) fn hash(password: &str) -> Result<String, PasswordError> {
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&password.len()) {
        return Err(PasswordError::Length(password.len()));
    }
    let hash = Argon2::default().hash_password(password.as_bytes()).map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Whether a text is a hash that [`hash`] makes; asked before one is stored.
pub(crate) fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$") && PasswordHash::new(text).is_ok()
}

fn fits(password: &str, hash: &str, runs: &Runs) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    if password.len() > PASSWORD_BYTES_MAX {
        return false;
    }
    runs.0.fetch_add(1, Ordering::SeqCst);
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_fits_and_nobody_has_one() {
        let passwords = Passwords::new().unwrap();
        let hash = hash("correct horse").unwrap();
        assert!(is_hash(&hash), "{hash}");
        let check = |password: &str, hash: Option<String>| {
            passwords.check(Zeroizing::new(password.to_owned()), hash)
        };
        assert_eq!(check("correct horse", Some(hash.clone())).await, Ok(true));
        assert_eq!(check("correct horsf", Some(hash)).await, Ok(false));
        assert_eq!(check("correct horse", None).await, Ok(false));
    }

    #[tokio::test]
    async fn more_checks_than_may_wait_are_refused() {
        let passwords = Passwords::new().unwrap();
        let mut held = Vec::new();
        for _ in 0..PASSWORD_CHECKS_MAX + PASSWORD_QUEUE_MAX {
            held.push(passwords.admitted.try_acquire().unwrap());
        }
        let refused = passwords.check(Zeroizing::new("x".into()), None).await;
        assert_eq!(refused, Err(Busy));
        held.pop();
        assert_eq!(passwords.check(Zeroizing::new("x".into()), None).await, Ok(false));
    }

    #[test]
    fn nobodys_hash_costs_what_a_new_one_costs() {
        let passwords = Passwords::new().unwrap();
        let made = hash("correct horse").unwrap();
        // "$argon2id$v=19$m=…,t=…,p=…": the algorithm and its costs stand before the salt.
        let costs = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(costs(&passwords.nobody), costs(&made));
        assert!(costs(&made)[3].contains("m="), "{made}");
    }

    #[test]
    fn a_short_password_is_refused() {
        assert!(matches!(hash("123456789"), Err(PasswordError::Length(9))));
    }
}
