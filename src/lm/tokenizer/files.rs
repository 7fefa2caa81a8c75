//! `tokenizer.json`, or `vocab.json` with `merges.txt`, read and written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::{Map, Value, json};

use super::alphabet::{bytes_of, char_of, written};
use super::{Merge, Special, Tokenizer};
use crate::lm::file_error::{FileError, json_fault};
use crate::spec::short;

/// The most that is read.
pub mod limit {
    /// Bytes of one file; GPT-2's are 1.4 million.
    pub const BYTES: usize = 16 << 20;
    /// Tokens, merges, and one more than the largest token number; GPT-2 has 50,257.
    pub const TOKENS: usize = 1 << 18;
    /// Special tokens.
    pub const SPECIALS: usize = 256;
    /// Bytes of one special token.
    pub const SPECIAL_BYTES: usize = 128;
}

type Read<T> = Result<T, FileError>;

/// The names of the three files, which messages carry.
const JSON: &str = "tokenizer.json";
const VOCAB: &str = "vocab.json";
const MERGES: &str = "merges.txt";

/// What all such tokenizers are told apart from.
const ONLY_GPT2: &str = "only GPT-2's byte-level BPE can be read";

impl Tokenizer {
    /// From Hugging Face's one file. Truncation, padding and texts put around are the caller's business and not read.
    ///
    /// # Errors
    /// The first thing wrong, or the first setting that GPT-2's tokenizer does not have.
    pub fn from_json(file: &[u8]) -> Read<Self> {
        let file: TokenizerFile = parsed(JSON, file)?;
        file.check_settings()?;
        let mut builder = Builder::new(JSON);
        let added: HashSet<&str> = file.added_tokens.0.iter().map(|t| t.content.as_str()).collect();
        for (token, id) in file.model.vocab.0 {
            // An added token stands for its own text, whatever letters it is written in.
            let bytes = if added.contains(token.as_str()) { None } else { Some(builder.ordinary(&token)?) };
            builder.token(token, bytes, id)?;
        }
        for (k, merge) in file.model.merges.0.iter().enumerate() {
            let (left, right) = merge.parts().ok_or_else(|| {
                FileError::new(JSON, format!("merge {k} is {}, must be two tokens", short(&format!("{merge:?}"), 60)))
            })?;
            builder.merge(left, right, &format!("merge {k}"))?;
        }
        for token in file.added_tokens.0 {
            token.check()?;
            builder.special(token.content, token.id)?;
        }
        builder.finish()
    }

