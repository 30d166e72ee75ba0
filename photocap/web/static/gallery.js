// A gallery on the disk: PHOTOS comes from photos.js; words are found by their beginnings, without accents and case.
"use strict";

const AT_ONCE = 120;
const grid = document.getElementById("grid");
const query = document.getElementById("query");
const count = document.getElementById("count");
const more = document.getElementById("more");
const view = document.getElementById("view");

function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

const texts = PHOTOS.map((photo) => plain([photo.caption, photo.name, photo.taken, photo.camera].join(" ")));
const wordLists = texts.map((text) => text.split(/[^\p{L}\p{N}]+/u));
let found = [];
let shown = 0;
let open = 0;

function search() {
  const words = plain(query.value).split(/\s+/).filter(Boolean);
  found = PHOTOS.filter((_, place) => words.every((word) => (
    wordLists[place].some((other) => other.startsWith(word)) || (/[^\p{L}\p{N}]/u.test(word) && texts[place].includes(word))
  )));
  count.textContent = found.length === 1 ? "1 photo" : `${found.length.toLocaleString("en")} photos`;
  grid.replaceChildren();
  shown = 0;
  showMore();
}

function showMore() {
  grid.append(...found.slice(shown, shown + AT_ONCE).map(tile));
  shown = Math.min(found.length, shown + AT_ONCE);
  more.hidden = shown === found.length;
}

function tile(photo, offset) {
  const place = shown + offset;
  const image = Object.assign(document.createElement("img"), { src: photo.picture, alt: photo.caption || photo.name, loading: "lazy", decoding: "async" });
  const caption = Object.assign(document.createElement("span"), { className: "caption", textContent: photo.caption || photo.name });
  caption.setAttribute("aria-hidden", "true");
  const link = Object.assign(document.createElement("a"), { href: photo.picture });
  link.append(image, caption);
  link.addEventListener("click", (event) => { event.preventDefault(); show(place); });
  const item = Object.assign(document.createElement("li"), { className: `tile ${photo.shape}` });
  item.append(link);
  return item;
}

function show(place) {
  open = Math.max(0, Math.min(found.length - 1, place));
  const photo = found[open];
  const image = view.querySelector("img");
  image.src = photo.picture;
  image.alt = photo.caption || photo.name;
  document.getElementById("view-caption").textContent = photo.caption;
  view.querySelector(".quiet").textContent = [photo.standing, photo.taken, photo.camera, photo.name].filter(Boolean).join(" · ");
  if (!view.open) view.showModal();
}

view.addEventListener("click", (event) => {
  const { step, close } = event.target.dataset;
  if (step) show(open + Number(step));
  else if (close !== undefined || event.target === view) view.close();
});
view.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step) show(open + step);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== query && !view.open) {
    event.preventDefault();
    query.focus();
  }
});
document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
query.addEventListener("input", search);
more.firstElementChild.addEventListener("click", showMore);
new IntersectionObserver(([edge]) => { if (edge.isIntersecting) showMore(); }).observe(more);
search();
