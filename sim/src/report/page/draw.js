// The pictures: where everything lies, and how it is drawn.

const GUTTER = 104, TOP = 26, PAD = 12;
const state = {
  from: 0, to: Math.max(1, D.end), cursor: null, pinned: null,
  shown: { append: true, vote: true, heartbeat: false, read: false, other: true, lost: true },
  faults: true, syncs: true, progress: true, clients: true,
};

/** Gives each of a lane's strikes a row in which it overlaps no other. */
function stack(strikes, rowsMax) {
  const ends = [];
  return strikes.map(strike => {
    let row = ends.findIndex(end => end <= strike.from);
    if (row < 0) row = Math.min(ends.length, rowsMax - 1);
    ends[row] = strike.to;
    return { strike, row };
  });
}

/** Lanes with their places. Heights do not depend on the window, so that nothing jumps. */
let lanes = [], clientLanes = [], height = 0, callouts = [];
function layOut() {
  let y = TOP + calloutRows() * CALLOUT + 8;
  lanes = D.lanes.map(lane => {
    const struck = state.faults ? stack(D.strikes.filter(strike => strike.nodes.includes(lane.node)), 3) : [];
    const rows = struck.reduce((most, { row }) => Math.max(most, row + 1), 0);
    const place = { lane, name: "n" + lane.node, struck, top: y, faultsAt: y, bandAt: y + rows * 14 + 2 };
    place.middle = place.bandAt + 10;
    place.progressAt = place.bandAt + 23;
    place.syncsAt = place.progressAt + (state.progress ? 26 : 0);
    y = place.bottom = place.syncsAt + (state.syncs ? 8 : 2);
    y += 17;
    return place;
  });
  const clients = state.clients ? [...new Set(D.ops.map(op => op.client))].sort((a, b) => a - b) : [];
  y += clients.length ? 4 : 0;
  clientLanes = clients.map(client => {
    const place = { client, name: "c" + client, ops: D.ops.filter(op => op.client === client), top: y, middle: y + 10, bottom: y + 20 };
    y += 25;
    return place;
  });
  height = y + 8;
}

const CALLOUT = 42;
let rowsOfCallouts = null;
const calloutRows = () => rowsOfCallouts === null ? 0 : rowsOfCallouts;

let width = 0;
const x = us => GUTTER + (us - state.from) / (state.to - state.from) * (width - GUTTER - PAD);
const timeAt = px => state.from + (px - GUTTER) / (width - GUTTER - PAD) * (state.to - state.from);
const laneOf = name => lanes.find(lane => lane.name === name) || clientLanes.find(lane => lane.name === name);

function fit(canvas, tall) {
  const scale = window.devicePixelRatio || 1, wide = canvas.parentElement.clientWidth;
  canvas.style.height = tall + "px";
  if (canvas.width !== Math.round(wide * scale) || canvas.height !== Math.round(tall * scale)) {
    canvas.width = Math.round(wide * scale);
    canvas.height = Math.round(tall * scale);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, wide, tall);
  return [pen, wide];
}

const SANS = 'system-ui, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif';
function write(pen, text, left, top, { size = 11, weight = 400, colour = colours.ink, align = "left", most = Infinity } = {}) {
  pen.font = `${weight} ${size}px ${SANS}`;
  pen.fillStyle = colour;
  pen.textAlign = align;
  pen.textBaseline = "middle";
  let shown = text, kept = text.length;
  while (kept > 0 && pen.measureText(shown).width > most) {
    kept = Math.floor(kept * 0.9) - 1;
    shown = text.slice(0, Math.max(0, kept)) + "…";
  }
  // A letter or two say nothing.
  if (kept < 3 && kept < text.length) return;
  pen.fillText(shown, left, top);
}

function hatch(pen, left, top, wide, tall, colour, step = 6) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, wide, tall);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1.4;
  pen.beginPath();
  for (let at = left - tall - (left % step); at < left + wide; at += step) {
    pen.moveTo(at, top + tall);
    pen.lineTo(at + tall, top);
  }
  pen.stroke();
  pen.restore();
}

/** The visible part of a stretch, as left and width; null if there is none. */
function visible(from, to, least = 1) {
  if (to < state.from || from > state.to) return null;
  const left = Math.max(GUTTER, x(Math.max(from, state.from)));
  return [left, Math.max(least, x(Math.min(to, state.to)) - left)];
}

