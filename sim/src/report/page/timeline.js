// Moving about in the timeline: zoom, pan, cursor, what is under the pointer.

const LEAST = 200;

function show(from, to) {
  const span = Math.min(Math.max(LEAST, to - from), Math.max(LEAST, D.end) * 1.04);
  let start = (from + to - span) / 2;
  start = Math.max(-D.end * 0.01, Math.min(start, D.end * 1.02 - span));
  [state.from, state.to] = [start, start + span];
  later();
}

const zoom = (factor, around) => {
  const centre = around === undefined ? (state.cursor !== null ? state.cursor : (state.from + state.to) / 2) : around;
  show(centre - (centre - state.from) * factor, centre + (state.to - centre) * factor);
};
const pan = share => {
  const by = share * (state.to - state.from);
  show(state.from + by, state.to + by);
};
const showAll = () => show(0, D.end);

/** The window in which the exhibits lie, if they lie together. */
function showFailure() {
  if (!D.verdict.failed) return showAll();
  const times = exhibits.map(exhibit => exhibit.us).concat(D.verdict.us);
  const accusing = exhibits.filter(exhibit => exhibit.accuses).map(exhibit => exhibit.us).concat(D.verdict.us);
  let low = Math.min(...times), high = Math.max(...accusing);
  if (high - low > D.end * 0.5) low = Math.min(...accusing);
  const begun = exhibits.map(exhibit => exhibit.op === null ? null : D.ops.find(op => op.op === exhibit.op)).filter(op => op && op.from > high - (high - low) * 2 - 60000).map(op => op.from);
  low = Math.min(low, ...begun);
  const span = Math.max(high - low, 24000);
  show(low - span * 0.22, high + span * 0.16);
}

/** Puts the cursor there, and the window around it if it is elsewhere. */
function look(us) {
  state.cursor = us;
  const span = state.to - state.from;
  if (us < state.from + span * 0.05 || us > state.to - span * 0.05) show(us - span / 2, us + span / 2);
  later();
  followTable();
}

function nextExhibit(step) {
  const us = state.cursor === null ? (step > 0 ? -1 : Infinity) : state.cursor;
  const found = step > 0 ? exhibits.find(exhibit => exhibit.us > us) : exhibits.filter(exhibit => exhibit.us < us).pop();
  if (found) { look(found.us); tellAt(found.says); }
}

let due = false;
function later() {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; draw(); });
}

