//! The plan as text for people.

use std::fmt::Write;

use super::impact::effect::used_by;
use super::impact::lockout::{CUT_OFF, TAKES_BACK};
use super::report::{Action, FieldChange, MemberRow, OfflineMember, Plan, PlannedChange};
use super::rollout::PlannedWaves;
use super::rules::ownership::HELD;
use super::rules::prune::NOT_PRUNED;
use crate::kinds::project::default_profile_key;
use crate::model::Key;

/// How a plan is to look.
pub struct Look<'a> {
    /// What the plan is for, as a heading: the name of the file.
    pub title: &'a str,
    /// The number of columns; longer lines are broken where that helps.
    pub width: usize,
    /// Gives a text the colour of its meaning, or leaves it as it is.
    pub paint: &'a dyn Fn(Meaning, &str) -> String,
}

/// What a piece of text means. How that looks is for the screen to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Something appears.
    Added,
    /// Something changes.
    Changed,
    /// Something goes.
    Removed,
    /// Something has to wait.
    Blocked,
    /// Something is not known, because a member cannot be asked.
    Unknown,
    /// The important part of a line.
    Strong,
    /// The unimportant part of a line.
    Dim,
}

impl Look<'_> {
    /// A look without colours, 100 columns wide.
    pub fn plain(title: &str) -> Look<'_> {
        Look { title, width: 100, paint: &|_, text| text.to_owned() }
    }

    fn paint(&self, meaning: Meaning, text: &str) -> String {
        (self.paint)(meaning, text)
    }
}

impl Plan {
    /// The plan as text: a heading, a line or a few for each change, and what is left out.
    pub fn render(&self, look: &Look<'_>) -> String {
        let mut text = format!("{}  {}: {}\n", look.paint(Meaning::Strong, "Plan"), look.title, self.headline());
        text.push_str(&self.waves.as_ref().map(|waves| self.order(waves, look)).unwrap_or_default());
        let columns = Columns::of(&self.changes);
        for change in &self.changes {
            text.push_str(&line(change, &columns, look));
            text.push_str(&in_the_way(change, look));
            text.push_str(&along(change, look));
            text.push_str(&reach(change, look));
            text.push_str(&waits(change, &self.offline, look));
            text.push_str(&cut_off(change, look));
        }
        // What cuts off stands beside its change.
        for note in self.notes.iter().filter(|note| note.code != CUT_OFF) {
            let (mark, meaning) = if [NOT_PRUNED, HELD].contains(&note.code.as_str()) {
                ("!", Meaning::Blocked)
            } else {
                ("?", Meaning::Unknown)
            };
            let _ = writeln!(text, "  {} {}", look.paint(meaning, mark), note.message);
        }
        if self.unchanged > 0 && !self.is_empty() {
            let unchanged = format!("  {} unchanged", counted(self.unchanged, "object", "objects"));
            let _ = writeln!(text, "{}", look.paint(Meaning::Dim, &unchanged));
        }
        if !self.left_out.is_empty() {
            let left_out = format!("  {} left out", counted(self.left_out.len(), "object", "objects"));
            let _ = writeln!(text, "{}", look.paint(Meaning::Dim, &left_out));
        }
        text
    }

    /// Who takes it up after whom, in a line or two.
    fn order(&self, waves: &PlannedWaves, look: &Look<'_>) -> String {
        let order = format!("  in waves: {}", waves.shown());
        let at_once = match self.changes.len().saturating_sub(waves.objects.len()) {
            0 => String::new(),
            others => format!(", {} to all at once", counted(others, "other change", "other changes")),
        };
        let stop = format!("{}{at_once}", waves.stop());
        match order.chars().count() + 2 + stop.chars().count() <= look.width {
            true => format!("{order}; {stop}\n"),
            false => format!("{order};\n            {stop}\n"),
        }
    }

