//! The results as they are written to a file: one object for each peer of each case.

use serde::Serialize;

use super::measure::{Row, Theirs};

/// A case on so many threads, beside one peer or none.
#[derive(Debug, Serialize)]
pub(crate) struct Entry<'a> {
    group: &'static str,
    name: &'a str,
    threads: usize,
    /// The median time of one call.
    ours_ns: f64,
    /// The peer's name and version, and what it took for the same; null if none was measured.
    peer: Option<&'a str>,
    peer_ns: Option<f64>,
    /// `peer_ns / ours_ns`
    ratio: Option<f64>,
    /// Why the peer cannot do it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ours_per_item_ns: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of_bandwidth: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gflops: Option<f64>,
}

pub(crate) fn entries(rows: &[Row]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for row in rows {
        if row.peers.is_empty() {
            entries.push(entry(row, None));
        }
        entries.extend(row.peers.iter().map(|theirs| entry(row, Some(theirs))));
    }
    entries
}

fn entry<'a>(row: &'a Row, theirs: Option<&'a Theirs>) -> Entry<'a> {
    Entry {
        group: row.group,
        name: &row.name,
        threads: row.threads,
        ours_ns: row.ours_ns,
        peer: theirs.map(|theirs| theirs.peer.as_str()),
        peer_ns: theirs.and_then(|theirs| theirs.ns),
        ratio: theirs.and_then(|theirs| theirs.ratio),
        unavailable: theirs.and_then(|theirs| theirs.unavailable.as_deref()),
        ours_per_item_ns: row.ours_per_item_ns,
        of_bandwidth: row.of_bandwidth,
        gflops: row.gflops,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;
    use crate::bench::measure::made_up::{row, theirs};

    #[test]
    fn each_peer_of_a_case_is_an_object_of_its_own() {
        let row = |name, peers| Row { group: "nn", gflops: Some(3.0), ..row(name, 2.0, peers) };
        let both = vec![theirs("A", Some(6.0), None), theirs("B", None, Some("no compiler"))];
        let rows = [row("alone", Vec::new()), row("beside", both)];
        let object = |name, peer, peer_ns, ratio| {
            json!({
                "group": "nn", "name": name, "threads": 1, "ours_ns": 2.0,
                "peer": peer, "peer_ns": peer_ns, "ratio": ratio, "gflops": 3.0,
            })
        };
        let mut unavailable = object("beside", json!("B"), json!(null), json!(null));
        unavailable["unavailable"] = json!("no compiler");
        let expected = json!([
            object("alone", json!(null), json!(null), json!(null)),
            object("beside", json!("A"), json!(6.0), json!(3.0)),
            unavailable,
        ]);
        assert_eq!(to_value(entries(&rows)).unwrap(), expected);
    }
}
