//! What stands under one key, over all records: which kinds of values, and for each
//! kind what decides its type. Owns the tree of keys and its bounds. Never keeps values,
//! a few examples apart.

use std::collections::HashMap;

use super::facts::Facts;
use super::number::Numbers;
use super::raw::unescape;
use super::token::{Cursor, Parsed, Text};
use super::walk::Walk;

/// Values nested deeper than this stay JSON text.
pub(crate) const TYPED_DEPTH: usize = 64;

/// An inner object with more keys than this uses them as data, and stays JSON text.
pub(crate) const INNER_KEYS: usize = 1_000;

/// Most keys of all records together, and most nodes under all of them.
pub(crate) const TOP_KEYS: usize = 16_384;
const NODES: usize = 65_536;

#[derive(Debug, Default)]
pub(crate) struct Node {
    /// Where in the file it first appeared: columns stand in this order.
    pub first: u64,
    pub nulls: u64,
    pub bools: u64,
    pub numbers: Option<Box<Numbers>>,
    pub strings: Option<Box<Strings>>,
    pub object: Option<Box<Object>>,
    pub list: Option<Box<List>>,
    /// For columns of the table only.
    pub facts: Option<Box<Facts>>,
}

#[derive(Debug)]
pub(crate) struct Strings {
    pub count: u64,
    pub empties: u64,
    /// Every one so far is a date, or a timestamp, in the form in which we print it.
    pub dates: bool,
    pub stamps: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Object {
    pub count: u64,
    /// Objects in which a key occurs twice: only their text has both.
    pub doubled: u64,
    /// Why the keys were given up: no types within.
    pub collapsed: Option<&'static str>,
    pub keys: Keys,
}

#[derive(Debug, Default)]
pub(crate) struct List {
    pub count: u64,
    pub collapsed: Option<&'static str>,
    pub item: Node,
}

/// Nodes by key, with a guess at which comes next: records tend to be alike.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    pub nodes: Vec<(String, Node)>,
    /// The record in which each was last seen.
    seen: Vec<u64>,
    by_name: HashMap<Vec<u8>, usize>,
}

impl Keys {
    /// The node of `key`, made if it is new; `next` is the guess, and moves on.
    #[inline]
    pub(crate) fn find(
        &mut self,
        key: Text<'_>,
        next: &mut usize,
        scratch: &mut Vec<u8>,
    ) -> Option<usize> {
        if let Some((name, _)) = self.nodes.get(*next)
            && !key.escaped
            && name.as_bytes() == key.raw
        {
            *next += 1;
            return Some(*next - 1);
        }
        let name = if key.escaped {
            scratch.clear();
            unescape(key.raw, scratch);
            scratch.as_slice()
        } else {
            key.raw
        };
        let found = self.by_name.get(name).copied();
        if let Some(index) = found {
            *next = index + 1;
        }
        found
    }

    fn add(&mut self, key: Text<'_>, at: u64) -> usize {
        let mut name = Vec::new();
        unescape(key.raw, &mut name);
        let index = self.nodes.len();
        let node = Node {
            first: at,
            ..Node::default()
        };
        self.nodes
            .push((String::from_utf8_lossy(&name).into_owned(), node));
        self.seen.push(0);
        self.by_name.insert(name, index);
        index
    }

    pub(crate) fn merge(&mut self, other: Keys) {
        for (name, node) in other.nodes {
            match self.by_name.get(name.as_bytes()) {
                Some(index) => self.nodes[*index].1.merge(node),
                None => {
                    self.by_name
                        .insert(name.clone().into_bytes(), self.nodes.len());
                    self.nodes.push((name, node));
                    self.seen.push(0);
                }
            }
        }
    }

    /// In the order in which the keys first appeared in the file.
    pub(crate) fn sort(&mut self) {
        self.nodes.sort_by_key(|(_, node)| node.first);
        self.by_name.clear();
        for (_, node) in &mut self.nodes {
            node.sort();
        }
    }
}

impl Node {
    /// A node that counts what people want to know of a column.
    pub(crate) fn column(first: u64) -> Self {
        Node {
            first,
            facts: Some(Box::default()),
            ..Node::default()
        }
    }

    /// Values that are not null.
    pub(crate) fn values(&self) -> u64 {
        self.bools
            + self.numbers.as_ref().map_or(0, |n| n.count)
            + self.strings.as_ref().map_or(0, |s| s.count)
            + self.object.as_ref().map_or(0, |o| o.count)
            + self.list.as_ref().map_or(0, |l| l.count)
    }

