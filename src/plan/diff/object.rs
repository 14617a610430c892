//! One declared object against what is stored of it.

use std::collections::BTreeMap;

use super::fields;
use super::merge::{is_unset, merge, merge_stored};
use super::placement::{Owned, Placed, place};
use super::projected::Projected;
use crate::kinds::{self, Around, Completion, Kind, Problem, Rng};
use crate::model::{
    Change, ClusterState, Config, Declared, Finding, Generation, Key, Management, MemberName, Object, Phase, Put,
    Rollout, Severity, Spec, Stage,
};
use crate::plan::compute::{Mode, Scene};
use crate::plan::impact::effect::Impact;
use crate::plan::report::{Action, FieldChange, MemberRow, PlannedChange};
use crate::plan::rules::constraints::refuse;
use crate::plan::rules::grant;
use crate::plan::rules::ownership::{self, Held};
use crate::plan::rules::restricted::restrict;

/// What becomes of one declared object.
pub enum Outcome {
    /// It is as declared.
    Unchanged,
    /// It changes.
    Changed(Box<PlannedChange>, Box<Change>),
    /// It cannot become as declared. Says what it would be, and everything that is in the way.
    Barred(Box<PlannedChange>, Vec<Finding>),
    /// There is nothing that a plan can do about it, but something to know.
    Noted(Finding),
}

/// Compares one declared object with what is stored.
///
/// # Errors
/// Everything that is wrong with it.
pub fn change(
    key: &Key,
    declared: &Declared,
    scene: &Scene<'_>,
    draft: &mut Projected,
    rng: &mut dyn Rng,
) -> Result<Outcome, Vec<Finding>> {
    let Some(kind) = kinds::find(key.kind.as_str()) else { return Ok(Outcome::Unchanged) };
    let stored = scene.state.get(key);
    let Held { management, is_left_alone } =
        ownership::hold(key, declared, stored, scene).map_err(|finding| vec![*finding])?;
    if is_left_alone {
        return Ok(stored.map_or(Outcome::Unchanged, |stored| managed(stored, management, declared)));
    }
    if let Some(outcome) = set_aside(key, declared, stored)? {
        return Ok(outcome);
    }
    let mode = ownership::mode(declared, scene.context.mode);
    let one = One { kind, key, declared, stored, scene, mode, management };
    one.permitted(grant::withheld(key, declared, scene))?;
    let (spec, computed) = one.spec(draft, rng).map_err(|problems| one.findings(problems))?;
    one.permitted(grant::for_people(kind, stored, &spec, scene))?;
    let placed = place(kind, key, &spec, declared, stored, scene)?;
    let applied = one.applied(&placed.declared);
    let Some(action) = one.action(&spec, &placed, &applied) else { return Ok(Outcome::Unchanged) };
    let problems = one.problems(&spec, &placed, action);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        let action = if one.is_sound(&spec, &placed) { Action::Recreate } else { Action::Refused };
        let findings = one.findings(problems);
        let planned = one.planned(action, &spec, &computed, &placed);
        return Ok(Outcome::Barred(Box::new(planned), findings));
    }
    draft.set(key, &spec);
    Ok(one.outcome(action, spec, &computed, placed, applied))
}

// An object whose content nobody touches; how it is managed may change.
fn managed(stored: &Object, management: Management, declared: &Declared) -> Outcome {
    if stored.management == management || stored.phase == Phase::Deleting {
        return Outcome::Unchanged;
    }
    let planned = PlannedChange {
        fields: fields::of_management(Some(&stored.management), &management),
        at: Some(declared.at.clone()),
        ..PlannedChange::of(stored, Action::Adopt)
    };
    Outcome::Changed(Box::new(planned), Box::new(Change::Put(ownership::revised(stored, management))))
}