function drawAxis(pen) {
  const span = state.to - state.from, wanted = span / Math.max(2, (width - GUTTER) / 110);
  const power = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
  const step = [1, 2, 5, 10].map(factor => factor * power).find(size => size >= wanted) || power * 10;
  pen.strokeStyle = colours.line;
  pen.lineWidth = 1;
  for (let us = Math.ceil(state.from / step) * step; us <= state.to; us += step) {
    pen.beginPath();
    pen.moveTo(x(us), TOP - 6);
    pen.lineTo(x(us), height);
    pen.stroke();
    const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
    write(pen, (us / 1000).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + " ms", x(us), 10, { colour: colours.soft, align: "center" });
  }
  if (D.healed !== null && D.healed >= state.from && D.healed <= state.to) {
    pen.setLineDash([2, 4]);
    pen.strokeStyle = colours.soft;
    pen.beginPath();
    pen.moveTo(x(D.healed), TOP);
    pen.lineTo(x(D.healed), height);
    pen.stroke();
    pen.setLineDash([]);
    write(pen, "all healed", x(D.healed) + 4, TOP + 2, { colour: colours.soft });
  }
}

function drawSpans(pen, place) {
  for (const span of place.lane.spans) {
    const seen = visible(span.from, span.to);
    if (!seen) continue;
    const [left, wide] = seen, top = place.bandAt;
    pen.fillStyle = colours[span.role];
    if (span.role === "down") {
      hatch(pen, left, top, wide, 20, colours.down, 7);
      pen.strokeStyle = colours.down;
      pen.strokeRect(left + 0.5, top + 0.5, Math.max(0, wide - 1), 19);
      if (wide > 46) {
        pen.fillStyle = colours.card;
        pen.fillRect(left + 3, top + 3, 37, 14);
        write(pen, "down", left + 6, top + 10.5, { weight: 600 });
      }
      continue;
    }
    pen.fillRect(left, top, Math.max(1, wide - 0.5), 20);
    const ink = colours["on-" + span.role] || colours.ink;
    const text = span.role === "starting" ? "starts" : `${span.role} · term ${span.term}`;
    if (wide > 30) write(pen, wide > 92 ? text : "t" + span.term, left + 6, top + 10.5, { size: 12, weight: span.role === "leader" ? 700 : 500, colour: ink, most: wide - 10 });
  }
}

function drawStrikes(pen, place) {
  for (const { strike, row } of place.struck) {
    const seen = visible(strike.from, strike.to, 3);
    if (!seen) continue;
    const [left, wide] = seen, top = place.faultsAt + row * 14;
    pen.fillStyle = colours.fault;
    pen.fillRect(left, top, wide, 12);
    write(pen, strike.short, left + 4, top + 6.5, { size: 10.5, weight: 600, colour: colours["on-fault"], most: wide - 6 });
    if (wide < 28) write(pen, strike.short, left + wide + 3, top + 6.5, { size: 10.5, weight: 600, colour: colours.fault });
    if (strike.kind === "pause") hatch(pen, left, place.bandAt, wide, 20, colours.fault, 5);
  }
}

function drawProgress(pen, place) {
  const steps = place.lane.steps;
  if (!steps.length) return;
  const first = Math.max(0, search(steps, state.from, step => step[0]) - 1);
  const end = search(steps, state.to, step => step[0]);
  const [low, high] = progressRange();
  const y = value => place.progressAt + 23 - 21 * Math.max(0, value - low) / Math.max(1, high - low);
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER, place.progressAt - 1, width - GUTTER - PAD, 26);
  pen.clip();
  for (const [field, name, thick, dash] of [[1, "last", 3, []], [2, "commit", 1.6, []], [3, "applied", 1.2, [2, 2]]]) {
    pen.strokeStyle = colours[name];
    pen.lineWidth = thick;
    pen.setLineDash(dash);
    pen.beginPath();
    for (let at = first; at < end; at++) {
      const left = Math.max(GUTTER, x(steps[at][0]));
      if (at > first) pen.lineTo(left, y(steps[at - 1][field]));
      if (at === first) pen.moveTo(left, y(steps[at][field])); else pen.lineTo(left, y(steps[at][field]));
    }
    if (end > first) pen.lineTo(width - PAD, y(steps[end - 1][field]));
    pen.stroke();
  }
  pen.restore();
}

