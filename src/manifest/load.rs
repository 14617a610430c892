//! Sources to the desired state, in bounded memory.
//!
//! A small set is read once. A large one is read in batches, twice: first for what the whole set declares, then for what
//! is wrong with each object, so that no more than a batch of trees is in memory. Rules cannot tell the difference.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::resume_unwind;
use std::thread;

use super::lint::dialect::{self, Use};
use super::lint::suppress::Allowances;
use super::lint::{placeholder, references, semantic};
use super::loaded::{Counts, Loaded, Options};
use super::report::findings::Findings;
use super::schema::validate::{self, Shape};
use super::set::cluster::{self, Cluster};
use super::set::collect;
use super::set::formation::{self, Formation};
use super::set::index::Survey;
use super::set::memory_estimate;
use super::set::object_set::{Found, Set};
use super::source::{Layers, Source, batches};
use super::yaml::dom::Document;
use super::yaml::parse::{Parsed, parse};
use super::yaml::substitute::{Variables, forgotten, substitute};
use crate::model::{Desired, Finding, Key};

/// Sections that speak to the whole set: they are kept while batches come and go.
const HEAD: [&str; 2] = ["cluster", "config"];

/// Below this a second thread takes longer to start than to read.
const ALONE_BYTES_MAX: usize = 256 << 10;

/// Values in those sections of all files together: more than any cluster has.
const HEAD_NODES_MAX: usize = 100_000;

/// Reads a set of sources as one desired state.
///
/// Never fails: all findings of all sources are in the result, and [`Loaded::is_usable`] says whether an error is
/// among them. The order of the sources does not matter, except for the order of findings.
pub fn load(sources: &[Source], options: &Options) -> Loaded {
    load_set(sources, None, options, &|_| ())
}

/// The same for sources in layers, and with variables in their values.
pub fn load_layers(layers: &Layers<'_>, options: &Options) -> Loaded {
    load_layers_telling(layers, options, &|_| ())
}

/// The same, telling the path of each source before it is parsed, perhaps more than once and from several threads, and
/// an empty path before the rules look at all of them together: who is ended meanwhile has said at what.
pub fn load_layers_telling(layers: &Layers<'_>, options: &Options, tell: &Tell<'_>) -> Loaded {
    let Layers { layers, variables } = layers;
    if let [only] = layers {
        return load_set(only, *variables, options, tell);
    }
    let sources: Vec<Source> = layers.iter().flatten().cloned().collect();
    let mut reading = Reading::new(&sources, *variables, options, tell);
    let (mut rest, mut documents) = (sources.as_slice(), Vec::new());
    for layer in *layers {
        let (own, below) = rest.split_at(layer.len());
        documents.push(reading.parse(own));
        rest = below;
    }
    reading.at_once(&documents)
}

/// Takes the path of what is about to be read.
type Tell<'t> = dyn Fn(&str) + Sync + 't;

fn load_set(sources: &[Source], variables: Option<&Variables>, options: &Options, tell: &Tell<'_>) -> Loaded {
    let mut reading = Reading::new(sources, variables, options, tell);
    let batches = batches(sources, options.limits.batch_bytes_max);
    if let [batch] = batches.as_slice() {
        let documents = [reading.parse(batch)];
        return reading.at_once(&documents);
    }
    let mut kept = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let documents = reading.parse(batch);
        let (mut part, heads) = reading.survey(&documents);
        reading.survey.absorb(&mut part.set, number);
        reading.keep(&heads, &mut kept);
        if reading.is_too_large() {
            break;
        }
    }
    let heads = reading.heads(&kept);
    let mut judge = reading.judge(vec![heads]);
    for (number, batch) in batches.iter().enumerate().take_while(|_| !reading.is_too_large()) {
        let documents: Vec<Document<'_>> =
            reading.read_all(batch).into_iter().flat_map(|read| read.documents).collect();
        judge = judge.take(reading.gather(&documents, |_, _| ()), number, &reading);
    }
    let verdict = judge.done(&reading);
    reading.finish(verdict)
}

