// Runs in the page: shows the Markdown as GitHub does, then writes down where everything stands.
"use strict";

// What GitHub lets through of the HTML in a comment; all else is dropped.
const TAGS =
  "a b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p picture pre q s samp " +
  "source span strike strong sub summary sup table tbody td tfoot th thead tr tt ul var";
const ATTRIBUTES =
  "align alt class colspan height href lang media open rowspan src srcset start title valign width";

const ran = [];
for (const name of ["alert", "confirm", "prompt"]) {
  window[name] = (message) => ran.push(String(message));
}

function show(article, html) {
  article.innerHTML = DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS.split(" "),
    ALLOWED_ATTR: ATTRIBUTES.split(" "),
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
  });
}

// > [!NOTE] and its kin; like GitHub, only where they stand in nothing else. Their icons are not drawn.
function alerts(article) {
  for (const quote of article.querySelectorAll(":scope > blockquote")) {
    const first = quote.querySelector(":scope > p:first-child");
    const found = /^\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]$/i.exec(first?.firstChild?.textContent.trim() ?? "");
    if (!found || first.childNodes.length < 2) {
      continue;
    }
    const [kind, alert, title] = [found[1].toLowerCase(), document.createElement("div"), document.createElement("p")];
    alert.className = `markdown-alert markdown-alert-${kind}`;
    title.className = "markdown-alert-title";
    title.textContent = kind[0].toUpperCase() + kind.slice(1);
    first.firstChild.remove();
    first.firstElementChild.remove(); // the line break
    alert.append(title, ...quote.childNodes);
    quote.replaceWith(alert);
  }
}

async function draw(article, theme) {
  mermaid.initialize({ startOnLoad: false, securityLevel: "strict", suppressErrorRendering: true, theme });
  const diagrams = [];
  for (const code of article.querySelectorAll("pre > code.language-mermaid")) {
    const place = document.createElement("div");
    place.style.marginBottom = "16px";
    code.parentElement.replaceWith(place);
    try {
      // Within its place: Mermaid measures its labels in pixels of the place where it draws.
      place.innerHTML = (await mermaid.render(`diagram${diagrams.length}`, code.textContent, place)).svg;
      diagrams.push({ svg: place.querySelector("svg"), error: null });
    } catch (error) {
      place.textContent = `Unable to render rich display: ${error.message}`;
      diagrams.push({ svg: null, error: String(error.message) });
    }
  }
  return diagrams;
}

function box(element, origin) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return { x: left - origin.left, y: top - origin.top, width, height };
}

function parts(element, svg) {
  const names = [];
  for (let at = element.parentElement; at && at !== svg; at = at.parentElement) {
    names.unshift(...at.classList);
  }
  return names;
}

// Scripts, handlers and frames: nothing of the kind belongs into a drawing.
function dangers(svg) {
  const found = [...svg.querySelectorAll("script, iframe, object, embed, img, form")].map((one) => `<${one.tagName}>`);
  for (const element of [svg, ...svg.querySelectorAll("*")]) {
    for (const { name, value } of element.attributes) {
      if (name.startsWith("on") || /^\s*(javascript|data):/i.test(value)) {
        found.push(`${name}=${value}`);
      }
    }
  }
  return found;
}

function measuredDiagram({ svg, error }) {
  if (!svg) {
    return { error };
  }
  const origin = svg.getBoundingClientRect();
  const scale = svg.viewBox.baseVal.width ? origin.width / svg.viewBox.baseVal.width : 1;
  const texts = [...svg.querySelectorAll("text, foreignObject")].filter((text) => text.textContent.trim());
  return {
    error: null,
    width: origin.width,
    height: origin.height,
    texts: texts.map((text) => ({
      text: text.textContent,
      parts: parts(text, svg),
      box: box(text, origin),
      font: parseFloat(getComputedStyle(text).fontSize) * scale,
    })),
    dangers: dangers(svg),
  };
}

function measuredTable(table) {
  return {
    columns: [...table.rows].map((row) => [...row.cells].reduce((sum, cell) => sum + cell.colSpan, 0)),
    aligned: [...([...table.rows].at(-1)?.cells ?? [])].map((cell) => cell.align || "left"),
    overflow: table.scrollWidth - table.clientWidth,
  };
}

async function main() {
  const given = JSON.parse(document.getElementById("given").textContent);
  const article = document.querySelector("article");
  show(article, given.html);
  alerts(article);
  const diagrams = await draw(article, given.theme);
  await document.fonts.ready;
  await new Promise((resolve) => setTimeout(resolve, 100)); // a handler that a hostile name planted would run now
  return {
    height: Math.ceil(article.getBoundingClientRect().bottom),
    overflow: article.scrollWidth - article.clientWidth,
    text: article.innerText,
    diagrams: diagrams.map(measuredDiagram),
    tables: [...article.querySelectorAll("table")].map(measuredTable),
    ran,
  };
}

function leave(id, text) {
  const note = document.createElement("script");
  note.type = "text/plain";
  note.id = id;
  note.textContent = text;
  document.body.append(note);
}

// Encoded, so that nothing measured can be taken for the page's own HTML.
main()
  .then((layout) => leave("layout", encodeURIComponent(JSON.stringify(layout))))
  .catch((error) => leave("failure", encodeURIComponent(String(error))));
