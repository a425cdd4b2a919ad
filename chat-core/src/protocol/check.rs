//! Checks shared by several requests.

use super::error::{Error, ErrorCode};
use crate::id::{ClientMessageId, Cursor};
use crate::limits::FieldLimits;

fn invalid(detail: impl std::fmt::Display) -> Error {
    Error::with_detail(ErrorCode::InvalidParameter, detail)
}

/// Checks that a text is not blank and has at most `max` Unicode scalars.
pub(crate) fn text(field: &str, text: &str, max: usize) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(invalid(format_args!("{field} must not be blank")));
    }
    at_most(field, text, max)
}

/// Checks that the id, if any, is not empty and not longer than the limit.
pub(crate) fn client_message_id(id: Option<&ClientMessageId>, limits: &FieldLimits) -> Result<(), Error> {
    match id.map(ClientMessageId::as_str) {
        None => Ok(()),
        Some("") => Err(invalid("client_message_id must not be empty")),
        Some(id) => at_most("client_message_id", id, limits.client_message_id),
    }
}

/// Checks that the cursor may come from a reply.
pub(super) fn cursor(cursor: &Cursor, limits: &FieldLimits) -> Result<(), Error> {
    at_most("cursor", cursor.as_str(), limits.cursor)?;
    cursor.position().map(drop).ok_or_else(|| invalid("cursor must be the next_cursor of a reply"))
}

/// Checks that the cursor may come from a reply with a list by work.
pub(super) fn work_cursor(cursor: &Cursor, limits: &FieldLimits) -> Result<(), Error> {
    at_most("cursor", cursor.as_str(), limits.cursor)?;
    cursor.work_place().map(drop).ok_or_else(|| invalid("cursor must be the next_cursor of a list by work"))
}

/// Checks that the cursor may come from a reply with open orders.
pub(super) fn order_cursor(cursor: &Cursor, limits: &FieldLimits) -> Result<(), Error> {
    at_most("cursor", cursor.as_str(), limits.cursor)?;
    cursor.order_place().map(drop).ok_or_else(|| invalid("cursor must be the next_cursor of a reply"))
}

/// Checks that the cursor may come from a reply with people.
pub(super) fn people_cursor(cursor: &Cursor) -> Result<(), Error> {
    cursor.user().map(drop).ok_or_else(|| invalid("cursor must be the next_cursor of a reply"))
}

fn at_most(field: &str, text: &str, max: usize) -> Result<(), Error> {
    if text.len() > max && text.chars().nth(max).is_some() {
        Err(invalid(format_args!("{field} must have at most {max} characters")))
    } else {
        Ok(())
    }
}

/// Checks that the number, if any, is at least one.
pub(super) fn positive(field: &str, number: Option<i64>) -> Result<(), Error> {
    match number {
        Some(..=0) => Err(invalid(format_args!("{field} must be at least 1"))),
        _ => Ok(()),
    }
}

/// Checks that the number, if any, is at least zero.
pub(super) fn not_negative(field: &str, number: Option<i64>) -> Result<(), Error> {
    match number {
        Some(..0) => Err(invalid(format_args!("{field} must not be negative"))),
        _ => Ok(()),
    }
}
