// The parts of the page that are text: verdict, story, plan, and the curve of likelihood.

function badge(exhibit) {
  return el("span", { class: exhibit.accuses ? "number accuses" : "number" }, String(exhibit.number));
}

function showVerdict() {
  const v = D.verdict;
  const mark = v.failed ? el("span", { class: "badge" }, v.oracle) : el("span", { class: "badge passed" }, "passed");
  $("headline").append(el("h1", {}, mark, v.failed ? `Seed ${D.seed} breaks: ${v.title.toLowerCase()}` : `Seed ${D.seed}`));
  if (v.failed) {
    $("verdict").append(
      el("div", { class: "card" },
        el("h3", {}, "What must hold"), el("p", {}, v.demands), el("p", { class: "soft" }, v.paper),
        el("pre", {}, v.what)),
      contradiction());
  }
  const commands = el("div", { class: "commands" });
  for (const [why, command] of D.commands) {
    const copy = () => navigator.clipboard && navigator.clipboard.writeText(command);
    commands.append(el("span", {}, el("span", { class: "soft" }, why + " "),
      el("button", { class: "copy", type: "button", title: "Copy", onclick: copy }, command)));
  }
  if (D.other) commands.append(el("a", { href: D.other[1] }, D.other[0]));
  $("verdict").append(commands);
}

function contradiction() {
  const accusing = exhibits.filter(exhibit => exhibit.accuses);
  const heads = ["This event shows it", "This event shows it", "These two events contradict each other"];
  const card = el("div", { class: "card" }, el("h3", {}, heads[accusing.length] || "These events contradict each other"));
  for (const exhibit of accusing) {
    card.append(el("div", { class: "pair" }, badge(exhibit),
      el("span", {}, el("b", {}, `${nameOf(exhibit.lane)}, ${at(exhibit.us)} ms: `), exhibit.says)));
  }
  const others = exhibits.filter(exhibit => !exhibit.accuses);
  if (others.length) card.append(el("h3", { style: "margin-top:8px" }, "How it came to that"));
  for (const exhibit of others.slice(0, 6)) {
    card.append(el("div", { class: "pair" }, badge(exhibit),
      el("span", {}, el("b", {}, `${nameOf(exhibit.lane)}, ${at(exhibit.us)} ms: `), exhibit.says)));
  }
  return card;
}

function showStory() {
  if (!D.verdict.story.length) {
    $("story").append(el("li", {}, el("span", {}), el("span", {}), el("span", {}), el("span", {}, "Nothing went wrong.")));
  }
  for (const step of D.verdict.story) {
    const exhibit = exhibits[step.exhibit - 1];
    const go = () => look(step.us);
    $("story").append(el("li", { class: step.kind, tabindex: "0", onclick: go, onkeydown: key => key.key === "Enter" && go() },
      el("span", { class: "at" }, at(step.us) + " ms"), el("span", { class: "who" }, nameOf(step.lane)),
      exhibit ? badge(exhibit) : el("span", {}), el("span", {}, step.says)));
  }
}

function showPlan() {
  for (const [name, value] of D.facts) $("facts").append(el("dt", {}, name), el("dd", {}, value));
  const struck = new Set(D.strikes.map(strike => strike.place));
  D.faults.forEach((fault, place) => {
    const text = `${fault.short}: ${fault.story}; ${fault.when}${fault.until}`;
    $("faults").append(el("li", { class: struck.has(place) ? null : "unstruck" }, text + (struck.has(place) ? "" : " (did not strike)")));
  });
  if (!D.faults.length) $("faults").append(el("p", {}, "No faults."));
  if (D.omitted.length) $("omitted").append("Left out, to keep the page small: " + D.omitted.join("; ") + ".");
}

/** The bounds between which a share lies with 95 % (Wilson). */
function wilson(hits, runs) {
  const z = 1.96, share = hits / runs, spread = z * Math.sqrt(share * (1 - share) / runs + z * z / (4 * runs * runs));
  const middle = share + z * z / (2 * runs), scale = 1 + z * z / runs;
  return [(middle - spread) / scale, (middle + spread) / scale];
}

function showLikelihood() {
  const curve = D.likelihood;
  if (!curve || !curve.points.length) {
    const command = D.commands.find(([, text]) => text.includes("--likelihood"));
    $("likely").append(el("p", { class: "soft" }, "Not measured. It takes some hundred runs: ", el("code", {}, command ? command[1] : "")));
    return;
  }
  const width = 640, height = 240, left = 44, bottom = 30, top = 12, right = 12;
  const last = curve.points[curve.points.length - 1].ms;
  const first = curve.points[0].ms;
  const x = ms => left + (ms - first) / Math.max(1, last - first) * (width - left - right);
  const y = share => top + (1 - share) * (height - top - bottom);
  const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "Share of runs that still fail, by the moment from which chance falls otherwise" });
  if (curve.inevitable_ms !== null) {
    svg.append(el("rect", { x: x(curve.inevitable_ms), y: top, width: Math.max(2, width - right - x(curve.inevitable_ms)), height: height - top - bottom, fill: "var(--wrong)", opacity: 0.16 }));
  }
  for (const share of [0, 0.5, 1]) {
    svg.append(el("line", { x1: left, x2: width - right, y1: y(share), y2: y(share), stroke: "var(--line)" }),
      el("text", { x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${share * 100} %`));
  }
  for (let part = 0; part <= 4; part++) {
    const ms = first + (last - first) * part / 4;
    svg.append(el("text", { x: x(ms), y: height - 10, "text-anchor": part === 4 ? "end" : "middle" }, `${Math.round(ms).toLocaleString("en")} ms`));
  }
  const line = curve.points.map((point, place) => `${place ? "L" : "M"}${x(point.ms)} ${y(point.same / curve.runs_each)}`).join("");
  svg.append(el("path", { d: line, fill: "none", stroke: "var(--wrong)", "stroke-width": 2 }));
  for (const point of curve.points) {
    const [low, high] = wilson(point.same, curve.runs_each);
    svg.append(el("line", { x1: x(point.ms), x2: x(point.ms), y1: y(low), y2: y(high), stroke: "var(--wrong)", opacity: 0.35 }),
      el("circle", { cx: x(point.ms), cy: y(point.same / curve.runs_each), r: 3.5, fill: "var(--wrong)" }));
  }
  $("likely").append(svg, el("p", {}, verdictOnLikelihood(curve)));
}

function verdictOnLikelihood(curve) {
  const how = `Up to a moment the run goes as it went, from there chance falls otherwise, ${curve.runs_each} times for each of ${curve.points.length} moments; faults stay as planned. The line is the share that still fails under ${D.verdict.oracle}, the bars where it lies with 95 %.`;
  if (curve.inevitable_ms === null) return "Up to the end some runs went well: the failure needs its last bit of luck. " + how;
  if (curve.inevitable_ms === curve.points[0].ms) return "It fails whatever chance does: the plan alone decides. " + how;
  return `From ${curve.inevitable_ms.toLocaleString("en")} ms on every run failed: look there. ` + how;
}
