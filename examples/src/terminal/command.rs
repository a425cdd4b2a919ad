//! The commands in typed lines.

/// A command in the output of `/help`.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// The command, with its slash.
    pub word: &'static str,
    /// The arguments.
    pub arguments: &'static str,
    /// The effect.
    pub help: &'static str,
}

/// The commands of both programs.
const COMMON: [Usage; 6] = [
    Usage { word: "/list", arguments: "", help: "all conversations, emergencies first" },
    Usage {
        word: "/open",
        arguments: "N",
        help: "show conversation N and what comes in it; marks it as read",
    },
    Usage { word: "/older", arguments: "", help: "show older messages of the open conversation" },
    Usage { word: "/typing", arguments: "", help: "show others that you type, until your next message" },
    Usage { word: "/help", arguments: "", help: "show this help" },
    Usage { word: "/quit", arguments: "", help: "leave, as Ctrl-C does" },
];

/// A parsed line.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Command {
    List,
    Open(usize),
    Older,
    Typing,
    Help,
    Quit,
    /// An empty line.
    Nothing,
    /// A text to send.
    Text(String),
    /// A command of this program alone, with its arguments.
    Own(&'static str, String),
}

/// Parses a line; `own` are the commands of this program alone.
///
/// # Errors
///
/// The error is a text for the person.
pub(super) fn parse(line: &str, own: &'static [Usage]) -> Result<Command, String> {
    if !line.starts_with('/') {
        let text = line.trim();
        return Ok(if text.is_empty() { Command::Nothing } else { Command::Text(text.to_owned()) });
    }
    let (word, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
    let rest = rest.trim();
    match word {
        "/list" => Ok(Command::List),
        "/open" => {
            rest.parse().map(Command::Open).map_err(|_| "which one? /open N, with an N of /list".into())
        }
        "/older" => Ok(Command::Older),
        "/typing" => Ok(Command::Typing),
        "/help" => Ok(Command::Help),
        "/quit" => Ok(Command::Quit),
        _ => match own.iter().find(|usage| usage.word == word) {
            Some(usage) => Ok(Command::Own(usage.word, rest.to_owned())),
            None => Err(unknown(word, own)),
        },
    }
}

fn unknown(word: &str, own: &[Usage]) -> String {
    let words = own.iter().chain(&COMMON).map(|usage| usage.word).collect::<Vec<_>>().join(" ");
    format!(
        "there is no {word}, so nothing was sent. The commands are {words}. To send a line with a slash in front, put a \
         space before it"
    )
}

/// Returns the lines of `/help`.
pub(super) fn help(own: &[Usage]) -> impl Iterator<Item = String> {
    let line =
        |usage: &Usage| format!("{:<27} {}", format!("{} {}", usage.word, usage.arguments), usage.help);
    let ends = [
        format!("{:<27} {}", "anything else", "is sent to the open conversation"),
        "✓ the server has it, ✓✓ somebody has read it (seen only while you are here)".to_owned(),
    ];
    own.iter().chain(&COMMON).map(line).chain(ends)
}

/// Splits `TITLE: TEXT`, where neither may be empty.
pub fn title_and_text(rest: &str) -> Option<(&str, &str)> {
    let (title, text) = rest.split_once(':')?;
    let (title, text) = (title.trim(), text.trim());
    (!title.is_empty() && !text.is_empty()).then_some((title, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &[Usage] = &[Usage { word: "/new", arguments: "TITLE: TEXT", help: "" }];

    #[test]
    fn a_line_is_a_command_or_a_text() {
        assert_eq!(parse("/open 12", OWN), Ok(Command::Open(12)));
        assert_eq!(parse("/new A: b: c ", OWN), Ok(Command::Own("/new", "A: b: c".to_owned())));
        assert_eq!(
            parse(" The bridge is closed.\r", OWN),
            Ok(Command::Text("The bridge is closed.".to_owned()))
        );
        assert_eq!(parse(" /etc is full", OWN), Ok(Command::Text("/etc is full".to_owned())));
        assert_eq!(parse("  ", OWN), Ok(Command::Nothing));
    }

    #[test]
    fn what_only_looks_like_a_command_is_never_sent() {
        assert!(parse("/opne 1", OWN).unwrap_err().contains("there is no /opne, so nothing was sent"));
        assert!(parse("/room driver_support", OWN).unwrap_err().contains("The commands are /new /list"));
        assert!(parse("/open one", OWN).unwrap_err().contains("/open N"));
    }

    #[test]
    fn a_title_ends_at_the_first_colon() {
        assert_eq!(title_and_text("Detour: A: or B?"), Some(("Detour", "A: or B?")));
        for bad in ["Detour", "Detour:", ": text", ""] {
            assert_eq!(title_and_text(bad), None, "{bad}");
        }
    }
}
