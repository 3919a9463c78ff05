//! Markup to plain text: what a reader of the page reads, and nothing else.

/// Tags after which a reader sees a new line.
const BLOCKS: [&str; 12] = ["p", "li", "dt", "dd", "h2", "h3", "legend", "div", "tr", "section", "label", "br"];

/// The text of markup made by our own templates, one line per block, blanks folded, no empty lines.
///
/// Not a general HTML reader: it knows the entities our template engine writes and expects tags to be closed.
pub(crate) fn plain_text(markup: &str) -> String {
    let mut text = Folded { text: String::with_capacity(markup.len()), gap: None };
    let mut rest = markup;
    while let Some((before, tagged)) = rest.split_once('<') {
        text.read(before);
        let Some((tag, after)) = tagged.split_once('>') else { return text.text };
        let tag = tag.trim_start_matches('/');
        let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        if BLOCKS.contains(&name) {
            text.gap = Some('\n');
        }
        rest = after;
    }
    text.read(rest);
    text.text
}

/// Text in which any blanks between two words are one, and any number of new lines is one.
struct Folded {
    text: String,
    /// What has to stand before the next word.
    gap: Option<char>,
}

impl Folded {
    /// Takes in what stands between two tags.
    fn read(&mut self, between: &str) {
        let mut words = between.split_ascii_whitespace();
        if between.starts_with(|c: char| c.is_ascii_whitespace()) {
            self.gap = self.gap.or(Some(' '));
        }
        let Some(first) = words.next() else { return };
        self.word(first);
        for word in words {
            self.gap = Some(' ');
            self.word(word);
        }
        self.gap = between.ends_with(|c: char| c.is_ascii_whitespace()).then_some(' ');
    }

    fn word(&mut self, word: &str) {
        if let Some(gap) = self.gap.take().filter(|_| !self.text.is_empty()) {
            self.text.push(gap);
        }
        let mut rest = word;
        // Each entity is undone where it stands, so nothing is undone twice.
        while let Some((before, escaped)) = rest.split_once('&') {
            self.text.push_str(before);
            let entity = ENTITIES.iter().find_map(|(entity, own)| Some((escaped.strip_prefix(entity)?, own)));
            let (after, own) = entity.unwrap_or((escaped, &'&'));
            self.text.push(*own);
            rest = after;
        }
        self.text.push_str(rest);
    }
}

/// What the template engine escapes, without the `&` before it.
const ENTITIES: [(&str, char); 5] = [("#60;", '<'), ("#62;", '>'), ("#34;", '"'), ("#39;", '\''), ("#38;", '&')];

#[cfg(test)]
mod tests {
    use super::*;

    /// As slow as it is plain: what [`plain_text`] has to agree with, since the hashes of permissions rest on it. Our
    /// templates write no `&` but as part of an entity.
    fn step_by_step(markup: &str) -> String {
        let mut text = String::new();
        let mut rest = markup;
        while let Some((before, tagged)) = rest.split_once('<') {
            text.push_str(&before.replace('\n', " "));
            let Some((tag, after)) = tagged.split_once('>') else { break };
            let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            text.push_str(if BLOCKS.contains(&name.as_str()) { "\n" } else { "" });
            rest = after;
        }
        text.push_str(&rest.replace('\n', " "));
        let folded = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        let entities = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
        let unescape = |line: String| entities.iter().fold(line, |line, (entity, own)| line.replace(entity, own));
        folded.filter(|line| !line.is_empty()).map(unescape).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_same_as_step_by_step() {
        let pieces =
            ["<p>", "</p>", "<b>", "<br>", " ", "\n", "\u{3000}", "a", "二", "&#38;", "&#60;", "#60;", "<x y='1'>"];
        let mut state = 7u64;
        for _ in 0..20_000 {
            let mut markup = String::new();
            for _ in 0..state % 12 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                markup.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 1;
            assert_eq!(plain_text(&markup), step_by_step(&markup), "{markup:?}");
        }
    }

    #[test]
    fn blocks_become_lines_and_entities_characters() {
        let markup = "<p>A  <b>b</b>\n c</p><p></p><ul><li>1 &#60;b&#62;</li><li class=\"x\">&#38;#60;</li></ul>";
        assert_eq!(plain_text(markup), "A b c\n1 <b>\n&#60;");
    }
}
