//! Where a receiver stores what it accepts.
//!
//! A message is written below `tmp`, flushed to the disk, and renamed into
//! `new`; only then is it accepted. Whatever the client has seen accepted is
//! there after the program, or the machine, was stopped at any moment.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// A directory of messages, one file each, in the form that mail readers know.
pub(crate) struct Maildir {
    root: PathBuf,
    next: AtomicU64,
}

impl Maildir {
    pub(crate) fn create(root: &Path) -> io::Result<Self> {
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(root.join(part))?;
        }
        sync_directory(root)?;
        Ok(Self {
            root: root.to_owned(),
            next: AtomicU64::new(0),
        })
    }

    /// Begins a message, under a name that no other has had.
    pub(crate) fn deliver(&self) -> io::Result<Delivery> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!(
            "{}.M{}P{}Q{}.receive",
            now.as_secs(),
            now.subsec_micros(),
            process::id(),
            self.next.fetch_add(1, Ordering::Relaxed),
        );
        let unfinished = self.root.join("tmp").join(&name);
        Ok(Delivery {
            file: BufWriter::new(File::create_new(&unfinished)?),
            unfinished,
            directory: self.root.join("new"),
            name,
        })
    }
}

/// A message that is being written. Dropped before it is committed, it is gone.
pub(crate) struct Delivery {
    pub(crate) file: BufWriter<File>,
    unfinished: PathBuf,
    directory: PathBuf,
    pub(crate) name: String,
}

impl Delivery {
    /// Makes the message safe, and visible: all of it, or nothing.
    pub(crate) fn commit(mut self) -> io::Result<String> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        let finished = self.directory.join(&self.name);
        fs::rename(&self.unfinished, &finished)?;
        // A message that is refused now must not be there.
        sync_directory(&self.directory).inspect_err(|_| {
            let _ = fs::remove_file(&finished);
        })?;
        Ok(std::mem::take(&mut self.name))
    }
}

/// Makes the names in a directory safe. Windows has no such thing.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

impl Drop for Delivery {
    fn drop(&mut self) {
        // It is not there any more if it was committed.
        let _ = fs::remove_file(&self.unfinished);
    }
}