    /// Takes in the value at the cursor.
    pub(crate) fn see(
        &mut self,
        cursor: &mut Cursor<'_>,
        walk: &mut Walk,
        depth: usize,
    ) -> Parsed<()> {
        cursor.space();
        let begin = cursor.at;
        match cursor.peek() {
            Some(b'"') => {
                let text = cursor.string()?;
                if text.control {
                    walk.control(begin);
                }
                self.see_text(text, walk, begin);
            }
            Some(b'n') => {
                cursor.literal(b"null")?;
                self.nulls += 1;
            }
            Some(b't') => {
                cursor.literal(b"true")?;
                self.see_bool(true, walk.base + begin as u64);
            }
            Some(b'f') => {
                cursor.literal(b"false")?;
                self.see_bool(false, walk.base + begin as u64);
            }
            Some(b'{') => {
                self.see_object(cursor, walk, depth)?;
                self.see_nested(&cursor.bytes[begin..cursor.at], walk.base + begin as u64);
            }
            Some(b'[') => {
                self.see_list(cursor, walk, depth)?;
                self.see_nested(&cursor.bytes[begin..cursor.at], walk.base + begin as u64);
            }
            _ => {
                let number = cursor.number()?;
                if !number.finite {
                    walk.word(begin);
                }
                let at = walk.base + begin as u64;
                self.numbers.get_or_insert_default().see(&number, at);
                if let Some(facts) = &mut self.facts {
                    facts.see_number(&number, at);
                }
            }
        }
        Ok(())
    }

    fn see_bool(&mut self, value: bool, at: u64) {
        self.bools += 1;
        if let Some(facts) = &mut self.facts {
            facts.see_word(if value { "true" } else { "false" }, at);
        }
    }

    #[inline]
    fn see_text(&mut self, text: Text<'_>, walk: &mut Walk, at: usize) {
        let value = if text.escaped {
            walk.scratch.clear();
            unescape(text.raw, &mut walk.scratch);
            walk.scratch.as_slice()
        } else {
            text.raw
        };
        self.strings.get_or_insert_default().see(value);
        if let Some(facts) = &mut self.facts {
            facts.see_text(value, walk.base + at as u64);
        }
    }

    fn see_nested(&mut self, raw: &[u8], at: u64) {
        if let Some(facts) = &mut self.facts {
            facts.see_nested(raw, at);
        }
    }

    fn see_object(&mut self, cursor: &mut Cursor<'_>, walk: &mut Walk, depth: usize) -> Parsed<()> {
        let object = self.object.get_or_insert_default();
        object.count += 1;
        if depth >= TYPED_DEPTH {
            object.collapsed = Some("it is nested deeper than 64 levels");
        }
        if object.collapsed.is_some() {
            cursor.skip()?;
            return Ok(());
        }
        let begin = cursor.at;
        match object
            .keys
            .see(cursor, walk, depth + 1, INNER_KEYS, false)?
        {
            Seen::Whole => Ok(()),
            Seen::Doubled(_) => {
                object.doubled += 1;
                Ok(())
            }
            Seen::TooMany => {
                object.collapsed = Some("it has too many different keys");
                object.keys = Keys::default();
                cursor.at = begin;
                cursor.skip()?;
                Ok(())
            }
        }
    }

    fn see_list(&mut self, cursor: &mut Cursor<'_>, walk: &mut Walk, depth: usize) -> Parsed<()> {
        let list = self.list.get_or_insert_default();
        list.count += 1;
        if depth >= TYPED_DEPTH {
            list.collapsed = Some("it is nested deeper than 64 levels");
        }
        if list.collapsed.is_some() {
            cursor.skip()?;
            return Ok(());
        }
        cursor.at += 1;
        if cursor.take(b']') {
            return Ok(());
        }
        loop {
            list.item.see(cursor, walk, depth + 1)?;
            if cursor.take(b',') {
                continue;
            }
            if cursor.take(b']') {
                return Ok(());
            }
            return cursor.unexpected("a comma or ]");
        }
    }

    pub(crate) fn merge(&mut self, other: Node) {
        self.first = self.first.min(other.first);
        self.nulls += other.nulls;
        self.bools += other.bools;
        join(&mut self.numbers, other.numbers, |a, b| a.merge(*b));
        join(&mut self.strings, other.strings, |a, b| a.merge(&b));
        join(&mut self.object, other.object, |a, b| a.merge(*b));
        join(&mut self.list, other.list, |a, b| {
            a.count += b.count;
            a.collapsed = a.collapsed.or(b.collapsed);
            a.item.merge(b.item);
        });
        join(&mut self.facts, other.facts, |a, b| a.merge(*b));
    }

