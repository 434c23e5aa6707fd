// What everybody needs: the data, times, elements, colours.

const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);

/** An element with attributes and children; texts are texts, never markup. */
function el(tag, attributes, ...children) {
  const svg = ["svg", "path", "line", "circle", "rect", "text", "g"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

/** Microseconds as milliseconds, with as many digits as a moment needs. */
const at = us => (us / 1000).toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const exact = us => (us / 1000).toLocaleString("en", { minimumFractionDigits: 3, maximumFractionDigits: 3 });

/** Families of messages, by the beginning of their kind. */
const FAMILIES = [
  ["append", "appends", ["append"]],
  ["vote", "votes", ["vote", "pre-vote", "timeout-now"]],
  ["heartbeat", "heartbeats", ["heartbeat"]],
  ["read", "read indexes", ["read-index"]],
  ["other", "other messages", [""]],
];
function familyOf(kind) {
  return FAMILIES.find(([, , heads]) => heads.some(head => kind.startsWith(head)))[0];
}
const families = D.kinds.map(familyOf);

/** A message: {from, to, sent, got, kind, family, row}. */
const letters = D.letters.map(([from, to, sent, got, kind, row]) => (
  { from, to, sent, got, kind: D.kinds[kind], family: families[kind], row }));

/** An event: {us, who, what, says}. */
const events = D.rows.map(([us, who, kind, says], place) => ({ us, who, what: D.kinds[kind], says, place }));

const exhibits = D.verdict.exhibits.map((exhibit, place) => ({ ...exhibit, number: place + 1 }));

/** The first place in a sorted list whose time is not before `us`. */
function search(list, us, time) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (time(list[middle]) < us) low = middle + 1; else high = middle;
  }
  return low;
}

/** The last entry of a list sorted by time that is not after `us`. */
const latest = (list, us, time) => list[search(list, us + 1, time) - 1];

/** What a lane is called: who asks last is nobody's client. */
const nameOf = lane => lane.startsWith("c") && +lane.slice(1) > 100 ? "the end" : lane;

/** An operation in a few letters. */
function brief(op) {
  const [verb, ...rest] = op.call.split(" ");
  const answer = op.end === "ok" ? op.answer.replace(/ at revision \d+$/, "") : "?";
  if (["read", "scan", "count"].includes(verb)) return `${rest.join(" ")} = ${answer}`;
  if (op.call.includes(" = ")) return op.call.replaceAll("put ", "") + (answer.startsWith("not as expected") ? " (no)" : "");
  const words = rest.join(" ").replaceAll('"', "").replaceAll("…", "").split(" ");
  if (verb === "put") return words[0] + " := " + words.slice(1).join(" ");
  if (verb === "delete") return words[0] + " delete";
  if (verb === "get") {
    const seen = op.answer.match(/^"([^"]*)"/);
    const answer = seen ? seen[1].replaceAll("…", "") : op.answer.startsWith("no such key") ? "nothing" : "?";
    return words[0] + " = " + (op.end === "ok" ? answer : "?");
  }
  if (verb === "compare-and-set") {
    const missed = op.answer.startsWith("not as expected") ? " (no)" : "";
    return words[0] + ": " + words.slice(1).join(" ").replace(" to ", " → ") + missed;
  }
  return op.call.replaceAll('"', "");
}

let colours = {};
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "card", "ink", "soft", "line", "hover", "leader", "candidate", "follower", "down", "starting",
    "on-leader", "on-candidate", "on-follower", "fault", "on-fault", "wrong", "on-wrong", "ok", "ok-soft", "failed", "unknown",
    "on-ok", "append", "vote", "heartbeat", "read", "other", "sync", "last", "commit", "applied"]) {
    colours[name] = style.getPropertyValue("--" + name).trim();
  }
}
