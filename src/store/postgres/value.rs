use std::{error::Error, fmt};

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::super::{IdHash, Kind};

/// What fills a statement's place.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    Kind(Kind),
    Number(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Null,
}

impl<'a> From<&'a IdHash> for Value<'a> {
    fn from(id: &'a IdHash) -> Self {
        Self::Bytes(id.as_bytes())
    }
}

impl From<Kind> for Value<'_> {
    fn from(kind: Kind) -> Self {
        Self::Kind(kind)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Kind(kind) => i16::from(*kind as u8).to_sql(ty, out),
            Self::Number(number) => number.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Every statement is prepared with the types of its places.
        true
    }

    to_sql_checked!();
}

/// The client logs what it sends where somebody asks for that: never the values.
impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}
