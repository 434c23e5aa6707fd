//! The page: one file that needs nothing else. Data, style and script are put into a template;
//! browsers draw it, offline, for as long as there are browsers.

use super::model::Page;

const TEMPLATE: &str = include_str!("page/template.html");
const STYLE: &str = include_str!("page/style.css");

/// The script, in parts that share one scope.
const SCRIPT: [&str; 6] = [
    include_str!("page/base.js"),
    include_str!("page/prose.js"),
    include_str!("page/draw.js"),
    include_str!("page/timeline.js"),
    include_str!("page/table.js"),
    include_str!("page/main.js"),
];

/// Puts a page together.
pub(super) fn render(page: &Page) -> String {
    let data = serde_json::to_string(page).expect("a page is plain data");
    let outcome = match page.verdict.failed {
        true => format!("failed: {}", page.verdict.oracle),
        false => "passed".to_owned(),
    };
    fill(&[
        ("{{title}}", &format!("seed {} {outcome}", page.seed)),
        ("{{style}}", STYLE),
        ("{{data}}", &harmless(&data)),
        ("{{script}}", &SCRIPT.concat()),
    ])
}

/// Replaces each mark of the template, once, in the order in which they stand there: what is put in
/// is not looked at again, whatever it says.
fn fill(parts: &[(&str, &str)]) -> String {
    let (mut out, mut rest) = (String::new(), TEMPLATE);
    for (mark, text) in parts {
        let (before, after) = rest.split_once(mark).expect("the template has every mark");
        out.push_str(before);
        out.push_str(text);
        rest = after;
    }
    out + rest
}

/// JSON that cannot end the element that it stands in, nor begin another one.
fn harmless(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_leave_its_element() {
        let evil = r#"{"value":"</script><script>alert(1)</script>"}"#;
        let tame = harmless(evil);
        assert!(!tame.contains('<'));
        let (one, other): (serde_json::Value, serde_json::Value) = (
            serde_json::from_str(evil).unwrap(),
            serde_json::from_str(&tame).unwrap(),
        );
        assert_eq!(one, other);
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        let all = [TEMPLATE, STYLE]
            .into_iter()
            .chain(SCRIPT)
            .collect::<String>();
        for word in [
            "http://",
            "https://",
            "src=",
            "@import",
            "url(",
            "fetch(",
            "XMLHttpRequest",
        ] {
            let allowed =
                all.matches("http://www.w3.org/2000/svg").count() * usize::from(word == "http://");
            assert_eq!(all.matches(word).count(), allowed, "{word}");
        }
    }
}
