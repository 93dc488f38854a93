//! The hashing of TLS 1.3's key schedule (RFC 8446, section 7.1): a key is made ready once and serves everything that is derived of it.
//!
//! A handshake derives some twenty-five values of nine secrets. aws-lc's HKDF begins each of them with its key, and with the extraction that made
//! the key: two thirds of all that a handshake hashes. Here a key is two states of its hash, and the first of a schedule, which is the same for
//! all, is made once. The hashes are those that seal tickets and cookies. What is derived of what stays rustls's business.

use hmac::digest::block_api::EagerHash;
use hmac::digest::{FixedOutput, Output, OutputSizeUser};
use hmac::{Hmac, KeyInit, Mac};
use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::hmac::Tag;
use rustls::crypto::tls13::{Hkdf, HkdfExpander, OkmBlock, OutputLengthError};
use sha2::{Sha256, Sha384};
use zeroize::Zeroize;

/// HKDF over that hash, if a suite of TLS 1.3 has it. Called once for each suite of the process.
pub(crate) fn hkdf(hash: HashAlgorithm) -> Option<&'static dyn Hkdf> {
    match hash {
        HashAlgorithm::SHA256 => Some(Schedule::<Sha256>::leak()),
        HashAlgorithm::SHA384 => Some(Schedule::<Sha384>::leak()),
        _ => None,
    }
}

/// HKDF over one hash.
struct Schedule<H: Hash> {
    /// Of no secret and no salt, as every schedule begins that resumes nothing.
    first: Ready<H>,
}

/// A key that is ready: what was extracted, or a secret.
struct Ready<H: Hash>(Hmac<H>);

/// A hash that a key can be made ready for.
trait Hash: EagerHash<Core: Send + Sync> + Send + Sync + 'static {}

impl Hash for Sha256 {}
impl Hash for Sha384 {}

impl<H: Hash> Schedule<H> {
    /// Suites live as long as the process.
    fn leak() -> &'static Self {
        let first = Ready::extract(None, &NOTHING[..bytes_of::<H>()]);
        Box::leak(Box::new(Self { first }))
    }
}

impl<H: Hash> Hkdf for Schedule<H> {
    fn extract_from_zero_ikm(&self, salt: Option<&[u8]>) -> Box<dyn HkdfExpander> {
        Box::new(match salt {
            None => self.first.clone(),
            Some(_) => Ready::extract(salt, &NOTHING[..bytes_of::<H>()]),
        })
    }

    fn extract_from_secret(&self, salt: Option<&[u8]>, secret: &[u8]) -> Box<dyn HkdfExpander> {
        Box::new(Ready::<H>::extract(salt, secret))
    }

    fn expander_for_okm(&self, okm: &OkmBlock) -> Box<dyn HkdfExpander> {
        Box::new(Ready::<H>::new(okm.as_ref()))
    }

    fn hmac_sign(&self, key: &OkmBlock, message: &[u8]) -> Tag {
        Ready::<H>::new(key.as_ref()).sign(&[message], Tag::new)
    }
}

impl<H: Hash> Ready<H> {
    fn new(key: &[u8]) -> Self {
        match Hmac::new_from_slice(key) {
            Ok(hmac) => Self(hmac),
            Err(_) => unreachable!("a key of HMAC has any length"),
        }
    }

    /// HKDF-Extract: RFC 5869, section 2.2. HMAC itself fills a key that is missing up with zeros.
    fn extract(salt: Option<&[u8]>, secret: &[u8]) -> Self {
        Self::new(salt.unwrap_or_default()).sign(&[secret], Self::new)
    }

