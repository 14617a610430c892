//! How the objects of a kind look on the command line. A kind that is not named here gets the common columns.

use serde_json::Value;

use crate::cli::screen::Table;

/// The columns of a kind's list, and the fields beside `config` that `create` takes.
#[derive(Clone, Copy)]
pub struct Shape {
    /// The columns of LXD's client.
    pub columns: &'static [Column],
    /// The field that is the second word of `create`.
    pub driver_field: Option<&'static str>,
    /// The field that `--type` sets.
    pub type_field: Option<&'static str>,
}

/// One column.
#[derive(Clone, Copy)]
pub struct Column {
    header: &'static str,
    pointer: &'static str,
    show: Show,
}

/// How a value is shown.
#[derive(Clone, Copy)]
enum Show {
    Text,
    Capitals,
    Count,
    YesNo,
}

const fn column(header: &'static str, pointer: &'static str, show: Show) -> Column {
    Column { header, pointer, show }
}

const NAME: Column = column("NAME", "/name", Show::Text);
const DESCRIPTION: Column = column("DESCRIPTION", "/description", Show::Text);
const USED_BY: Column = column("USED BY", "/used_by", Show::Count);
const STATE: Column = column("STATE", "/status", Show::Capitals);

const COMMON: Shape = Shape { columns: &[NAME, DESCRIPTION, USED_BY, STATE], driver_field: None, type_field: None };

const STORAGE_POOL: Shape = Shape {
    columns: &[NAME, column("DRIVER", "/driver", Show::Text), DESCRIPTION, USED_BY, STATE],
    driver_field: Some("driver"),
    type_field: None,
};

const NETWORK: Shape = Shape {
    columns: &[
        NAME,
        column("TYPE", "/type", Show::Text),
        column("MANAGED", "/managed", Show::YesNo),
        column("IPV4", "/config/ipv4.address", Show::Text),
        column("IPV6", "/config/ipv6.address", Show::Text),
        DESCRIPTION,
        USED_BY,
        STATE,
    ],
    driver_field: None,
    type_field: Some("type"),
};

const PROFILE: Shape = Shape { columns: &[NAME, DESCRIPTION, USED_BY], driver_field: None, type_field: None };

const PROJECT: Shape = Shape {
    columns: &[
        NAME,
        column("IMAGES", "/config/features.images", Show::YesNo),
        column("PROFILES", "/config/features.profiles", Show::YesNo),
        column("STORAGE VOLUMES", "/config/features.storage.volumes", Show::YesNo),
        column("NETWORKS", "/config/features.networks", Show::YesNo),
        DESCRIPTION,
        USED_BY,
    ],
    driver_field: None,
    type_field: None,
};

/// The shape of a kind.
pub fn shape(kind: &str) -> Shape {
    match kind {
        "storage-pool" => STORAGE_POOL,
        "network" => NETWORK,
        "profile" => PROFILE,
        "project" => PROJECT,
        _ => COMMON,
    }
}

/// A list of objects as a table.
pub fn table(kind: &str, objects: &[Value]) -> Table {
    let columns = shape(kind).columns;
    let mut table = Table::new(columns.iter().map(|column| column.header));
    for object in objects {
        table.push(columns.iter().map(|column| column.cell(object)));
    }
    table
}

impl Column {
    fn cell(&self, object: &Value) -> String {
        let value = object.pointer(self.pointer).unwrap_or(&Value::Null);
        let text = value.as_str().unwrap_or_default();
        match self.show {
            Show::Text => text.to_owned(),
            Show::Capitals => text.to_uppercase(),
            Show::Count => value.as_array().map_or(0, Vec::len).to_string(),
            Show::YesNo => {
                let is_yes = value.as_bool().unwrap_or(matches!(text, "true" | "1" | "yes" | "on"));
                if is_yes { "YES" } else { "NO" }.to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_of_pools_has_the_columns_of_lxd() {
        let pool = json!({"name": "data", "driver": "zfs", "description": "", "used_by": ["/1.0/profiles/default"],
            "status": "Pending", "config": {}, "locations": ["node1"]});
        insta::assert_snapshot!(table("storage-pool", &[pool]).boxed(), @r"
        +------+--------+-------------+---------+---------+
        | NAME | DRIVER | DESCRIPTION | USED BY |  STATE  |
        +------+--------+-------------+---------+---------+
        | data | zfs    |             | 1       | PENDING |
        +------+--------+-------------+---------+---------+
        ");
    }
}