/** The least and the greatest index that any node has within the window. */
function progressRange() {
  let low = Infinity, high = 0;
  for (const { lane } of lanes) {
    const first = Math.max(0, search(lane.steps, state.from, step => step[0]) - 1);
    const end = search(lane.steps, state.to, step => step[0]);
    for (let at = first; at < end; at++) {
      low = Math.min(low, lane.steps[at][3]);
      high = Math.max(high, lane.steps[at][1], lane.steps[at][2]);
    }
  }
  return [Math.min(low, high), high];
}

function drawSyncs(pen, place) {
  const syncs = place.lane.syncs;
  pen.fillStyle = colours.sync;
  let free = -1;
  for (let at = search(syncs, state.from, sync => sync[1]); at < syncs.length; at++) {
    if (syncs[at][0] > state.to) break;
    const seen = visible(syncs[at][0], syncs[at][1], 1.5);
    if (!seen || seen[0] + seen[1] < free) continue;
    pen.fillRect(seen[0], place.syncsAt + 2, seen[1], 4);
    free = seen[0] + seen[1] + 0.7;
  }
  drawTables(pen, place);
}

/** Tables of the store: a triangle up where one was made, one down where it went into others. */
function drawTables(pen, place) {
  const { tables } = place.lane;
  for (let at = search(tables, state.from, table => table[0]); at < tables.length && tables[at][0] <= state.to; at++) {
    const [us, made] = tables[at], middle = x(us), [tip, foot] = made ? [0, 7] : [8, 1];
    pen.fillStyle = made ? colours.card : colours.sync;
    pen.strokeStyle = colours.sync;
    pen.lineWidth = 1.2;
    pen.beginPath();
    pen.moveTo(middle, place.syncsAt + tip); pen.lineTo(middle + 4, place.syncsAt + foot); pen.lineTo(middle - 4, place.syncsAt + foot);
    pen.closePath();
    pen.fill();
    pen.stroke();
  }
}

/** The messages to draw: of the families that are on, within the window, and not too many. */
let hiddenLetters = 0;
function lettersInView() {
  const wanted = letters.filter(letter => {
    const ends = letter.got < 0 ? letter.sent : letter.got;
    return letter.sent <= state.to && ends >= state.from && state.shown[letter.family] && (letter.got >= 0 || state.shown.lost);
  });
  const most = 2500, every = Math.ceil(wanted.length / most);
  hiddenLetters = 0;
  if (every <= 1) return wanted;
  const kept = wanted.filter((letter, place) => letter.family === "vote" || place % every === 0);
  hiddenLetters = wanted.length - kept.length;
  return kept;
}

function ends(letter) {
  const from = laneOf("n" + letter.from), to = laneOf("n" + letter.to);
  if (!from || !to) return null;
  const down = to.top > from.top;
  const start = [x(letter.sent), down ? from.bandAt + 20 : from.bandAt], goal = down ? to.bandAt : to.bandAt + 20;
  if (letter.got >= 0) return [...start, x(letter.got), goal, false];
  // Lost on its way: it ends in the open.
  const flight = Math.max(12, (width - GUTTER) * 0.008);
  return [...start, start[0] + flight, start[1] + (goal - start[1]) * 0.4, true];
}

function drawLetters(pen) {
  const drawn = lettersInView();
  const faint = drawn.length > 900 ? 0.28 : drawn.length > 250 ? 0.5 : 0.85;
  pen.save();
  pen.beginPath();
  pen.rect(GUTTER, TOP, width - GUTTER - PAD + 4, height);
  pen.clip();
  for (const letter of drawn) {
    const place = ends(letter);
    if (!place) continue;
    drawArrow(pen, place, letter.family, letter === state.pinned ? 1 : letter.family === "vote" ? 1 : faint, letter === state.pinned);
  }
  pen.restore();
}