    /// Shows the HMAC of what these parts are behind one another, and wipes it.
    fn sign<T>(&self, parts: &[&[u8]], look: impl FnOnce(&[u8]) -> T) -> T {
        let mut hmac = self.0.clone();
        parts.iter().for_each(|part| hmac.update(part));
        let mut tag = Output::<Hmac<H>>::default();
        hmac.finalize_into(&mut tag);
        let seen = look(&tag);
        tag.as_mut_slice().zeroize();
        seen
    }

    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: Hash> HkdfExpander for Ready<H> {
    /// RFC 5869, section 2.3.
    fn expand_slice(&self, info: &[&[u8]], output: &mut [u8]) -> Result<(), OutputLengthError> {
        let block_bytes = bytes_of::<H>();
        if output.len() > usize::from(u8::MAX) * block_bytes {
            return Err(OutputLengthError);
        }
        let mut before = [0; OkmBlock::MAX_LEN];
        for (at, block) in output.chunks_mut(block_bytes).enumerate() {
            let mut hmac = self.0.clone();
            if at > 0 {
                hmac.update(&before[..block_bytes]);
            }
            info.iter().for_each(|part| hmac.update(part));
            hmac.update(&[at as u8 + 1]);
            let mut tag = Output::<Hmac<H>>::default();
            hmac.finalize_into(&mut tag);
            before[..block_bytes].copy_from_slice(&tag);
            block.copy_from_slice(&tag[..block.len()]);
            tag.as_mut_slice().zeroize();
        }
        before.zeroize();
        Ok(())
    }

    fn expand_block(&self, info: &[&[u8]]) -> OkmBlock {
        let mut block = [0; OkmBlock::MAX_LEN];
        let block_bytes = bytes_of::<H>();
        if self.expand_slice(info, &mut block[..block_bytes]).is_err() {
            unreachable!("one output of the hash is asked for");
        }
        let made = OkmBlock::new(&block[..block_bytes]);
        block.zeroize();
        made
    }

    fn hash_len(&self) -> usize {
        bytes_of::<H>()
    }
}

fn bytes_of<H: Hash>() -> usize {
    <H as OutputSizeUser>::output_size()
}

/// What is extracted where there is no secret: RFC 8446, section 7.1.
const NOTHING: [u8; OkmBlock::MAX_LEN] = [0; OkmBlock::MAX_LEN];

#[cfg(test)]
mod tests {
    use rustls::SupportedCipherSuite;
    use rustls::crypto::aws_lc_rs::default_provider;

    use super::*;

    /// Holds that both derive the same from a key, and refuse the same.
    fn same(ours: &dyn HkdfExpander, theirs: &dyn HkdfExpander) {
        let block_bytes = theirs.hash_len();
        assert_eq!(ours.hash_len(), block_bytes);
        let infos: [&[&[u8]]; 4] = [&[], &[b"one"], &[b"o", b"", b"ne"], &[&[7; 200], b"label"]];
        let longest = 255 * block_bytes;
        for info in infos {
            let lengths = [1, 12, 16, block_bytes - 1, block_bytes, block_bytes + 1, 200, longest];
            for bytes in lengths {
                let (mut one, mut other) = (vec![1; bytes], vec![2; bytes]);
                assert!(ours.expand_slice(info, &mut one).is_ok());
                assert!(theirs.expand_slice(info, &mut other).is_ok());
                assert_eq!(one, other, "{bytes} bytes of {info:?}");
            }
            assert!(ours.expand_slice(info, &mut vec![0; longest + 1]).is_err());
            assert_eq!(ours.expand_block(info).as_ref(), theirs.expand_block(info).as_ref());
        }
    }

    #[test]
    fn what_is_derived_is_what_the_library_derives() {
        let mut suites = 0;
        for suite in default_provider().cipher_suites {
            let SupportedCipherSuite::Tls13(known) = suite else { continue };
            let theirs = known.hkdf_provider;
            let ours = hkdf(known.common.hash_provider.algorithm()).unwrap();
            let long = [5; 200];
            let secrets: [&[u8]; 4] = [&[], &[3], &[4; 32], &long];
            for salt in [None, Some(&[][..]), Some(&[9; 48]), Some(&long)] {
                same(&*ours.extract_from_zero_ikm(salt), &*theirs.extract_from_zero_ikm(salt));
                for secret in secrets {
                    let [one, other] =
                        [ours, theirs].map(|of| of.extract_from_secret(salt, secret));
                    same(&*one, &*other);
                }
            }
            let okm = OkmBlock::new(&long[..known.common.hash_provider.output_len()]);
            same(&*ours.expander_for_okm(&okm), &*theirs.expander_for_okm(&okm));
            let tags = [ours, theirs].map(|of| of.hmac_sign(&okm, b"what was said"));
            assert_eq!(tags[0].as_ref(), tags[1].as_ref());
            suites += 1;
        }
        assert_eq!(suites, 3);
    }
}
