// Boxes with prompts: drawn with the pointer, written as the lines of --region, read back from them.
const canvas = element.querySelector(".canvas"), list = element.querySelector(".list");
let boxes = [], others = [], held = null;  // a box: [left, top, right, bottom] in shares, and its words
const colors = ["#c2410c", "#0369a1", "#4d7c0f", "#7e22ce", "#be123c", "#0f766e"];
const round = v => +v.toFixed(props.degrees ? 0 : 2);
const within = v => Math.min(1, Math.max(0, v));

function read(text) {
  const wordless = boxes.filter(box => !box[4].trim());
  boxes = []; others = [];
  for (const line of [text ?? ""].flat().join("\n").split("\n").filter(line => line.trim())) {
    const found = line.match(/^\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*:\s*(.*)$/);
    if (!found) { others.push(line); continue; }
    const [a, b, c, d] = found.slice(1, 5).map(Number);
    let box = [a, b, c, d];
    if (props.degrees) box = [(a + 180) / 360, (90 - d) / 180, (c + 180) / 360, (90 - b) / 180];
    else if (Math.max(a, b, c, d) > 1) box = [a / props.wide, b / props.high, c / props.wide, d / props.high];
    if (box[0] < box[2] && box[1] < box[3]) boxes.push([...box, found[5]]); else others.push(line);
  }
  boxes.push(...wordless);
}
function line([a, b, c, d, words]) {
  const [x, y, z, w] = props.degrees ? [360 * a - 180, 90 - 180 * d, 360 * c - 180, 90 - 180 * b] : [a, b, c, d];
  return [x, y, z, w].map(round).join(",") + ": " + words;
}
function write() {
  props.value = [...others, ...boxes.filter(box => box[4].trim()).map(line)].join("\n");
  trigger("change");
}
function show() {
  canvas.style.aspectRatio = props.wide + " / " + props.high;
  canvas.replaceChildren(); list.replaceChildren();
  boxes.forEach((box, k) => {
    const drawn = document.createElement("div"), color = colors[k % colors.length];
    drawn.className = "box"; drawn.dataset.box = k; drawn.textContent = box[4]; drawn.style.borderColor = color;
    drawn.style.left = 100 * box[0] + "%"; drawn.style.width = 100 * (box[2] - box[0]) + "%";
    drawn.style.top = 100 * box[1] + "%"; drawn.style.height = 100 * (box[3] - box[1]) + "%";
    canvas.append(drawn);
    const row = document.createElement("div"), words = document.createElement("input"), remove = document.createElement("button");
    row.className = "row"; row.style.borderColor = color;
    words.value = box[4]; words.placeholder = "what is in this box"; words.setAttribute("aria-label", "prompt of box " + (k + 1));
    words.oninput = () => { box[4] = words.value; drawn.textContent = words.value; };
    words.onchange = write;
    remove.textContent = "remove"; remove.type = "button"; remove.setAttribute("aria-label", "remove box " + (k + 1));
    remove.onclick = () => { boxes.splice(k, 1); show(); write(); };
    row.append(words, remove); list.append(row);
  });
}
const place = event => { const r = canvas.getBoundingClientRect();
  return [within((event.clientX - r.left) / r.width), within((event.clientY - r.top) / r.height)]; };
canvas.addEventListener("pointerdown", event => {
  const from = place(event), k = event.target.dataset.box;
  held = k === undefined ? { from, at: null } : { from, at: +k, was: boxes[k].slice(0, 4) };
  canvas.setPointerCapture(event.pointerId);
  event.preventDefault();
});
canvas.addEventListener("pointermove", event => {
  if (!held) return;
  const [x, y] = place(event), [u, v] = held.from;
  if (held.was) {
    const [a, b, c, d] = held.was, dx = Math.min(1 - c, Math.max(-a, x - u)), dy = Math.min(1 - d, Math.max(-b, y - v));
    boxes[held.at].splice(0, 4, a + dx, b + dy, c + dx, d + dy);
  } else if (Math.abs(x - u) > 0.01 && Math.abs(y - v) > 0.01) {
    if (held.at === null) held.at = boxes.push([0, 0, 0, 0, ""]) - 1;
    boxes[held.at].splice(0, 4, Math.min(u, x), Math.min(v, y), Math.max(u, x), Math.max(v, y));
  }
  show();
});
function release() {
  if (held && held.at !== null) {
    if (held.was) write();
    list.querySelectorAll("input")[held.at].focus();
  }
  held = null;
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
watch(["value", "wide", "high"], () => { read(props.value); show(); });
read(props.value); show();