    /// From GPT-2's two files. A token in angle or square brackets that no merge makes is a special one.
    ///
    /// # Errors
    /// The first thing wrong, by line in `merges.txt`.
    pub fn from_vocab_and_merges(vocab: &[u8], merges: &[u8]) -> Read<Self> {
        let vocab: Vocabulary = parsed(VOCAB, vocab)?;
        let merges = text(MERGES, merges)?;
        let lines = || merges.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with("#version"));
        if lines().count() > limit::TOKENS {
            return Err(FileError::new(
                MERGES,
                format!("has more than {} merges, the most that is allowed", limit::TOKENS),
            ));
        }
        let made: HashSet<String> = lines().map(|(_, line)| line.replace(' ', "")).collect();
        let mut builder = Builder::new(VOCAB);
        let mut specials = Vec::new();
        for (token, id) in vocab.0 {
            if is_bracketed(&token) && !made.contains(&token) {
                specials.push((token.clone(), id));
                builder.token(token, None, id)?;
            } else {
                let bytes = builder.ordinary(&token)?;
                builder.token(token, Some(bytes), id)?;
            }
        }
        for (k, line) in lines() {
            let place = format!("{MERGES} line {}", k + 1);
            let (left, right) = halves(line).ok_or_else(|| {
                FileError::new(&place, format!("is \"{}\", must be two tokens with one space between", short(line, 60)))
            })?;
            builder.merge(left, right, &place)?;
        }
        for (token, id) in specials {
            builder.special(token, id)?;
        }
        builder.finish()
    }

    /// `tokenizer.json`, as Hugging Face's `tokenizers` reads it too.
    pub fn to_json(&self) -> String {
        let specials: Vec<Value> = self
            .specials_by_number()
            .map(|s| {
                json!({
                    "id": s.token, "content": s.text, "single_word": false, "lstrip": false, "rstrip": false,
                    "normalized": false, "special": true,
                })
            })
            .collect();
        let around = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true });
        let merges: Vec<Value> = self.merges_written().map(|(left, right)| json!([left, right])).collect();
        json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": specials, "normalizer": null,
            "pre_tokenizer": around, "post_processor": around, "decoder": around,
            "model": {
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
                "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": self.vocabulary_written(), "merges": merges,
            },
        })
        .to_string()
    }

    /// `vocab.json` and `merges.txt`, in which only brackets tell special tokens apart.
    pub fn to_vocab_and_merges(&self) -> (String, String) {
        let merges: String = self.merges_written().map(|(left, right)| format!("{left} {right}\n")).collect();
        (Value::Object(self.vocabulary_written()).to_string(), format!("#version: 0.2\n{merges}"))
    }

    fn vocabulary_written(&self) -> Map<String, Value> {
        let special: BTreeMap<u32, &str> = self.specials_by_number().map(|s| (s.token, s.text.as_str())).collect();
        let name = |id: u32, bytes: &[u8]| special.get(&id).map_or_else(|| written(bytes), |text| (*text).to_owned());
        let numbered = self.tokens.iter().enumerate().map(|(id, bytes)| (id as u32, bytes));
        numbered.filter_map(|(id, bytes)| Some((name(id, bytes.as_ref()?), id.into()))).collect()
    }

    fn merges_written(&self) -> impl Iterator<Item = (String, String)> {
        let mut pairs: Vec<_> = self.merges.iter().map(|(pair, merge)| (merge.rank, *pair)).collect();
        pairs.sort_unstable();
        let name = |id| written(self.bytes(id).unwrap_or_default());
        pairs.into_iter().map(move |(_, (left, right))| (name(left), name(right)))
    }

    fn specials_by_number(&self) -> impl Iterator<Item = &Special> {
        let mut specials: Vec<_> = self.specials.iter().collect();
        specials.sort_unstable_by_key(|s| s.token);
        specials.into_iter()
    }
}

fn is_bracketed(token: &str) -> bool {
    let within = |open, close| token.len() > 2 && token.starts_with(open) && token.ends_with(close);
    within('<', '>') || within('[', ']')
}

/// The two tokens of a merge, written with one space between; a token never holds one.
fn halves(line: &str) -> Option<(&str, &str)> {
    line.split_once(' ').filter(|(left, right)| !left.is_empty() && !right.is_empty() && !right.contains(' '))
}

/// A vocabulary in the making, checked as it grows.
struct Builder {
    /// The file that messages name.
    file: &'static str,
    tokens: Vec<Option<Vec<u8>>>,
    ids: HashMap<String, u32>,
    merges: HashMap<(u32, u32), Merge>,
    specials: Vec<Special>,
}

impl Builder {
    fn new(file: &'static str) -> Self {
        Self { file, tokens: Vec::new(), ids: HashMap::new(), merges: HashMap::new(), specials: Vec::new() }
    }

    fn wrong(&self, message: impl AsRef<str>) -> FileError {
        FileError::new(self.file, message)
    }

    /// The bytes of a token that is not special.
    fn ordinary(&self, token: &str) -> Read<Vec<u8>> {
        bytes_of(token).filter(|bytes| !bytes.is_empty()).ok_or_else(|| {
            self.wrong(format!("has the token \"{}\", which stands for no bytes; {ONLY_GPT2}", short(token, 40)))
        })
    }

    /// Enters a token; without bytes it stands for its own text.
    fn token(&mut self, token: String, bytes: Option<Vec<u8>>, id: u32) -> Read<()> {
        let place = id as usize;
        if place >= limit::TOKENS {
            let name = short(&token, 40);
            return Err(
                self.wrong(format!("numbers the token \"{name}\" {id}, numbers must be below {}", limit::TOKENS))
            );
        }
        if self.tokens.len() <= place {
            self.tokens.resize(place + 1, None);
        }
        if self.tokens[place].is_some() || self.ids.contains_key(&token) {
            let name = short(&token, 40);
            return Err(self.wrong(format!("has the token \"{name}\" or the number {id} twice; each may stand once")));
        }
        self.tokens[place] = Some(bytes.unwrap_or_else(|| token.clone().into_bytes()));
        self.ids.insert(token, id);
        Ok(())
    }

