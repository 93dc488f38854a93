//! Stores that are not what was acknowledged: each is told at the start and by the check, and a repair keeps what is whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use protocol::secret::Secret;
use protocol::{AgentId, GroupSettings};

use super::command::StoreCommand;
use super::opening::open_sled;
use super::records::*;
use super::seal;
use super::sled::SledStore;
use super::survey::survey;
use super::tx::*;
use super::*;
use crate::audit::line;
use crate::audit::signing::{AuditKey, Said, SignedHead};
use crate::audit::start::{self, Checked, StartError};
use crate::audit::verify::{Fault, verify};
use crate::testing::{T0, agent, demo, server, session};

/// A closed store with records of most kinds, and where it is.
fn closed() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = SledStore::open(&path).unwrap();
    store.add_group(Group::new(demo(), GroupSettings::default())).unwrap();
    store.add_server(server("s1")).unwrap();
    store.server_booted(&"s1".parse().unwrap(), boot(), T0).unwrap();
    for name in ["ada", "bob", "eve"] {
        store.add_agent(agent(name, None)).unwrap();
        store.grant(name, &demo(), "agent").unwrap();
    }
    for number in 1..=40 {
        store.add_session(session(&format!("key-{number}"), number)).unwrap();
    }
    let ada = store.agent("ada").unwrap().unwrap().id;
    let login = Login { agent: ada, created_ms: T0, seen_ms: T0 };
    store.add_login(&Secret::new([7; 32]).hash(), login, None).unwrap();
    drop(store);
    (folder, path)
}

/// Alters what is stored without the store's knowledge.
fn behind_its_back(path: &Path, alter: impl Fn(&::sled::Db)) {
    let db = open_sled(path).unwrap();
    alter(&db);
    db.flush().unwrap();
}

fn records(path: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    survey(path).unwrap().whole.into_iter().collect()
}

fn told(path: &Path) -> String {
    let refused = SledStore::open(path).map(drop).unwrap_err().to_string();
    let checked = StoreCommand::Check.run(path).unwrap_err().to_string();
    for text in [&refused, &checked] {
        assert!(text.contains("webtier store repair") && text.contains("backup"), "{text}");
    }
    refused + &checked
}

#[test]
fn a_flipped_byte_of_any_record_is_told_and_a_repair_loses_that_record_alone() {
    let (_folder, path) = closed();
    assert!(StoreCommand::Check.run(&path).unwrap()[0].contains("session: 40"));
    let keys = [with(SESSIONS, &[3; 16]), with(AGENTS, b"bob"), with(GROUPS, b"demo")];
    for (at, key) in keys.into_iter().enumerate() {
        let before = records(&path);
        behind_its_back(&path, |db| {
            let mut stored = db.get(&key).unwrap().unwrap().to_vec();
            stored[5 * at] ^= 4;
            db.insert(&key, stored).unwrap();
        });
        let text = told(&path);
        assert!(text.contains("1 records do not match"), "{text}");
        let lines = StoreCommand::Repair.run(&path).unwrap().join("\n");
        assert!(
            lines.contains("found: a record of the kind") && lines.contains("damaged-"),
            "{lines}"
        );
        let after = records(&path);
        let is_kept = |of: &Vec<u8>| !after.contains_key(of);
        let lost: Vec<_> = before.keys().filter(|of| is_kept(of)).collect();
        let primary = lost.iter().filter(|of| of[0] == key[0]).collect::<Vec<_>>();
        assert_eq!(primary, [&&key], "{lost:?}");
        assert!(after.keys().all(|of| of[0] != LOGINS), "agents log in again");
        assert!(
            before
                .iter()
                .all(|(of, value)| is_kept(of) || of[0] != SESSIONS || after[of] == *value)
        );
        drop(SledStore::open(&path).unwrap());
    }
    let store = SledStore::open(&path).unwrap();
    let key_of = |number: u8| format!("key-{number}").parse().unwrap();
    assert!(store.session_by_key(&demo(), &key_of(3)).unwrap().is_none());
    assert!(store.session_by_key(&demo(), &key_of(4)).unwrap().is_some(), "its index is made anew");
    let taken = store.add_session(session("key-5", 99));
    assert!(matches!(taken, Err(StoreError::KeyInUse)), "{taken:?}");
}

