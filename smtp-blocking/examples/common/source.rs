//! What is to be sent: where it comes from, and how far it is.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek},
};

use bytes::Bytes;
use smtp_proto::types::BodyType;

use crate::terminal::note;

/// One message, or more.
pub(crate) enum Sources {
    One(Source),
    /// In memory, where they can be had without waiting.
    Several(Vec<Bytes>),
}

impl Sources {
    /// Opens the files, or standard input, each of which is to be sent so often.
    pub(crate) fn open(files: &[OsString], copies: usize) -> Result<Self, String> {
        match (files, copies) {
            ([], 1) => Ok(Self::One(Source::open(None)?)),
            ([file], 1) => Ok(Self::One(Source::open(Some(file))?)),
            ([], _) => Ok(Self::Several(vec![Source::open(None)?.read()?])),
            _ => {
                let read = |file: &OsString| Source::open(Some(file))?.read();
                Ok(Self::Several(
                    files.iter().map(read).collect::<Result<_, _>>()?,
                ))
            }
        }
    }
}

/// Where a message comes from.
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

    fn read(self) -> Result<Bytes, String> {
        match self {
            Self::Memory(content) => Ok(content.into()),
            Self::File(mut file, survey) => {
                let mut content = Vec::new();
                file.rewind()
                    .and_then(|()| (&file).take(survey.length).read_to_end(&mut content))
                    .map_err(|error| error.to_string())?;
                Ok(content.into())
            }
        }
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