/// What is known of all sources.
struct Reading<'s> {
    sources: &'s [Source],
    variables: Option<&'s Variables>,
    /// Whether variables may have been forgotten.
    may_lack_variables: bool,
    options: &'s Options,
    tell: &'s Tell<'s>,
    survey: Survey<'s>,
    allowances: Allowances,
    uses: Vec<Use>,
    /// What is wrong with the YAML.
    in_text: Findings,
    /// Sources of which parts could not be read.
    partial: BTreeSet<&'s str>,
    documents: usize,
    /// Values that are kept for the whole set.
    head_nodes: usize,
}

/// What some documents declare, and what the schema says of them.
struct Part<'d> {
    set: Set<'d>,
    shapes: Findings,
}

/// A document that is a manifest.
struct Head<'d, 's> {
    document: &'d Document<'s>,
    shape: Shape,
}

impl<'s> Reading<'s> {
    fn new(sources: &'s [Source], variables: Option<&'s Variables>, options: &'s Options, tell: &'s Tell<'s>) -> Self {
        Self {
            sources,
            variables,
            may_lack_variables: variables.is_none() && sources.iter().any(|source| source.text.contains("${")),
            options,
            tell,
            survey: Survey::new(sources),
            allowances: Allowances::default(),
            uses: Vec::new(),
            in_text: Findings::default(),
            partial: BTreeSet::new(),
            documents: 0,
            head_nodes: 0,
        }
    }