#[test]
fn a_record_that_is_missing_or_older_than_what_was_written_is_told() {
    let (_folder, path) = closed();
    let key = with(SESSIONS, &[9; 16]);
    let old = open_sled(&path).unwrap().get(&key).unwrap().unwrap();
    let store = SledStore::open(&path).unwrap();
    store.move_session(&session("key-9", 9).id, 1, ("s1".parse().unwrap(), boot()), T0).unwrap();
    drop(store);
    behind_its_back(&path, |db| drop(db.insert(&key, old.clone()).unwrap()));
    assert!(told(&path).contains("older than what was written last"));
    behind_its_back(&path, |db| drop(db.remove(&key).unwrap()));
    assert!(told(&path).contains("records were written"));
}

#[test]
fn a_store_without_its_last_changes_is_told_though_all_of_it_is_whole() {
    let (folder, path) = closed();
    let earlier = folder.path().join("earlier");
    copy(&path, &earlier);
    let store = SledStore::open(&path).unwrap();
    (50..53).for_each(|n| store.add_session(session(&format!("late-{n}"), n)).unwrap());
    drop(store);
    fs::copy(path.join("acknowledged"), earlier.join("acknowledged")).unwrap();
    assert!(told(&earlier).contains("its last 3 changes are gone"));
    StoreCommand::Repair.run(&earlier).unwrap();
    assert!(SledStore::open(&earlier).unwrap().agent("ada").unwrap().is_some());
    // And one that is empty in place of one that was there.
    fs::remove_file(path.join("db")).unwrap();
    fs::read_dir(&path).unwrap().flatten().for_each(|file| {
        if file.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(file.path()).unwrap();
        }
    });
    let refused = SledStore::open(&path).map(drop).unwrap_err().to_string();
    assert!(refused.contains("damaged"), "{refused}");
}

#[test]
#[expect(clippy::print_stdout, reason = "the report says how much was tried")]
fn a_flipped_byte_in_sleds_own_files_is_told_or_changes_nothing() {
    let (folder, path) = closed();
    let before = records(&path);
    let (mut harmless, mut refused, mut repaired) = (0, 0, 0);
    let files: Vec<_> = fs::read_dir(&path).unwrap().flatten().map(|file| file.path()).collect();
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = fs::read(file).unwrap();
        // Zeros are room that nothing was written to.
        let written: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for at in written.iter().step_by((written.len() / FLIPS_A_FILE).max(1)) {
            let copied = folder.path().join("flipped");
            copy(&path, &copied);
            let mut altered = bytes.clone();
            altered[*at] ^= 0x20;
            fs::write(copied.join(file.file_name().unwrap()), altered).unwrap();
            match SledStore::open(&copied) {
                Ok(store) => {
                    drop(store);
                    assert!(
                        records(&copied) == before,
                        "{} at {at}: other records",
                        file.display()
                    );
                    harmless += 1;
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("store"), "{text}");
                    refused += 1;
                    if StoreCommand::Repair.run(&copied).is_ok() {
                        drop(SledStore::open(&copied).unwrap());
                        let after = records(&copied);
                        // Sessions were written once; of what was changed later sled may know an older state only.
                        for (key, value) in after.iter().filter(|(key, _)| key[0] == SESSIONS) {
                            assert!(before.get(key) == Some(value), "{} at {at}", file.display());
                        }
                        assert!(after.keys().all(|key| before.contains_key(key)));
                        repaired += 1;
                    }
                }
            }
            fs::remove_dir_all(&copied).unwrap();
            let aside = fs::read_dir(folder.path()).unwrap().flatten();
            aside.filter(|entry| entry.path() != path).for_each(|entry| {
                fs::remove_dir_all(entry.path()).unwrap();
            });
        }
    }
    println!("{harmless} flips changed nothing, {refused} were told, {repaired} of those repaired");
    assert!(refused > 3 && repaired * 2 > refused, "{harmless}, {refused}, {repaired}");
}

#[test]
fn a_store_of_the_layout_without_checksums_gets_them_whole() {
    let (folder, path) = closed();
    let before = records(&path);
    let old = folder.path().join("old");
    let db = open_sled(&old).unwrap();
    for (key, value) in &before {
        let value: &[u8] = if *key == SCHEMA_KEY { b"1" } else { value };
        db.insert(key, value).unwrap();
    }
    drop(db);
    drop(SledStore::open(&old).unwrap());
    assert!(records(&old) == before);
    drop(SledStore::open(&old).unwrap());
}