    /// Enters the next merge; both tokens and what they make must be in the vocabulary.
    fn merge(&mut self, left: &str, right: &str, place: &str) -> Read<()> {
        let id = |token: &str| {
            self.ids.get(token).copied().ok_or_else(|| {
                FileError::new(place, format!("needs the token \"{}\", which the vocabulary lacks", short(token, 40)))
            })
        };
        let (pair, token) = ((id(left)?, id(right)?), id(&format!("{left}{right}"))?);
        let rank = self.merges.len() as u32;
        if self.merges.insert(pair, Merge { rank, token }).is_some() {
            let pair = format!("{} {}", short(left, 40), short(right, 40));
            return Err(FileError::new(place, format!("repeats \"{pair}\"; a pair may be merged in one way only")));
        }
        Ok(())
    }

    /// Marks a token as special, and enters it if it is new.
    fn special(&mut self, text: String, token: u32) -> Read<()> {
        let name = short(&text, 40);
        if text.is_empty() || text.len() > limit::SPECIAL_BYTES {
            let most = limit::SPECIAL_BYTES;
            return Err(self.wrong(format!("has a special token of {} bytes, must have 1 to {most}", text.len())));
        }
        if self.specials.len() == limit::SPECIALS {
            return Err(
                self.wrong(format!("has more than {} special tokens, the most that is allowed", limit::SPECIALS))
            );
        }
        match self.ids.get(&text) {
            None => self.token(text.clone(), None, token)?,
            Some(id) if *id == token => {}
            Some(id) => return Err(self.wrong(format!("numbers the token \"{name}\" {token} and {id}; it needs one"))),
        }
        if self.specials.iter().any(|s| s.token == token) {
            return Err(self.wrong(format!("has the special token \"{name}\" twice; it may stand once")));
        }
        self.specials.push(Special { text, token });
        Ok(())
    }

    fn finish(mut self) -> Read<Tokenizer> {
        let mut bytes = [0; 256];
        for (byte, slot) in (0..=255).zip(&mut bytes) {
            let name = char_of(byte);
            *slot = *self.ids.get(name.encode_utf8(&mut [0; 4]) as &str).ok_or_else(|| {
                self.wrong(format!("lacks a token for the byte {byte:#04x} (\"{name}\"); {ONLY_GPT2}"))
            })?;
        }
        self.check_bytes(&bytes)?;
        self.specials.sort_by_key(|s| std::cmp::Reverse(s.text.len()));
        Ok(Tokenizer { tokens: self.tokens, bytes, merges: self.merges, specials: self.specials })
    }

    /// That every byte's token is that byte and every merge makes the bytes of both: then every text comes back from its tokens. Only
    /// a special token, which stands for its own text, can break this, by the name of an ordinary one.
    fn check_bytes(&self, of_bytes: &[u32; 256]) -> Read<()> {
        let bytes = |id: u32| self.tokens[id as usize].as_deref().unwrap_or_default();
        let byte = (0..=255).zip(of_bytes).find(|(byte, id)| *bytes(**id) != [*byte]).map(|(_, id)| *id);
        let joined = |((left, right), merge): (&(u32, u32), &Merge)| {
            (bytes(merge.token) != [bytes(*left), bytes(*right)].concat()).then_some(merge.token)
        };
        match byte.or_else(|| self.merges.iter().find_map(joined)) {
            None => Ok(()),
            Some(id) => {
                let name = String::from_utf8_lossy(bytes(id));
                Err(self.wrong(format!(
                    "has the token {id} (\"{}\") as special and for other bytes; rename it",
                    short(&name, 40)
                )))
            }
        }
    }
}

/// `tokenizer.json`, as far as it matters here.
#[derive(Deserialize)]
struct TokenizerFile {
    #[serde(default)]
    added_tokens: Bounded<AddedToken>,
    normalizer: Option<IgnoredAny>,
    pre_tokenizer: Option<Part>,
    decoder: Option<Part>,
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    ignore_merges: bool,
    vocab: Vocabulary,
    merges: Bounded<WrittenMerge>,
}

/// What stands before or after the model.
#[derive(Deserialize)]
struct Part {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    add_prefix_space: bool,
    use_regex: Option<bool>,
}

#[derive(Deserialize)]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

/// A text with a space in older files, a list of two in newer ones.
#[derive(Debug)]
enum WrittenMerge {
    Text(String),
    Pair(String, String),
}

impl WrittenMerge {
    fn parts(&self) -> Option<(&str, &str)> {
        match self {
            Self::Text(line) => halves(line),
            Self::Pair(left, right) => Some((left, right)),
        }
    }
}

