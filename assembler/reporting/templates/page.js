"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const film = $("film");

  // -- light and dark --------------------------------------------------------------------------
  const theme = $("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  });

  // -- the film --------------------------------------------------------------------------------
  let until = null;
  const playhead = $("playhead");
  const place = (seconds) => {
    playhead.hidden = false;
    playhead.style.left = `${100 * Math.min(1, seconds / (data.seconds || 1))}%`;
  };
  const seek = (seconds) => {
    place(seconds);
    if (!film) return;
    const go = () => { film.currentTime = Math.max(0, seconds); };
    if (film.readyState > 0) go();
    else { film.addEventListener("loadedmetadata", go, { once: true }); film.preload = "metadata"; film.load(); }
  };
  const play = (from, to) => {
    if (!film) return;
    until = to;
    seek(from);
    film.play().catch(() => {});
  };
  if (film) {
    film.addEventListener("timeupdate", () => {
      place(film.currentTime);
      if (until !== null && film.currentTime >= until) { film.pause(); until = null; }
    });
    film.addEventListener("error", () => { $("no-film").hidden = false; });
  }

  // -- timeline --------------------------------------------------------------------------------
  const lanes = $("lanes");
  const zoom = $("zoom");
  $("zoom-tools").hidden = false;
  const ruler = lanes.querySelector(".ruler .track");
  const setZoom = (value, centre) => {
    const names = ruler.getBoundingClientRect().left - lanes.querySelector(".inner").getBoundingClientRect().left;
    const at = centre ?? names + (lanes.clientWidth - names) / 2;
    const part = (lanes.scrollLeft + at - names) / ruler.clientWidth;
    zoom.value = Math.min(Number(zoom.max), Math.max(0, value));
    const times = 2 ** Number(zoom.value);
    lanes.style.setProperty("--zoom", times);
    lanes.dataset.zoom = times >= 12 ? 2 : times >= 3.5 ? 1 : 0;
    zoom.setAttribute("aria-valuetext", times === 1 ? "whole film" : `${times.toFixed(1)} times`);
    lanes.scrollLeft = part * ruler.clientWidth - at + names;
  };
  // So many joins that they would lie on one another are looked at from nearer.
  const crowd = 16 * all("a.join", lanes).length / (ruler.clientWidth || 1);
  if (crowd > 1) setZoom(Math.log2(crowd), 0);
  zoom.addEventListener("input", () => setZoom(Number(zoom.value)));
  $("zoom-in").addEventListener("click", () => setZoom(Number(zoom.value) + 0.5));
  $("zoom-out").addEventListener("click", () => setZoom(Number(zoom.value) - 0.5));
  $("zoom-all").addEventListener("click", () => setZoom(0));
  lanes.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    setZoom(Number(zoom.value) - event.deltaY / 300, event.clientX - lanes.getBoundingClientRect().left);
  }, { passive: false });
  ruler.addEventListener("click", (event) => {
    const box = ruler.getBoundingClientRect();
    seek(data.seconds * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  });

  // One stop for Tab; arrows move within a lane and between lanes.
  const rows = all(".lane", lanes).map((lane) => all("a", lane)).filter((row) => row.length);
  const middle = (one) => { const box = one.getBoundingClientRect(); return box.left + box.width / 2; };
  rows.flat().forEach((one) => { one.tabIndex = -1; });
  if (rows.length) rows[0][0].tabIndex = 0;
  const focus = (one) => {
    rows.flat().forEach((other) => { other.tabIndex = other === one ? 0 : -1; });
    one.focus();
    one.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  const nearest = (row, x) => row.reduce((best, one) => (Math.abs(middle(one) - x) < Math.abs(middle(best) - x) ? one : best));
  lanes.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const r = rows.findIndex((row) => row.includes(event.target));
    const row = rows[r];
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const jump = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "+" || event.key === "=") setZoom(Number(zoom.value) + 0.5);
    else if (event.key === "-") setZoom(Number(zoom.value) - 0.5);
    else if (event.key === "0") setZoom(0);
    else if (event.target === lanes && (step || jump) && rows.length) focus(rows[0][0]);
    else if (row && step) { const next = row[row.indexOf(event.target) + step]; if (next) focus(next); }
    else if (row && jump) { const other = rows[r + jump]; if (other) focus(nearest(other, middle(event.target))); }
    else if (row && event.key === "Home") focus(row[0]);
    else if (row && event.key === "End") focus(row[row.length - 1]);
    else return;
    event.preventDefault();
  });

  // -- everything that has a place in the film ---------------------------------------------------
  document.addEventListener("click", (event) => {
    const one = event.target.closest("[data-time]");
    if (!one) return;
    seek(Number(one.dataset.time));
    if (one.getAttribute("href") === "#timeline" && one.closest("#lanes")) event.preventDefault();
  });

  // -- seams -------------------------------------------------------------------------------------
  const details = document.querySelector(".details");
  const seams = details ? all(".seam", details) : [];
  const links = all(".ranked a");
  let current = null;
  let timer = null;

  const stop = () => { clearInterval(timer); timer = null; };
  const sides = (seam) => ["a", "b"].map((side) => [seam.querySelector(`.stack .${side}`), seam.querySelector(`.captions .${side}`)]);
  const pressed = (seam, what, value) => all(`[data-${what}]`, seam).forEach((button) => {
    button.setAttribute("aria-pressed", String(button.getAttribute(`data-${what}`) === value));
  });

  // Pictures of the viewer as the page was made, by what `data-pair-…` calls them.
  const kept = new Map();
  const pictures = (viewer) => {
    if (!kept.has(viewer)) {
      const names = { last: ".stack .a", first: ".stack .b", came: "img.came" };
      const found = Object.entries(names).map(([name, where]) => [name, viewer.querySelector(where)]);
      kept.set(viewer, Object.fromEntries(found.filter(([, one]) => one).map(([name, one]) => [name, [one.src, one.alt]])));
    }
    return kept.get(viewer);
  };
  const compare = (seam, what) => {
    const viewer = seam.querySelector(".viewer");
    const names = viewer.dataset[`pair${what}`];
    if (!names) return;
    const known = pictures(viewer);
    names.split(" ").forEach((name, n) => {
      const [image, caption] = sides(seam)[n];
      [image.src, image.alt] = known[name];
      caption.textContent = image.alt;
    });
    viewer.dataset.compare = what;
    pressed(seam, "compare", what);
  };

  const mode = (seam, name) => {
    const viewer = seam.querySelector(".viewer");
    if (!viewer) return;
    stop();
    pictures(viewer);
    if (viewer.dataset.mode === "loop") compare(seam, viewer.dataset.compare);
    viewer.dataset.mode = name;
    pressed(seam, "mode", name);
    seam.querySelector(".wipe").hidden = name !== "slider";
    const [[a, under], [b, over]] = sides(seam);
    [a, under, b, over].forEach((one) => one.classList.remove("off"));
    viewer.onclick = null;
    if (name === "blink") {
      let second = false;
      const flip = () => {
        second = !second;
        [a, under].forEach((one) => one.classList.toggle("off", second));
        [b, over].forEach((one) => one.classList.toggle("off", !second));
      };
      flip();
      viewer.onclick = flip;
      if (!matchMedia("(prefers-reduced-motion: reduce)").matches) timer = setInterval(flip, 500);
    }
    if (name === "loop") {
      const frames = all(".strip.joined img", seam);
      let n = 0;
      const step = () => { const one = frames[n % frames.length]; a.src = one.src; a.alt = under.textContent = one.alt; n += 1; };
      step();
      timer = setInterval(step, 1000 / Math.min(8, data.rate));
    }
  };

  const show = (anchor, { focused = false } = {}) => {
    const seam = seams.find((one) => one.id === anchor);
    if (!seam) return false;
    if (current && current !== seam) { const before = current.querySelector(".viewer"); if (before && before.dataset.mode) mode(current, "side"); current.classList.remove("current"); }
    stop();
    current = seam;
    seam.classList.add("current");
    links.forEach((link) => {
      const here = link.hash === `#${anchor}`;
      if (here) { link.setAttribute("aria-current", "true"); link.scrollIntoView({ block: "nearest" }); }
      else link.removeAttribute("aria-current");
    });
    if (focused) { seam.focus({ preventScroll: true }); seam.scrollIntoView({ block: "start" }); }
    document.dispatchEvent(new CustomEvent("report:seam", { detail: { id: seam.dataset.seam, anchor } }));
    return true;
  };
  const around = (seam) => { const at = Number(seam.dataset.frame) / data.rate; return [Math.max(0, at - 1.5), Math.min(data.seconds, at + 1.5)]; };
  const next = (step) => {
    const n = seams.indexOf(current) + step;
    if (seams[n]) show(seams[n].id, { focused: true });
  };

  if (details) {
    details.classList.add("one");
    all("[data-script]", details).forEach((one) => { one.hidden = false; });
    links.forEach((link) => link.addEventListener("click", (event) => { event.preventDefault(); history.replaceState(null, "", link.hash); show(link.hash.slice(1), { focused: true }); }));
    details.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const seam = button.closest(".seam");
      if (button.dataset.mode) mode(seam, button.dataset.mode);
      else if (button.dataset.compare) { if (seam.querySelector(".viewer").dataset.mode === "loop") mode(seam, "side"); compare(seam, button.dataset.compare); }
      else if (button.dataset.step) next(Number(button.dataset.step));
      else if (button.dataset.play !== undefined) { film && film.scrollIntoView({ block: "center" }); play(...around(seam)); }
      else if (button.dataset.copy !== undefined) {
        const text = button.closest(".yaml").querySelector("code").textContent;
        navigator.clipboard?.writeText(text).then(() => { button.textContent = "Copied"; setTimeout(() => { button.textContent = "Copy"; }, 1500); });
      }
    });
    details.addEventListener("input", (event) => {
      if (event.target.matches(".wipe input")) event.target.closest(".seam").querySelector(".viewer").style.setProperty("--x", `${event.target.value}%`);
    });
    if (!show(location.hash.slice(1)) && seams.length) show(seams[0].id);
  }
  addEventListener("hashchange", () => { show(location.hash.slice(1), { focused: true }); });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, video, [contenteditable]")) return;
    const key = event.key.toLowerCase();
    if (!current) return;
    if (key === "j") next(1);
    else if (key === "k") next(-1);
    else if (key === "p") play(...around(current));
    else {
      const name = { s: "side", b: "blink", w: "slider", d: "difference", l: "loop" }[key];
      if (!name) return;
      mode(current, name);
    }
    event.preventDefault();
  });

  window.report = { ...data, show, play, seek };
  window.live = data.live;
})();