// Members come and go by joining and leaving, and what is being removed cannot be changed.
fn set_aside(key: &Key, declared: &Declared, stored: Option<&Object>) -> Result<Option<Outcome>, Vec<Finding>> {
    let phase = stored.map(|object| object.phase);
    if phase == Some(Phase::Deleting) {
        let text = format!("{key} is being removed: apply again when it has gone");
        let finding = Finding::error("SB066", text).at(declared.at.clone());
        return Err(vec![finding.helping(format!("to keep it: seedbed undelete {key}"))]);
    }
    if key.kind.as_str() != Key::MEMBER || phase == Some(Phase::Created) {
        return Ok(None);
    }
    let mut note = Finding::warning("SB067", format!("the member {} has not joined yet", key.name));
    note.severity = Severity::Note;
    let note = note.at(declared.at.clone()).helping(format!("run on {}: seedbed init --preseed FILE", key.name));
    Ok(Some(Outcome::Noted(note)))
}

struct One<'a> {
    kind: &'static dyn Kind,
    key: &'a Key,
    declared: &'a Declared,
    stored: Option<&'a Object>,
    scene: &'a Scene<'a>,
    mode: Mode,
    management: Management,
}

impl One<'_> {
    fn permitted(&self, problems: Vec<Problem>) -> Result<(), Vec<Finding>> {
        if problems.is_empty() { Ok(()) } else { Err(self.findings(problems)) }
    }

    /// The spec as it is to be, with the paths of what the system chose.
    fn spec(&self, draft: &mut Projected, rng: &mut dyn Rng) -> Result<(Spec, Vec<String>), Vec<Problem>> {
        let Some(stored) = self.stored else {
            let merged = merge(&Spec::default(), None, &self.declared.spec, self.mode);
            let merged = self.kind.normalise(&merged, None).map_err(|problem| vec![problem])?;
            let chosen = self.completed(&merged, draft, rng);
            return Ok(with_paths(&merged, chosen));
        };
        let old = &stored.spec;
        let merged = merge_stored(self.kind, stored, &self.declared.spec, self.mode);
        if merged == *old && !self.leaves_open(&merged) {
            return Ok((merged, Vec::new()));
        }
        let merged = self.kind.normalise(&merged, Some(old)).map_err(|problem| vec![problem])?;
        let chosen = match self.mode {
            _ if self.is_defined_only() => self.completed(&merged, draft, rng),
            Mode::Declarative => self.without_absent(self.completed(&merged, draft, rng)),
            // Nothing is chosen that was not asked for.
            Mode::Merge => settled(&merged, self.completed(&merged, draft, rng), old),
        };
        let is_same = self.kind.normalise(old, Some(old)).is_ok_and(|old| old == chosen);
        if is_same { Ok((old.clone(), Vec::new())) } else { Ok(with_paths(&merged, chosen)) }
    }

    fn completed(&self, merged: &Spec, draft: &mut Projected, rng: &mut dyn Rng) -> Spec {
        let mut chosen = merged.clone();
        let held = self.stored.map(|object| &object.spec);
        let mut around = Surroundings { draft, scene: self.scene };
        self.kind.complete(&mut chosen, &mut Completion { key: self.key, held, around: &mut around, rng });
        chosen
    }

    /// Whether the system has something to choose.
    fn leaves_open(&self, merged: &Spec) -> bool {
        let config = merged.config();
        let mut absent = self.kind.absent_values(self.key, merged).into_iter();
        self.mode == Mode::Declarative && absent.any(|(name, _)| config.value(name).is_none())
    }

    /// What the stored object says by leaving it out is no change when a manifest writes it down.
    fn without_absent(&self, mut spec: Spec) -> Spec {
        let held = self.stored.map(|object| object.spec.config()).unwrap_or_default();
        let mut config = spec.config();
        let absent = self.kind.absent_values(self.key, &spec);
        let count = config.len();
        for (name, means) in absent.into_iter().filter(|(name, _)| !held.contains_key(*name)) {
            if config.value(name) == Some(means) {
                config.remove(name);
            }
        }
        if config.len() < count {
            spec.set_config(&config);
        }
        spec
    }

    fn is_defined_only(&self) -> bool {
        let is_pending = self.stored.is_some_and(|object| object.phase == Phase::Pending);
        is_pending && self.kind.rollout() != Rollout::RecordOnly
    }

    /// What to remember of the declaration; `None` keeps what is there.
    fn applied(&self, owned: &Owned) -> Option<Spec> {
        if self.mode == Mode::Merge {
            return None;
        }
        let said = self.declared.spec.0.iter().filter(|(_, value)| !is_unset(value));
        let mut applied = Spec(said.map(|(field, value)| (field.clone(), value.clone())).collect());
        owned.write(&mut applied);
        Some(applied)
    }

    fn action(&self, spec: &Spec, placed: &Placed, applied: &Option<Spec>) -> Option<Action> {
        let Some(stored) = self.stored else { return Some(Action::Create) };
        let is_same = stored.spec == *spec && self.rows(placed).is_empty();
        let is_owned = (applied.is_none() || stored.applied == *applied) && stored.management == self.management;
        if self.is_defined_only() {
            let waits_on = is_same && is_owned && stored.applied.is_some() && !self.waits_for(placed).is_empty();
            return (!waits_on).then_some(Action::Resume);
        }
        match (is_same, stored.phase) {
            (false, _) => Some(Action::Update),
            (true, Phase::Errored) => Some(Action::Retry),
            (true, _) if self.is_resumed(stored) => Some(Action::Retry),
            (true, _) => (!is_owned).then_some(Action::Adopt),
        }
    }

    fn is_resumed(&self, stored: &Object) -> bool {
        stored.management.waves.as_ref().is_some_and(|waves| self.scene.resumed.contains(&waves.id))
    }

    /// Whether it could be made as declared if nothing of it were there.
    fn is_sound(&self, spec: &Spec, placed: &Placed) -> bool {
        let problems = self.checked(spec, placed);
        let is_in_the_way = |problem: &Problem| problem.severity == Severity::Error;
        // What a project holds does not go with its features.
        self.stored.is_some() && self.key.kind.as_str() != "project" && !problems.iter().any(is_in_the_way)
    }

    /// What is wrong with it by itself, but for what a newer version has stored of it.
    fn checked(&self, spec: &Spec, placed: &Placed) -> Vec<Problem> {
        let problems = kinds::check(self.kind, self.key, spec, &placed.placements, &Config::default());
        kinds::unless_held(problems, spec, self.stored.map(|stored| &stored.spec))
    }

    fn problems(&self, spec: &Spec, placed: &Placed, action: Action) -> Vec<Problem> {
        let mut problems = self.checked(spec, placed);
        if action != Action::Adopt {
            problems.extend(restrict(self.key, spec, self.scene.state, self.scene.wanted));
        }
        let Some(stored) = self.stored.filter(|_| action != Action::Adopt) else { return problems };
        if is_made(stored) && stored.spec != *spec {
            problems.extend(self.kind.edit(&stored.spec, spec));
            problems.extend(refuse(self.key, &stored.spec, spec, self.scene.state, self.scene.wanted));
        }
        for (member, config) in &placed.placements {
            let Some(placement) = stored.placements.get(member) else { continue };
            if placement.realised == Generation(0) || placement.config == *config {
                continue;
            }
            let within = |mut problem: Problem| {
                problem.path.splice(0..0, ["members".to_owned(), member.0.clone()]);
                problem.message = format!("on {member}: {}", problem.message);
                problem
            };
            let edits = kinds::edit_local(self.kind, spec, &placement.config, config);
            problems.extend(edits.into_iter().map(within));
        }
        problems
    }

    /// The members for which something changes.
    fn rows(&self, placed: &Placed) -> Vec<MemberRow> {
        let row = |(member, config): (&MemberName, &Config)| {
            let before = self.stored.and_then(|object| object.placements.get(member)).map(|held| &held.config);
            if before == Some(config) {
                return None;
            }
            let fields = fields::between_configs(self.key, before, config);
            Some(MemberRow { member: member.clone(), fields, offline: self.is_offline(member) })
        };
        placed.placements.iter().filter_map(row).collect()
    }

    fn is_offline(&self, member: &MemberName) -> bool {
        self.scene.offline.iter().any(|silent| silent.member == *member)
    }

    // A record waits for nobody, and neither does a kind that leaves nothing on hosts.
    fn waits_for(&self, placed: &Placed) -> Vec<MemberName> {
        if self.kind.node().is_none() {
            return Vec::new();
        }
        placed.placements.keys().filter(|member| self.is_offline(member)).cloned().collect()
    }

    fn planned(&self, action: Action, spec: &Spec, computed: &[String], placed: &Placed) -> PlannedChange {
        PlannedChange {
            precondition: self.stored.map(|object| object.generation),
            fields: self.fields(spec, computed),
            members: self.rows(placed),
            waits_for: self.waits_for(placed),
            at: Some(self.declared.at.clone()),
            ..PlannedChange::new(self.key.clone(), action, variant(spec))
        }
    }

    fn outcome(
        &self,
        action: Action,
        spec: Spec,
        computed: &[String],
        placed: Placed,
        applied: Option<Spec>,
    ) -> Outcome {
        let mut planned = self.planned(action, &spec, computed, &placed);
        planned.restarts = planned.stops();
        planned.impact = if planned.restarts.is_empty() { Impact::Live } else { Impact::Restart };
        let stage = if planned.is_blocked() { Stage::Define } else { Stage::Live };
        // What waits must be known as declared, or nobody would ever let it go on.
        let is_known = self.stored.is_some_and(|object| object.applied.is_some());
        let applied = applied.or_else(|| (stage == Stage::Define && !is_known).then(Spec::default));
        let put = Put {
            key: self.key.clone(),
            rollout: self.kind.rollout(),
            stage,
            spec,
            applied,
            management: self.new_management(),
            placements: placed.placements,
        };
        Outcome::Changed(Box::new(planned), Box::new(Change::Put(put)))
    }

    fn fields(&self, spec: &Spec, computed: &[String]) -> Vec<FieldChange> {
        let mut all = fields::between(self.key, self.stored.map(|object| &object.spec), spec, computed);
        all.extend(fields::of_management(self.stored.map(|object| &object.management), &self.management));
        all
    }

    // What is as usual takes no room in the log.
    fn new_management(&self) -> Option<Management> {
        let is_same = self.stored.map_or(self.management.is_default(), |object| object.management == self.management);
        (!is_same).then(|| self.management.clone())
    }

    fn findings(&self, problems: Vec<Problem>) -> Vec<Finding> {
        let finding = |problem: Problem| {
            let mut finding = Finding::error(problem.code, format!("{}: {}", self.key, problem.message));
            finding.severity = problem.severity;
            finding.note = problem.note;
            finding.help = problem.help;
            finding.at(self.declared.place(&problem.path))
        };
        problems.into_iter().map(finding).collect()
    }
}

