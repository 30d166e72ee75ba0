// What the pages do beyond htmx: messages, keys, selection. No page depends on it to be read.
"use strict";

const token = document.querySelector("meta[name=csrf-token]").content;
const message = document.getElementById("message");
let messageTimer;

function say(text) {
  clearTimeout(messageTimer);
  message.textContent = text;
  messageTimer = setTimeout(() => { message.textContent = ""; }, 4000 + 40 * text.length);
}

async function post(address, fields) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "X-CSRF-Token": token },
    body: new URLSearchParams(fields),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

// htmx

document.addEventListener("htmx:configRequest", (event) => {
  event.detail.headers["X-CSRF-Token"] = token;
});
document.addEventListener("htmx:responseError", (event) => say(event.detail.xhr.responseText));
document.addEventListener("htmx:sendError", () => say("photocap does not answer; is it still running?"));
document.addEventListener("htmx:afterSwap", (event) => {
  for (const note of event.target.querySelectorAll("[data-message]")) {
    say(note.dataset.message);
    note.remove();
    if (event.target.id === "caption") htmx.trigger(document.body, "caption-changed");
  }
  if (event.target.matches(".facets") && matchMedia("(min-width: 60rem)").matches) {
    for (const facet of event.target.querySelectorAll(".facet")) facet.open = true;
  }
  const field = event.target.id === "review" && event.target.querySelector("#words");
  if (field) field.focus();
  else if (event.target.id === "review") document.getElementById("main").focus();
});

document.addEventListener("input", (event) => {
  const save = event.target.id === "words" && document.getElementById("save");
  if (save) save.textContent = save.dataset.changed;
});

// Selection: it outlives the loading of further photos, not the page.

const selection = document.getElementById("selection");

function picked() {
  return [...document.querySelectorAll(".pick input:checked")].map((box) => box.value);
}

function showSelection() {
  if (!selection) return;
  const count = picked().length;
  selection.hidden = count === 0;
  document.body.classList.toggle("picking", count > 0);
  document.getElementById("selected-count").textContent = count === 1 ? "1 photo" : `${count} photos`;
}

function fieldsOf(ids, words) {
  const fields = ids.map((id) => ["id", id]);
  return words === undefined ? fields : [...fields, ["words", words]];
}

const ACTS = {
  async paths(ids) {
    const paths = await post("/selection/paths", fieldsOf(ids));
    await navigator.clipboard.writeText(paths);
    return `${ids.length === 1 ? "1 path" : `${ids.length} paths`} copied.`;
  },
  async download(ids) {
    location.assign(await post("/selection/download", fieldsOf(ids)));
    return "The download begins.";
  },
  restore: (ids) => post("/selection/restore", fieldsOf(ids)),
  clear() {
    for (const box of document.querySelectorAll(".pick input:checked")) box.checked = false;
    showSelection();
    return "";
  },
};

async function act(job) {
  try {
    say(await job());
  } catch (error) {
    say(error.message);
  }
}

if (selection) {
  document.addEventListener("change", (event) => { if (event.target.closest(".pick")) showSelection(); });
  selection.addEventListener("click", (event) => {
    const name = event.target.dataset.act;
    if (name) act(() => ACTS[name](picked()));
  });
  document.getElementById("selection-caption").addEventListener("submit", (event) => {
    event.preventDefault();
    const words = document.getElementById("selection-words");
    act(async () => {
      const said = await post("/selection/caption", fieldsOf(picked(), words.value));
      for (const id of picked()) {
        const tile = document.querySelector(`.tile[data-id="${id}"]`);
        tile.querySelector(".caption").textContent = words.value;
        tile.querySelector("img").alt = words.value;
      }
      words.value = "";
      return said;
    });
  });
  showSelection(); // a browser that goes back to this page restores the boxes
}

// From the grid to a photo and on: the order of the grid is remembered for the arrows.

const ROW = "photocap-row";

function tiles() {
  return [...document.querySelectorAll(".tile > a")];
}

document.addEventListener("click", (event) => {
  const link = event.target.closest(".tile > a");
  const grid = link && link.closest(".grid");
  if (!grid) return;
  const ids = [...grid.querySelectorAll(".tile")].map((tile) => tile.dataset.id);
  sessionStorage.setItem(ROW, JSON.stringify({ ids, origin: grid.dataset.origin, from: location.href }));
});

const photo = document.querySelector("article.photo");

function row() {
  try {
    return JSON.parse(sessionStorage.getItem(ROW));
  } catch {
    return null;
  }
}

