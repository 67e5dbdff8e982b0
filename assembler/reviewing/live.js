"use strict";
(() => {
  const token = location.pathname.split("/")[1];
  const byId = (id) => document.getElementById(id);
  const told = byId("live-told");
  let state = null;
  let wanted = null;      // the seam whose preview is waited for

  // -- talking to the server ---------------------------------------------------------------

  async function ask(verb, body) {
    const response = await fetch(verb, {
      method: "POST",
      headers: {"content-type": "application/json", "x-assembler-token": token},
      body: JSON.stringify(body),
    });
    const answer = await response.json().catch(() => ({error: "the review doesn't answer"}));
    if (response.status === 409) { await look(); }
    if (!response.ok) { throw new Error([answer.where, answer.error, answer.fix].filter(Boolean).join(" · ")); }
    if (answer.state) { show(answer.state); }
    return answer;
  }

  async function look() {
    const response = await fetch("state");
    show(await response.json());
  }

  async function act(verb, body, where) {
    const held = document.activeElement;
    document.body.classList.add("live-busy");
    try {
      const answer = await ask(verb, body);
      if (answer.done) { say(answer.done, where); }
      return answer;
    } catch (error) {
      say(error.message, where, true);
      return null;
    } finally {
      document.body.classList.remove("live-busy");
      if (held && held.isConnected) { held.focus({preventScroll: true}); }
    }
  }

  function say(words, where, wrong = false) {
    told.textContent = words;
    told.classList.toggle("live-wrong", wrong);
    const near = where && where.querySelector("[data-out=told]");
    if (near) { near.textContent = words; near.classList.toggle("live-wrong", wrong); }
  }

  // -- showing what is ---------------------------------------------------------------------

  const first = {revision: null};

  function show(next) {
    const before = state;
    state = next;
    if (first.revision === null) { first.revision = next.revision; }
    byId("live-reload").hidden = next.revision === first.revision;
    if (next.error) { say(next.error, null, true); return; }
    if (!before) { say(next.draft ? "This is the draft: its clips stand for others, so that they aren't changed here." : "Ready: changes go into the timeline file, and can be undone."); }
    const undo = byId("live-undo");
    undo.disabled = !next.undo;
    undo.title = next.undo || "";
    undo.setAttribute("aria-label", next.undo ? `Undo: ${next.undo}` : "Undo: nothing yet");
    byId("live-price").textContent = next.to_pay ? `To make: ${next.price.words}` : "";
    byId("live-make").textContent = next.to_pay ? "Make and render…" : "Render the film";
    for (const field of document.querySelectorAll("[data-live-seam]")) { showSeam(field, next.seams[field.dataset.liveSeam]); }
    for (const row of document.querySelectorAll("[data-live-link]")) { showLink(row, next.links[row.dataset.liveLink]); }
    for (const row of document.querySelectorAll("[data-live-trim]")) { showTrim(row, next.footage[row.dataset.liveTrim]); }
    for (const button of document.querySelectorAll("[data-live-take]")) { showTake(button, next.links[button.dataset.liveTake]); }
    showJob(next.job);
  }

  function showSeam(field, seam) {
    field.disabled = !seam;
    if (!seam) { return; }
    field.querySelector("[data-out=keep]").textContent = seam.keep;
    field.querySelector("[data-out=start]").textContent = seam.start;
    for (const select of field.querySelectorAll("select")) {
      select.value = seam.said[select.dataset.kind] || "";
      select.disabled = state.draft;
    }
    field.querySelector("[data-act=reset]").disabled = state.draft || Object.keys(seam.said).length === 0;
    const can = {
      end: (by) => seam.keep + by >= 1 && seam.keep + by <= seam.most,
      begin: (by) => seam.start + by >= 0 && seam.start + by <= seam.last,
    };
    can.cut = (by) => can.end(by) && can.begin(by);
    for (const button of field.querySelectorAll("[data-by]")) {
      // Not `disabled`: a button that has the focus must not lose it.
      button.setAttribute("aria-disabled", String(state.draft || !can[button.dataset.act](Number(button.dataset.by))));
    }
  }

  function showLink(row, link) {
    if (!link) { return; }
    row.querySelector("[data-act=reroll]").disabled = state.draft;
    row.querySelector("[data-act=compare]").disabled = link.takes.filter((take) => take.clip).length < 2;
    row.querySelector("[data-out=state]").textContent = link.state === "done" ? "" : link.why;
  }

  function showTrim(row, clip) {
    row.hidden = !clip || state.draft;
    if (!clip) { return; }
    row.querySelector("[data-out=head]").textContent = clip.in;
    row.querySelector("[data-out=tail]").textContent = clip.out;
  }

  function showTake(button, link) {
    const take = link && link.takes.find((one) => String(one.number) === button.dataset.number);
    button.disabled = state.draft || !take || take.chosen || !take.clip;
    button.textContent = take && take.chosen ? "in use" : "Use this";
  }

  function showJob(job) {
    const runs = Boolean(job && job.state === "running");
    const bar = byId("live-progress");
    bar.hidden = !runs;
    byId("live-stop").hidden = !runs;
    byId("live-make").disabled = runs && job.kind === "render";
    if (!runs) { return; }
    bar.value = job.share;
    const left = job.left_s === null ? "" : `, ${Math.ceil(job.left_s)} s left`;
    const what = job.kind === "render" ? "Rendering the film" : `Rendering ${job.subject}`;
    told.classList.remove("live-wrong");
    told.textContent = job.words || `${what}${job.stage ? ` (${job.stage})` : ""}: ${Math.round(100 * job.share)} %${left}`;
  }

  function showElsewhere(run) {
    const bar = byId("live-progress");
    if (!byId("live-stop").hidden) { return; }      // a job of our own is shown
    bar.hidden = !run.stage;
    if (!run.stage) {
      say("The render that ran elsewhere has ended.");
      byId("live-reload").hidden = false;
      return;
    }
    bar.value = run.share;
    const left = run.left_s === null ? "" : `, ${Math.ceil(run.left_s)} s left`;
    say(`A render runs elsewhere (${run.stage}): ${Math.round(100 * run.share)} %${left}`);
  }

  function finished(job) {
    showJob(job);
    if (job.state === "failed") { say(job.words, seamField(job.subject), true); }
    if (job.state === "stopped") { say("Stopped; nothing is half-written."); }
    if (job.state !== "done") { return; }
    if (job.kind === "render") {
      say("The film is rendered.");
      location.reload();
    } else if (job.result.seam === wanted) {
      showPreview(job.result);
    }
  }

  function seamField(id) {
    return [...document.querySelectorAll("[data-live-seam]")].find((one) => one.dataset.liveSeam === id);
  }

  function showPreview(result) {
    const field = seamField(result.seam);
    if (!field) { return; }
    const video = field.querySelector("video");
    video.src = result.clip;
    video.hidden = false;
    video.play().catch(() => {});
    say(`The seam is ${result.at_s.toFixed(2)} s into this part; it plays in a loop.`, field);
  }

  // -- asking first ------------------------------------------------------------------------

  function question(head, words, yes, keep, then) {
    const box = byId("live-ask");
    byId("live-ask-h").textContent = head;
    byId("live-ask-words").textContent = words;
    byId("live-ask-yes").textContent = yes;
    byId("live-ask-yes").disabled = false;
    byId("live-ask-keep-label").hidden = !keep;
    byId("live-ask-keep").checked = false;
    byId("live-ask-yes").onclick = () => { box.close(); then(byId("live-ask-keep").checked); };
    box.showModal();
  }

  byId("live-ask-no").onclick = () => byId("live-ask").close();

  // -- what buttons do ---------------------------------------------------------------------

  const revision = () => state.revision;

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button || !state || button.getAttribute("aria-disabled") === "true") { return; }
    const field = button.closest("[data-live-seam]");
    const row = button.closest("[data-live-link]");
    const trim = button.closest("[data-live-trim]");
    if (field) { onSeam(button, field); } else if (row) { onLink(button, row.dataset.liveLink); }
    if (trim) { act("trim", {revision: revision(), segment: trim.dataset.liveTrim, [button.dataset.act]: Number(button.dataset.by)}); }
  });

  function onSeam(button, field) {
    const seam = field.dataset.liveSeam;
    const verb = button.dataset.act;
    if (verb === "show") {
      wanted = seam;
      say("Rendering what lies around it…", field);
      act("show", {seam}, field);
    } else if (verb === "reset") {
      act("reset", {revision: revision(), seam}, field).then((done) => again(done, field));
    } else {
      act("nudge", {revision: revision(), seam, [verb]: Number(button.dataset.by)}, field).then((done) => again(done, field));
    }
  }

  // What is looked at is rendered again when it has changed.
  let waiting = 0;
  function again(done, field) {
    if (!done || field.querySelector("video").hidden) { return; }
    clearTimeout(waiting);
    waiting = setTimeout(() => onSeam({dataset: {act: "show"}}, field), 500);
  }

  document.addEventListener("change", (event) => {
    const select = event.target.closest("select[data-act=correct]");
    if (!select || !state) { return; }
    const field = select.closest("[data-live-seam]");
    act("correct", {revision: revision(), seam: field.dataset.liveSeam, kind: select.dataset.kind, word: select.value || null}, field)
      .then((done) => { showSeam(field, state.seams[field.dataset.liveSeam]); again(done, field); });
  });

  function onLink(button, link) {
    if (button.dataset.act === "compare") { compare(link); return; }
    const price = state.links[link].reroll;
    const costs = {free: "Making it is free.", unknown: "Nobody knows what making it costs."}[price] || `Making it costs ${price}.`;
    question(
      `A new take of ${link}?`,
      `It is only marked now; nothing is spent. ${costs} Clips that start on it are made anew too, unless they are kept.`,
      "Mark it", true,
      (keep) => act("reroll", {revision: revision(), link, keep_later: keep}),
    );
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-live-take]");
    if (!button || !state) { return; }
    use(button.dataset.liveTake, Number(button.dataset.number));
  });

  function use(link, take) {
    question(
      `Use take ${take} of ${link}?`,
      "Clips that start on its last frame start on another one then: they are made anew by the next render, unless they are kept.",
      "Use it", true,
      (keep) => act("choose", {revision: revision(), link, take, keep_later: keep}),
    );
  }

  async function compare(link) {
    say(`Comparing the takes of ${link}…`);
    const response = await fetch(`takes?link=${encodeURIComponent(link)}`);
    const answer = await response.json();
    if (!response.ok) { say(answer.error, null, true); return; }
    byId("live-compare-h").textContent = `Takes of ${link}`;
    byId("live-takes").replaceChildren(...answer.takes.map((take) => figure(link, take)));
    byId("live-compare").showModal();
    say(`${answer.takes.length} takes of ${link}.`);
  }

  function figure(link, take) {
    const box = document.createElement("figure");
    const video = document.createElement("video");
    Object.assign(video, {src: take.clip, controls: true, muted: true, loop: true, playsInline: true});
    video.setAttribute("aria-label", `Take ${take.number} of ${link}`);
    const words = document.createElement("figcaption");
    words.textContent = [`Take ${take.number}: ${take.cost}`, ...take.reasons].join("; ");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = take.chosen ? `Take ${take.number} is in use` : `Use take ${take.number}`;
    button.disabled = take.chosen;
    button.onclick = () => { byId("live-compare").close(); use(link, take.number); };
    box.append(video, words, button);
    return box;
  }

  byId("live-play-all").onclick = () => {
    for (const video of byId("live-takes").querySelectorAll("video")) { video.currentTime = 0; video.play().catch(() => {}); }
  };
  byId("live-compare-close").onclick = () => byId("live-compare").close();
  byId("live-compare").addEventListener("close", () => byId("live-takes").replaceChildren());

  byId("live-undo").onclick = () => act("undo", {}).then((done) => {
    for (const video of document.querySelectorAll("[data-live-seam] video")) { again(done, video.closest("[data-live-seam]")); }
  });
  byId("live-stop").onclick = () => act("stop", {});
  byId("live-reload").onclick = () => location.reload();
  byId("live-make").onclick = () => {
    if (!state.to_pay) { act("make", {}); return; }
    const price = state.price;
    question(
      "Make what is missing, and render?",
      price.unpriced ? `${price.words}: such clips are made with \u201cassembler generate\u201d.` : `${price.words}. No more than ${price.most} will be spent.`,
      `Yes, spend up to ${price.most}`, false,
      () => act("make", {yes_usd: price.usd}),
    );
    byId("live-ask-yes").disabled = price.unpriced > 0;
  };

  // -- what happens elsewhere --------------------------------------------------------------

  const events = new EventSource("events");
  events.addEventListener("job", (event) => {
    const job = JSON.parse(event.data);
    if (job.state === "running") { showJob(job); } else { finished(job); }
  });
  events.addEventListener("changed", (event) => {
    if (!state || JSON.parse(event.data).revision !== state.revision) { look(); }
  });
  events.addEventListener("elsewhere", (event) => showElsewhere(JSON.parse(event.data)));
  let lost = false;
  events.addEventListener("error", () => {
    lost = true;
    say("The review has ended or can't be reached; changes made so far are in the timeline.", null, true);
  });
  events.addEventListener("open", () => {
    if (lost) { lost = false; say("The review is there again."); look(); }
  });

  look().then(() => { if (state && !state.error) { byId("live-make").disabled = Boolean(state.job && state.job.state === "running" && state.job.kind === "render"); } });
})();