    fn parse(&mut self, batch: &'s [Source]) -> Vec<Document<'s>> {
        let mut documents = Vec::new();
        for (source, parsed) in batch.iter().zip(self.read_all(batch)) {
            self.in_text.extend(parsed.findings);
            self.allowances.extend(parsed.allowances);
            self.partial.extend(Some(source.path.as_str()).filter(|_| parsed.is_partial));
            documents.extend(parsed.documents);
        }
        self.documents += documents.len();
        documents
    }

    // Most of the time goes into the YAML: files are read side by side.
    fn read_all(&self, batch: &'s [Source]) -> Vec<Parsed<'s>> {
        let bytes: usize = batch.iter().map(|source| source.text.len()).sum();
        let processors =
            if bytes < ALONE_BYTES_MAX { 1 } else { thread::available_parallelism().map_or(1, usize::from) };
        let workers = processors.min(batch.len());
        if workers <= 1 {
            return batch.iter().map(|source| self.read(source)).collect();
        }
        thread::scope(|scope| {
            let read = move |part: &'s [Source]| part.iter().map(|source| self.read(source)).collect::<Vec<_>>();
            // Where the system gives no further thread, this one reads the part.
            let start = |part| (part, thread::Builder::new().spawn_scoped(scope, move || read(part)));
            let parts: Vec<_> = batch.chunks(batch.len().div_ceil(workers)).map(start).collect();
            let end = |(part, started): (&'s [Source], std::io::Result<thread::ScopedJoinHandle<'_, _>>)| match started
            {
                Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                Err(_) => read(part),
            };
            parts.into_iter().flat_map(end).collect()
        })
    }

    fn read(&self, source: &'s Source) -> Parsed<'s> {
        (self.tell)(&source.path);
        let mut parsed = parse(source, &self.options.limits);
        for (document, variables) in parsed.documents.iter_mut().zip(std::iter::repeat(self.variables)) {
            parsed.findings.extend(variables.into_iter().flat_map(|all| substitute(document, all)));
        }
        parsed
    }

    // Nothing of the documents is dropped before all is known. They stand in layers, the base first.
    fn at_once(mut self, layers: &[Vec<Document<'s>>]) -> Loaded {
        let mut whole = Part { set: Set::default(), shapes: Findings::default() };
        let mut heads = Vec::new();
        for documents in layers {
            let (part, own) = self.survey(documents);
            whole.set = whole.set.under(part.set);
            whole.shapes.absorb(part.shapes);
            heads.push(own);
        }
        self.survey.absorb(&mut whole.set, 0);
        let verdict = self.judge(heads).take(whole, 0, &self).done(&self);
        self.finish(verdict)
    }

    fn gather<'d>(&self, documents: &'d [Document<'s>], mut also: impl FnMut(&'d Document<'s>, Shape)) -> Part<'d> {
        let mut part = Part { set: Set::default(), shapes: Findings::default() };
        for document in documents {
            if part.shapes.is_full() {
                break;
            }
            let mut shape = validate::check(document, &self.allowances);
            let is_news = |finding: &Finding| !self.in_text.kept().iter().any(|known| explains(known, finding));
            let findings = std::mem::take(&mut shape.findings).into_vec();
            part.shapes.extend(findings.into_iter().filter(is_news));
            if !shape.is_foreign {
                collect::gather(document, &shape, &mut part.set);
                part.shapes.extend(self.may_lack_variables.then(|| forgotten(document)).into_iter().flatten());
                also(document, shape);
            }
        }
        part
    }

    fn survey<'d>(&mut self, documents: &'d [Document<'s>]) -> (Part<'d>, Vec<Head<'d, 's>>) {
        let mut heads = Vec::new();
        let part = self.gather(documents, |document, shape| heads.push(Head { document, shape }));
        heads.iter().for_each(|head| dialect::uses(head.document, &mut self.uses));
        (part, heads)
    }

    fn keep(&mut self, heads: &[Head<'_, 's>], kept: &mut Vec<Document<'s>>) {
        for head in heads.iter().filter_map(|head| head.document.with_only(&HEAD)) {
            self.head_nodes += head.root.size();
            kept.push(head);
        }
    }

    fn heads<'d>(&self, kept: &'d [Document<'s>]) -> Vec<Head<'d, 's>> {
        kept.iter().map(|document| Head { document, shape: validate::check(document, &self.allowances) }).collect()
    }

    fn is_too_large(&self) -> bool {
        self.survey.size() > self.options.limits.set_objects_max || self.head_nodes > HEAD_NODES_MAX
    }

    fn judge<'d>(&mut self, layers: Vec<Vec<Head<'d, 's>>>) -> Judge<'d> {
        (self.tell)("");
        let mut head = Set::default();
        let mut sections = Vec::new();
        for heads in layers {
            let mut own = Set::default();
            for Head { document, shape } in heads {
                collect::server(document, &shape, &mut own);
                sections.extend(cluster::read(document, &shape, &mut own.findings));
            }
            head = head.under(own);
        }
        let formation = formation::form(sections, &mut head, &self.survey, self.options.now);
        self.survey.absorb(&mut head, usize::MAX);
        Judge {
            formation,
            refused: dialect::check(&self.uses, self.options.dialect),
            head,
            shapes: Findings::default(),
            findings: Findings::default(),
            desired: Desired::default(),
            weight: 0,
            valid: 0,
        }
    }

    fn too_large(&self) -> Option<Finding> {
        let message = format!("this set declares more than {} objects", self.options.limits.set_objects_max);
        let finding = Finding::error("SB108", message);
        let help = "nothing was checked: split the set, or use --each when its files are sets of their own";
        self.is_too_large().then(|| finding.helping(help))
    }

    fn finish(self, verdict: Verdict) -> Loaded {
        let Verdict { shapes, cluster, findings: of_objects, desired, valid } = verdict;
        let mut findings = shapes;
        findings.extend(self.too_large());
        findings.extend(self.allowances.too_many());
        findings.absorb(self.in_text);
        let mut findings = findings.into_vec();
        findings.extend(of_objects.into_vec());
        let mut findings = in_order(dialect::adapt(findings, self.options.dialect), self.sources);
        let allowed = self.allowances.apply(&mut findings, &self.partial);
        let counts =
            Counts { files: self.sources.len(), documents: self.documents, objects: self.survey.objects.len(), valid };
        Loaded { desired, cluster, findings: in_order(findings, self.sources), allowed, counts }
    }
}

/// Runs the rules on one part of the set after the other.
struct Judge<'d> {
    formation: Option<Formation<'d>>,
    /// What the product does not take for which the set is written.
    refused: Vec<Finding>,
    head: Set<'d>,
    shapes: Findings,
    findings: Findings,
    desired: Desired,
    /// How many bytes of memory that takes, all in all.
    weight: usize,
    valid: usize,
}

/// What is left when all parts are judged.
struct Verdict {
    shapes: Findings,
    cluster: Option<Cluster>,
    findings: Findings,
    desired: Desired,
    valid: usize,
}

impl<'d> Judge<'d> {
    fn take(mut self, part: Part<'_>, number: usize, reading: &Reading<'_>) -> Self {
        let Part { mut set, shapes } = part;
        self.shapes.absorb(shapes);
        reading.survey.sift(&mut set, number);
        if let Some(formation) = &self.formation {
            formation.touch(&mut set);
        }
        self.rule(set, reading);
        self
    }

    fn rule(&mut self, mut set: Set<'_>, reading: &Reading<'_>) {
        let cluster = self.formation.as_ref().map(Formation::cluster);
        set.check(&reading.allowances, reading.options.dialect);
        placeholder::check(&mut set);
        // What a broken document declares is not known: whatever seems to be missing may be in it.
        if reading.partial.is_empty() {
            references::check(&mut set, &reading.survey, cluster);
            semantic::check(&mut set, &reading.survey, cluster);
        }
        set.findings.extend(dialect::merged(&set, &reading.survey, reading.options.dialect));
        dialect::mark(&self.refused, &mut set);
        self.valid += set.objects.values().filter(|found| !found.is_faulty).count();
        self.findings.absorb(set.findings);
        if !reading.options.only_findings {
            self.keep(set.objects, reading.options.limits.desired_bytes_max);
        }
    }

    // What nobody can plan any more is not kept either.
    fn keep(&mut self, objects: BTreeMap<Key, Found<'_>>, bytes_max: usize) {
        for (key, found) in objects {
            self.weight += memory_estimate::of(&key, &found.declared);
            if self.weight > bytes_max {
                self.desired = Desired::default();
                return;
            }
            self.desired.objects.insert(key, found.declared);
        }
    }

    fn too_heavy(&self, bytes_max: usize) -> Option<Finding> {
        let message = format!("the objects of this set take more than {} MiB, which no plan can hold", bytes_max >> 20);
        let help = "split it into sets that are planned one by one; `seedbed validate` takes larger ones";
        (self.weight > bytes_max).then(|| Finding::error("SB108", message).helping(help))
    }

    fn done(mut self, reading: &Reading<'_>) -> Verdict {
        let head = std::mem::take(&mut self.head);
        self.rule(head, reading);
        self.findings.absorb(reading.survey.overlaps());
        self.findings.extend(std::mem::take(&mut self.refused));
        self.findings.extend(self.too_heavy(reading.options.limits.desired_bytes_max));
        let Self { formation, shapes, findings, desired, valid, .. } = self;
        Verdict { shapes, cluster: formation.map(Formation::into_cluster), findings, desired, valid }
    }
}

// A mistake in the YAML leaves a value that the schema does not want either.
fn explains(known: &Finding, finding: &Finding) -> bool {
    let (Some(known), Some(place)) = (&known.place, &finding.place) else { return false };
    known.file == place.file && (place.start..place.end).contains(&known.start) && known.pointer.is_empty()
}

// By source and line, so that people can walk through a file from top to bottom.
fn in_order(mut findings: Vec<Finding>, sources: &[Source]) -> Vec<Finding> {
    let places: HashMap<&str, usize> =
        sources.iter().enumerate().map(|(index, source)| (source.path.as_str(), index)).collect();
    let rank = |finding: &Finding| {
        let place = finding.place.as_ref()?;
        Some((*places.get(place.file.as_str())?, place.start, finding.code.clone()))
    };
    findings.sort_by_cached_key(rank);
    findings
}
