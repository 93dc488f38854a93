//! A development CA: certificates for one stack, made anew or found in its folder.
//!
//! Two authorities, as in production: one for the names that browsers see, one for the control stream.
//! Their private keys are never written: whoever trusts the public one for a demo trusts only the certificates made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData,
};
use sha2::{Digest, Sha256};

/// The folder with all certificates of a stack.
#[derive(Clone, Debug)]
pub struct Certificates {
    folder: PathBuf,
    /// SHA-256 of the public CA's key in base64, as Chromium's `--ignore-certificate-errors-spki-list` takes it.
    pub spki_hash: String,
}

/// Who is to get a certificate: the stem of its files and the host name in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Signed by the public CA: file stem, host name.
    pub public: Vec<(String, String)>,
    /// Signed by the control CA, usable as server and as client: file stem, host name.
    pub control: Vec<(String, String)>,
}

impl Certificates {
    /// Takes what is in the folder when it was made for the same names within this year, else makes all of it.
    pub fn find_or_make(folder: &Path, names: &Names) -> Result<Self> {
        let wanted = format!("{} {AUDIT_KEY}\n{names:?}\n", this_year());
        let made_for = fs::read_to_string(folder.join(MADE_FOR)).unwrap_or_default();
        let hash = fs::read_to_string(folder.join(SPKI_HASH));
        if let (true, Ok(hash)) = (made_for == wanted, hash) {
            return Ok(Self { folder: folder.to_owned(), spki_hash: hash.trim().to_owned() });
        }
        let made = Self::make(folder, names)?;
        fs::write(folder.join(MADE_FOR), wanted)?;
        Ok(made)
    }

    /// Makes both authorities and all certificates.
    pub fn make(folder: &Path, names: &Names) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let public = authority("Cobrowse development CA")?;
        let control = authority("Cobrowse development control CA")?;
        fs::write(folder.join("public-ca.pem"), public.pem())?;
        fs::write(folder.join("control-ca.pem"), control.pem())?;
        make_audit_key(&folder.join(AUDIT_KEY))?;
        for (stem, host) in &names.public {
            issue(folder, stem, host, &public)?;
        }
        for (stem, host) in &names.control {
            issue(folder, stem, host, &control)?;
        }
        let digest = Sha256::digest(public.key().subject_public_key_info());
        let spki_hash = STANDARD.encode(digest);
        fs::write(folder.join(SPKI_HASH), &spki_hash)?;
        Ok(Self { folder: folder.to_owned(), spki_hash })
    }

    /// The certificate chain of a stem.
    pub fn chain(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.pem"))
    }

    /// The private key of a stem.
    pub fn key(&self, stem: &str) -> PathBuf {
        self.folder.join(format!("{stem}.key"))
    }

    /// The CA of the names that browsers see.
    pub fn public_ca(&self) -> PathBuf {
        self.folder.join("public-ca.pem")
    }

    /// The key that signs the web tier's audit log.
    pub fn audit_key(&self) -> PathBuf {
        self.folder.join(AUDIT_KEY)
    }

    /// Makes another key in its place, which has to be free.
    pub fn renew_audit_key(&self) -> Result<()> {
        make_audit_key(&self.audit_key())
    }

    /// The CA of the control stream.
    pub fn control_ca(&self) -> PathBuf {
        self.folder.join("control-ca.pem")
    }
}

fn make_audit_key(path: &Path) -> Result<()> {
    write_private(path, &KeyPair::generate_for(&rcgen::PKCS_ED25519)?.serialize_pem())
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Result<Authority> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    date(&mut params);
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn issue(folder: &Path, stem: &str, host: &str, by: &Authority) -> Result<()> {
    let mut params = CertificateParams::new(vec![host.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, stem);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    date(&mut params);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, by)?;
    // The CA travels with the chain: Chromium compares the hashes of what it is shown.
    fs::write(folder.join(format!("{stem}.pem")), certificate.pem() + &by.pem())?;
    write_private(&folder.join(format!("{stem}.key")), &key.serialize_pem())
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file =
        fs::File::options().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

fn date(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(this_year() - 1, 12, 1);
    params.not_after = rcgen::date_time_ymd(this_year() + 1, 3, 1);
}

fn this_year() -> i32 {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    // Exact but for some hours around midnight of 31 December, which the dates above leave room for.
    i32::try_from(1970 + seconds / 31_556_952).unwrap_or(1970)
}

const AUDIT_KEY: &str = "audit.key";
const MADE_FOR: &str = "made-for.txt";
const SPKI_HASH: &str = "spki-sha256.txt";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_found_again_only_for_the_same_names() {
        let folder = tempfile::tempdir().unwrap();
        let mut names = Names {
            public: vec![("www".into(), "www.example".into())],
            control: vec![("c1".into(), "c1.example".into())],
        };
        let first = Certificates::find_or_make(folder.path(), &names).unwrap();
        let again = Certificates::find_or_make(folder.path(), &names).unwrap();
        assert_eq!(first.spki_hash, again.spki_hash);
        names.public[0].1 = "other.example".into();
        let other = Certificates::find_or_make(folder.path(), &names).unwrap();
        assert_ne!(first.spki_hash, other.spki_hash);
    }
}
