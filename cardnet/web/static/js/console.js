// What makes the console quicker for who has scripts; every page works without them.

// A file may be dropped on the whole zone; the plain input stays what is sent.
for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector('input[type="file"]');
  // The browser's own button speaks the browser's language, not the page's: ours lies below it, and says the file's name.
  const told = zone.querySelector("[data-drop-name]");
  const nothing = told.textContent;
  const tell = () => {
    told.textContent = input.files[0]?.name ?? nothing;
  };
  zone.classList.add("drop--told");
  zone.querySelector("[data-drop-choose]").hidden = false;
  told.hidden = false;
  input.addEventListener("change", tell);
  addEventListener("pageshow", tell);
  const over = (on) => zone.classList.toggle("drop--over", on);
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => {
      event.preventDefault();
      over(true);
    });
  }
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) over(false);
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer?.files.length) {
      const one = new DataTransfer();
      one.items.add(event.dataTransfer.files[0]);
      input.files = one.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}

// A form that takes its time says so, and is sent once.
for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (button) {
      button.dataset.words = button.textContent;
      button.textContent = form.dataset.busy;
      button.setAttribute("aria-disabled", "true");
      document.title = form.dataset.busy;
    }
  });
}

// A long piece of work tells how far it is, until the page has something else to say.
for (const place of document.querySelectorAll("[data-poll]")) {
  const ask = async () => {
    try {
      const answer = await fetch(place.dataset.poll, { headers: { Accept: "text/html" } });
      if (answer.status === 204 || answer.redirected) return location.reload();
      if (answer.ok) place.innerHTML = await answer.text();
    } catch {
      // No network just now: what stands there stays, and the next second asks again.
    }
    setTimeout(ask, 1000);
  };
  setTimeout(ask, 700);
}

// A form that became a file leaves its page as it was: the answer's cookie tells, and the page shows what is true now.
for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.hasAttribute("data-downloads") || form.dataset.awaits) return;
    const mark = `${Date.now()}`;
    form.dataset.awaits = mark;
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "download";
    field.value = mark;
    form.append(field);
    const looking = setInterval(() => {
      if (!document.cookie.split("; ").includes(`downloaded=${mark}`)) return;
      clearInterval(looking);
      location.assign(location.pathname);
    }, 300);
  });
}

// Coming back with the browser's own button finds the form ready again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[data-words]")) {
      button.textContent = button.dataset.words;
      button.removeAttribute("aria-disabled");
    }
  }
});

// Ticking rows: all of this page, a range with Shift, and how many.
for (const form of document.querySelectorAll("form[data-review]")) {
  const ticks = [...form.querySelectorAll('tbody input[type="checkbox"].tick')];
  const all = form.querySelector("[data-tick-all]");
  const told = form.querySelector("[data-ticked]");
  const chosen = form.querySelector('input[name="choose"][value="selected"]');
  let last = null;

  const tell = () => {
    const count = ticks.filter((tick) => tick.checked).length;
    if (told) told.textContent = count ? `（${count}）` : "";
    if (all) {
      all.checked = count > 0 && count === ticks.length;
      all.indeterminate = count > 0 && count < ticks.length;
    }
  };

  ticks.forEach((tick, at) => {
    tick.addEventListener("click", (event) => {
      if (event.shiftKey && last !== null) {
        const [from, to] = [Math.min(last, at), Math.max(last, at)];
        for (let i = from; i <= to; i++) ticks[i].checked = tick.checked;
      }
      last = at;
      if (chosen) chosen.checked = true;
      tell();
    });
  });
  if (all && ticks.length) {
    all.hidden = false;
    // A table that folds hides its head: the stylesheet shows this one cell of it, with these words.
    all.closest("th").dataset.all = all.getAttribute("aria-label") ?? all.closest("label")?.textContent.trim() ?? "";
    all.addEventListener("change", () => {
      for (const tick of ticks) tick.checked = all.checked;
      if (chosen) chosen.checked = true;
      tell();
    });
  }
  tell();
}

// Printing is a button where there is a printer to talk to.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// After a refused form the reader starts at what has to be mended.
document.querySelector(".error-summary")?.focus();
