"use strict";
// Fills in images, opens cells of the confusion matrix, moves through the embedding map.
// Strings only become text nodes: no file or style name is parsed as HTML.
(() => {
  const read = (id) => {
    const element = document.getElementById(id);
    return element ? JSON.parse(element.textContent) : null;
  };
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const facts = read("facts") || {styles: [], predictions: []};
  const images = new Map(Object.entries(read("images") || {}));
  for (const image of document.querySelectorAll("img[data-image][src]")) {
    images.set(image.dataset.image, image.getAttribute("src"));
  }
  for (const image of document.querySelectorAll("img[data-image]:not([src])")) {
    image.src = images.get(image.dataset.image);
  }
  const image = (number, alt) => {
    if (number === null) {
      const nothing = make("span", "no image", "no-image");
      nothing.setAttribute("role", "img");
      nothing.setAttribute("aria-label", alt);
      return nothing;
    }
    const image = make("img");
    image.alt = alt;
    image.src = images.get(String(number));
    return image;
  };
  const lastPart = (path) => path.slice(path.lastIndexOf("/") + 1);
  const fileName = (path) => {
    const name = make("span", lastPart(path), "file");
    name.title = path;
    return name;
  };

  // The confusion matrix.
  const cell = document.getElementById("cell");
  const buttons = [...document.querySelectorAll("button[data-cell]")];
  const MOST_SHOWN = 120;
  const openCell = (button) => {
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    const [label, prediction] = button.dataset.cell.split("-").map(Number);
    const chosen = facts.predictions.filter((row) => row[0] === label && row[1] === prediction);
    const list = make("ul", undefined, "images of-cell");
    for (const [, , confidence, number, path] of chosen.slice(0, MOST_SHOWN)) {
      const figure = make("figure");
      figure.append(image(number, `${facts.styles[label]} image`));
      const caption = make("figcaption", confidence.toFixed(2));
      caption.append(make("br"), fileName(path));
      figure.append(caption);
      const item = make("li");
      item.append(figure);
      list.append(item);
    }
    const title = label === prediction
      ? `${facts.styles[label]} predicted correctly: ${chosen.length}`
      : `${facts.styles[label]} predicted as ${facts.styles[prediction]}: ${chosen.length}`;
    const more = chosen.length > MOST_SHOWN ? `, ${MOST_SHOWN} most confident shown` : "";
    cell.replaceChildren(make("h4", title + more), list);
    document.getElementById("cell-status").textContent = title + more;
  };
  const grid = new Map(buttons.map((button) => [button.dataset.cell, button]));
  const STEPS = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
  for (const button of buttons) {
    button.addEventListener("click", () => openCell(button));
    button.addEventListener("keydown", (event) => {
      const step = STEPS[event.key];
      if (!step) return;
      event.preventDefault();
      let [row, column] = button.dataset.cell.split("-").map(Number);
      const last = facts.styles.length;
      for (let tried = 0; tried < last; tried += 1) {
        row += step[0];
        column += step[1];
        const next = grid.get(`${row}-${column}`);
        if (next) return next.focus();
      }
    });
  }
  for (const link of document.querySelectorAll("[data-open-cell]")) {
    link.addEventListener("click", (event) => {
      const button = grid.get(link.dataset.openCell);
      if (!button) return;
      event.preventDefault();
      openCell(button);
      button.focus({preventScroll: true});
      document.getElementById("confusion-matrix").scrollIntoView();
    });
  }

  // The embedding map.
  const map = document.getElementById("map");
  const points = read("points") || [];
  if (map && points.length) {
    const marks = [...map.querySelectorAll("#marks > *")];
    const ring = document.getElementById("ring");
    const shown = document.getElementById("shown");
    const hidden = new Set();
    const REACH = 26;
    const SIDE = map.viewBox.baseVal.width;
    let current = -1;
    let zoom = 1;
    const show = (number) => {
      if (number === current) return;
      current = number;
      const [x, y, style, prediction, confidence, split, imageNumber, path] = points[number];
      ring.setAttribute("cx", x);
      ring.setAttribute("cy", y);
      const label = facts.styles[style];
      const heading = make("p");
      heading.append(make("strong", label), `, ${split}`);
      const parts = [image(imageNumber, `${label} image`), heading];
      if (prediction !== null) {
        const probability = confidence === null ? "" : `, ${confidence.toFixed(2)}`;
        const className = prediction === label ? "right" : "wrong";
        parts.push(make("p", `predicted ${prediction}${probability}`, className));
      }
      const last = make("p");
      last.append(fileName(path));
      shown.replaceChildren(...parts, last);
    };
    const nearest = (x, y, accept) => {
      let best = -1;
      let least = Infinity;
      points.forEach((point, number) => {
        if (hidden.has(point[2])) return;
        const distance = accept(point[0] - x, point[1] - y);
        if (distance < least) [best, least] = [number, distance];
      });
      return [best, least];
    };
    const place = (event) => {
      const matrix = map.getScreenCTM().inverse();
      return new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    };
    const follow = (event) => {
      const {x, y} = place(event);
      const [number, distance] = nearest(x, y, (dx, dy) => Math.hypot(dx, dy));
      if (number >= 0 && distance * zoom <= REACH) show(number);
    };
    map.addEventListener("pointermove", follow);
    map.addEventListener("pointerdown", follow);
    map.addEventListener("focus", () => {
      if (current < 0) {
        const [number] = nearest(SIDE / 2, SIDE / 2, (dx, dy) => Math.hypot(dx, dy));
        if (number >= 0) show(number);
      }
    });
    const scaled = [...map.querySelectorAll("circle")].map((circle) => [circle, circle.r.baseVal.value]);
    // Zooming in shows less of the plane; points keep their size.
    const setZoom = (target, x, y) => {
      zoom = Math.min(32, Math.max(1, target));
      const side = SIDE / zoom;
      const start = (middle) => Math.min(SIDE - side, Math.max(0, middle - side / 2));
      map.setAttribute("viewBox", `${start(x)} ${start(y)} ${side} ${side}`);
      for (const shape of map.querySelectorAll("defs path")) {
        shape.setAttribute("transform", `scale(${1 / zoom})`);
      }
      for (const [circle, radius] of scaled) circle.setAttribute("r", radius / zoom);
    };
    const middle = () => {
      const {x, y, width, height} = map.viewBox.baseVal;
      return current < 0 ? [x + width / 2, y + height / 2] : points[current];
    };
    for (const button of document.querySelectorAll("button[data-zoom]")) {
      button.addEventListener("click", () => {
        const [x, y] = middle();
        setZoom(zoom * Number(button.dataset.zoom), x, y);
      });
    }
    map.addEventListener("dblclick", (event) => {
      const {x, y} = place(event);
      setZoom(zoom * 2, x, y);
    });
    map.addEventListener("keydown", (event) => {
      const factor = {"+": 2, "=": 2, "-": 0.5}[event.key];
      if (factor) {
        const [x, y] = middle();
        setZoom(zoom * factor, x, y);
        return;
      }
      const step = STEPS[event.key];
      if (!step || current < 0) return;
      event.preventDefault();
      const [x, y] = points[current];
      // The nearest point that lies mainly in the direction of the key.
      const [number] = nearest(x, y, (dx, dy) => {
        const along = dx * step[1] + dy * step[0];
        const aside = Math.abs(dx * step[0]) + Math.abs(dy * step[1]);
        return along > 0 && aside <= 1.2 * along ? along + aside : Infinity;
      });
      if (number < 0) return;
      show(number);
      if (zoom > 1) setZoom(zoom, points[number][0], points[number][1]);
    });
    for (const button of document.querySelectorAll(".legend button")) {
      button.addEventListener("click", () => {
        const style = Number(button.dataset.style);
        const wasShown = !hidden.has(style);
        if (wasShown) hidden.add(style);
        else hidden.delete(style);
        button.setAttribute("aria-pressed", String(!wasShown));
        for (const mark of marks) {
          if (mark.dataset.style === button.dataset.style) mark.toggleAttribute("hidden", wasShown);
        }
      });
    }
  }

  // Mark the current section in the navigation.
  const links = new Map(
    [...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]),
  );
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  }, {rootMargin: "-15% 0px -75% 0px"});
  for (const section of document.querySelectorAll("main > section")) watch.observe(section);
})();