impl TokenizerFile {
    /// What would give other numbers than GPT-2's way is refused, not ignored.
    fn check_settings(&self) -> Read<()> {
        let refuse = |what: &str| Err(FileError::new(JSON, format!("{what}; {ONLY_GPT2}")));
        if let Some(kind) = self.model.kind.as_deref().filter(|kind| *kind != "BPE") {
            return refuse(&format!("holds a model of type \"{}\"", short(kind, 40)));
        }
        if self.normalizer.is_some() {
            return refuse("has a normalizer, which changes texts before they are encoded");
        }
        match &self.pre_tokenizer {
            Some(p) if p.kind != "ByteLevel" => refuse(&format!("has a pre_tokenizer \"{}\"", short(&p.kind, 40)))?,
            Some(p) if p.add_prefix_space => refuse("sets pre_tokenizer.add_prefix_space, which changes texts")?,
            Some(p) if p.use_regex == Some(false) => refuse("turns pre_tokenizer.use_regex off")?,
            Some(_) => {}
            None => refuse("has no pre_tokenizer")?,
        }
        if let Some(decoder) = self.decoder.as_ref().filter(|d| d.kind != "ByteLevel") {
            return refuse(&format!("has a decoder \"{}\"", short(&decoder.kind, 40)));
        }
        if self.model.dropout.is_some_and(|p| p != 0.0) {
            return refuse("sets model.dropout, which makes numbers random");
        }
        let affixes = [&self.model.continuing_subword_prefix, &self.model.end_of_word_suffix];
        if affixes.into_iter().flatten().any(|affix| !affix.is_empty()) {
            return refuse("marks parts of words by a prefix or suffix");
        }
        if self.model.ignore_merges {
            return refuse("sets model.ignore_merges");
        }
        Ok(())
    }
}

impl AddedToken {
    fn check(&self) -> Read<()> {
        if self.single_word || self.lstrip || self.rstrip {
            let name = short(&self.content, 40);
            let message = format!("sets single_word, lstrip or rstrip of \"{name}\"; {ONLY_GPT2}");
            return Err(FileError::new(JSON, message));
        }
        Ok(())
    }
}

fn text<'a>(name: &str, file: &'a [u8]) -> Read<&'a str> {
    if file.len() > limit::BYTES {
        let message = format!("is {} bytes, at most {} are allowed", file.len(), limit::BYTES);
        return Err(FileError::new(name, message));
    }
    std::str::from_utf8(file)
        .map_err(|e| FileError::new(name, format!("is not UTF-8 text at byte {}; fetch it again", e.valid_up_to())))
}

fn parsed<'a, T: Deserialize<'a>>(name: &str, file: &'a [u8]) -> Read<T> {
    serde_json::from_str(text(name, file)?)
        .map_err(|e| FileError::new(name, format!("line {} cannot be read: {}; {ONLY_GPT2}", e.line(), json_fault(&e))))
}

/// A list that stops being read when it grows past [`limit::TOKENS`].
#[derive(Debug)]
struct Bounded<T>(Vec<T>);

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A map from tokens to numbers, bounded as well. Every entry is kept, so that a token given twice is seen.
struct Vocabulary(Vec<(String, u32)>);

fn push<T, E: de::Error>(list: &mut Vec<T>, item: T) -> Result<(), E> {
    if list.len() == limit::TOKENS {
        return Err(E::custom(format_args!("more than {} entries", limit::TOKENS)));
    }
    list.push(item);
    Ok(())
}

struct Entries;
struct Items<T>(PhantomData<T>);
struct OneMerge;

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<(String, u32)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map from tokens to numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = map.next_entry()? {
            push(&mut list, entry)?;
        }
        Ok(list)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            push(&mut list, item)?;
        }
        Ok(list)
    }
}

impl<'de> Visitor<'de> for OneMerge {
    type Value = WrittenMerge;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a merge of two tokens")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(WrittenMerge::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut next = |k| seq.next_element()?.ok_or_else(|| de::Error::invalid_length(k, &OneMerge));
        // A third is refused by the parser, which finds the list not at its end.
        Ok(WrittenMerge::Pair(next(0)?, next(1)?))
    }
}

impl<'de> Deserialize<'de> for WrittenMerge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneMerge)
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries).map(Self)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bounded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items(PhantomData)).map(Self)
    }
}