function drawArrow(pen, [x1, y1, x2, y2, lost], family, strength, bold) {
  pen.globalAlpha = strength;
  pen.strokeStyle = pen.fillStyle = colours[family];
  pen.lineWidth = bold ? 3 : family === "vote" ? 1.8 : 1.1;
  pen.setLineDash(family === "heartbeat" ? [3, 3] : family === "read" ? [6, 2] : []);
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
  pen.setLineDash([]);
  if (lost) {
    pen.lineWidth = 1.6;
    pen.beginPath();
    pen.moveTo(x2 - 3.5, y2 - 3.5); pen.lineTo(x2 + 3.5, y2 + 3.5);
    pen.moveTo(x2 - 3.5, y2 + 3.5); pen.lineTo(x2 + 3.5, y2 - 3.5);
    pen.stroke();
  } else if (strength > 0.4) {
    const angle = Math.atan2(y2 - y1, x2 - x1), size = bold ? 9 : 6;
    pen.beginPath();
    pen.moveTo(x2, y2);
    pen.lineTo(x2 - size * Math.cos(angle - 0.4), y2 - size * Math.sin(angle - 0.4));
    pen.lineTo(x2 - size * Math.cos(angle + 0.4), y2 - size * Math.sin(angle + 0.4));
    pen.fill();
  }
  pen.globalAlpha = 1;
}

function drawOps(pen, place) {
  for (const op of place.ops) {
    const seen = visible(op.from, op.to === null ? D.end : op.to, 2);
    if (!seen) continue;
    const [left, wide] = seen, top = place.top, tall = 20;
    const ink = op.end === "ok" && op.writes ? colours["on-ok"] : colours.ink;
    if (op.end === "ok") {
      pen.fillStyle = op.writes ? colours.ok : colours["ok-soft"];
      pen.fillRect(left, top, wide, tall);
    } else if (op.end === "failed") {
      pen.strokeStyle = colours.failed;
      pen.lineWidth = 1;
      pen.strokeRect(left + 0.5, top + 0.5, Math.max(1, wide - 1), tall - 1);
    } else {
      hatch(pen, left, top, wide, tall, colours.unknown, 5);
      pen.strokeStyle = colours.unknown;
      pen.lineWidth = 1.4;
      pen.strokeRect(left + 0.5, top + 0.5, Math.max(1, wide - 1), tall - 1);
    }
    if (wide > 24) write(pen, brief(op), left + 5, top + 10.5, { size: 11, colour: ink, most: wide - 8 });
    if (op.illegal) {
      pen.strokeStyle = colours.wrong;
      pen.lineWidth = 3;
      pen.strokeRect(left - 1.5, top - 1.5, wide + 3, tall + 3);
    }
    if (op.point !== null && op.point >= state.from && op.point <= state.to) {
      const middle = x(op.point);
      pen.fillStyle = colours.card;
      pen.strokeStyle = colours.ink;
      pen.lineWidth = 1.2;
      pen.beginPath();
      pen.moveTo(middle, top + 15); pen.lineTo(middle + 3.5, top + 18.5); pen.lineTo(middle, top + 22); pen.lineTo(middle - 3.5, top + 18.5);
      pen.closePath();
      pen.fill();
      pen.stroke();
    }
  }
}

/** Whom an operation asked, and when it heard: lines from its client to servers. */
function drawTries(pen, op) {
  const from = laneOf("c" + op.client);
  if (!from) return;
  for (const way of op.tries) {
    const to = laneOf("n" + way.node);
    if (!to) continue;
    const heard = way.to === null ? way.from : way.to;
    pen.strokeStyle = op.illegal ? colours.wrong : colours.ink;
    pen.globalAlpha = 0.75;
    pen.lineWidth = 1.6;
    pen.setLineDash([5, 3]);
    pen.beginPath();
    pen.moveTo(x(way.from), from.top);
    pen.lineTo((x(way.from) + x(heard)) / 2, to.bandAt + 20);
    pen.lineTo(x(heard), from.top);
    pen.stroke();
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }
}

function drawVerdict(pen) {
  if (!D.verdict.failed) return;
  const left = x(D.verdict.us);
  if (left < GUTTER || left > width - PAD + 1) return;
  pen.strokeStyle = colours.wrong;
  pen.lineWidth = 2;
  pen.beginPath();
  pen.moveTo(left, TOP - 6);
  pen.lineTo(left, height);
  pen.stroke();
  const text = D.verdict.oracle + " is broken";
  const onLeft = left > width - 120;
  write(pen, text, left + (onLeft ? -5 : 5), height - 7, { weight: 700, colour: colours.wrong, align: onLeft ? "right" : "left" });
}