/// With the checksums of the store right, by its own transactions; only the key that signs is not there.
#[test]
fn a_log_that_was_rewritten_in_the_store_is_told_by_the_head_behind_it_or_by_a_noted_one() {
    let (_folder, path) = closed();
    let key = AuditKey::of_test(1);
    let store = SledStore::open(&path).unwrap();
    let name = |seq: u64| format!("agent{seq}");
    let event = |seq| Event::LoggedIn { agent: AgentId::from_bytes([1; 16]), name: name(seq) };
    let first = store.audit_head().unwrap().seq + 1;
    let entries = first..first + 6;
    for seq in entries.clone() {
        store.note(T0, event(seq)).unwrap();
        if seq == first + 3 {
            store.keep_head(&key.sign(&store.audit_head().unwrap(), T0)).unwrap();
        }
    }
    let exported = |store: &SledStore| {
        store.keep_head(&key.sign(&store.audit_head().unwrap(), T0)).unwrap();
        store.audit_lines(1, 100).unwrap().join("\n") + "\n"
    };
    let checked = |text: &str, noted| verify(text, &key.public(), noted);
    let noted = checked(&exported(&store), None).unwrap().head.hash;
    assert!(checked(&exported(&store), Some(&noted)).is_ok());

    // One entry by itself.
    let at = audit_key(AUDIT, first + 1);
    let told = |from: &str, to: &str, text: &[u8]| {
        String::from_utf8_lossy(text).replace(from, to).into_bytes()
    };
    let before = store.db.get(&at).unwrap().unwrap();
    let altered = told(&name(first + 1), "nobody", &before);
    store.write(|tx| tx.0.insert(&at, altered.clone())).unwrap();
    assert_eq!(checked(&exported(&store), None), Err(Fault::Chain(first + 1)));

    // Everything from there on anew, each hash right: the head that was signed meanwhile says otherwise.
    let mut head = Head::default();
    let mut chain = Vec::new();
    for seq in 1..entries.end {
        let stored = store.db.get(audit_key(AUDIT, seq).as_slice()).unwrap().unwrap();
        let text = String::from_utf8_lossy(&stored).into_owned();
        let (_, entry) = text.split_once(' ').unwrap();
        head = head.after(entry);
        chain.push((audit_key(AUDIT, seq), line(&head, entry).into_bytes()));
    }
    let rewritten = |tx: &Tx<'_>| {
        tx.put(&AUDIT_HEAD_KEY, &head)?;
        chain.iter().try_for_each(|(key, text)| tx.0.insert(key, text.clone()))
    };
    store.write(rewritten).unwrap();
    let text = exported(&store);
    assert!(text.contains("nobody") && !text.contains(&name(first + 1)));
    assert_eq!(checked(&text, None), Err(Fault::Head(first + 4)));

    // Without that head it looks whole to who noted nothing.
    store.write(|tx| tx.remove(&audit_key(AUDIT_HEADS, first + 3))).unwrap();
    let text = exported(&store);
    assert!(checked(&text, None).is_ok());
    assert_eq!(checked(&text, Some(&noted)), Err(Fault::Noted));
    drop(store);
    drop(SledStore::open(&path).unwrap());
}