/// What is stored with what is declared, made when somebody asks for it.
struct Surroundings<'a> {
    draft: &'a mut Projected,
    scene: &'a Scene<'a>,
}

impl Around for Surroundings<'_> {
    fn state(&mut self) -> &ClusterState {
        self.draft.state(self.scene)
    }
}

/// The completed spec with the paths that differ from what was asked for.
fn with_paths(merged: &Spec, chosen: Spec) -> (Spec, Vec<String>) {
    let asked = merged.config();
    let computed = chosen.config();
    let differs = |(name, value): &(&String, &String)| asked.get(*name) != Some(*value);
    let paths = computed.iter().filter(differs).map(|(name, _)| format!("config.{name}")).collect();
    (chosen, paths)
}

/// What is chosen for an object to which a manifest only adds: nothing that was not asked for, and nothing anew that it already has.
pub fn settled(merged: &Spec, chosen: Spec, old: &Spec) -> Spec {
    let (asked, held) = (merged.config(), old.config());
    let mut config = Config(BTreeMap::new());
    for (name, value) in chosen.config().iter() {
        let Some(word) = asked.get(name) else { continue };
        let value = match held.value(name) {
            Some(held) if word != value && held != "none" => held,
            _ => value,
        };
        config.insert(name.clone(), value.to_owned());
    }
    let mut spec = merged.clone();
    if spec.0.contains_key("config") || !config.is_empty() {
        spec.set_config(&config);
    }
    spec
}

/// Whether a host may hold something of it; a record is made as soon as it is stored.
fn is_made(object: &Object) -> bool {
    object.rollout == Rollout::RecordOnly
        || object.phase == Phase::Created
        || object.placements.values().any(|placement| placement.realised > Generation(0))
}

/// What sort of object it is: the driver of a pool, the type of a network.
pub fn variant(spec: &Spec) -> String {
    let driver = spec.text("driver");
    if driver.is_empty() { spec.text("type").to_owned() } else { driver.to_owned() }
}