    pub(crate) fn sort(&mut self) {
        if let Some(object) = &mut self.object {
            object.keys.sort();
        }
        if let Some(list) = &mut self.list {
            list.item.sort();
        }
    }
}

fn join<T>(mine: &mut Option<Box<T>>, theirs: Option<Box<T>>, merge: impl FnOnce(&mut T, Box<T>)) {
    match (mine.as_mut(), theirs) {
        (Some(a), Some(b)) => merge(a, b),
        (None, Some(b)) => *mine = Some(b),
        (_, None) => {}
    }
}

/// How the taking in of an object ended.
pub(crate) enum Seen {
    Whole,
    /// A key occurs twice, here. All values were taken in nonetheless.
    Doubled(usize),
    /// More different keys than are kept; the cursor is somewhere within.
    TooMany,
}

impl Keys {
    /// Takes in the object at the cursor, a column for each key if `columns`.
    pub(crate) fn see(
        &mut self,
        cursor: &mut Cursor<'_>,
        walk: &mut Walk,
        depth: usize,
        most: usize,
        columns: bool,
    ) -> Parsed<Seen> {
        walk.object += 1;
        let object = walk.object;
        cursor.at += 1;
        if cursor.take(b'}') {
            return Ok(Seen::Whole);
        }
        let mut next = 0;
        let mut outcome = Seen::Whole;
        loop {
            cursor.space();
            let at = cursor.at;
            let key = cursor.key()?;
            if key.control {
                walk.control(at);
            }
            let mut scratch = std::mem::take(&mut walk.scratch);
            let found = self.find(key, &mut next, &mut scratch);
            walk.scratch = scratch;
            let index = match found {
                Some(index) => index,
                None => {
                    if self.nodes.len() >= most || walk.nodes >= NODES {
                        return Ok(Seen::TooMany);
                    }
                    walk.nodes += 1;
                    let place = walk.base + at as u64;
                    let index = self.add(key, place);
                    if columns {
                        self.nodes[index].1 = Node::column(place);
                    }
                    next = index + 1;
                    index
                }
            };
            if self.seen[index] == object && matches!(outcome, Seen::Whole) {
                outcome = Seen::Doubled(at);
            }
            self.seen[index] = object;
            let node = &mut self.nodes[index].1;
            node.first = node.first.min(walk.base + at as u64);
            node.see(cursor, walk, depth)?;
            if cursor.take(b',') {
                continue;
            }
            if cursor.take(b'}') {
                return Ok(outcome);
            }
            return cursor.unexpected("a comma or }");
        }
    }

    /// The node at `index` of a record that is an array, made if it is new.
    pub(crate) fn at(&mut self, index: usize, at: u64) -> Option<&mut Node> {
        if index == self.nodes.len() {
            if index >= TOP_KEYS {
                return None;
            }
            self.nodes
                .push((format!("column{}", index + 1), Node::column(at)));
            self.seen.push(0);
            self.by_name.insert(index.to_le_bytes().to_vec(), index);
        }
        Some(&mut self.nodes[index].1)
    }

    /// By place, for records that are arrays.
    pub(crate) fn merge_by_place(&mut self, other: Keys) {
        for (index, (name, node)) in other.nodes.into_iter().enumerate() {
            match self.nodes.get_mut(index) {
                Some((_, mine)) => mine.merge(node),
                None => self.nodes.push((name, node)),
            }
        }
    }
}

impl Object {
    fn merge(&mut self, other: Object) {
        self.count += other.count;
        self.doubled += other.doubled;
        self.collapsed = self.collapsed.or(other.collapsed);
        if self.collapsed.is_none() {
            self.keys.merge(other.keys);
            if self.keys.nodes.len() > INNER_KEYS {
                self.collapsed = Some("it has too many different keys");
            }
        }
        if self.collapsed.is_some() {
            self.keys = Keys::default();
        }
    }
}

impl Default for Strings {
    fn default() -> Self {
        Strings {
            count: 0,
            empties: 0,
            dates: true,
            stamps: true,
        }
    }
}

impl Strings {
    #[inline]
    fn see(&mut self, value: &[u8]) {
        self.count += 1;
        self.empties += u64::from(value.is_empty());
        self.dates = self.dates && super::time::date(value).is_some();
        self.stamps = self.stamps && super::time::stamp(value).is_some();
    }

    fn merge(&mut self, other: &Strings) {
        self.count += other.count;
        self.empties += other.empties;
        self.dates &= other.dates;
        self.stamps &= other.stamps;
    }
}