/// By the store's own transactions again, as somebody does who has its files while no web tier has them.
#[test]
fn no_web_tier_starts_on_a_log_that_is_not_the_signed_one_until_an_operator_takes_it_as_it_is() {
    let key = AuditKey::of_test(1);
    let name = |seq: u64| format!("agent{seq}");
    let event = |seq| Event::LoggedIn { agent: AgentId::from_bytes([1; 16]), name: name(seq) };
    type Alter = fn(&SledStore);
    let told = |store: &SledStore, seq, from: &str, to: &str| {
        let at = audit_key(AUDIT, seq);
        let text = store.db.get(&at).unwrap().unwrap();
        let text = String::from_utf8_lossy(&text).replace(from, to).into_bytes();
        store.write(|tx| tx.0.insert(&at, text.clone())).unwrap();
    };
    let altered: Alter = |store| {
        let at = audit_key(AUDIT, 3);
        let text = String::from_utf8(store.db.get(&at).unwrap().unwrap().to_vec()).unwrap();
        store.write(|tx| tx.0.insert(&at, text.replace("agent3", "nobody").into_bytes())).unwrap();
    };
    let removed: Alter = |store| store.write(|tx| tx.remove(&audit_key(AUDIT, 3))).unwrap();
    let cut: Alter = |store| store.write(|tx| tx.remove(&audit_key(AUDIT, 6))).unwrap();
    let beheaded: Alter = |store| store.write(|tx| tx.remove(&AUDIT_HEAD_KEY)).unwrap();
    let resigned: Alter = |store| {
        let forged = AuditKey::of_test(2).sign(&store.audit_head().unwrap(), T0);
        store.keep_head(&forged).unwrap();
    };
    let rewritten: Alter = |store| {
        // From the third entry on, each hash right.
        let mut head = Head::default();
        for seq in 1..=6 {
            let stored = store.db.get(audit_key(AUDIT, seq)).unwrap().unwrap();
            let text = String::from_utf8_lossy(&stored).replace("agent3", "nobody");
            let entry = text.split_once(' ').unwrap().1;
            head = head.after(entry);
            let line = line(&head, entry).into_bytes();
            store.write(|tx| tx.0.insert(audit_key(AUDIT, seq), line.clone())).unwrap();
        }
        store.write(|tx| tx.put(&AUDIT_HEAD_KEY, &head)).unwrap();
    };
    let cases = [altered, removed, cut, beheaded, resigned, rewritten];
    let faults = [
        Fault::Chain(3),
        Fault::Chain(3),
        Fault::End,
        Fault::End,
        Fault::Signature(8),
        Fault::Head(6),
    ];
    for (alter, fault) in cases.into_iter().zip(faults) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = SledStore::open(&path).unwrap();
        for seq in 2..=6 {
            store.note(T0, event(seq)).unwrap();
            if seq == 5 {
                store.keep_head(&key.sign(&store.audit_head().unwrap(), T0)).unwrap();
            }
        }
        let sound = Checked { entries: 6, accepted: None };
        assert_eq!(start::check(&store, &key).unwrap(), sound);
        assert!(start::accept(&store, &key, T0).unwrap().is_none());
        alter(&store);
        drop(store);
        let store = SledStore::open(&path).unwrap();
        let refused = start::check(&store, &key).unwrap_err();
        assert!(matches!(&refused, StartError::Altered(found) if *found == fault), "{refused}");
        assert!(refused.to_string().contains("`webtier audit accept`"), "{refused}");

        // Nobody without the key takes it, nor with a head of another place.
        let forger = AuditKey::of_test(2);
        let head = store.audit_head().unwrap();
        for forged in [forger.accept(&head, T0), key.sign(&head, T0)] {
            let forged = SignedHead { said: Said::Accepted, ..forged };
            store.write(|tx| tx.put_signed(&forged)).unwrap();
            assert!(start::check(&store, &key).is_err());
            store.write(|tx| tx.remove(&audit_key(AUDIT_ACCEPTED, head.seq))).unwrap();
        }

        let found = start::accept(&store, &key, T0).unwrap().unwrap();
        assert_eq!(found, fault);
        store.note(T0, event(9)).unwrap();
        store.keep_head(&key.sign(&store.audit_head().unwrap(), T0)).unwrap();
        let last = store.last_audit_entry().unwrap();
        let checked = start::check(&store, &key).unwrap();
        assert_eq!(checked, Checked { entries: last, accepted: Some(last - 2) });
        let text = store.audit_lines(1, 100).unwrap().join("\n") + "\n";
        assert!(
            text.contains(&format!("\"event\":\"log_accepted\",\"fault\":\"{fault}")),
            "{text}"
        );
        let sound = verify(&text, &key.public(), None).unwrap();
        assert_eq!((sound.entries, sound.accepted), (last, checked.accepted));
        // What was taken was taken as it stood.
        told(&store, 2, "agent2", "nobody");
        assert!(start::check(&store, &key).is_err());
        let text = store.audit_lines(1, 100).unwrap().join("\n") + "\n";
        assert!(verify(&text, &key.public(), None).is_err());
        drop(store);
        // To the look that every start takes nothing of it is damage.
        drop(SledStore::open(&path).unwrap());
    }
}

#[test]
fn an_export_has_every_record_as_a_line_of_json() {
    let (_folder, path) = closed();
    let lines = StoreCommand::Export.run(&path).unwrap();
    let parsed = lines.iter().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let ada =
        parsed.into_iter().find(|line| line["kind"] == "agent" && line["key"] == "ada").unwrap();
    assert_eq!(ada["value"]["groups"]["demo"], "agent");
    let in_use = SledStore::open(&path).unwrap();
    let busy = StoreCommand::Export.run(&path);
    assert!(matches!(busy, Err(StoreError::Busy(_))), "{busy:?}");
    drop(in_use);
    let nowhere = StoreCommand::Check.run(&path.join("none")).unwrap_err().to_string();
    assert!(nowhere.contains("there is no store"), "{nowhere}");
}

#[test]
fn sealing_leaves_the_value_in_front_as_it_is() {
    assert!(seal::sealed(b"k", b"value").starts_with(b"value"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => assert!(fs::copy(entry.path(), target).is_ok()),
        }
    }
}

/// The start of s1 that the sessions were given to.
fn boot() -> Boot {
    Boot::new([1; 16])
}

/// For each file of sled's.
const FLIPS_A_FILE: usize = 12;
