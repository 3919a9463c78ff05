//! The message catalogue: every sentence a customer reads, once per language.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use fluent_syntax::ast::{Expression, InlineExpression, Pattern, PatternElement};
use renkei_domain::time::{Day, Timestamp};

use crate::frame::Frame;

const JAPANESE: &str = include_str!("../messages/ja.ftl");
const ENGLISH: &str = include_str!("../messages/en.ftl");

static JAPANESE_CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read("ja", JAPANESE));
static ENGLISH_CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::read("en", ENGLISH));

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// 日本語.
    #[default]
    Japanese,
    /// English.
    English,
}

impl Lang {
    /// Both, Japanese first.
    pub const ALL: [Lang; 2] = [Lang::Japanese, Lang::English];

    /// `ja` or `en`: the value of the `lang` parameter, of the cookie and of the HTML attribute.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Lang::Japanese => "ja",
            Lang::English => "en",
        }
    }

    /// The language of this code, if it is one of ours.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Lang> {
        Lang::ALL.into_iter().find(|lang| lang.code() == code)
    }

    /// How the language calls itself.
    #[must_use]
    pub(crate) const fn own_name(self) -> &'static str {
        match self {
            Lang::Japanese => "日本語",
            Lang::English => "English",
        }
    }

    /// A day as this language writes it: `2026年11月22日`, `22 November 2026`.
    #[must_use]
    pub(crate) fn day(self, day: &Day) -> String {
        match self {
            Lang::Japanese => day.to_japanese(),
            Lang::English => day.to_english(),
        }
    }

    /// Day and time of day in Japan.
    #[must_use]
    pub(crate) fn moment(self, at: &Timestamp) -> String {
        let day = self.day(&at.day());
        match self {
            Lang::Japanese => format!("{day} {}", at.to_clock()),
            Lang::English => format!("{day}, {} JST", at.to_clock()),
        }
    }

    /// The hour in which something happened last, where it is known no better.
    #[must_use]
    pub(crate) fn hour(self, at: &Timestamp) -> String {
        let day = self.day(&at.day());
        let clock = at.to_clock();
        let hour = clock.split(':').next().unwrap_or_default();
        match self {
            Lang::Japanese => format!("{day} {}時台", hour.strip_prefix('0').unwrap_or(hour)),
            Lang::English => format!("{day}, between {hour}:00 and {hour}:59 JST"),
        }
    }

    fn catalogue(self) -> &'static Catalogue {
        match self {
            Lang::Japanese => &JAPANESE_CATALOGUE,
            Lang::English => &ENGLISH_CATALOGUE,
        }
    }
}

/// The sentences of a language.
struct Catalogue {
    bundle: FluentBundle<FluentResource>,
    sentences: HashMap<String, Sentence>,
}

/// What is known of a sentence before it is said.
enum Sentence {
    /// Texts, and names in whose place values stand: nearly every sentence.
    Parts(Vec<Part>),
    /// It depends on a value (one, other): the names of what it wants.
    Chooses(BTreeSet<String>),
}

enum Part {
    Text(String),
    Value(String),
}

/// The parts of a sentence, if it has nothing to choose.
fn parts(pattern: &Pattern<&str>) -> Option<Vec<Part>> {
    let part = |element: &PatternElement<&str>| match element {
        PatternElement::TextElement { value } => Some(Part::Text((*value).to_owned())),
        PatternElement::Placeable { expression: Expression::Inline(InlineExpression::VariableReference { id }) } => {
            Some(Part::Value(id.name.to_owned()))
        }
        PatternElement::Placeable { .. } => None,
    };
    pattern.elements.iter().map(part).collect()
}

impl Catalogue {
    /// A catalogue is part of the program, and a test reads it whole; what can't be read is left out, not fatal.
    fn read(code: &str, text: &str) -> Catalogue {
        let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(readable, _)| readable);
        let mut bundle = FluentBundle::new_concurrent(vec![code.parse().unwrap_or_default()]);
        // Invisible isolation marks would end up in copied text and in the stored evidence; pages use <bdi> instead.
        bundle.set_use_isolating(false);
        bundle.add_resource_overriding(resource);
        let sentences = wanted(text).into_iter().filter_map(|(id, names)| {
            let pattern = bundle.get_message(&id)?.value()?;
            Some((id, parts(pattern).map_or(Sentence::Chooses(names), Sentence::Parts)))
        });
        let sentences = sentences.collect();
        Catalogue { bundle, sentences }
    }
}

/// The names of what each sentence wants. Sentences don't refer to each other.
fn wanted(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((id, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
            id.clone_into(&mut current);
        }
        let names = line.split('$').skip(1);
        let names = names.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect());
        if !current.is_empty() {
            found.entry(current.clone()).or_insert_with(BTreeSet::new).extend(names);
        }
    }
    found
}

/// A sentence about to be said. Shows itself in its language; the template engine escapes the outcome.
pub(crate) struct Say<'a> {
    frame: &'a Frame,
    id: &'a str,
    own: Vec<(&'a str, FluentValue<'a>)>,
}

