//! What a whole set declares, in little memory: names, subnets, volumes. Rules that look across files ask this.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::object_set::Set;
use crate::manifest::lint::overlap::{self, Subnet};
use crate::manifest::report::findings::Findings;
use crate::manifest::source::Source;
use crate::model::{Finding, Key, Place, ProjectName};

/// Names and subnets of a set that are kept while its files are read.
pub struct Survey<'s> {
    sources: &'s [Source],
    files: HashMap<&'s str, u32>,
    /// Where each object is declared first.
    pub objects: BTreeMap<Key, Seen>,
    /// The subnets that networks say to have, by network and family.
    pub subnets: BTreeMap<(Key, u8), Subnet>,
    /// The storage volumes that the set declares, as `POOL/NAME`.
    pub volumes: BTreeSet<String>,
    /// Objects that two batches of the set declare.
    twice: BTreeSet<Key>,
}

/// A place in a few bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The part of the set: a file that is named twice is in two of them.
    part: u32,
    file: u32,
    line: u32,
    column: u32,
    start: u32,
    end: u32,
    pointer: Box<str>,
}

impl<'s> Survey<'s> {
    /// A survey of sources that knows nothing yet.
    pub fn new(sources: &'s [Source]) -> Self {
        let files = sources.iter().enumerate().map(|(index, source)| (source.path.as_str(), narrow(index))).collect();
        Self {
            sources,
            files,
            objects: BTreeMap::new(),
            subnets: BTreeMap::new(),
            volumes: BTreeSet::new(),
            twice: BTreeSet::new(),
        }
    }

    /// How much is kept: names and subnets.
    pub fn size(&self) -> usize {
        self.objects.len() + self.subnets.len() + self.volumes.len()
    }

    /// Remembers what a part of the set declares.
    pub fn absorb(&mut self, set: &mut Set<'_>, part: usize) {
        self.volumes.append(&mut set.volumes);
        for (key, found) in &set.objects {
            let seen = self.seen(&found.declared.at, part);
            match self.objects.get(key) {
                Some(first) if *first != seen => drop(self.twice.insert(key.clone())),
                Some(_) => {}
                None => {
                    self.objects.insert(key.clone(), seen);
                    for (family, subnet) in overlap::subnets(key, found, |place| self.seen(place, part)) {
                        self.subnets.insert((key.clone(), family), subnet);
                    }
                }
            }
        }
    }

    /// Tells what is declared twice, and takes out of a part of the set what another part has declared before.
    pub fn sift(&self, set: &mut Set<'_>, part: usize) {
        for (key, again) in std::mem::take(&mut set.again) {
            let first = self.objects.get(&key).map(|first| self.place(first));
            set.findings.push(twice(&key, again, first.unwrap_or_default()));
        }
        for key in &self.twice {
            let (Some(found), Some(first)) = (set.objects.get_mut(key), self.objects.get(key)) else { continue };
            found.is_faulty = true;
            if self.seen(&found.declared.at, part) != *first {
                let again = set.objects.remove(key).map(|found| found.declared.at).unwrap_or_default();
                set.findings.push(twice(key, again, self.place(first)));
            }
        }
    }

    /// The place that was kept.
    pub fn place(&self, seen: &Seen) -> Place {
        let wide = |number: u32| number as usize;
        let source = self.sources.get(wide(seen.file));
        Place {
            file: source.map(|source| source.path.clone()).unwrap_or_default(),
            line: seen.line,
            column: seen.column,
            start: wide(seen.start),
            end: wide(seen.end),
            pointer: seen.pointer.to_string(),
        }
    }

    fn seen(&self, place: &Place, part: usize) -> Seen {
        Seen {
            part: narrow(part),
            file: self.files.get(place.file.as_str()).copied().unwrap_or(u32::MAX),
            line: place.line,
            column: place.column,
            start: narrow(place.start),
            end: narrow(place.end),
            pointer: place.pointer.as_str().into(),
        }
    }

    /// The first object of each kind and name, whatever its project.
    pub fn names(&self) -> HashMap<(String, String), Key> {
        let named = |key: &Key| (key.kind.to_string(), key.name.clone());
        self.objects.keys().rev().map(|key| (named(key), key.clone())).collect()
    }

    /// The objects of a kind, in order.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Key> {
        let first = Key { project: ProjectName::from(""), ..Key::new(kind, "") };
        self.objects.range(first..).map(|(key, _)| key).take_while(move |key| key.kind.as_str() == kind)
    }

    /// Subnets that overlap.
    pub fn overlaps(&self) -> Findings {
        overlap::check(&self.subnets, |seen| self.place(seen))
    }
}

// Sources are smaller than 4 GiB, and fewer.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

// An object stands in two places.
fn twice(key: &Key, again: Place, first: Place) -> Finding {
    Finding::error("SB111", format!("{key} is declared twice"))
        .at(again)
        .noting("again here")
        .with(first, "first here")
        .helping("keep one of them: a set of files declares each object once")
}
