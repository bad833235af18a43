//! A peer inside TLS, by the line.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
};

use smtp_blocking::smtp_proto::tls::{
    ServerTls,
    rustls::{ServerConnection, StreamOwned},
};

use super::{Talk, pki::Identity};

/// A server with this certificate.
pub(crate) fn server(identity: &Identity) -> ServerTls {
    ServerTls::from_pem(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap()
}

/// The server's end of a dialogue inside TLS.
pub(crate) struct SecureTalk {
    reader: BufReader<StreamOwned<ServerConnection, TcpStream>>,
}

impl SecureTalk {
    /// The handshake is made with the first line.
    pub(crate) fn new(talk: Talk, tls: &ServerTls) -> Self {
        let stream = StreamOwned::new(tls.connection().unwrap(), talk.stream);
        let reader = BufReader::new(stream);
        Self { reader }
    }

    pub(crate) fn say(&mut self, octets: impl AsRef<[u8]>) {
        let _ = self.reader.get_mut().write_all(octets.as_ref());
    }

    /// The next line without its line end; empty at the end. The client has to
    /// announce the end.
    #[track_caller]
    pub(crate) fn hear(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, start: &str) {
        let line = self.hear();
        assert!(line.starts_with(start), "{line:?}, not {start:?}");
    }

    #[track_caller]
    pub(crate) fn turn(&mut self, start: &str, answer: &str) {
        self.expect(start);
        self.say(format!("{answer}\r\n"));
    }

    /// MAIL, one RCPT and DATA are answered with yes.
    #[track_caller]
    pub(crate) fn envelope(&mut self) {
        self.turn("MAIL", "250 ok");
        self.turn("RCPT", "250 ok");
        self.turn("DATA", "354 go on");
    }

    /// The content, as it is sent.
    pub(crate) fn content(&mut self) -> Vec<u8> {
        let mut content = Vec::new();
        while !content.ends_with(b"\r\n.\r\n") {
            let n = self.reader.read_until(b'\n', &mut content).unwrap();
            assert!(n > 0, "the content ended early");
        }
        content.truncate(content.len() - 3);
        content
    }

    /// Lets some octets go by.
    pub(crate) fn swallow(&mut self, octets: u64) {
        let read = std::io::copy(&mut self.reader.by_ref().take(octets), &mut std::io::sink());
        assert_eq!(read.unwrap(), octets);
    }

    /// QUIT, and the end, as the client has announced it.
    #[track_caller]
    pub(crate) fn quit(&mut self) {
        self.turn("QUIT", "221 bye");
        assert_eq!(self.hear(), "");
    }

    /// Makes the handshake. Whether the client went along.
    pub(crate) fn handshake(&mut self) -> bool {
        let stream = self.reader.get_mut();
        // The last octets of a client that refuses come behind the handshake.
        while stream.conn.is_handshaking() {
            if stream.conn.complete_io(&mut stream.sock).is_err() {
                return false;
            }
        }
        true
    }

    /// What the server hears of a client that does not go along.
    pub(crate) fn refusal(&mut self) -> String {
        let error = self.reader.read_to_end(&mut Vec::new()).unwrap_err();
        error
            .get_ref()
            .map(|error| format!("{error:?}"))
            .unwrap_or_default()
    }

    /// Who the client is.
    pub(crate) fn client_certificate(&self) -> Option<Vec<u8>> {
        let certificates = self.reader.get_ref().conn.peer_certificates()?;
        Some(certificates[0].to_vec())
    }

    /// All that comes until the end, in whatever way that comes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.reader.read_to_end(&mut rest) {
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                ) =>
            {
                panic!("{error}")
            }
            _ => rest,
        }
    }

    /// Announces the end.
    pub(crate) fn close(&mut self) {
        let stream = self.reader.get_mut();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    }
}
