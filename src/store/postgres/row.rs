//! What the tables hold, back into values. A row that makes no sense is an error, never a panic and never a guess.

use tokio_postgres::{Error, Row, types::FromSql};

use super::super::{Artifact, Counter, IdHash, Kind, StoreError, consumed, time};

/// An artifact, from the columns of `statements::select`.
pub(super) fn artifact(row: &Row) -> Result<Artifact, StoreError> {
    let kind = u8::try_from(get::<i16>(row, 1)?).ok().and_then(Kind::from_number);
    let (id, kind) = (hash(get(row, 0)?)?, kind.ok_or_else(|| corrupt("an artifact of no kind"))?);
    let optional = |column| get::<Option<&[u8]>>(row, column)?.map(hash).transpose();
    let consumed = consumed((kind, id), get(row, 8)?, optional(9)?)?;
    Ok(Artifact {
        kind,
        id,
        realm: get::<&str>(row, 2)?.into(),
        grant: optional(3)?,
        session: optional(4)?,
        subject: get::<Option<&str>>(row, 5)?.map(Into::into),
        payload: get(row, 6)?,
        expires_at: time(get(row, 7)?)?,
        consumed,
    })
}

/// A counter, from its count and its end.
pub(super) fn counter(row: &Row) -> Result<Counter, StoreError> {
    let count = u32::try_from(get::<i64>(row, 0)?).map_err(|_| corrupt("a count that is none"))?;
    Ok(Counter { count, expires_at: time(get(row, 1)?)? })
}

/// A number that counts rows.
pub(super) fn number(row: &Row) -> Result<usize, StoreError> {
    Ok(usize::try_from(get::<i64>(row, 0)?).unwrap_or(usize::MAX))
}

fn hash(bytes: &[u8]) -> Result<IdHash, StoreError> {
    bytes.try_into().map(IdHash::from_bytes).map_err(|_| corrupt("a hash of another length"))
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(|error: Error| corrupt(&error.to_string()))
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}