    /// The changes in one sentence: `5 to create, 1 to change, nothing to delete`.
    pub fn headline(&self) -> String {
        if self.is_empty() && self.barred.is_empty() {
            return self.nothing();
        }
        let all = [
            (self.summary.create, "to create"),
            (self.summary.resume, "to go on with"),
            (self.summary.update, "to change"),
            (self.summary.adopt, "to take over as they are"),
            (self.summary.delete, "to delete"),
            (self.summary.barred, "in the way"),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        let mut parts: Vec<String> = some.map(|(count, what)| format!("{count} {what}")).collect();
        if self.summary.delete == 0 {
            parts.push("nothing to delete".to_owned());
        }
        // Not all that is wrong is wrong with one object.
        if self.summary.barred == 0 && !self.barred.is_empty() {
            parts.push(format!("stopped by {}", counted(self.barred.len(), "error", "errors")));
        }
        if self.summary.waiting > 0 {
            let silent: Vec<String> = self.offline.iter().map(|silent| silent.member.to_string()).collect();
            parts.push(format!("{} waiting for {}", self.summary.waiting, silent.join(", ")));
        }
        parts.join(", ")
    }

    /// Of what is held nobody has looked whether it is as declared.
    fn nothing(&self) -> String {
        let held = self.notes.iter().filter(|note| note.code == HELD).count();
        let as_declared = counted(self.unchanged.saturating_sub(held), "object", "objects");
        let text = format!("nothing to change, {as_declared} as declared");
        if held == 0 { text } else { format!("{text}, {held} held") }
    }
}

impl FieldChange {
    /// The change in one line: `config.limits.cpu: 1 -> 2`. A secret only changes.
    pub fn shown(&self) -> String {
        step(self)
    }
}

struct Columns {
    key: usize,
    variant: usize,
}

impl Columns {
    fn of(changes: &[PlannedChange]) -> Self {
        let widest = |of: fn(&PlannedChange) -> usize, max: usize| {
            changes.iter().map(of).filter(|width| *width <= max).max().unwrap_or(0)
        };
        Self {
            key: widest(|change| change.key.to_string().chars().count(), 40).max(16),
            variant: widest(|change| change.variant.chars().count(), 12),
        }
    }
}

fn line(change: &PlannedChange, columns: &Columns, look: &Look<'_>) -> String {
    let (symbol, meaning) = symbol(change);
    let key = format!("{:width$}", change.key.to_string(), width = columns.key);
    let variant = format!("{:width$}", change.variant, width = columns.variant);
    let indent = 4 + columns.key + 2 + if columns.variant > 0 { columns.variant + 2 } else { 0 };
    let mut head = format!("  {} {}", look.paint(meaning, symbol), look.paint(Meaning::Strong, &key));
    if columns.variant > 0 {
        let _ = write!(head, "  {}", look.paint(Meaning::Dim, &variant));
    }
    let details = details(change);
    let joined = details.iter().map(|detail| detail.text.as_str()).collect::<Vec<_>>().join(" · ");
    let fits_beside = indent + joined.chars().count() <= look.width;
    let is_change = matches!(change.action, Action::Update | Action::Recreate);
    let is_list = details.len() > 1 && (!fits_beside || is_change);
    if is_list {
        let mut text = format!("{}\n", head.trim_end());
        for detail in details {
            let _ = writeln!(text, "      {} {}", look.paint(detail.meaning, detail.symbol), detail.text);
        }
        return text;
    }
    format!("{head}  {joined}").trim_end().to_owned() + "\n"
}

fn symbol(change: &PlannedChange) -> (&'static str, Meaning) {
    match change.action {
        _ if change.is_blocked() => ("!", Meaning::Blocked),
        Action::Create | Action::Resume => ("+", Meaning::Added),
        Action::Update | Action::Retry => ("~", Meaning::Changed),
        Action::Adopt => ("=", Meaning::Dim),
        Action::Delete => ("-", Meaning::Removed),
        // Taken away and made anew, which nobody does by itself.
        Action::Recreate => ("±", Meaning::Removed),
        Action::Refused => ("!", Meaning::Blocked),
    }
}

struct Detail {
    symbol: &'static str,
    meaning: Meaning,
    text: String,
}

fn details(change: &PlannedChange) -> Vec<Detail> {
    let is_new = change.precondition.is_none();
    let is_beside = |field: &FieldChange| match field.path.as_str() {
        "driver" | "type" => true,
        // What every project's own profile is called.
        "description" => goes_with_its_project(&change.key),
        _ => false,
    };
    let asked = change.fields.iter().filter(|field| !(field.computed || is_new && is_beside(field)));
    let mut details: Vec<Detail> = asked.map(|field| detail(field, is_new)).collect();
    details.extend(chosen(&change.fields));
    // A member that only gets the object, as all do, is worth no line.
    let rows = change.members.iter().filter(|row| !row.fields.is_empty());
    details.extend(rows.map(|row| member(row, is_new)));
    let words = match change.action {
        Action::Resume if details.is_empty() => "defined already: create it",
        Action::Retry => "failed before: try again",
        Action::Adopt => "as declared: the manifest owns it from now on",
        Action::Update if details.is_empty() && !change.members.is_empty() => "placed on one more member",
        Action::Update if details.is_empty() => "the same, stored in another form",
        Action::Delete if change.is_undone => "was not there before",
        Action::Delete if goes_with_its_project(&change.key) => "goes with the profiles of its project",
        Action::Delete => "declared no more",
        _ => return details,
    };
    details.push(Detail { symbol: " ", meaning: Meaning::Dim, text: words.to_owned() });
    details
}

fn goes_with_its_project(key: &Key) -> bool {
    !key.project.is_default() && *key == default_profile_key(key.project.as_str())
}

// What the system chooses is worth one line, however much it is.
fn chosen(fields: &[FieldChange]) -> Option<Detail> {
    let words: Vec<String> = fields.iter().filter(|field| field.computed).map(fresh).collect();
    let text = format!("chosen: {}", words.join(", "));
    (!words.is_empty()).then_some(Detail { symbol: " ", meaning: Meaning::Dim, text })
}

fn detail(field: &FieldChange, is_new: bool) -> Detail {
    let (symbol, meaning) = match (&field.before, &field.after) {
        _ if is_new || field.secret => ("~", Meaning::Changed),
        (None, _) => ("+", Meaning::Added),
        (_, None) => ("-", Meaning::Removed),
        (Some(_), Some(_)) => ("~", Meaning::Changed),
    };
    let (symbol, meaning) = if is_new { (" ", Meaning::Dim) } else { (symbol, meaning) };
    Detail { symbol, meaning, text: if is_new { fresh(field) } else { step(field) } }
}

fn member(row: &MemberRow, is_new: bool) -> Detail {
    let each = |field: &FieldChange| if is_new || field.before.is_none() { fresh(field) } else { step(field) };
    let fields: Vec<String> = row.fields.iter().map(each).collect();
    let (symbol, meaning) = if row.offline { ("?", Meaning::Unknown) } else { (" ", Meaning::Dim) };
    Detail { symbol, meaning, text: format!("{} {}", row.member, fields.join(" ")) }
}

fn fresh(field: &FieldChange) -> String {
    let path = field.path.strip_prefix("config.").unwrap_or(&field.path);
    let value = if field.secret { "(secret)".to_owned() } else { value(field.after.as_deref()) };
    format!("{path}={value}")
}

fn step(field: &FieldChange) -> String {
    if field.secret {
        return format!("{}: (changed)", field.path);
    }
    format!("{}: {} -> {}", field.path, value(field.before.as_deref()), value(field.after.as_deref()))
}

// Long and many-lined values are told by their size: a plan is read line by line.
fn value(text: Option<&str>) -> String {
    const CHARACTERS_MAX: usize = 60;
    let Some(text) = text else { return "(none)".to_owned() };
    let text = &visible(text);
    let lines = text.trim_end().lines().count();
    if lines > 1 {
        return format!("({lines} lines)");
    }
    if text.chars().count() <= CHARACTERS_MAX {
        return text.trim_end().to_owned();
    }
    let start: String = text.chars().take(CHARACTERS_MAX - 1).collect();
    format!("{start}…")
}

/// What a terminal would obey, or not show, is written out; lines stay lines.
fn visible(text: &str) -> String {
    let is_hidden = |letter: char| {
        letter.is_control() && letter != '\n' && letter != '\t'
            || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
            || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let written = |letter: char| {
        if is_hidden(letter) { letter.escape_unicode().to_string() } else { letter.to_string() }
    };
    text.chars().map(written).collect()
}

/// What stops for a moment, and who uses what changes.
fn reach(change: &PlannedChange, look: &Look<'_>) -> String {
    let stops = if change.restarts.is_empty() { String::new() } else { format!("restarts {}", change.restarts) };
    let said: Vec<String> = [stops, used_by(&change.used_by)].into_iter().filter(|part| !part.is_empty()).collect();
    if said.is_empty() {
        return String::new();
    }
    let meaning = if change.restarts.is_empty() { Meaning::Dim } else { Meaning::Changed };
    format!("{}\n", look.paint(meaning, &format!("        {}", said.join("; "))))
}

/// Why a change is in a plan that nobody asked for it.
fn along(change: &PlannedChange, look: &Look<'_>) -> String {
    const NAMED_MAX: usize = 3;
    let named: Vec<String> = change.needed_by.iter().take(NAMED_MAX).map(Key::to_string).collect();
    let more = match change.needed_by.len() {
        0 => return String::new(),
        all if all > NAMED_MAX => format!(" and {} more", all - NAMED_MAX),
        _ => String::new(),
    };
    let text = format!("        comes along: needed by {}{more}", named.join(", "));
    format!("{}\n", look.paint(Meaning::Dim, &text))
}

/// Which members may be cut off, and the way back from there.
fn cut_off(change: &PlannedChange, look: &Look<'_>) -> String {
    let mark = look.paint(Meaning::Blocked, "!");
    let mut text = change.cuts_off.iter().fold(String::new(), |mut text, why| {
        let _ = writeln!(text, "      {mark} {why}");
        text
    });
    if !text.is_empty() {
        let _ = writeln!(text, "        {}", look.paint(Meaning::Dim, TAKES_BACK));
    }
    text
}

/// Why nothing of the plan can be done.
fn in_the_way(change: &PlannedChange, look: &Look<'_>) -> String {
    let anew = "it would have to be made anew, with all that is in it".to_owned();
    let anew = (change.action == Action::Recreate).then_some(anew);
    let mark = look.paint(Meaning::Blocked, "!");
    change.barred.iter().cloned().chain(anew).fold(String::new(), |mut text, why| {
        let _ = writeln!(text, "      {mark} {why}");
        text
    })
}

fn waits(change: &PlannedChange, offline: &[OfflineMember], look: &Look<'_>) -> String {
    let mut text = String::new();
    for silent in offline.iter().filter(|silent| change.waits_for.contains(&silent.member)) {
        let since = match silent.silent_ms {
            Some(ms) => format!("has been silent for {} s", ms / 1000),
            None => "has not been heard yet".to_owned(),
        };
        let then = match change.action {
            _ if change.is_blocked() => "defined now, created everywhere when it is back",
            Action::Delete => "it goes there when it is back",
            _ => "it changes there when it is back",
        };
        let mark = look.paint(Meaning::Unknown, "?");
        let _ = writeln!(text, "      {mark} {} {since}: {then}", silent.member);
    }
    text
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(value(Some("a\u{2028}b\u{1b}[2Jc\u{200b}")), "a\\u{2028}b\\u{1b}[2Jc\\u{200b}");
        assert_eq!(value(Some("Grüße, 東京")), "Grüße, 東京");
        assert_eq!(value(Some("one\ntwo\n")), "(2 lines)");
    }
}
