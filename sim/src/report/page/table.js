// The table of events: as many rows as fit, of those that the search lets through.

const ROW = 22;
let filtered = events, chosen = -1;

function filterTable() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = event => `${event.who} ${event.what} ${event.says}`.toLowerCase();
  filtered = words.length ? events.filter(event => { const all = text(event); return words.every(word => all.includes(word)); }) : events;
  $("found").textContent = `${filtered.length.toLocaleString("en")} of ${events.length.toLocaleString("en")} events`;
  $("sky").style.height = filtered.length * ROW + "px";
  followTable();
  drawTable();
}

const proofs = new Map();
for (const exhibit of exhibits) {
  const first = search(events, exhibit.us, event => event.us);
  for (let place = first; place < events.length && events[place].us === exhibit.us; place++) {
    const ofLane = events[place].who === exhibit.lane;
    if (ofLane && events[place].says && (exhibit.says.includes(events[place].says) || ["done", "not-done", "unknown", "leader"].includes(events[place].what))) {
      proofs.set(events[place], exhibit);
      break;
    }
  }
}

function drawTable() {
  const box = $("table");
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 4);
  const end = Math.min(filtered.length, first + Math.ceil(box.clientHeight / ROW) + 9);
  $("rows").style.top = first * ROW + "px";
  $("rows").replaceChildren(...filtered.slice(first, end).map((event, place) => {
    const proof = proofs.get(event);
    const names = ["row", event.who === "world" ? "world" : "", first + place === chosen ? "now" : "", proof ? "proof" : ""];
    return el("div", { class: names.join(" "), role: "row", onclick: () => { choose(first + place); look(event.us); } },
      el("span", {}, proof ? String(proof.number) : ""), el("span", { class: "at" }, exact(event.us)), el("span", {}, event.who),
      el("span", {}, event.what), el("span", { title: event.says }, event.says));
  }));
}

function choose(place) {
  chosen = Math.max(0, Math.min(place, filtered.length - 1));
  const box = $("table"), top = chosen * ROW;
  if (top < box.scrollTop || top > box.scrollTop + box.clientHeight - ROW) box.scrollTop = top - box.clientHeight / 3;
  drawTable();
}

/** Moves the table to where the timeline's cursor is. */
function followTable() {
  if (state.cursor === null || !$("follow").checked || !filtered.length) return;
  if ($("table").contains(document.activeElement)) return;
  const place = search(filtered, state.cursor, event => event.us);
  if (place !== chosen) choose(place);
}

function listenTable() {
  $("search").addEventListener("input", filterTable);
  $("table").addEventListener("scroll", drawTable);
  $("table").addEventListener("keydown", key => {
    const page = Math.floor($("table").clientHeight / ROW) - 1;
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -filtered.length, End: filtered.length }[key.key];
    if (!step || !filtered.length) return;
    key.preventDefault();
    choose(chosen + step);
    state.cursor = filtered[chosen].us;
    const span = state.to - state.from;
    if (state.cursor < state.from || state.cursor > state.to) show(state.cursor - span / 2, state.cursor + span / 2);
    later();
  });
}
