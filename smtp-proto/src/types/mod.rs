//! Values of the protocol, valid by construction.
//!
//! What commands are made of has private fields and a checked constructor, prints
//! itself in the form the wire has, and parses that form back to an equal value.
//! No such value can hold a CR, LF or NUL, so no command line can be split in two
//! by its contents. A [`Reply`] keeps what came, and a [`Capability`] what was put
//! in; both lose control characters on their way to the wire.

mod address;
mod capability;
mod command;
mod domain;
pub(crate) mod grammar;
mod parameter;
mod path;
mod print;
mod reply;
mod reply_text;
mod secret;
mod text;

pub(crate) use address::ReadMailbox;
pub use address::{AddressError, LocalPart, Mailbox};
pub use capability::{Capabilities, Capability};
pub use command::{Argument, Command, CommandTextError, HelloName, RawCommand};
pub use domain::{AddressLiteral, Domain, DomainError, GeneralLiteral, Host};
pub(crate) use grammar::{is_keyword, is_mechanism_name, skip_spaces};
pub use parameter::{BodyType, Parameter, ParameterError, Parameters};
pub(crate) use path::ReadPath;
pub use path::{ForwardPath, ReversePath};
pub(crate) use print::Print;
pub use reply::{Class, EnhancedCode, Reply, ReplyCode, ReplyError};
pub(crate) use reply_text::line_end;
pub use secret::Secret;
