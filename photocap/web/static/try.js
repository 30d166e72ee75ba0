// Try pictures: each gets a card of its own, and its answer goes to that card whatever comes first.
"use strict";

const drop = document.getElementById("drop");
const model = document.getElementById("model");
const template = document.getElementById("trial");
const trials = document.getElementById("trials");
const waiting = [];
const AT_ONCE = 2;
const UNSURE_BELOW = 0.5;
const SHADE_PX = 448;
let running = 0;

function add(files) {
  for (const file of files) {
    const card = template.content.firstElementChild.cloneNode(true);
    card.querySelector(".name").textContent = file.name;
    card.querySelector(".words").textContent = "Waiting …";
    trials.prepend(card);
    waiting.push([file, card]);
  }
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length) {
    running += 1;
    const [file, card] = waiting.shift();
    read(file, card).finally(() => { running -= 1; next(); });
  }
}

async function read(file, card) {
  card.querySelector(".words").textContent = "Reading …";
  const watch = setInterval(showModel, 700);
  try {
    const suffix = file.name.includes(".") ? file.name.split(".").pop() : "";
    const headers = { "X-CSRF-Token": token };
    if (/^[a-z0-9]{1,5}$/i.test(suffix)) headers["X-File-Suffix"] = suffix;
    const answer = await fetch("/try", { method: "POST", headers, body: file });
    const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
    const found = isJson ? await answer.json() : { error: await answer.text() };
    if (found.error) fail(card, found.error);
    else show(card, found);
  } catch {
    fail(card, "photocap does not answer; is it still running?");
  } finally {
    clearInterval(watch);
    model.textContent = "";
  }
}

async function showModel() {
  const { state } = await (await fetch("/model")).json();
  model.textContent = state === "loading" ? "The model is being loaded, once; this takes some seconds." : "";
}

function fail(card, text) {
  card.classList.add("failed");
  card.querySelector(".words").textContent = text;
}

function show(card, found) {
  const image = card.querySelector("img");
  image.src = URL.createObjectURL(new Blob([bytesOf(found.preview)], { type: "image/jpeg" }));
  image.alt = found.caption;
  card.querySelector(".words").textContent = found.caption;
  card.querySelector(".standing").textContent = `${found.standing} (${percent(found.confidence)})`;
  card.querySelector(".labels").replaceChildren(...found.labels.map(label));
  card.querySelector(".by-label").hidden = !found.labels.length;
  if (found.words.length) showWords(card, found);
}

function percent(probability) {
  return `${Math.round(100 * probability)} %`;
}

function label({ name, probability }) {
  const item = document.createElement("li");
  item.textContent = `${name} ${percent(probability)}`;
  return item;
}

// Words of the caption: how sure each is, and where the model looked when it said it.
function showWords(card, { caption, words }) {
  const canvas = card.querySelector("canvas");
  const buttons = words.map((word) => wordButton(word, canvas));
  const items = buttons.map((button) => {
    const item = document.createElement("li");
    item.append(button);
    return item;
  });
  card.querySelector(".spoken").replaceChildren(...items);
  const isSaid = letters(caption).includes(letters(words.map(({ word }) => word).join("")));
  const looked = words[0].attention.length ? "Point at a word, or choose it, to see where the model looked. " : "";
  card.querySelector(".hint").textContent = `${looked}${isSaid ? "" : "The whole sentence is too uncertain to be the caption."}`;
  card.querySelector(".by-word").hidden = false;
}

function letters(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

function wordButton({ word, probability, attention }, canvas) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: word });
  button.append(Object.assign(document.createElement("small"), { textContent: percent(probability) }));
  button.classList.toggle("unsure", probability < UNSURE_BELOW);
  if (!attention.length) return button;
  const chosen = () => button.closest(".spoken").querySelector("[aria-pressed=true]");
  button.setAttribute("aria-pressed", "false");
  button.attention = attention;
  button.addEventListener("click", () => {
    const last = chosen();
    last?.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-pressed", String(last !== button));
    shade(canvas, chosen()?.attention);
  });
  for (const name of ["pointerenter", "focus"]) button.addEventListener(name, () => shade(canvas, attention));
  for (const name of ["pointerleave", "blur"]) button.addEventListener(name, () => shade(canvas, chosen()?.attention));
  return button;
}

// Darken what the model did not look at; `attention` is a square grid over the picture, row by row.
function shade(canvas, attention) {
  const context = canvas.getContext("2d");
  if (!attention) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    return;
  }
  const side = Math.round(Math.sqrt(attention.length));
  const small = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const highest = Math.max(...attention);
  const pixels = context.createImageData(side, side);
  attention.forEach((weight, place) => { pixels.data[4 * place + 3] = 205 * (1 - weight / highest); });
  small.getContext("2d").putImageData(pixels, 0, 0);
  canvas.width = canvas.height = SHADE_PX;
  context.drawImage(small, 0, 0, SHADE_PX, SHADE_PX);
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

for (const id of ["files", "camera"]) {
  const input = document.getElementById(id);
  input.addEventListener("change", () => { add(input.files); input.value = ""; });
}
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") add(event.dataTransfer.files);
  });
}
document.addEventListener("paste", (event) => {
  if (!event.target.closest("input[type=search]")) add(event.clipboardData.files);
});