// Back in the grid, the photo that was looked at last has the focus again, however far down it is.
async function findAgain() {
  const { ids, from, last } = row() ?? {};
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward" || document.referrer.includes("/photos/");
  if (photo || from !== location.href || !last || !isBack) return;
  const find = () => document.querySelector(`.grid .tile[data-id="${CSS.escape(last)}"] > a`);
  const more = () => document.querySelector(".grid .more a[hx-get]");
  while (!find() && more() && tiles().length < ids.length) {
    const loaded = new Promise((done) => document.addEventListener("htmx:afterSettle", done, { once: true }));
    htmx.trigger(more(), "click");
    await loaded;
  }
  find()?.focus({ preventScroll: true });
  find()?.scrollIntoView({ block: "center" });
}

document.addEventListener("DOMContentLoaded", findAgain);

if (photo) {
  const { ids, origin } = row() ?? { ids: [] };
  const place = ids.indexOf(photo.dataset.id);
  if (place >= 0) sessionStorage.setItem(ROW, JSON.stringify({ ...row(), last: photo.dataset.id }));
  if (place >= 0 && origin === photo.dataset.origin) {
    const query = origin ? `?${origin}` : "";
    const lead = (name, id) => { if (id) document.getElementById(name).href = `/photos/${id}${query}`; };
    lead("to-newer", ids[place - 1]);
    lead("to-older", ids[place + 1]);
  }
}

// Keys

function move(step) {
  const links = tiles();
  const place = links.indexOf(document.activeElement);
  const target = links[place < 0 ? 0 : place + step];
  if (target) target.focus();
  return Boolean(target);
}

// To the photo of the next row, up or down, whose middle is nearest.
function moveRow(step) {
  const links = tiles();
  const place = links.indexOf(document.activeElement);
  if (photo || place < 0) return false;
  const here = middle(links[place]);
  const others = links.map(middle).filter((other) => (other.y - here.y) * step > 1);
  const next = Math.min(...others.map((other) => Math.abs(other.y - here.y)));
  const row = others.filter((other) => Math.abs(other.y - here.y) < next + 1);
  row.sort((one, two) => Math.abs(one.x - here.x) - Math.abs(two.x - here.x));
  row[0]?.link.focus();
  return row.length > 0;
}

function middle(link) {
  const box = link.getBoundingClientRect();
  return { link, x: box.left + box.width / 2, y: box.top };
}

function click(id) {
  const element = document.getElementById(id);
  if (!element || element.disabled || (element.tagName === "A" && !element.hasAttribute("href"))) return false;
  element.click();
  return true;
}

function select() {
  const box = document.activeElement.closest(".tile")?.querySelector(".pick input");
  if (box) box.click();
  return Boolean(box);
}

function focusOn(id) {
  const element = document.getElementById(id);
  if (!element) return false;
  element.focus();
  element.select?.();
  return true;
}

function back() {
  if (!photo) return false;
  location.assign(row()?.from ?? "/");
  return true;
}

const KEYS = {
  "/": () => focusOn("query"),
  "?": () => { location.assign("/help"); return true; },
  ArrowLeft: () => click("to-newer") || move(-1),
  ArrowRight: () => click("to-older") || move(1),
  ArrowUp: () => moveRow(-1),
  ArrowDown: () => moveRow(1),
  x: select,
  e: () => focusOn("words"),
  a: () => photo && click("save"),
  r: () => photo && click("reject"),
  z: () => photo && click("restore"),
  Escape: back,
};
const REVIEW_KEYS = { PageDown: "skip", PageUp: "previous" };
const REVIEW_ALT_KEYS = { KeyR: "reject", KeyU: "undo" };

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey) return;
  const inReview = document.getElementById("review");
  if (inReview) {
    const id = event.altKey ? REVIEW_ALT_KEYS[event.code] : REVIEW_KEYS[event.key];
    if (id && click(id)) { event.preventDefault(); return; }
  }
  if (event.altKey) return;
  const field = event.target.closest("input:not([type=checkbox]), textarea");
  if (field) {
    if (event.key === "Escape") field.blur();
    if (event.key === "Enter" && !event.shiftKey && field.id === "words") {
      event.preventDefault();
      field.form.requestSubmit(field.form.querySelector("button.main"));
    }
    return;
  }
  if (Object.hasOwn(KEYS, event.key) && KEYS[event.key]()) event.preventDefault();
});