/** Lines of text that fit into a width, at most two. */
function wrap(pen, text, most) {
  pen.font = `400 11.5px ${SANS}`;
  const lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines[lines.length - 1] + (lines[lines.length - 1] ? " " : "") + word;
    if (pen.measureText(longer).width <= most) lines[lines.length - 1] = longer;
    else if (lines.length < 2) lines.push(word);
    else { lines[1] += "…"; break; }
  }
  return lines;
}

/** Where the notes on the exhibits in view go: each as near to its event as the others let it. */
function placeCallouts() {
  const rows = [], wide = Math.min(310, (width - GUTTER) / 3.2);
  return exhibits.filter(exhibit => exhibit.us >= state.from && exhibit.us <= state.to).map(exhibit => {
    const point = x(exhibit.us);
    let start = Math.max(GUTTER, Math.min(point - 20, width - PAD - wide));
    let row = rows.findIndex(end => end <= start);
    if (row < 0 && rows.length < 4) row = rows.length;
    if (row < 0) {
      row = rows.indexOf(Math.min(...rows));
      start = Math.min(rows[row], width - PAD - wide);
    }
    rows[row] = start + wide + 8;
    return { exhibit, point, start, row, wide, top: TOP + row * CALLOUT };
  });
}

/** Exhibits: a number where it happened, and a note above that says what it shows. */
function drawExhibits(pen) {
  for (const callout of callouts) {
    const { exhibit, start, top, wide, point } = callout, lane = laneOf(exhibit.lane);
    callout.y = lane ? lane.middle : TOP;
    callout.colour = exhibit.accuses ? colours.wrong : colours.ink;
    pen.strokeStyle = callout.colour;
    pen.lineWidth = exhibit.accuses ? 1.6 : 1;
    pen.setLineDash(exhibit.accuses ? [] : [2, 3]);
    pen.beginPath();
    pen.moveTo(Math.max(start + 4, Math.min(point, start + wide - 4)), top + 36);
    pen.lineTo(point, callout.y);
    pen.stroke();
    pen.setLineDash([]);
  }
  for (const { exhibit, start, top, wide, point, y, colour } of callouts) {
    pen.fillStyle = colours.card;
    pen.strokeStyle = colour;
    pen.lineWidth = exhibit.accuses ? 1.6 : 1;
    pen.beginPath();
    pen.roundRect(start, top, wide, 36, 5);
    pen.fill();
    pen.stroke();
    numberAt(pen, exhibit, start + 15, top + 18);
    wrap(pen, exhibit.says, wide - 38).forEach((line, place, all) => {
      write(pen, line, start + 30, top + (all.length > 1 ? 11.5 : 18.5) + place * 14, { size: 11.5 });
    });
    numberAt(pen, exhibit, point, y);
  }
}

function numberAt(pen, exhibit, left, top) {
  pen.fillStyle = exhibit.accuses ? colours.wrong : colours.card;
  pen.strokeStyle = exhibit.accuses ? colours.card : colours.ink;
  pen.lineWidth = 1.6;
  pen.beginPath();
  pen.arc(left, top, 10, 0, 7);
  pen.fill();
  pen.stroke();
  write(pen, String(exhibit.number), left, top + 0.5, { size: 12, weight: 700, align: "center", colour: exhibit.accuses ? colours["on-wrong"] : colours.ink });
}

function drawGutter(pen) {
  const now = state.cursor === null ? state.to : state.cursor;
  pen.fillStyle = colours.card;
  pen.fillRect(0, TOP - 6, GUTTER - 3, height);
  for (const place of lanes) {
    write(pen, place.name, 10, place.bandAt + 10, { size: 14, weight: 700 });
    const step = latest(place.lane.steps, now, each => each[0]);
    if (step && state.progress) {
      write(pen, `log ${step[1]}`, 10, place.progressAt + 4, { size: 10, colour: colours.soft });
      write(pen, `com ${step[2]} app ${step[3]}`, 10, place.progressAt + 16, { size: 10, colour: colours.soft });
    }
  }
  for (const place of clientLanes) {
    write(pen, nameOf(place.name), 10, place.middle, { size: 12, weight: 600, colour: colours.soft });
  }
}

