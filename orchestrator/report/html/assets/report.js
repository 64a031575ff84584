"use strict";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function draw() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim(), line = style.getPropertyValue("--line").trim();
  for (const place of document.querySelectorAll(".plot")) {
    const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
    const axis = { gridcolor: line, zerolinecolor: line, automargin: true };
    Plotly.react(place, figure.data, {
      ...figure.layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: ink, family: "system-ui, sans-serif" }, margin: { l: 60, r: 10, t: 10, b: 50 },
      legend: { orientation: "h", y: -0.25 },
      xaxis: { ...axis, ...figure.layout.xaxis }, yaxis: { ...axis, ...figure.layout.yaxis },
    }, { responsive: true, displaylogo: false });
  }
}
draw();
dark.addEventListener("change", draw);
