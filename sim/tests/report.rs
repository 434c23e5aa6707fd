//! The page of a failed run, opened in a browser: does its script run, and is everything there?

#[cfg(madsim)]
mod simulated {
    use std::{
        io::Write,
        path::Path,
        process::{Child, Command, Stdio},
        sync::OnceLock,
        thread,
        time::Duration,
    };

    use serde_json::{Value, json};
    use sisyphus_sim::{oracle::Violation, plan::Plan, report::html, run::run, world::Outcome};

    /// What browsers are called that can be asked for the page as they see it.
    const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

    /// How long a browser may take, in tenths of a second: machines have other things to do.
    const PATIENCE: u32 = 1_200;

    /// The largest page.
    const BYTES_MAX: usize = 5 << 20;

    /// A run that went well, with an accusation put into its trace at the `n`th granted vote or later
    /// acknowledgement: a report does not care whether an accusation is just.
    fn accused(seed: u64) -> (Plan, Outcome) {
        let plan = Plan::draw(seed);
        let mut outcome = run(&plan, true);
        assert_eq!(outcome.violation, None);
        let promises =
            |line: &String| line.contains("\"append-accepted\"") && line.contains("\"sent\"");
        let at = outcome.lines.iter().rposition(promises);
        let at = at.expect("somebody acknowledged something");
        let promise: Value = serde_json::from_str(&outcome.lines[at]).unwrap();
        let violation = Violation::new("PROM", format!("{} made up", promise["who"]));
        let detail = json!({ "oracle": violation.oracle, "what": violation.what });
        let line =
            json!({ "us": promise["us"], "who": "world", "what": "violation", "detail": detail });
        outcome.lines.insert(at + 1, line.to_string());
        outcome.violation = Some(violation);
        (plan, outcome)
    }

    fn page() -> &'static str {
        static PAGE: OnceLock<String> = OnceLock::new();
        PAGE.get_or_init(|| {
            let (plan, outcome) = accused(3);
            html(&plan, &outcome)
        })
    }

    /// The data that a page carries.
    fn data(page: &str) -> Value {
        let (_, rest) = page.split_once("type=\"application/json\">").expect("data");
        let (json, _) = rest.split_once("</script>").expect("an end of it");
        serde_json::from_str(json).expect("the data is JSON")
    }

    #[test]
    fn a_page_has_all_its_parts_and_is_the_same_when_it_is_made_again() {
        let (plan, outcome) = accused(3);
        assert!(
            html(&plan, &outcome) == page(),
            "two reports of a run differ"
        );
        let data = data(page());
        assert_eq!(data["lanes"].as_array().unwrap().len() as u64, plan.nodes);
        for list in ["rows", "letters", "ops", "commands", "facts"] {
            assert!(!data[list].as_array().unwrap().is_empty(), "no {list}");
        }
        let exhibits = data["verdict"]["exhibits"].as_array().unwrap();
        let accusing = exhibits.iter().filter(|exhibit| exhibit["accuses"] == true);
        assert_eq!(accusing.count(), 2, "{exhibits:?}");
        let points = data["ops"].as_array().unwrap().iter();
        assert!(
            points.filter(|op| op["point"].is_u64()).count() > 10,
            "operations have no points"
        );
    }

    #[test]
    fn a_page_of_a_very_long_run_is_not_large_and_says_what_it_leaves_out() {
        let (plan, mut outcome) = accused(3);
        let once = outcome.lines.clone();
        while outcome.lines.len() < 100_000 {
            outcome.lines.extend(once.iter().cloned());
        }
        let page = html(&plan, &outcome);
        assert!(page.len() < BYTES_MAX, "{} bytes", page.len());
        let data = data(&page);
        assert!(data["omitted"].to_string().contains("events of disks"));
    }

    #[test]
    fn a_browser_draws_the_page_without_an_error() {
        let Some(browser) = BROWSERS.into_iter().find(|name| is_there(name)) else {
            // Not `eprintln!`, which tests keep to themselves when they pass.
            let note = "SKIPPED: no browser is installed, the page was not opened (apt-get install chromium)\n";
            let _ = std::io::stderr().write_all(note.as_bytes());
            return;
        };
        let dom = seen_by(browser, page());
        let tag = root(&dom);
        assert!(
            tag.contains("data-drawn=\"yes\"") && !tag.contains("data-error"),
            "{tag}"
        );
        for (what, least) in [
            ("class=\"number accuses\"", 2),
            ("class=\"row", 10),
            ("<dt>", 10),
            ("class=\"copy\"", 4),
        ] {
            let count = dom.matches(what).count();
            assert!(count >= least, "{what} is there {count} times");
        }
        assert!(
            dom.contains("of") && dom.contains("events</span>"),
            "the table says how much there is"
        );
        let broken = seen_by(browser, &page().replace("showStory();", "nobodyHome();"));
        let tag = root(&broken);
        assert!(
            tag.contains("data-error") && !tag.contains("data-drawn"),
            "an error is not seen: {tag}"
        );
    }

    fn is_there(browser: &str) -> bool {
        let asked = Command::new(browser)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        asked.is_ok_and(|status| status.success())
    }

    /// The tag on which the script writes how it went.
    fn root(dom: &str) -> &str {
        let from = dom.find("<html").expect("a document");
        let end = dom[from..].find('>').expect("a whole tag");
        &dom[from..from + end]
    }

    /// The document as it is when the script is done.
    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "a browser is a process of the real world"
    )]
    fn seen_by(browser: &str, page: &str) -> String {
        let place =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{}.html", page.len()));
        std::fs::write(&place, page).expect("a page can be saved");
        let dom = place.with_extension("dom");
        let child = Command::new(browser)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--dump-dom",
            ])
            .arg(format!(
                "--user-data-dir={}",
                place.with_extension("profile").display()
            ))
            .arg(format!("file://{}", place.display()))
            .stdout(std::fs::File::create(&dom).expect("a file can be made"))
            .stderr(Stdio::null())
            .spawn()
            .expect("it was there");
        wait(child, &place);
        String::from_utf8_lossy(&std::fs::read(&dom).expect("it wrote something")).into_owned()
    }

    #[expect(clippy::disallowed_methods, reason = "real processes take real time")]
    fn wait(mut child: Child, place: &Path) {
        for _ in 0..PATIENCE {
            if child.try_wait().expect("a child can be asked").is_some() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let _ = child.kill();
        panic!("the browser does not come back from {}", place.display());
    }
}
