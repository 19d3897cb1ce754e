"use strict";
(() => {
  const root = document.documentElement;
  const data = JSON.parse(document.getElementById("data").textContent);
  const shapeOf = (tensor) => {
    if (tensor in data.inputs) return data.inputs[tensor];
    if (tensor in data.steps) return data.kinds[data.steps[tensor][0]].gives[0];
    const dot = tensor.lastIndexOf(".");
    return data.kinds[data.steps[tensor.slice(0, dot)][0]].gives[Number(tensor.slice(dot + 1))];
  };
  const stepOf = (path) => {
    if (!(path in data.steps)) return undefined;
    const [kind, reads, shown] = data.steps[path];
    const weights = data.kinds[kind].weights.map(([name, ...more]) => [name.startsWith(".") || !name ? path + name : name, ...more]);
    return { ...data.kinds[kind], weights, reads: reads.map((name) => [name, shapeOf(name)]), shown: shown || path };
  };
  const order = Object.keys(data.steps);
  const panel = document.getElementById("details");
  const find = document.getElementById("find");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const named = (kind, path) => all(`[data-${kind}="${CSS.escape(path)}"]`);
  const make = (tag, text, parent, name) => {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (name) node.className = name;
    if (parent) parent.append(node);
    return node;
  };
  const number = (value) => value.toLocaleString("en-US");
  const memory = (value) => value < 1024 ? `${value} B`
    : value < 2 ** 20 ? `${(value / 1024).toFixed(1)} KiB` : `${(value / 2 ** 20).toFixed(1)} MiB`;
  const share = (value, total) => total && value ? ` (${(100 * value / total).toPrecision(2)} %)` : "";
  const chart = document.querySelector(".errors");
  let selected = "";

  function fact(list, name, text) {
    if (!text) return;
    make("dt", name, list);
    make("dd", text, list);
  }

  function excerpt(key, title, spans) {
    const lines = all(`.code[data-file="${key}"] > li`);
    const texts = [];
    for (const [first, last] of spans) {
      if (texts.length) texts.push("…");
      const some = lines.slice(first - 1, Math.min(last, first + 39)).map((line) => line.textContent);
      const indents = some.filter((line) => line.trim()).map((line) => line.length - line.trimStart().length);
      const indent = Math.min(...indents);
      texts.push(...some.map((line) => line.slice(indent)));
      if (last - first > 39) texts.push("…");
    }
    const where = spans.map(([first, last]) => first === last ? first : `${first}–${last}`).join(", ");
    const head = make("h3", title, panel);
    make("span", ` line${where.match(/[–,]/) ? "s" : ""} ${where}`, head, "quiet");
    make("pre", texts.join("\n"), panel, "excerpt");
  }

  function show(path) {
    const step = stepOf(path), part = data.parts[path], it = step || part;
    panel.replaceChildren();
    make("h2", path + (part && part.to ? ` to ${part.to}` : ""), panel);
    make("p", step ? step.op : [part.block && `block ${part.block}`, part.count > 1 && `×${part.count}`].filter(Boolean)
      .join(" ") || "a list of steps", panel, "quiet");
    if (part && part.summary) make("p", part.summary, panel);
    const list = make("dl", undefined, panel);
    fact(list, "input", it.reads.map(([name, shape]) => `${shape} from ${name}`).join(", "));
    fact(list, "output", it.gives.join(", "));
    if (step) fact(list, "attributes", step.attributes.map((each) => each.join(" ")).join(", "));
    if (step) fact(list, "weights", step.weights.map(([name, shape, note]) => `${name} ${shape}${note && ` (${note})`}`)
      .join(", "));
    if (part) fact(list, "steps", number(part.steps));
    fact(list, "parameters", it.parameters ? number(it.parameters) + share(it.parameters, data.totals.parameters) : "");
    fact(list, "multiply-adds", it.macs ? number(it.macs) + share(it.macs, data.totals.macs) : "");
    fact(list, "activations", memory(it.bytes));
    if (it.training) fact(list, "runs", "only in training");
    for (const [kind, told] of Object.entries(data.proof)) {
      for (const tensor of Object.keys(told)) {
        if (tensor === path || tensor.startsWith(path + ".")) fact(list, kind, `${tensor}: ${told[tensor]}`);
      }
    }
    excerpt("spec", data.file, it.spec);
    for (const [backend, title] of Object.entries(data.titles)) {
      if (it.code[backend]) excerpt(backend, title, it.code[backend]);
      else if (step) {
        make("h3", title, panel);
        make("p", "No line of its own: it costs no code there.", panel, "quiet");
      }
    }
    panel.scrollTop = 0;
  }

  function inCode(it) {
    for (const file of all(".code")) {
      all("li.on", file).forEach((line) => line.classList.remove("on"));
      const spans = file.dataset.file === "spec" ? it.spec : it.code[file.dataset.file] || [];
      for (const [first, last] of spans) {
        for (let line = first; line <= last; line++) file.children[line - 1].classList.add("on");
      }
      if (spans.length) file.scrollTop = file.children[spans[0][0] - 1].offsetTop - file.offsetTop - 90;
    }
  }

  function drawn(path) {
    const step = stepOf(path);
    let found = named("step", step ? step.shown : path);
    if (!found.length) found = named("part", path);
    for (let around = step ? step.shown : path; !found.length && around.includes(".");) {
      around = around.slice(0, around.lastIndexOf("."));
      found = named("part", around);
    }
    return found;
  }

  function select(path, scroll) {
    const it = stepOf(path) || data.parts[path];
    if (!it) return false;
    selected = path;
    all(".sel").forEach((each) => each.classList.remove("sel"));
    const found = drawn(path);
    found.forEach((each) => each.classList.add("sel"));
    all(`tr[data-row="${CSS.escape(path)}"]`).forEach((row) => row.classList.add("sel"));
    const seen = found.find((each) => each.getClientRects().length && each.getBoundingClientRect().width);
    if (scroll && seen) {
      const box = document.getElementById("drawing"), frame = box.getBoundingClientRect();
      const place = seen.getBoundingClientRect();
      box.scrollTop += place.top - frame.top - frame.height / 3;
    }
    show(path);
    inCode(it);
    if (chart) {
      const { left, pitch } = chart.dataset, place = order.findIndex((each) => each === path || each.startsWith(path + "."));
      chart.querySelector(".here").setAttribute("transform", `translate(${9 + Number(left) + (place + 0.5) * pitch} 0)`);
    }
    history.replaceState(null, "", "#" + encodeURIComponent(path));
    return true;
  }

  function fromHash(scroll) {
    let path = location.hash.slice(1);
    try { path = decodeURIComponent(path); } catch { return false; }
    return select(path, scroll);
  }

  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-row] a");
    if (row) {
      event.preventDefault();
      select(row.closest("[data-row]").dataset.row, true);
      document.querySelector(".work").scrollIntoView({ block: "start" });
      return;
    }
    if (chart && chart.contains(event.target)) {
      const { left, pitch } = chart.dataset, place = chart.getBoundingClientRect();
      const x = (event.clientX - place.left) * chart.viewBox.baseVal.width / place.width;
      const path = order[Math.floor((x - left) / pitch)];
      if (path) select(path, true);
      return;
    }
    const step = event.target.closest("[data-step]"), part = event.target.closest("[data-part]");
    if (step) select(step.dataset.step, false);
    else if (part) select(part.dataset.part, false);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select, .code")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.key === "/") { event.preventDefault(); find.focus(); }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const here = order.indexOf(selected), inner = order.findIndex((path) => path.startsWith(selected + "."));
    const next = here < 0 ? (inner < 0 ? 0 : inner) : here + by;
    select(order[Math.min(Math.max(next, 0), order.length - 1)], true);
  });

  find.addEventListener("change", () => {
    const text = find.value.trim();
    const path = order.concat(Object.keys(data.parts)).find((each) => each === text)
      || order.find((each) => each.includes(text) || stepOf(each).op === text);
    if (text && path) select(path, true);
  });

  document.getElementById("colour").addEventListener("change", (event) => {
    const mode = event.target.value;
    const paint = (node, it, path) => {
      if (!node) return;
      node.style.fill = mode === "operation" ? "" : mode === "proof" ? proven(path)
        : heat(it ? it[mode] : 0, data.most[mode]);
    };
    all("[data-step]").forEach((each) => {
      const path = each.dataset.step;
      paint(each.querySelector("path"), stepOf(path), path);
    });
    all("a > [data-part]").forEach((each) => {
      const path = each.dataset.part;
      paint(each.querySelector("rect.closed:not(.border)"), data.parts[path], path);
    });
  });

  function heat(value, most) {
    const part = value ? Math.max(0.06, 1 + Math.log10(value / most) / 4) : 0;
    return `color-mix(in srgb, var(--hot) ${Math.round(60 * part)}%, var(--closed))`;
  }

  function proven(path) {
    const hit = (told) => Object.keys(told).some((each) => each === path || each.startsWith(path + "."));
    const [wrong, spoiled] = Object.values(data.proof);
    const colour = hit(wrong) ? "var(--bad)" : hit(spoiled) ? "var(--hot)" : "var(--good)";
    return `color-mix(in srgb, ${colour} 40%, var(--closed))`;
  }

  const drawings = () => all("#drawing .view svg");
  let zoom = 1;
  const scale = (by) => {
    zoom = Math.min(3, Math.max(0.2, by));
    drawings().forEach((svg) => {
      svg.setAttribute("width", svg.viewBox.baseVal.width * zoom);
      svg.setAttribute("height", svg.viewBox.baseVal.height * zoom);
    });
  };
  document.getElementById("larger").addEventListener("click", () => scale(zoom * 1.25));
  document.getElementById("smaller").addEventListener("click", () => scale(zoom * 0.8));
  document.getElementById("normal").addEventListener("click", () => scale(1));

  const room = document.getElementById("drawing").clientWidth - 34;
  const wide = Math.max(...all("#drawing .state svg").slice(0, 1).map((svg) => svg.viewBox.baseVal.width));
  if (wide > room) scale(Math.max(0.55, room / wide));

  const theme = document.getElementById("theme");
  const stored = (() => { try { return localStorage.getItem("archspec-theme"); } catch { return null; } })();
  if (stored === "dark" || stored === "light") root.dataset.theme = stored;
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("archspec-theme", root.dataset.theme); } catch { /* a page of a file may not */ }
  });

  for (const tensor of Object.keys(Object.values(data.proof)[0])) drawn(tensor).forEach((e) => e.classList.add("wrong"));
  window.addEventListener("hashchange", () => fromHash(true));
  const drop = document.getElementById("names");
  order.forEach((path) => { make("option", undefined, drop).value = path; });
  if (!fromHash(true)) select(data.first, false) && history.replaceState(null, "", location.pathname + location.search);
  root.dataset.ready = "true";
})();
