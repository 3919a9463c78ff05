//! Markup to plain text: what a reader of the page reads, and nothing else.

/// Tags after which a reader sees a new line.
const BLOCKS: [&str; 12] = ["p", "li", "dt", "dd", "h2", "h3", "legend", "div", "tr", "section", "label", "br"];

/// The text of markup made by our own templates, one line per block, blanks folded, no empty lines.
///
/// Not a general HTML reader: it knows the entities our template engine writes and expects tags to be closed.
pub(crate) fn plain_text(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some((before, tagged)) = rest.split_once('<') {
        text.push_str(&before.replace('\n', " "));
        let Some((tag, after)) = tagged.split_once('>') else { break };
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        if BLOCKS.contains(&name.as_str()) {
            text.push('\n');
        }
        rest = after;
    }
    text.push_str(&rest.replace('\n', " "));
    let folded = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
    let lines: Vec<String> = folded.filter(|line| !line.is_empty()).map(|line| unescape(&line)).collect();
    lines.join("\n")
}

/// Undoes the escaping of our template engine; `&` last, so that nothing is undone twice.
fn unescape(text: &str) -> String {
    [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_lines_and_entities_characters() {
        let markup = "<p>A  <b>b</b>\n c</p><p></p><ul><li>1 &#60;b&#62;</li><li class=\"x\">&#38;#60;</li></ul>";
        assert_eq!(plain_text(markup), "A b c\n1 <b>\n&#60;");
    }
}
