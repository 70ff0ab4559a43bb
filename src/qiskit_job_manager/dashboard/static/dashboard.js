// Refreshes the parts of a page while it is looked at, copies lines, and tells of the end.
"use strict";

const LOOK_MS = 1000; // between two looks at whether something has happened
const FEWEST_MS = 1400; // between two refreshes
const REFRESH_MS = 10000; // a refresh at least so often: not everything is an event
const SHARE = 60; // a refresh may take one part in so many of the time, so that it costs little

const page = document.body.dataset;
const connection = document.getElementById("connection");
let mark = null;
let refreshedAt = performance.now();
let pauseMs = FEWEST_MS;
let troubled = false;

const show = (words) => {
  if (connection.textContent !== words) connection.textContent = words;
};

async function look() {
  // A page that nobody looks at costs nothing, but for one that is to tell of the end.
  if (page.live !== "yes" || (document.hidden && !mustTell())) return;
  try {
    const answer = await fetch(page.mark, { credentials: "same-origin", cache: "no-store" });
    if (answer.status === 404) return gone();
    if (!answer.ok) throw new Error(String(answer.status));
    const found = (await answer.json()).mark;
    const now = performance.now();
    const isOld = now - refreshedAt > REFRESH_MS;
    if (isOld || (found !== mark && now - refreshedAt > pauseMs)) {
      if (mark !== null || isOld || troubled) await refresh();
      mark = found;
    }
    troubled = false;
    show("");
  } catch {
    troubled = true;
    show("The dashboard or its store does not answer; this page may be old.");
  }
}

function gone() {
  show("This job set was deleted.");
  page.live = "no";
}

async function refresh() {
  const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
  if (answer.status === 404) return gone();
  if (!answer.ok) throw new Error(String(answer.status));
  pauseMs = Math.max(FEWEST_MS, SHARE * Number(/cpu;dur=([\d.]+)/.exec(answer.headers.get("Server-Timing"))?.[1] || 10));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.getElementById(part.id);
    if (other && other.innerHTML !== part.innerHTML) replace(part, other);
  }
  takeOver(fresh);
  refreshedAt = performance.now();
}

// What the user has chosen, opened or is typing stays.
function replace(part, other) {
  const active = document.activeElement;
  if (part.contains(active) && /^(INPUT|SELECT|TEXTAREA)$/.test(active.tagName) && active.type !== "checkbox") return;
  const place = part.contains(active) ? [...part.querySelectorAll("a, button, input, summary")].indexOf(active) : -1;
  const checked = new Set([...part.querySelectorAll("input:checked")].map((box) => box.value));
  const open = [...part.querySelectorAll("details")].map((each) => each.open);
  part.innerHTML = other.innerHTML;
  part.className = other.className;
  for (const box of part.querySelectorAll("input[type=checkbox]")) box.checked = checked.has(box.value);
  part.querySelectorAll("details").forEach((each, number) => (each.open = Boolean(open[number])));
  if (place >= 0) part.querySelectorAll("a, button, input, summary")[place]?.focus();
  prepare(part);
}

function takeOver(fresh) {
  document.title = fresh.title;
  const icon = document.querySelector("link[rel=icon]");
  const href = fresh.querySelector("link[rel=icon]").getAttribute("href");
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
  const ended = fresh.body.dataset.ended;
  if (page.ended === "no" && ended === "yes") tell(fresh.title);
  if (ended) page.ended = ended;
}

// Whether this tab was asked to tell of the end of its job set, on whichever of its pages.
function mustTell() {
  return Boolean(page.set) && window.Notification?.permission === "granted" && sessionStorage.getItem(page.set) === "tell";
}

function tell(title) {
  if (!mustTell()) return;
  sessionStorage.removeItem(page.set);
  // The tag makes one notification of those of several tabs.
  new Notification("A job set has ended", { body: title, tag: page.set });
}

function copy(event) {
  const button = event.currentTarget;
  navigator.clipboard.writeText(button.dataset.copy).then(() => {
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

async function askToTell(event) {
  const button = event.currentTarget;
  if ((await Notification.requestPermission()) === "granted") {
    sessionStorage.setItem(page.set, "tell");
    promise(button);
  }
}

function promise(button) {
  button.textContent = "You are told at the end";
  button.disabled = true;
}

// Buttons that need this script are shown by it.
function prepare(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", copy);
  }
  for (const button of root.querySelectorAll("[data-notify]")) {
    button.hidden = !window.Notification;
    if (mustTell()) promise(button);
    button.addEventListener("click", askToTell);
  }
}

function prepareSelection() {
  const all = document.querySelector("[data-check-all]");
  if (!all) return;
  all.hidden = document.querySelector("[data-check-all-label]").hidden = false;
  all.addEventListener("change", () => {
    for (const box of document.querySelectorAll("#list input[type=checkbox]")) box.checked = all.checked;
  });
}

prepare(document);
prepareSelection();
if (page.ended === "yes") tell(document.title); // it ended between two pages
(async function loop() {
  await look();
  setTimeout(loop, LOOK_MS);
})();