impl<'a> Say<'a> {
    /// The sentence `id` of a page, with what every sentence of it may use ([`Frame::common`]).
    pub(crate) fn new(frame: &'a Frame, id: &'a str) -> Say<'a> {
        Say { frame, id, own: Vec::new() }
    }

    /// Fills in a text.
    #[must_use]
    pub(crate) fn with(mut self, name: &'a str, value: impl fmt::Display) -> Say<'a> {
        self.own.push((name, FluentValue::from(value.to_string())));
        self
    }

    /// Fills in a number; the sentence may depend on it (one, other).
    #[must_use]
    pub(crate) fn count(mut self, name: &'a str, number: &i64) -> Say<'a> {
        self.own.push((name, FluentValue::from(number)));
        self
    }
}

impl Say<'_> {
    /// What stands for a name.
    fn value(&self, name: &str) -> Option<Cow<'_, FluentValue<'_>>> {
        if let Some((_, value)) = self.own.iter().find(|(own, _)| *own == name) {
            return Some(Cow::Borrowed(value));
        }
        let (_, common) = self.frame.common().find(|(common, _)| *common == name)?;
        Some(Cow::Owned(FluentValue::from(common)))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, parts: &[Part]) -> fmt::Result {
        parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Value(name) => match self.value(name).as_deref() {
                Some(FluentValue::String(text)) => f.write_str(text),
                Some(FluentValue::Number(number)) => f.write_str(&number.as_string()),
                // As the library shows what it was not given.
                _ => write!(f, "{{${name}}}"),
            },
        })
    }

    /// Leaves it to the library, which knows what a language counts as one.
    fn choose(&self, f: &mut fmt::Formatter<'_>, wanted: &BTreeSet<String>) -> fmt::Result {
        let bundle = &self.frame.lang.catalogue().bundle;
        let Some(pattern) = bundle.get_message(self.id).and_then(|message| message.value()) else {
            return f.write_str(self.id);
        };
        let values = wanted.iter().filter_map(|name| Some((name.as_str(), self.value(name)?.into_owned())));
        let args: FluentArgs<'_> = values.collect();
        f.write_str(&bundle.format_pattern(pattern, Some(&args), &mut Vec::new()))
    }
}

impl fmt::Display for Say<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame.lang.catalogue().sentences.get(self.id) {
            Some(Sentence::Parts(parts)) => self.write(f, parts),
            Some(Sentence::Chooses(wanted)) => self.choose(f, wanted),
            None => f.write_str(self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The names of what each sentence wants, by its identifier.
    fn ids(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        assert!(FluentResource::try_new(text.to_owned()).is_ok(), "the catalogue reads without errors");
        let begins = text.lines().filter(|line| !line.starts_with(['#', ' ']) && line.contains(" ="));
        let found = wanted(text);
        assert_eq!(begins.count(), found.len(), "a sentence stands twice");
        found
    }

    #[test]
    fn both_languages_say_the_same() {
        let (japanese, english) = (ids(JAPANESE), ids(ENGLISH));
        assert_eq!(japanese.keys().collect::<Vec<_>>(), english.keys().collect::<Vec<_>>());
        // Japanese has a short word for the institution itself where English may do without; the rest must agree.
        let told = |set: &BTreeSet<String>| set.iter().filter(|name| *name != "self").cloned().collect::<Vec<_>>();
        for (id, names) in &japanese {
            assert_eq!(told(names), told(&english[id]), "{id}");
        }
    }

    fn sources(dir: &Path, all: &mut String) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, all);
            } else {
                all.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }

    #[test]
    fn every_sentence_is_said_somewhere_and_every_said_one_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = String::new();
        sources(&root.join("src"), &mut all);
        sources(&root.join("templates"), &mut all);
        let catalogue = ids(JAPANESE);
        for id in catalogue.keys() {
            assert!(all.contains(&format!("\"{id}\"")), "{id} is never said");
        }
        for said in all.split("say(\"").skip(1) {
            let id = said.split('"').next().unwrap();
            assert!(id.is_empty() || catalogue.contains_key(id), "{id} is said but not in the catalogue");
        }
    }

    #[test]
    fn a_sentence_put_together_is_what_the_library_says() {
        for lang in Lang::ALL {
            let frame = crate::samples::flow_frame(lang, renkei_domain::flow::Screen::Permission);
            let bundle = &lang.catalogue().bundle;
            for (id, names) in ids(if lang == Lang::Japanese { JAPANESE } else { ENGLISH }) {
                let args: FluentArgs<'_> = names.iter().map(|name| (name.as_str(), FluentValue::from(7))).collect();
                let own = names.iter().map(|name| (name.as_str(), FluentValue::from(7))).collect();
                let pattern = bundle.get_message(&id).unwrap().value().unwrap();
                let told = bundle.format_pattern(pattern, Some(&args), &mut Vec::new());
                assert_eq!(Say { frame: &frame, id: &id, own }.to_string(), told, "{id}");
            }
            let unknown = Say::new(&frame, "permission-period-dates").to_string();
            assert!(unknown.contains("{$from}"), "what is not filled in can be seen: {unknown}");
        }
    }

    #[test]
    fn a_sentence_stands_once() {
        for text in [JAPANESE, ENGLISH] {
            let mut seen = BTreeMap::new();
            for line in text.lines().filter(|line| !line.starts_with([' ', '#'])) {
                let sentence = line.split_once(" = ").filter(|(_, value)| value.ends_with(['。', '.']));
                let Some((id, value)) = sentence else { continue };
                if let Some(other) = seen.insert(value, id) {
                    panic!("{id} and {other} say the same: {value}");
                }
            }
        }
    }
}
