//! When certificates begin and end, in time for somebody to do something about it.

use std::time::{SystemTime, UNIX_EPOCH};

use x509_parser::pem::Pem;

/// The life of a certificate, seconds of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Not valid before.
    pub begins_s: u64,
    /// Not valid after.
    pub ends_s: u64,
}

/// A certificate cannot be used at this time.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfTime {
    /// It is over.
    #[error("it expired {0} days ago: renew it, or set this host's clock right")]
    Expired(u64),
    /// It has not begun.
    #[error("it is not valid for another {0} minutes: set this host's clock right, or wait")]
    NotYet(u64),
}

impl Life {
    /// Of the first certificate of a PEM file, the server's own; `None` when there is none.
    pub fn of(pem: &[u8]) -> Option<Self> {
        let pem = Pem::iter_from_buffer(pem)
            .filter_map(Result::ok)
            .find(|pem| pem.label == "CERTIFICATE")?;
        let certificate = pem.parse_x509().ok()?;
        let seconds = |at: x509_parser::time::ASN1Time| u64::try_from(at.timestamp()).ok();
        let validity = certificate.validity();
        Some(Self { begins_s: seconds(validity.not_before)?, ends_s: seconds(validity.not_after)? })
    }

    /// Whether it can be used now.
    pub fn check(self) -> Result<(), OutOfTime> {
        self.check_at(
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        )
    }

    fn check_at(self, now_s: u64) -> Result<(), OutOfTime> {
        if now_s > self.ends_s {
            Err(OutOfTime::Expired((now_s - self.ends_s) / 86_400))
        } else if now_s < self.begins_s {
            Err(OutOfTime::NotYet((self.begins_s - now_s).div_ceil(60)))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_out_of_its_time_is_told_with_what_to_do() {
        let life = Life { begins_s: 1_000, ends_s: 1_000 + 86_400 };
        assert_eq!(life.check_at(1_000), Ok(()));
        assert_eq!(life.check_at(999), Err(OutOfTime::NotYet(1)));
        assert_eq!(life.check_at(1_001 + 3 * 86_400), Err(OutOfTime::Expired(2)));
    }

    #[test]
    fn the_first_certificate_counts_and_other_files_have_none() {
        let mut parameters = rcgen::CertificateParams::new(["s1.example".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2031, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = parameters.self_signed(&key).unwrap().pem();
        let life = Life::of(pem.as_bytes()).unwrap();
        assert_eq!(life.ends_s, 1_924_992_000);
        assert_eq!(Life::of(key.serialize_pem().as_bytes()), None);
        assert_eq!(Life::of(b"no certificate"), None);
    }
}
