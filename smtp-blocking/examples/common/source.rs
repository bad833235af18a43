//! The message that is to be sent: where it comes from, and how far it is.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, BufRead, BufReader, Read},
};

use smtp_proto::types::BodyType;

use crate::terminal::note;

/// Where the message comes from.
pub(crate) enum Source {
    /// Something that can be read only once: standard input, a pipe.
    Memory(Vec<u8>),
    /// A file, which can be read again.
    File(File, Survey),
}

/// What there is to know of a file before it is sent.
pub(crate) struct Survey {
    /// How many octets it has,
    pub(crate) length: u64,
    /// and how many with every line end as CRLF.
    pub(crate) size: u64,
    pub(crate) body: BodyType,
}

impl Source {
    pub(crate) fn open(path: Option<&OsStr>) -> Result<Self, String> {
        let Some(path) = path.filter(|&path| path != "-") else {
            let mut content = Vec::new();
            let read = io::stdin().read_to_end(&mut content);
            read.map_err(|error| format!("standard input: {error}"))?;
            return Ok(Self::Memory(content));
        };
        let source = || {
            let mut file = File::open(path)?;
            if file.metadata()?.is_file() {
                let survey = survey(BufReader::new(&mut file))?;
                return Ok(Self::File(file, survey));
            }
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            Ok(Self::Memory(content))
        };
        source().map_err(|error: io::Error| format!("{}: {error}", path.display()))
    }
}

fn survey(mut text: impl BufRead) -> io::Result<Survey> {
    let mut survey = Survey {
        length: 0,
        size: 0,
        body: BodyType::SevenBit,
    };
    let mut last = b'\n';
    loop {
        let block = text.fill_buf()?;
        let Some(&end) = block.last() else {
            // The last line gets a line end, too.
            survey.size += if last == b'\n' { 0 } else { 2 };
            return Ok(survey);
        };
        if !block.is_ascii() {
            survey.body = BodyType::EightBitMime;
        }
        for &octet in block {
            let lone_cr = last == b'\r' && octet != b'\n';
            let lone_lf = octet == b'\n' && last != b'\r';
            survey.size += 1 + u64::from(lone_cr) + u64::from(lone_lf);
            last = octet;
        }
        last = end;
        let length = block.len();
        survey.length += length as u64;
        text.consume(length);
    }
}

/// How far a large message has come, on standard error.
pub(crate) struct Progress {
    size: u64,
    done: u64,
    shown: u64,
    hidden: bool,
}

impl Progress {
    /// Smaller messages are gone before anybody has read it.
    const WORTH_SHOWING: u64 = 4 * 1024 * 1024;

    pub(crate) fn new(size: u64, quiet: bool) -> Self {
        Self {
            size,
            done: 0,
            shown: 0,
            hidden: quiet || size < Self::WORTH_SHOWING,
        }
    }

    pub(crate) fn start(&mut self) {
        (self.done, self.shown) = (0, 0);
    }

    pub(crate) fn add(&mut self, octets: usize) {
        self.done += octets as u64;
        let percent = self.done.saturating_mul(100) / self.size.max(1);
        if !self.hidden && percent >= self.shown + 10 {
            self.shown = percent - percent % 10;
            let percent = self.shown.min(100);
            note(format_args!("   {percent:3} % of {} octets", self.size));
        }
    }
}
