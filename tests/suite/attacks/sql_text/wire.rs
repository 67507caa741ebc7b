//! Uses the server's parser through the protocol: a Parse message of a utility statement is only parsed, contains
//! exactly one statement, and executes nothing.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

/// The server's answer to a statement: accepted, or SQLSTATE and message.
pub type Answer = Result<(), (String, String)>;

pub struct Parser {
    stream: UnixStream,
}

impl Parser {
    pub fn connect(folder: &Path) -> Parser {
        let mut stream = UnixStream::connect(folder.join(".s.PGSQL.5432")).unwrap();
        let mut message = 196_608_u32.to_be_bytes().to_vec();
        message.extend(b"user\0postgres\0database\0postgres\0client_encoding\0UTF8\0\0");
        send(&mut stream, None, &message);
        let mut parser = Parser { stream };
        while parser.receive().0 != b'Z' {}
        parser
    }

    fn receive(&mut self) -> (u8, Vec<u8>) {
        receive(&mut &self.stream)
    }

    /// Sends all statements in one batch.
    pub fn parse(&mut self, statements: &[String]) -> Vec<Answer> {
        let mut writer = self.stream.try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut all = Vec::new();
                for statement in statements {
                    assert!(!statement.contains('\0'));
                    let mut message = vec![0];
                    message.extend(statement.as_bytes());
                    message.extend([0, 0, 0]);
                    send(&mut all, Some(b'P'), &message);
                    send(&mut all, Some(b'S'), &[]);
                }
                writer.write_all(&all).unwrap();
            });
            let mut reader = BufReader::new(&self.stream);
            statements.iter().map(|_| answer(&mut reader)).collect()
        })
    }
}

fn answer(reader: &mut impl Read) -> Answer {
    let mut answer = Ok(());
    loop {
        match receive(reader) {
            (b'Z', _) => return answer,
            (b'E', fields) => {
                let field = |kind: u8| {
                    let mut all = fields.split(|byte| *byte == 0);
                    let found = all.find(|field| field.first() == Some(&kind)).unwrap_or_default();
                    String::from_utf8_lossy(found.get(1..).unwrap_or_default()).into_owned()
                };
                answer = Err((field(b'C'), field(b'M')));
            }
            _ => {}
        }
    }
}

fn send(stream: &mut impl Write, kind: Option<u8>, body: &[u8]) {
    let length = u32::try_from(body.len() + 4).unwrap();
    let mut message: Vec<u8> = kind.into_iter().collect();
    message.extend(length.to_be_bytes());
    message.extend(body);
    stream.write_all(&message).unwrap();
}

fn receive(stream: &mut impl Read) -> (u8, Vec<u8>) {
    let mut head = [0; 5];
    stream.read_exact(&mut head).unwrap();
    let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
    let mut body = vec![0; length - 4];
    stream.read_exact(&mut body).unwrap();
    (head[0], body)
}