/** How far a point lies from a line. */
function away(px, py, [x1, y1, x2, y2]) {
  const dx = x2 - x1, dy = y2 - y1;
  const along = Math.max(0, Math.min(1, ((px - x1) * dx + (py - y1) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - x1 - along * dx, py - y1 - along * dy);
}

/** What lies under a point: {title, says, us, thing}. */
function under(px, py) {
  const us = timeAt(px);
  for (const { exhibit, start, top, wide, point, y } of callouts) {
    const inNote = px >= start && px <= start + wide && py >= top && py <= top + 36;
    if (inNote || Math.hypot(px - point, py - y) < 11) return { title: `Exhibit ${exhibit.number}, ${exhibit.lane}`, says: exhibit.says, us: exhibit.us };
  }
  const client = clientLanes.find(place => py >= place.top - 2 && py <= place.bottom + 3);
  if (client) return overOps(client, us);
  let best = null, least = 6;
  for (const letter of lettersInView()) {
    const place = ends(letter);
    if (!place) continue;
    const distance = away(px, py, place);
    if (distance < least) [best, least] = [letter, distance];
  }
  if (best) return overLetter(best);
  const lane = lanes.find(place => py >= place.top - 2 && py <= place.bottom + 8);
  return lane ? overLane(lane, us, py) : null;
}

function overLetter(letter) {
  const says = letter.row >= 0 ? events[letter.row].says : letter.kind;
  const fate = letter.got >= 0 ? `arrives after ${exact(letter.got - letter.sent)} ms` : "never arrives";
  return { title: `${letter.kind}, ${fate}`, says, us: letter.sent, thing: letter };
}

function overOps(place, us) {
  const slack = (state.to - state.from) / width * 3;
  const op = place.ops.find(op => us >= op.from - slack && us <= (op.to === null ? D.end : op.to) + slack);
  if (!op) return null;
  const ways = op.tries.map(way => `${exact(way.from)} ms to n${way.node}${way.request ? " as " + way.request : ""}: ${way.heard || "no answer"}`);
  const wrong = op.illegal ? " NO ORDER EXPLAINS THIS ANSWER." : "";
  const which = op.operation ? `operation ${op.operation}` : "asked in the end";
  return { title: `c${op.client}, ${which}: ${op.call}`, says: `${op.answer}.${wrong} ${ways.join("; ")}`, us: op.from, thing: op };
}

function overLane(place, us, py) {
  const { lane } = place, slack = (state.to - state.from) / width * 3;
  const hit = place.struck.find(({ strike, row }) => py >= place.faultsAt + row * 14 && py < place.faultsAt + row * 14 + 13 && us >= strike.from - slack && us <= strike.to + slack);
  if (hit) return { title: `${hit.strike.short}, ${exact(hit.strike.from)} to ${exact(hit.strike.to)} ms`, says: hit.strike.story, us: hit.strike.from };
  if (py >= place.syncsAt) {
    const table = lane.tables.find(([at]) => Math.abs(at - us) <= slack * 1.5);
    if (table) return { title: `n${lane.node} ${table[1] ? "makes" : "has merged"} a table`, says: table[2], us: table[0] };
    const sync = lane.syncs.find(([from, to]) => us >= from - slack && us <= to + slack);
    if (sync) return { title: `n${lane.node} syncs`, says: sync[0] === sync[1] ? "a directory" : `${exact(sync[1] - sync[0])} ms`, us: sync[0] };
  }
  const span = latest(lane.spans, us, span => span.from);
  const step = latest(lane.steps, us, step => step[0]);
  const progress = step ? `log up to ${step[1]}, committed ${step[2]}, applied ${step[3]}` : "nothing yet";
  return span ? { title: `n${lane.node}: ${span.role}, term ${span.term}, since ${exact(span.from)} ms`, says: progress, us } : null;
}

function tell(found, px, py) {
  const tip = $("tip");
  tip.hidden = !found;
  if (!found) return;
  tip.replaceChildren(el("b", {}, found.title), el("br"), `${exact(found.us)} ms: ${found.says}`);
  const stage = $("stage").getBoundingClientRect(), own = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(px + 14, stage.width - own.width - 6)) + "px";
  tip.style.top = Math.max(4, py + 64 + own.height > stage.height ? py + 36 - own.height : py + 62) + "px";
}

function tellAt(says) {
  tell({ title: "Exhibit", says, us: state.cursor }, x(state.cursor), 120);
}

function listen() {
  const canvas = $("canvas");
  let grip = null;
  canvas.addEventListener("wheel", event => {
    event.preventDefault();
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan((event.deltaX || event.deltaY) / 1200);
    else zoom(Math.exp(event.deltaY / 500), timeAt(event.offsetX));
  }, { passive: false });
  canvas.addEventListener("pointerdown", event => {
    grip = { at: event.offsetX, from: state.from, to: state.to, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    if (grip) {
      const by = (event.offsetX - grip.at) / (width - GUTTER - PAD) * (grip.to - grip.from);
      grip.moved = grip.moved || Math.abs(event.offsetX - grip.at) > 3;
      if (grip.moved) { $("tip").hidden = true; show(grip.from - by, grip.to - by); }
      return;
    }
    state.cursor = event.offsetX >= GUTTER ? timeAt(event.offsetX) : null;
    const found = under(event.offsetX, event.offsetY);
    state.pinned = found && found.thing ? found.thing : null;
    tell(found, event.offsetX, event.offsetY);
    later();
    followTable();
  });
  canvas.addEventListener("pointerup", event => {
    if (grip && !grip.moved) look(timeAt(event.offsetX));
    grip = null;
  });
  canvas.addEventListener("pointerleave", () => { $("tip").hidden = true; state.pinned = null; later(); });
  canvas.addEventListener("dblclick", event => zoom(0.3, timeAt(event.offsetX)));
  canvas.addEventListener("keydown", key => {
    const actions = { ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1.4),
      0: showAll, f: showFailure, n: () => nextExhibit(1), p: () => nextExhibit(-1), Escape: () => { $("tip").hidden = true; } };
    if (actions[key.key] && !key.ctrlKey && !key.metaKey) { actions[key.key](); key.preventDefault(); }
  });
  const overview = $("overview");
  const jump = event => {
    const us = (event.offsetX - GUTTER) / (width - GUTTER - PAD) * D.end, half = (state.to - state.from) / 2;
    show(us - half, us + half);
  };
  overview.addEventListener("pointerdown", event => { overview.setPointerCapture(event.pointerId); jump(event); });
  overview.addEventListener("pointermove", event => { if (event.buttons) jump(event); });
  window.addEventListener("resize", later);
}

function tools() {
  const box = $("tools");
  const button = (text, title, act) => box.append(el("button", { type: "button", title, onclick: act }, text));
  button("The failure", "f", showFailure);
  button("Whole run", "0", showAll);
  button("+", "zoom in (+ or wheel)", () => zoom(0.6));
  button("−", "zoom out (- or wheel)", () => zoom(1.6));
  const toggle = (text, read, set) => box.append(el("label", {},
    el("input", { type: "checkbox", ...(read() ? { checked: "" } : {}), onchange: event => { set(event.target.checked); later(); } }), text));
  const used = new Set(letters.map(letter => letter.family));
  for (const [family, name] of FAMILIES) {
    if (used.has(family)) toggle(name, () => state.shown[family], on => { state.shown[family] = on; });
  }
  toggle("lost ones", () => state.shown.lost, on => { state.shown.lost = on; });
  for (const [field, name] of [["faults", "faults"], ["progress", "progress"], ["syncs", "syncs"], ["clients", "clients"]]) {
    toggle(name, () => state[field], on => { state[field] = on; });
  }
  box.append(el("span", { class: "gap" }), el("span", { id: "status", class: "soft", role: "status" }));
}

function legend() {
  const swatch = (colour, extra) => el("svg", { width: 18, height: 12 }, el("rect", { x: 0, y: 1, width: 18, height: 10, fill: colour, ...extra }));
  const line = (colour, dash) => el("svg", { width: 22, height: 12 }, el("line", { x1: 0, y1: 6, x2: 22, y2: 6, stroke: colour, "stroke-width": 2, "stroke-dasharray": dash || null }));
  const add = (sign, text) => $("legend").append(el("span", {}, sign, text));
  add(swatch("var(--leader)"), "leader");
  add(swatch("var(--candidate)"), "candidate");
  add(swatch("var(--follower)"), "follower");
  add(swatch("none", { stroke: "var(--down)", "stroke-dasharray": "2 2" }), "down");
  add(swatch("var(--fault)"), "fault");
  add(line("var(--append)"), "append");
  add(line("var(--vote)"), "vote");
  add(line("var(--heartbeat)", "3 3"), "heartbeat");
  add(line("var(--read)", "6 2"), "read index");
  add(el("span", {}, "×"), "lost message");
  add(line("var(--last)"), "log on disk");
  add(line("var(--commit)"), "committed");
  add(line("var(--applied)", "2 2"), "applied");
  add(swatch("var(--sync)"), "sync");
  add(el("span", {}, "△▼"), "table made, merged away");
  add(swatch("var(--ok)"), "write done");
  add(swatch("var(--ok-soft)"), "read answered");
  add(swatch("none", { stroke: "var(--failed)" }), "not done");
  add(swatch("none", { stroke: "var(--unknown)", "stroke-width": 2 }), "unknown");
  add(el("span", {}, "◇"), "moment at which it may have taken effect");
}