function drawCursor(pen) {
  if (state.cursor === null || state.cursor < state.from || state.cursor > state.to) return;
  pen.strokeStyle = colours.ink;
  pen.globalAlpha = 0.45;
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x(state.cursor), 18);
  pen.lineTo(x(state.cursor), height);
  pen.stroke();
  pen.globalAlpha = 1;
}

/** Draws the big picture. */
function drawMain() {
  width = $("canvas").parentElement.clientWidth;
  callouts = placeCallouts();
  // The rows of the first picture stay, so that lanes do not jump.
  if (rowsOfCallouts === null) rowsOfCallouts = callouts.reduce((most, { row }) => Math.max(most, row + 1), 0);
  layOut();
  const [pen] = fit($("canvas"), height);
  drawAxis(pen);
  for (const place of lanes) {
    pen.fillStyle = colours.line;
    pen.globalAlpha = 0.5;
    pen.fillRect(0, place.bottom + 8, width, 1);
    pen.globalAlpha = 1;
    drawSpans(pen, place);
    drawStrikes(pen, place);
    if (state.progress) drawProgress(pen, place);
    if (state.syncs) drawSyncs(pen, place);
  }
  drawLetters(pen);
  clientLanes.forEach(place => drawOps(pen, place));
  for (const exhibit of exhibits) {
    const op = exhibit.op === null ? null : D.ops.find(op => op.op === exhibit.op);
    if (op && exhibit.accuses) drawTries(pen, op);
  }
  if (state.pinned && state.pinned.tries) drawTries(pen, state.pinned);
  drawGutter(pen);
  drawVerdict(pen);
  drawExhibits(pen);
  drawCursor(pen);
}

/** Draws the whole run, small, with the window on it. */
function drawOverview() {
  const [pen, wide] = fit($("overview"), 46);
  const scale = us => GUTTER + us / Math.max(1, D.end) * (wide - GUTTER - PAD);
  write(pen, "whole run", 10, 23, { colour: colours.soft });
  const rowHeight = Math.min(8, 34 / D.lanes.length);
  D.lanes.forEach((lane, place) => {
    for (const span of lane.spans) {
      pen.fillStyle = colours[span.role];
      pen.fillRect(scale(span.from), 6 + place * rowHeight, Math.max(0.6, scale(span.to) - scale(span.from)), rowHeight - 1);
    }
    pen.fillStyle = colours.fault;
    for (const strike of D.strikes.filter(strike => strike.nodes.includes(lane.node))) {
      pen.fillRect(scale(strike.from), 6 + place * rowHeight, Math.max(1.5, scale(strike.to) - scale(strike.from)), Math.max(1.5, rowHeight * 0.35));
    }
  });
  if (D.likelihood) drawShares(pen, scale);
  if (D.verdict.failed) {
    pen.fillStyle = colours.wrong;
    pen.fillRect(scale(D.verdict.us) - 1, 2, 2.5, 42);
  }
  const [left, right] = [scale(state.from), scale(state.to)];
  pen.fillStyle = colours.ink;
  pen.globalAlpha = 0.1;
  pen.fillRect(left, 2, Math.max(3, right - left), 42);
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.ink;
  pen.lineWidth = 1.3;
  pen.strokeRect(left, 2.5, Math.max(3, right - left), 41);
}

/** How likely the failure still was, as a line of growing strength under the whole run. */
function drawShares(pen, scale) {
  const { points, runs_each: runs } = D.likelihood;
  points.forEach((point, place) => {
    const next = points[place + 1] ? points[place + 1].ms * 1000 : Math.max(D.verdict.us, point.ms * 1000);
    pen.fillStyle = colours.wrong;
    pen.globalAlpha = 0.12 + 0.88 * point.same / runs;
    pen.fillRect(scale(point.ms * 1000), 41.5, Math.max(1, scale(next) - scale(point.ms * 1000)), 3);
  });
  pen.globalAlpha = 1;
}

function draw() {
  drawMain();
  drawOverview();
  $("status").textContent = hiddenLetters ? `${hiddenLetters} messages are not drawn: zoom in` : "";
}
