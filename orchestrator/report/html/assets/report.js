"use strict";
// Draws the page's figures in the page's colours. Figures are JSON beside their places; a colour in one is the name of a
// CSS variable, so that light, dark and print each have their own.

const narrow = window.matchMedia("(max-width: 40rem)");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const touch = window.matchMedia("(pointer: coarse)");

function colours(value, key, css) {
  if (typeof value === "string") return /color$/.test(key) && value.startsWith("--") ? css.getPropertyValue(value).trim() : value;
  if (Array.isArray(value)) return typeof value[0] === "object" ? value.map(item => colours(item, key, css)) : value;
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, colours(item, name, css)]));
}

function draw(place) {
  const css = getComputedStyle(document.documentElement);
  const figure = colours(JSON.parse(document.getElementById(place.dataset.figure).textContent), "", css);
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map(name => css.getPropertyValue(name).trim());
  const axis = given => ({ gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, ...given,
    title: { standoff: 8, ...given?.title } });
  const { xaxis, yaxis, ...layout } = figure.layout;
  place.removeAttribute("data-waiting");
  return Plotly.react(place, figure.data, {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true,
    font: { color: ink, family: "system-ui, sans-serif", size: narrow.matches ? 11 : 13 },
    hoverlabel: { bgcolor: css.getPropertyValue("--raised").trim(), bordercolor: line, font: { color: ink }, align: "left", namelength: -1 },
    margin: { l: 10, r: 10, t: touch.matches ? 10 : 30, b: 10 }, hovermode: "closest",
    // On a phone its names stand below each other, of a single bar higher than half of the plot: none is to be scrolled to.
    legend: { orientation: "h", xref: "container", x: 0, yref: "container", y: 0, yanchor: "bottom", traceorder: "normal",
      maxheight: 1 },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
    // A finger that scrolls the page must not zoom the plot.
    dragmode: touch.matches ? false : "zoom",
    ...layout, xaxis: axis(xaxis), yaxis: axis(yaxis),
  }, { responsive: true, displaylogo: false, displayModeBar: touch.matches ? false : "hover",
    modeBarButtonsToRemove: ["lasso2d", "select2d", "autoScale2d", "sendChartToCloud"], showSendToCloud: false,
    plotlyServerURL: "about:blank", topojsonURL: "about:blank",
    toImageButtonOptions: { filename: place.dataset.name, scale: 2 } }).then(() => quiet(place));
}

// Who has a keyboard alone, or cannot see the plot, has its table: its buttons and scrolling need no stop of the tab key.
function quiet(place) {
  for (const button of place.querySelectorAll(".modebar a, .modebar button, .modebar [tabindex]")) button.tabIndex = -1;
  for (const bar of place.querySelectorAll(".modebar")) bar.setAttribute("aria-hidden", "true");
}
for (const table of document.querySelectorAll(".under details")) table.open = false;
function reachable() {
  for (const box of document.querySelectorAll(".wide")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0; else box.removeAttribute("tabindex");
  }
}
reachable();
window.addEventListener("resize", reachable);
document.addEventListener("toggle", reachable, true);

const places = [...document.querySelectorAll(".plot")];
const seen = new IntersectionObserver(entries => {
  for (const entry of entries) if (entry.isIntersecting && entry.target.hasAttribute("data-waiting")) draw(entry.target);
}, { rootMargin: "600px" });
for (const place of places) { place.setAttribute("data-waiting", ""); seen.observe(place); }

const again = () => { for (const place of places) if (!place.hasAttribute("data-waiting")) draw(place); };
dark.addEventListener("change", again);
narrow.addEventListener("change", again);
// Paper is light and has another width: all plots are drawn for it, and for the screen again after it.
window.matchMedia("print").addEventListener("change", event => event.matches ? places.forEach(draw) : again());

// The history page's filter: rows and plots that are not of the chosen benchmark, cluster, verdict and words are hidden.
const filters = [...document.querySelectorAll("[data-filter]")];
function choose() {
  const chosen = Object.fromEntries(filters.map(filter => [filter.dataset.filter, filter.value]));
  const words = chosen.text.toLowerCase().split(/\s+/);
  const rows = [...document.querySelectorAll("#verdicts tbody tr")];
  const fits = item => ["benchmark", "cluster", "verdict"].every(name =>
    !chosen[name] || item.dataset[name] === undefined || item.dataset[name] === chosen[name]);
  for (const row of rows) row.hidden = !(fits(row) && words.every(word => row.textContent.toLowerCase().includes(word)));
  const shown = rows.filter(row => !row.hidden);
  const plots = new Set(shown.map(row => row.querySelector("a").hash.slice(1)));
  for (const item of document.querySelectorAll(".plots > [data-benchmark]")) {
    item.hidden = !plots.has(item.firstElementChild.id);
  }
  document.getElementById("chosen").textContent = `${shown.length} series`;
}
for (const filter of filters) filter.addEventListener("input", choose);
