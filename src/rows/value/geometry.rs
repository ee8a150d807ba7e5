//! Points, and PostGIS's geometry and geography.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::bytes::{decode_base64, to_hexadecimal};
use super::error::{ValueError, malformed};
use super::json::Json;

/// Set in a geometry's type if the SRID follows it.
const HAS_SRID: u32 = 0x2000_0000;

#[derive(Deserialize)]
struct Point<'a> {
    #[serde(borrow)]
    x: &'a RawValue,
    #[serde(borrow)]
    y: &'a RawValue,
}

#[derive(Deserialize)]
struct Geometry<'a> {
    #[serde(borrow)]
    wkb: &'a RawValue,
    srid: Option<i32>,
}

/// `(x,y)`. The wkb that comes with it says the same, less readably.
pub(super) fn point_text(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    let point: Point = json.as_struct("a point as a struct of x and y")?;
    Ok(Cow::Owned(format!(
        "({},{})",
        coordinate_digits(point.x)?,
        coordinate_digits(point.y)?
    )))
}

fn coordinate_digits(raw: &RawValue) -> Result<&str, ValueError> {
    match Json::from_raw(raw.get())? {
        Json::Number(digits) => Ok(digits),
        Json::String(quoted @ (r#""NaN""# | r#""Infinity""# | r#""-Infinity""#)) => {
            Ok(quoted.trim_matches('"'))
        }
        other => Err(other.unexpected("a coordinate as a number")),
    }
}

/// Hexadecimal EWKB: the one text that geometry and geography both read. (`SRID=n;` before it is geometry's.)
pub(super) fn hex_ewkb(json: Json<'_>) -> Result<Cow<'_, str>, ValueError> {
    const EXPECTED: &str = "a geometry as a struct of wkb and srid";
    let geometry: Geometry = json.as_struct(EXPECTED)?;
    let wkb = decode_base64(Json::from_raw(geometry.wkb.get())?, EXPECTED)?;
    let [order, kind @ ..] = wkb.as_slice() else {
        return Err(malformed(EXPECTED));
    };
    let (kind, rest) = kind.split_first_chunk::<4>().ok_or(malformed(EXPECTED))?;
    let little_endian = match order {
        0 => false,
        1 => true,
        _ => return Err(malformed(EXPECTED)),
    };
    let read = |word| {
        if little_endian {
            u32::from_le_bytes(word)
        } else {
            u32::from_be_bytes(word)
        }
    };
    let write = |word: u32| {
        if little_endian {
            word.to_le_bytes()
        } else {
            word.to_be_bytes()
        }
    };
    let has_srid = read(*kind) & HAS_SRID != 0;
    let srid = geometry
        .srid
        .filter(|srid| *srid > 0)
        .and_then(|srid| u32::try_from(srid).ok());
    let (Some(srid), false) = (srid, has_srid) else {
        return Ok(Cow::Owned(to_hexadecimal("", &wkb)));
    };
    let mut out = Vec::with_capacity(wkb.len() + 4);
    out.push(*order);
    out.extend(write(read(*kind) | HAS_SRID));
    out.extend(write(srid));
    out.extend(rest);
    Ok(Cow::Owned(to_hexadecimal("", &out)))
}

#[cfg(test)]
mod tests {
    use crate::rows::value::testing::{check, refused};

    const POINT: &str = r#"{"type":"struct","name":"io.debezium.data.geometry.Point","fields":[]}"#;
    const GEOMETRY: &str =
        r#"{"type":"struct","name":"io.debezium.data.geometry.Geometry","fields":[]}"#;

    #[test]
    fn points_and_geometries_are_written() {
        // POINT(1 2), little-endian
        let wkb = r#"{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null}"#;
        let with_srid = r#"{"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":4326}"#;
        let plain = "0101000000000000000000f03f0000000000000040";
        let extended = "0101000020e6100000000000000000f03f0000000000000040";
        check(&[
            (wkb, POINT, "point", "(1.0,2.0)"),
            (wkb, "", "point", "(1.0,2.0)"),
            (r#"{"x":"NaN","y":-1e300}"#, POINT, "point", "(NaN,-1e300)"),
            ("\"(1,2)\"", "", "point", "(1,2)"),
            (wkb, POINT, "geometry", plain),
            (with_srid, GEOMETRY, "geometry", extended),
            (with_srid, "", "geography", extended),
            (with_srid, GEOMETRY, "jsonb", with_srid),
            // an SRID that is there already stays
            (
                r#"{"wkb":"AQEAACDmEAAAAAAAAAAA8D8AAAAAAAAAQA==","srid":4326}"#,
                GEOMETRY,
                "geometry",
                extended,
            ),
            (
                r#"{"wkb":"AAAAAAE/8AAAAAAAAEAAAAAAAAAA","srid":1}"#,
                GEOMETRY,
                "geometry",
                "0020000001000000013ff00000000000004000000000000000",
            ),
        ]);
    }

    #[test]
    fn what_is_no_geometry_is_refused() {
        refused(r#"{"x":1}"#, POINT, "point");
        refused(r#"{"x":"a","y":1}"#, POINT, "point");
        refused("[1,2]", POINT, "point");
        refused(r#"{"wkb":"","srid":1}"#, GEOMETRY, "geometry");
        refused(r#"{"wkb":"AQEA","srid":1}"#, GEOMETRY, "geometry");
        refused(r#"{"wkb":"CQEAAAAA","srid":1}"#, GEOMETRY, "geometry");
        refused("[1]", GEOMETRY, "geometry");
    }
}
